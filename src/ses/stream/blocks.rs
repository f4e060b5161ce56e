//! Splits texts of any length into blocks that are likely to end between two values.

use std::io::Read;

use memchr::{memrchr, memrchr_iter};

/// Splits a text into blocks.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    input: R,
    /// The input was gzip, which may be truncated.
    gzip: bool,
    block_bytes: usize,
    /// Bytes that were read after the last cut; shorter than a block.
    carry: Vec<u8>,
    offset: u64,
    ended: bool,
}

/// A part of a text.
#[derive(Debug)]
pub(crate) struct Block {
    pub bytes: Vec<u8>,
    /// Its offset in the text.
    pub offset: u64,
    /// The text was gzip.
    pub gzip: bool,
    /// How the text ends; set on the last block only.
    pub end: Option<TextEnd>,
}

/// How a text ends.
#[derive(Debug)]
pub(crate) enum TextEnd {
    Whole,
    /// Inside a gzip stream, or at damage in one. The text is what was decompressed before.
    Torn,
    /// Reading failed. The text is what was read before.
    Failed(std::io::Error),
}

// === impl Blocks ===

impl<R: Read> Blocks<R> {
    /// `block_bytes` is at least 1.
    pub(crate) fn new(input: R, gzip: bool, block_bytes: usize) -> Self {
        Self { input, gzip, block_bytes, carry: Vec::new(), offset: 0, ended: false }
    }

    /// The next block, in a reused buffer. The last one has an `end`, and may be empty.
    pub(crate) fn next(&mut self, mut buffer: Vec<u8>) -> Option<Block> {
        if self.ended {
            return None;
        }
        buffer.clear();
        buffer.reserve_exact(self.block_bytes);
        buffer.append(&mut self.carry);
        let end = self.fill(&mut buffer);
        if end.is_none() {
            let cut = likely_end(&buffer);
            self.carry.extend_from_slice(&buffer[cut..]);
            buffer.truncate(cut);
        }
        self.ended = end.is_some();
        let offset = self.offset;
        self.offset += buffer.len() as u64;
        Some(Block { bytes: buffer, offset, gzip: self.gzip, end })
    }

    /// Reads until the block is full, or returns the end of the text.
    fn fill(&mut self, block: &mut Vec<u8>) -> Option<TextEnd> {
        let missing = self.block_bytes - block.len();
        match (&mut self.input).take(missing as u64).read_to_end(block) {
            Ok(_) if block.len() == self.block_bytes => None,
            Ok(_) => Some(TextEnd::Whole),
            Err(error) if self.gzip && is_torn_gzip(&error) => Some(TextEnd::Torn),
            Err(error) => Some(TextEnd::Failed(error)),
        }
    }
}

fn is_torn_gzip(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}

/// The best place to cut a full block; never 0. A cut inside a value only costs time.
///
/// In valid JSON no object follows another on a new line without a comma, and never outside of
/// strings. Faults may look the same.
fn likely_end(block: &[u8]) -> usize {
    let object_on_new_line = || {
        memrchr_iter(b'\n', block)
            .map(|newline| newline + 1)
            .find(|start| block.get(*start) == Some(&b'{') && follows_object(&block[..*start]))
    };
    let object = || memrchr_iter(b'{', block).find(|start| follows_object(&block[..*start]));
    let line = || memrchr(b'\n', block).map(|newline| newline + 1);
    object_on_new_line().or_else(object).or_else(line).unwrap_or(block.len())
}

/// Whether the last byte before white space ends an object.
fn follows_object(before: &[u8]) -> bool {
    let white = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    before.iter().rev().find(|byte| !white(byte)) == Some(&b'}')
}
