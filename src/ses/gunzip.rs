//! gzip, known by its magic bytes, of one or several members.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

/// What came out of some gzip bytes.
#[derive(Debug)]
pub struct Gunzipped {
    pub bytes: Vec<u8>,
    /// The stream ended early, is broken, or expands beyond the limit; `bytes` holds what came
    /// out before.
    pub torn: bool,
    /// The reason of `torn` is the limit.
    pub over_limit: bool,
}

/// Whether bytes begin as gzip does (RFC 1952 section 2.3.1).
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Expands gzip bytes, to at most `limit` bytes.
#[must_use]
pub fn gunzip(bytes: &[u8], limit: usize) -> Gunzipped {
    // Text compresses three- to tenfold; a wrong guess costs one copy.
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    let result = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut out);
    let over_limit = out.len() > limit;
    out.truncate(limit);
    Gunzipped { bytes: out, torn: over_limit || result.is_err(), over_limit }
}
