//! Reads made-up documents at every SIMD level, and by the reference.

use fearless_simd::Level;

use super::documents::{TestDocument, document};
use super::levels::levels;
use super::random::Random;
use super::string_ends::StringEndsComparison;
use super::{describe, grammar, interest, interest_in_fields, restarts, same, same_value};
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::{ValueReader, read_by_reference};
use crate::ses::json::step::{Step, VALUE_BYTES_MAX};

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct DocumentCounts {
    /// The documents, each read at every level.
    pub documents: u64,
    /// Those that are valid values.
    pub valid: u64,
    /// Those that the fast reader read alone.
    pub fast: u64,
}

/// What reads the documents at one level. Kept from document to document, as in a long text.
struct LevelReader {
    name: &'static str,
    interest: Interest,
    values: ValueReader,
    strings: StringEndsComparison,
}

/// Compares this many documents of a seed. Those of even seeds are also read for fields.
///
/// # Errors
/// The first difference.
pub fn run(seed: u64, documents: u64) -> Result<DocumentCounts, String> {
    let mut random = Random::new(seed);
    let wanted = if seed.is_multiple_of(2) { interest_in_fields() } else { interest() };
    let reader = |(name, level): (_, Level)| LevelReader {
        name,
        interest: wanted.clone().with_level(level),
        values: ValueReader::default(),
        strings: StringEndsComparison::new(level),
    };
    let mut readers: Vec<_> = levels().into_iter().map(reader).collect();
    let mut summary = DocumentCounts::default();
    // Some of the documents one after another, which a reader searches together.
    let mut stream = Vec::new();
    for _ in 0..documents {
        let document = document(&mut random);
        // How far the search goes at first.
        let expected_len = random.pick(&[0, 0, 100, 300, 700, 1500, 5000]);
        let mut value = Value::default();
        let text = &document.text[document.at..];
        let step = read_by_reference(text, &readers[0].interest, VALUE_BYTES_MAX, &mut value);
        if random.once_in(4) && matches!(text.first(), Some(b'{' | b'[' | b'"')) {
            grammar(text)?;
        }
        for reader in &mut readers {
            let compared = reader
                .compare(&document, expected_len, step, &value)
                .and_then(|()| reader.strings.compare(text, expected_len));
            compared
                .map_err(|difference| format!("{} of seed {seed}: {difference}", reader.name))?;
        }
        if random.once_in(8) {
            stream.extend_from_slice(&document.text);
            for reader in &readers {
                restarts(&stream, &reader.interest).map_err(|difference| {
                    format!("{} of seed {seed}: {difference}", reader.name)
                })?;
            }
            if random.once_in(4) {
                stream.clear();
            }
        }
        summary.documents += 1;
        summary.valid += u64::from(matches!(step, Step::Value { .. }));
        summary.fast += u64::from(readers[0].values.read_fast());
    }
    Ok(summary)
}

// === impl DocumentCounts ===

impl DocumentCounts {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.valid += other.valid;
        self.fast += other.fast;
    }
}

// === impl LevelReader ===

impl LevelReader {
    fn compare(
        &mut self,
        document: &TestDocument,
        expected_len: usize,
        expected: Step,
        reference: &Value<'_>,
    ) -> Result<(), String> {
        let TestDocument { text, at } = document;
        let mut value = Value::default();
        self.values.begin(expected_len);
        let step = self.values.read(text, *at, &self.interest, VALUE_BYTES_MAX, &mut value);
        let is_value = matches!(step, Step::Value { .. });
        if step == expected && (!is_value || same_value(&value, reference, &self.interest)) {
            return Ok(());
        }
        let fast = describe(step, &value, &self.interest);
        same(&fast, &describe(expected, reference, &self.interest), text)
    }
}
