//! gzip, detected by its magic bytes: one member or several, with white space between and behind them.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;
use memchr::memmem;

use super::json::space::{trim_end, trim_start};
use super::work;

/// The result of decompressing.
#[derive(Debug)]
pub struct Gunzipped {
    pub bytes: Vec<u8>,
    /// The stream is truncated, invalid, or expands beyond the limit; `bytes` holds the data before
    /// that.
    pub torn: bool,
    /// `torn` is due to the limit.
    pub over_limit: bool,
}

/// Whether bytes start like gzip (RFC 1952 section 2.3.1).
#[must_use]
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses gzip to at most `limit` bytes. `admit` is called before more bytes are kept, once
/// for all or in steps of at most 16 KiB; if it returns false, decompression stops as at the limit.
#[must_use]
pub fn gunzip(bytes: &[u8], limit: usize, mut admit: impl FnMut(usize) -> bool) -> Gunzipped {
    // What is cut off here cannot be the end of a member: the last byte of the length of one within
    // the limit is smaller than any white space. If it is, the stream decides.
    let member = trim_end(bytes);
    let Some(len) = len_of_one_member(member).filter(|len| *len <= limit) else {
        return stream(bytes, limit, admit);
    };
    if !admit(len) {
        return Gunzipped { bytes: Vec::new(), torn: true, over_limit: true };
    }
    let mut out = vec![0; len];
    match Decompressor::new().gzip_decompress(member, &mut out) {
        Ok(written) if written == len => Gunzipped { bytes: out, torn: false, over_limit: false },
        // The readable part of a broken stream is kept; its size was admitted already.
        _ => {
            drop(out);
            let mut left = len;
            stream(bytes, limit, |more| match left.checked_sub(more) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => admit(more - std::mem::take(&mut left)),
            })
        }
    }
}

/// The decompressed length from the trailer (RFC 1952 section 2.3.1), if the bytes are certainly a
/// single member and the length is plausible. libdeflate decompresses such bytes at once, more than
/// twice as fast as a stream. It does not report where a member ends, so a second member would be
/// lost; so this checks that none starts.
fn len_of_one_member(bytes: &[u8]) -> Option<usize> {
    const MEMBER: &[u8] = &[0x1f, 0x8b, 0x08];
    /// The maximum compression ratio of Deflate, from zlib's technical notes.
    const RATIO_MAX: usize = 1032;
    /// The header flag for a CRC (RFC 1952 section 2.3.1).
    const HEADER_CRC: u8 = 0x02;
    let (rest, len) = bytes.strip_prefix(MEMBER)?.split_last_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let alone = memmem::find(rest, MEMBER).is_none();
    // Unlike the stream, libdeflate does not check the CRC of a header.
    let has_header_crc = rest.first().is_some_and(|flags| flags & HEADER_CRC != 0);
    (alone && !has_header_crc && len / RATIO_MAX <= bytes.len()).then_some(len)
}

/// Decompresses a stream of any length.
///
/// Always reads in steps of the same size: of a broken stream the failing step is lost, and which
/// one that is must not depend on the reader.
#[derive(Debug)]
pub(crate) struct GzipReader<R>(BufReader<Members<R>>);

/// The members of a stream, one after another.
#[derive(Debug)]
enum Members<R> {
    Reading(Box<GzDecoder<R>>),
    Ended,
    Failed(io::ErrorKind),
}

// === impl GzipReader ===

impl<R: BufRead> GzipReader<R> {
    const STEP: usize = 16 << 10;

    pub(crate) fn new(gzip: R) -> Self {
        Self(BufReader::with_capacity(Self::STEP, Members::Reading(Box::new(GzDecoder::new(gzip)))))
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Not `self.0.read`, which bypasses its buffer for large reads.
        let step = self.0.fill_buf()?;
        let len = step.len().min(out.len());
        out[..len].copy_from_slice(&step[..len]);
        self.0.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for GzipReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.0.consume(len);
    }
}

// === impl Members ===

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let decoder = match self {
                Self::Reading(decoder) => decoder,
                Self::Ended => return Ok(0),
                Self::Failed(kind) => return Err((*kind).into()),
            };
            let next = match decoder.read(out) {
                Ok(0) if !out.is_empty() => has_more(decoder.get_mut()),
                Ok(len) => return Ok(len),
                Err(error) => Err(error),
            };
            match (next, std::mem::replace(self, Self::Ended)) {
                (Ok(true), Self::Reading(decoder)) => {
                    *self = Self::Reading(Box::new(GzDecoder::new(decoder.into_inner())));
                }
                (Ok(_), _) => return Ok(0),
                (Err(error), _) => {
                    *self = Self::Failed(error.kind());
                    return Err(error);
                }
            }
        }
    }
}

/// Skips JSON white space; returns whether anything follows.
fn has_more(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = input.fill_buf()?;
        let (len, spaces) = (bytes.len(), bytes.len() - trim_start(bytes).len());
        input.consume(spaces);
        if spaces < len || len == 0 {
            return Ok(len > 0);
        }
    }
}

/// As [`gunzip`], with the stream only.
pub(crate) fn stream(
    bytes: &[u8],
    limit: usize,
    mut admit: impl FnMut(usize) -> bool,
) -> Gunzipped {
    let GzipReader(mut gzip) = GzipReader::new(bytes);
    let mut out = Vec::new();
    loop {
        let (step, torn) = match gzip.fill_buf() {
            Ok(step) => (step, false),
            Err(_) => (&[][..], true),
        };
        let len = step.len();
        work::scanned(len);
        if len == 0 {
            return Gunzipped { bytes: out, torn, over_limit: false };
        }
        let within = len.min(limit - out.len());
        let admitted = admit(within);
        if admitted {
            out.extend_from_slice(&step[..within]);
        }
        if !admitted || within < len {
            return Gunzipped { bytes: out, torn: true, over_limit: true };
        }
        gzip.consume(len);
    }
}
