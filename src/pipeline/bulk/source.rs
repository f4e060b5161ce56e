//! The texts of a run: how one is opened, and how reading it ended.

use std::io::{self, BufRead, BufReader, Read};

use crate::ses::GzipReader;

/// The decompressed bytes of a text.
pub(crate) struct TextSource {
    pub bytes: Box<dyn Read + Send>,
    /// The text was gzip, which may be truncated.
    pub gzip: bool,
}

/// Size of a read from a file.
const BUFFER_BYTES: usize = 256 << 10;

/// The result of reading a text.
#[derive(Debug)]
pub(crate) struct FinishedText {
    /// The position of the first unreadable value in the text.
    pub first_malformed: Option<u64>,
    /// An error when the text could not be opened or read to its end. Everything before the error
    /// is counted.
    pub result: anyhow::Result<()>,
}

/// Opens a text by its number.
pub(crate) type OpenText<'a> = dyn Fn(usize) -> anyhow::Result<TextSource> + Sync + 'a;

// === impl TextSource ===

impl TextSource {
    /// The text of an input, decompressed if it is gzip.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub(crate) fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        // `fill_buf` returns at least one byte unless the input is at its end. For a pipe that
        // returns exactly one byte, that byte decides; it cannot start a JSON value.
        let gzip = matches!(input.fill_buf()?, [0x1f] | [0x1f, 0x8b, ..]);
        let bytes: Box<dyn Read + Send> =
            if gzip { Box::new(GzipReader::new(input)) } else { Box::new(input) };
        Ok(Self { bytes, gzip })
    }
}
