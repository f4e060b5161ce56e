//! Splits texts of any length into blocks that are likely to end between two values.

use std::io::Read;

use memchr::{memrchr, memrchr_iter};

use crate::ses::envelope::text::before_separators;
use crate::ses::event::interest::InterestBuilder;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::read_by_reference;
use crate::ses::json::space::{trim_end, trim_start};
use crate::ses::json::step::Step;

/// Splits a text into blocks.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    input: R,
    /// The levels of gzip around the text, which may be truncated.
    gzips: u8,
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
    /// The levels of gzip around the text.
    pub gzips: u8,
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
    pub(crate) fn new(input: R, gzips: u8, block_bytes: usize) -> Self {
        Self { input, gzips, block_bytes, carry: Vec::new(), offset: 0, ended: false }
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
        Some(Block { bytes: buffer, offset, gzips: self.gzips, end })
    }

    /// Reads until the block is full, or returns the end of the text.
    fn fill(&mut self, block: &mut Vec<u8>) -> Option<TextEnd> {
        let missing = self.block_bytes - block.len();
        match (&mut self.input).take(missing as u64).read_to_end(block) {
            Ok(_) if block.len() == self.block_bytes => None,
            Ok(_) => Some(TextEnd::Whole),
            Err(error) if self.gzips > 0 && is_torn_gzip(&error) => Some(TextEnd::Torn),
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
/// Outside of strings, no object follows another on a new line without a comma inside of valid JSON.
/// Where commas or nothing separate the values, as in one long list, the shape of an object tells
/// whether it is a value of the text, however many lists are open: members of events look otherwise.
fn likely_end(block: &[u8]) -> usize {
    let object_on_new_line = || {
        memrchr_iter(b'\n', block)
            .map(|newline| newline + 1)
            .find(|start| block.get(*start) == Some(&b'{') && follows_object(&block[..*start]))
    };
    let line = || memrchr(b'\n', block).map(|newline| newline + 1);
    object_on_new_line().or_else(|| last_value(block)).or_else(line).unwrap_or(block.len())
}

/// Whether the last byte before white space ends an object.
fn follows_object(before: &[u8]) -> bool {
    trim_end(before).last() == Some(&b'}')
}

/// How many bytes of objects are read in search of a value: more would take too long where the
/// objects of a text are not recognised.
const SEARCH_BYTES_MAX: usize = 256 << 10;

/// The last object that follows another one, is complete, and has a member of an event or a wrapping.
fn last_value(block: &[u8]) -> Option<usize> {
    let interest = InterestBuilder::default().build();
    let mut left = SEARCH_BYTES_MAX;
    for start in memrchr_iter(b'{', block) {
        let has_key = trim_start(&block[start + 1..]).first() == Some(&b'"');
        if !has_key || before_separators(&block[..start]).last() != Some(&b'}') {
            continue;
        }
        if left == 0 {
            break;
        }
        let mut value = Value::default();
        let text = &block[start..block.len().min(start + left)];
        let is_value = |value: &Value<'_>| {
            value.event_type.is_some()
                || value.notification_type.is_some()
                || value.wrapper.is_some()
        };
        left -= match read_by_reference(text, &interest, text.len(), &mut value) {
            Step::Value { .. } if is_value(&value) => return Some(start),
            Step::Value { len } => len,
            Step::Incomplete => text.len(),
            // The place of the fault is not known; mostly it is near.
            Step::Fault => left.div_ceil(16),
        };
    }
    None
}
