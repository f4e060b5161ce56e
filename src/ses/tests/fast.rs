//! The fast readers give what the reference gives.

use proptest::prelude::*;

use super::inputs::{event_like, mutate, mutated_stream, mutation, soup};
use super::*;
use crate::ses::compare;

fn assert_fast_is_reference(text: &[u8], max: usize) -> Result<(), TestCaseError> {
    compare::value(text, &interest(), max).map_err(TestCaseError::fail)
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
    fn fast_reader_equals_the_reference_in_streams_with_faults(bytes in mutated_stream()) {
        compare::text(&bytes, &interest()).map_err(TestCaseError::fail)?;
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
    fn fast_reader_equals_the_reference_for_any_tokens(text in soup(), bytes_max in 1..60_usize) {
        let object = [b"{\"mail\":{", &text[..]].concat();
        compare::text(&text, &interest()).map_err(TestCaseError::fail)?;
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
