//! Compares stage 1 of the fast reader with a search for one string after another.

use fearless_simd::Level;

use super::same;
use crate::ses::json::string_ends::StringEnds;

/// Stage 1 at a level. Kept from text to text, as a reader keeps it.
#[derive(Debug)]
pub(crate) struct StringEndsComparison {
    level: Level,
    ends: StringEnds,
}

// === impl StringEndsComparison ===

impl StringEndsComparison {
    pub(crate) fn new(level: Level) -> Self {
        Self { level, ends: StringEnds::default() }
    }

    /// Searches a text, first to `searched` and then to its end.
    ///
    /// # Errors
    /// Both results, if they differ.
    pub(crate) fn compare(&mut self, text: &[u8], searched: usize) -> Result<(), String> {
        self.ends.clear();
        self.ends.search(self.level, text, searched);
        self.ends.search(self.level, text, text.len());
        let (ends, escaped) = self.ends.found();
        let expected = StringsOneByOne::of(text);
        let agreed = ends.len().min(expected.ends.len());
        let is_escaped = |string: &usize| escaped[string / 64] >> (string % 64) & 1 == 1;
        let escaped: Vec<_> = (0..agreed).filter(is_escaped).collect();
        let is_whole = ends.len() == agreed || !expected.is_whole;
        if is_whole && ends[..agreed] == expected.ends && escaped == expected.escaped {
            return Ok(());
        }
        same(&format!("{ends:?} {escaped:?}"), &format!("{expected:?}"), text)
    }
}

/// The strings of a text, found one after another by the grammar, up to the first backslash between
/// strings: from there on a text is no longer JSON.
#[derive(Debug)]
struct StringsOneByOne {
    ends: Vec<u32>,
    escaped: Vec<usize>,
    /// There are no other strings.
    is_whole: bool,
}

// === impl StringsOneByOne ===

impl StringsOneByOne {
    fn of(text: &[u8]) -> Self {
        let (mut ends, mut escaped, mut at) = (Vec::new(), Vec::new(), 0);
        let mut is_whole = true;
        while let Some(step) = text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            let open = at + step;
            if text[open] == b'\\' {
                is_whole = false;
                break;
            }
            // A string with a fault ends at the next quote too.
            let Some(close) = closing_quote(text, open + 1) else { break };
            if text[open..close].contains(&b'\\') {
                escaped.push(ends.len());
            }
            ends.push(u32::try_from(close).unwrap_or(u32::MAX));
            at = close + 1;
        }
        Self { ends, escaped, is_whole }
    }
}

fn closing_quote(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
