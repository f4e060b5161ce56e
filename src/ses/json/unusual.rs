//! The bytes of a text that stage 1 looks at one by one: escapes, control characters, and
//! characters beyond ASCII.

use std::ops::Range;

/// The bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// What is known of the unusual bytes of a text.
#[derive(Debug, Default)]
pub(crate) struct UnusualBytes {
    /// A bit for each string, by its number: it has an escape.
    escaped: Vec<u64>,
    /// The first byte of the next block belongs to an escape.
    pub escapes_next: bool,
    /// A bit for each block: it has a byte beyond ASCII.
    wide: Vec<u64>,
    /// The position of the first byte inside a string that makes it invalid: a control character, or
    /// the backslash of an escape.
    fault: Option<usize>,
}

/// A bit for each byte of a block, the first byte's lowest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockMasks {
    pub quotes: u64,
    pub backslashes: u64,
    /// Control characters and bytes beyond ASCII.
    pub low: u64,
    /// Bytes beyond ASCII.
    pub wide: u64,
}

// === impl UnusualBytes ===

impl UnusualBytes {
    /// Starts with another text. Of the last one, this many strings were found in this many bytes.
    pub(crate) fn clear(&mut self, strings: usize, searched: usize) {
        clear_bits(&mut self.escaped, strings);
        clear_bits(&mut self.wide, searched / BLOCK);
        (self.escapes_next, self.fault) = (false, None);
    }

    /// Makes room for this many strings and bytes.
    pub(crate) fn make_room(&mut self, strings: usize, bytes: usize) {
        make_room(&mut self.escaped, strings);
        make_room(&mut self.wide, bytes / BLOCK);
    }

    /// The strings with an escape: a bit for each, by its number.
    pub(crate) fn escaped(&self) -> &[u64] {
        &self.escaped
    }

    /// Looks at the block at `at`, which begins inside a string or not, behind `found` strings.
    /// Returns the quotes that are not escaped.
    #[inline(never)]
    pub(crate) fn look(
        &mut self,
        text: &[u8],
        at: usize,
        masks: BlockMasks,
        found: usize,
        in_string: bool,
    ) -> u64 {
        let escaped = self.escaped_bytes(masks.backslashes);
        let quotes = masks.quotes & !escaped;
        let inside = inside_strings(quotes, in_string);
        // The backslashes that begin an escape; the escaped byte may be in the next block.
        let begins = (escaped >> 1 | u64::from(self.escapes_next) << 63) & inside;
        self.mark_strings(begins, quotes, found, in_string);
        // Most escapes are those of a text in a text.
        let mut others = begins & !((masks.quotes | masks.backslashes) >> 1);
        while others != 0 {
            let place = at + others.trailing_zeros() as usize;
            if !is_escape(&text[place + 1..]) {
                self.fault(place);
            }
            others &= others - 1;
        }
        let controls = masks.low & !masks.wide & inside;
        if controls != 0 {
            self.fault(at + controls.trailing_zeros() as usize);
        }
        if masks.wide != 0 {
            set_bit(&mut self.wide, at / BLOCK);
        }
        quotes
    }

    /// The bytes of a block behind a backslash that is not escaped itself: every second backslash of
    /// a run, and the byte behind a run of odd length.
    fn escaped_bytes(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let first = u64::from(self.escapes_next);
        let backslashes = backslashes & !first;
        let behind = backslashes << 1 | first;
        let odd_starts = backslashes & !EVEN & !behind;
        // The carry of the addition runs through each run that begins at an odd place.
        let (sum, escapes_next) = odd_starts.overflowing_add(backslashes);
        self.escapes_next = escapes_next;
        (EVEN ^ (sum << 1)) & behind
    }

    /// Marks the strings that have one of the escapes.
    fn mark_strings(&mut self, mut escapes: u64, quotes: u64, found: usize, in_string: bool) {
        while escapes != 0 {
            let from_here = u64::MAX << escapes.trailing_zeros();
            let number = (quotes & !from_here).count_ones() as usize + usize::from(in_string);
            set_bit(&mut self.escaped, found + number / 2);
            // The next ones are behind the end of this string.
            let end = (quotes & from_here).trailing_zeros();
            escapes &= u64::MAX.checked_shl(end).unwrap_or(0);
        }
    }

    fn fault(&mut self, at: usize) {
        self.fault = Some(self.fault.map_or(at, |first| first.min(at)));
    }

    /// Whether a range of the text has only valid strings and is UTF-8. The bytes around it are ASCII.
    pub(crate) fn is_valid(&self, text: &[u8], range: Range<usize>) -> bool {
        if self.fault.is_some_and(|fault| fault < range.end) {
            return false;
        }
        // A character in two blocks makes both of them wide.
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        let Some(first) = first_bit(&self.wide, blocks.clone()) else { return true };
        let behind = end_of_bits(&self.wide, blocks);
        let wide = range.start.max(first * BLOCK)..range.end.min(behind * BLOCK);
        simdutf8::basic::from_utf8(&text[wide]).is_ok()
    }
}

fn make_room(bits: &mut Vec<u64>, number: usize) {
    let words = number / 64 + 1;
    if bits.len() < words {
        bits.resize(words, 0);
    }
}

/// Clears the bits up to this one.
fn clear_bits(bits: &mut [u64], number: usize) {
    let words = bits.len().min(number / 64 + 1);
    bits[..words].fill(0);
}

fn set_bit(bits: &mut [u64], number: usize) {
    if let Some(word) = bits.get_mut(number / 64) {
        *word |= 1 << (number % 64);
    }
}

/// The first bit of a range that is set.
fn first_bit(bits: &[u64], range: Range<usize>) -> Option<usize> {
    let mut at = range.start;
    while at < range.end {
        let word = bits.get(at / 64)? >> (at % 64);
        if word != 0 {
            return Some(at + word.trailing_zeros() as usize).filter(|bit| *bit < range.end);
        }
        at = (at / 64 + 1) * 64;
    }
    None
}

/// The number behind the last bit of a range that is set, or the start of the range.
fn end_of_bits(bits: &[u64], range: Range<usize>) -> usize {
    let mut end = range.end;
    while end > range.start {
        let last = end - 1;
        let word = bits.get(last / 64).map_or(0, |word| word << (63 - last % 64));
        if word != 0 {
            return (end - word.leading_zeros() as usize).max(range.start);
        }
        end = last / 64 * 64;
    }
    range.start
}

/// Whether the bytes behind a backslash are those of an escape.
fn is_escape(behind: &[u8]) -> bool {
    match behind.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => {
            behind.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}

/// The bytes inside strings of a block: those with an odd number of quotes up to them, or an even
/// one if the block begins inside a string.
fn inside_strings(quotes: u64, in_string: bool) -> u64 {
    let mut odd = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        odd ^= odd << shift;
    }
    if in_string { !odd } else { odd }
}
