//! Stage 1 of the fast reader: where each string of a text ends. SIMD looks at 64 bytes at once, and
//! a bit of a mask stands for each of them.
//!
//! Quotes open and close strings alternately, so every second one closes a string. Blocks with
//! a backslash, a control character or a character beyond ASCII also go through
//! [`UnusualBytes`]. Everything between the strings is left to stage 2, [`super::walk`].

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch, i8x64, prelude::*, u8x64};

use super::unusual::{BLOCK, BlockMasks, UnusualBytes};
use super::walk::ValueWalk;
use crate::ses::work;

/// A block has at most this many closing quotes.
const CLOSED_MAX: usize = BLOCK / 2;

/// This many closing quotes of a block are stored without a branch. Few blocks have more.
const CLOSED_USUALLY: usize = 6;

/// The ends of the strings at the start of a text. Keeps its memory for the next text.
#[derive(Debug, Default)]
pub(crate) struct StringEnds {
    /// The positions of the first `found` closing quotes, ascending. The rest has no meaning.
    positions: Vec<u32>,
    found: usize,
    /// The number of bytes that were searched: whole blocks, or the whole text.
    searched: usize,
    /// The searched bytes end inside a string.
    in_string: bool,
    unusual: UnusualBytes,
}

// === impl StringEnds ===

impl StringEnds {
    /// Starts with another text.
    pub(crate) fn clear(&mut self) {
        self.unusual.clear(self.found, self.searched);
        self.found = 0;
        self.searched = 0;
        self.in_string = false;
    }

    /// The number of bytes that were searched.
    pub(crate) fn searched(&self) -> usize {
        self.searched
    }

    /// Searches on in the same text, to at least `to` bytes or its end. A text has less than 4 GiB.
    pub(crate) fn search(&mut self, level: Level, text: &[u8], to: usize) {
        let to = to.next_multiple_of(BLOCK).min(text.len());
        let unsearched = to.saturating_sub(self.searched);
        // The last block may write beyond what it finds.
        let room = self.found + unsearched / 2 + 2 * CLOSED_MAX;
        if self.positions.len() < room {
            self.positions.resize(room, 0);
        }
        self.unusual.make_room(room, to);
        work::scanned(unsearched);
        dispatch!(level, simd => self.search_blocks(simd, text, to));
    }

    /// Inlined, as all functions below, because only code inside of `dispatch!` may use the
    /// instructions of the level.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the instructions of a SIMD level end at a call")]
    fn search_blocks<S: Simd>(&mut self, simd: S, text: &[u8], to: usize) {
        let (blocks, rest) = text[self.searched..to].as_chunks();
        let mut state = (self.found, self.in_string);
        let mut at = self.searched;
        for block in blocks {
            state = self.search_block(simd, text, at, block, state);
            at += BLOCK;
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            state = self.search_block(simd, text, at, &block, state);
        }
        (self.found, self.in_string) = state;
        self.searched = to;
    }

    /// Searches the block at `at`. Takes and returns the number of closing quotes before it, and
    /// whether it begins inside a string: values that stay in registers.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the instructions of a SIMD level end at a call")]
    fn search_block<S: Simd>(
        &mut self,
        simd: S,
        text: &[u8],
        at: usize,
        block: &[u8; BLOCK],
        (found, in_string): (usize, bool),
    ) -> (usize, bool) {
        let bytes = u8x64::load_array_ref(simd, block);
        let signed: i8x64<S> = bytes.bitcast();
        let mut quotes = bytes.simd_eq(b'"').to_bitmask();
        let backslashes = bytes.simd_eq(b'\\');
        // As signed numbers, control characters and all bytes beyond ASCII are below a space.
        let low = signed.simd_lt(b' '.cast_signed());
        if (backslashes | low).any_true() || self.unusual.escapes_next {
            let masks = BlockMasks {
                quotes,
                backslashes: backslashes.to_bitmask(),
                low: low.to_bitmask(),
                wide: signed.simd_lt(0).to_bitmask(),
            };
            quotes = self.unusual.look(text, at, masks, found, in_string);
        }
        let number = quotes.count_ones() as usize + usize::from(in_string);
        let closed = number / 2;
        // The closing quotes are every second one from here on.
        let mut rest = if in_string { quotes } else { without_lowest(quotes) };
        let positions = self.positions[found..].first_chunk_mut::<CLOSED_MAX>();
        let positions = positions.expect("`search` makes room for a block more");
        #[expect(clippy::cast_possible_truncation, reason = "a text has less than 4 GiB")]
        let position = |rest: u64| at as u32 + rest.trailing_zeros();
        for place in &mut positions[..CLOSED_USUALLY] {
            *place = position(rest);
            rest = without_lowest(without_lowest(rest));
        }
        if closed > CLOSED_USUALLY {
            for place in &mut positions[CLOSED_USUALLY..closed.min(CLOSED_MAX)] {
                *place = position(rest);
                rest = without_lowest(without_lowest(rest));
            }
        }
        (found + closed, number % 2 == 1)
    }

    /// Stage 2 over the searched bytes of the same text.
    pub(crate) fn walk<'a>(&self, text: &'a [u8]) -> ValueWalk<'a, '_> {
        ValueWalk::new(
            &text[..self.searched],
            &self.positions[..self.found],
            self.unusual.escaped(),
        )
    }

    /// For tests: the positions of the closing quotes, and a bit for each string with an escape.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn found(&self) -> (&[u32], &[u64]) {
        (&self.positions[..self.found], self.unusual.escaped())
    }

    /// Whether a range of the text that begins and ends outside of strings has only valid strings and
    /// is UTF-8.
    pub(crate) fn are_valid(&self, text: &[u8], range: Range<usize>) -> bool {
        self.unusual.is_valid(text, range)
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "the instructions of a SIMD level end at a call")]
fn without_lowest(bits: u64) -> u64 {
    bits & bits.wrapping_sub(1)
}
