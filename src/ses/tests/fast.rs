//! The fast readers give what the reference gives.

use proptest::prelude::*;

use super::inputs::{event_like, mutate, mutated_stream, mutation, soup};
use super::*;
use crate::ses::compare;
use crate::ses::compare::string_ends::StringEndsComparison;

/// At every SIMD level of this machine.
fn assert_fast_is_reference(text: &[u8], max: usize) -> Result<(), TestCaseError> {
    for (name, level) in compare::levels() {
        compare::value(text, &interest().with_level(level), max)
            .map_err(|difference| TestCaseError::fail(format!("{name}: {difference}")))?;
    }
    Ok(())
}

fn interest_at(level: u8) -> Interest {
    interest().with_level(compare::level_of(level))
}

proptest! {
    #[test]
    fn fast_reader_equals_the_reference_for_event_like_objects(
        event in event_like(),
        behind in prop::sample::select(vec!["", "\n", " {\"eventType\":\"Send\"}", "}", "\u{0}"]),
    ) {
        assert_fast_is_reference(format!("{event}{behind}").as_bytes(), VALUE_BYTES_MAX)?;
    }

    #[test]
    fn fast_reader_equals_the_reference_in_streams_with_faults(
        bytes in mutated_stream(),
        level in any::<u8>(),
    ) {
        compare::text(&bytes, &interest_at(level)).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn delivery_reads_the_same_by_walk_and_by_parser(
        records in prop::collection::vec(soup(), 0..4),
        mutations in prop::collection::vec(mutation(), 0..3),
        gzip in any::<bool>(),
    ) {
        let mut body = firehose(&records).into_bytes();
        for mutation in &mutations {
            mutate(&mut body, mutation);
        }
        compare::delivery(&body, &interest()).map_err(TestCaseError::fail)?;
        if gzip {
            let mut body = gzipped(&body);
            for mutation in &mutations {
                mutate(&mut body, mutation);
            }
            compare::delivery(&body, &interest()).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn fast_reader_equals_the_reference_for_any_tokens(
        text in soup(),
        bytes_max in 1..60_usize,
        level in any::<u8>(),
    ) {
        let object = [b"{\"mail\":{", &text[..]].concat();
        compare::text(&text, &interest_at(level)).map_err(TestCaseError::fail)?;
        assert_fast_is_reference(&object, VALUE_BYTES_MAX)?;
        assert_fast_is_reference(&object, bytes_max)?;
    }
}

#[test]
fn fast_reader_equals_the_reference_around_the_depth_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1, 125, 126, 127, 128, 129, 255, 256, 5000, 100_000] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for text in [
                value.clone(),
                format!("{{\"eventType\":\"Send\",\"x\":{value}}}"),
                format!("{{\"mail\":{{\"tags\":{{\"campaign\":[\"a\",{value}]}}}}}}"),
                format!("{{\"x\":{value}"),
            ] {
                assert_fast_is_reference(text.as_bytes(), VALUE_BYTES_MAX).unwrap();
            }
        }
    }
}

/// More of them: `make differential`.
#[test]
fn made_up_documents_read_as_by_the_reference_at_every_level() {
    for (seed, documents) in [(7, 1000), (8, 1000)] {
        let done = compare::differential::run(seed, documents)
            .unwrap_or_else(|difference| panic!("{difference}"));
        assert!(done.valid > 300 && done.fast > 200, "{done:?}");
    }
}

/// Every place of an unusual part in a block, and every length around one and two blocks.
#[test]
fn string_ends_are_found_at_every_place_and_length() {
    let parts = ["\\\"", "\\\\", "\\\\\\\"", "\u{e9}", "\t", "\",\"", "\"\"\"\"", "{"];
    for (name, level) in compare::levels() {
        let mut comparison = StringEndsComparison::new(level);
        for part in parts {
            for before in 0..130 {
                for after in [0, 1, 62, 63, 64] {
                    let text = format!("[\"{}{part}{}\"]", "a".repeat(before), "b".repeat(after));
                    comparison
                        .compare(text.as_bytes(), before)
                        .unwrap_or_else(|difference| panic!("{name}: {difference}"));
                }
            }
        }
    }
}

/// More closing quotes in a block than are stored without a branch, up to the most.
#[test]
fn string_ends_of_full_blocks_are_found() {
    for (name, level) in compare::levels() {
        let mut comparison = StringEndsComparison::new(level);
        for strings in 1..100 {
            for text in [
                "\"\"".repeat(strings),
                format!(" {}", "\"\"".repeat(strings)),
                "\"a\",".repeat(strings),
            ] {
                let compared = comparison.compare(text.as_bytes(), 64);
                compared.unwrap_or_else(|difference| panic!("{name}: {difference}"));
            }
        }
    }
}
