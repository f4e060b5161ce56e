//! The texts of a run: how one is opened, and how reading it ended.

use std::io::{self, BufRead, BufReader, Read};

use crate::pipeline::NotCounted;
use crate::ses::{GZIPS_MAX, GzipReader};

/// The decompressed bytes of a text.
pub(crate) struct TextSource {
    pub bytes: Box<dyn Read + Send>,
    /// The levels of gzip around it, which may be truncated.
    pub gzips: u8,
}

/// The error of a text that is longer than allowed.
#[derive(Debug, thiserror::Error)]
#[error("longer than allowed")]
pub(crate) struct TooLong;

/// A reader that fails with [`TooLong`] beyond its limit.
struct BoundedReader {
    input: Box<dyn BufRead + Send>,
    left: u64,
}

/// A reader that failed when its first bytes were needed.
struct FailedReader(Option<io::Error>);

/// Size of a read from a file.
const BUFFER_BYTES: usize = 256 << 10;

/// The result of reading a text.
#[derive(Debug)]
pub(crate) struct FinishedText {
    /// What of the text is not counted, if anything.
    pub not_counted: Option<Box<NotCounted>>,
    /// An error when the text could not be opened or read to its end. Everything before the error
    /// is counted.
    pub result: anyhow::Result<()>,
}

/// Opens a text by its number.
pub(crate) type OpenText<'a> = dyn Fn(usize) -> anyhow::Result<TextSource> + Sync + 'a;

// === impl TextSource ===

impl TextSource {
    /// The text of an input, decompressed if it is gzip, or gzip of gzip.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub(crate) fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        Self::within(u64::MAX, input)
    }

    /// The same, for a text of at most `bytes_max` bytes on each level.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub(crate) fn within(bytes_max: u64, input: impl Read + Send + 'static) -> io::Result<Self> {
        let bounded = |input| BoundedReader { input, left: bytes_max };
        let mut input = bounded(Box::new(BufReader::with_capacity(BUFFER_BYTES, input)));
        let mut gzips = 0;
        let mut is_gzip = starts_as_gzip(&mut input)?;
        while is_gzip && gzips < GZIPS_MAX {
            input = bounded(Box::new(GzipReader::new(input)));
            gzips += 1;
            is_gzip = match starts_as_gzip(&mut input) {
                Ok(is_gzip) => is_gzip,
                Err(error) => {
                    let bytes = Box::new(FailedReader(Some(error)));
                    return Ok(Self { bytes, gzips });
                }
            };
        }
        Ok(Self { bytes: Box::new(input), gzips })
    }
}

/// Whether gzip follows. Any input returns at least one byte unless it is at its end. For a pipe that
/// returns exactly one byte, that byte decides; it cannot start a JSON value.
fn starts_as_gzip(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(matches!(input.fill_buf()?, [0x1f] | [0x1f, 0x8b, ..]))
}

// === impl BoundedReader ===

impl BufRead for BoundedReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.input.fill_buf()?;
        let len = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if len == 0 && !bytes.is_empty() {
            return Err(io::Error::other(TooLong));
        }
        Ok(&bytes[..len])
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.left -= len as u64;
    }
}

impl Read for BoundedReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(out)?;
        self.consume(len);
        Ok(len)
    }
}

// === impl FailedReader ===

impl Read for FailedReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
