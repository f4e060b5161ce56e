//! Generated streams of every kind hold what the generator knows of them, however they are read.

use std::io;
use std::num::NonZero;
use std::sync::Arc;

use serde_json::Value;

use super::super::*;
use crate::definitions;
use crate::pipeline::Times;
use crate::rules::{Layouts, RuleSet};
use crate::ses::{Reader, read_record};
use crate::synth::{Profile, StreamOptions, Truth, stream};

const DEFINITIONS: &str = include_str!("../../../../config/definitions.json");

/// A few by default; `POSTMETER_TEST_STREAMS` is another number.
fn streams() -> u64 {
    let number = std::env::var("POSTMETER_TEST_STREAMS");
    number.map_or(400, |number| number.parse().expect("POSTMETER_TEST_STREAMS is a number"))
}

fn rules(definitions: &str) -> Arc<RuleSet> {
    let definitions = definitions::read("definitions.json", definitions).definitions;
    let rules = RuleSet::new(&definitions.expect("no faults"), "SES", None, &Layouts::default());
    Arc::new(rules)
}

/// A stream, and what it holds in the order of [`counted`].
fn generated(seed: u64, definitions: &Value) -> (Vec<u8>, [u64; 12]) {
    let flag = |bit: u64| seed >> bit & 1 == 1;
    let profile = Profile { seed, awkward: flag(0), ..Profile::default() };
    let options = StreamOptions {
        pretty: flag(1),
        byte_order_mark: flag(2),
        odd_separators: !flag(3),
        open_end: flag(4),
        torn_end: flag(5),
        ..StreamOptions::default()
    };
    let events = 1 + usize::try_from(seed % 7).expect("it is small");
    let made = stream(profile, events, &options);
    let mut truth = Truth::new(definitions, None, "SES");
    made.tell(&mut truth);
    let summary = truth.summary();
    let expected = [
        summary.events,
        summary.matched,
        summary.unmatched,
        summary.unrouted,
        summary.malformed,
        summary.foreign,
        summary.unknown_type,
        summary.control,
        summary.notice,
        summary.no_timestamp,
        summary.destination_matches,
        summary.counts,
    ];
    (made.bytes, expected)
}

/// What a batch holds.
fn counted(batch: &Batch) -> [u64; 12] {
    let Batch { tally, delta, .. } = batch;
    let counts: u64 = delta.iter().map(|(_, count)| count).sum();
    assert_eq!(tally.counts, counts);
    [
        tally.events(),
        tally.matched,
        tally.unmatched,
        tally.unrouted,
        tally.malformed,
        tally.foreign,
        tally.unknown_type,
        tally.control,
        tally.notice,
        tally.no_timestamp,
        tally.destination_matches,
        counts,
    ]
}

#[test]
fn stream_holds_what_the_generator_knows_of_it_however_it_is_read() {
    let rules = rules(DEFINITIONS);
    let json: Value = serde_json::from_str(DEFINITIONS).expect("it is JSON");
    let times = Times { arrival_ms: 1_800_000_000_000, use_arrival: false };
    let batch = || Batch::new(Arc::clone(&rules), times);
    for seed in 0..streams() {
        let (bytes, expected) = generated(seed, &json);
        let mut whole = batch();
        read_record(&bytes, rules.interest(), &mut whole);
        assert_eq!(counted(&whole), expected, "seed {seed}: {}", bytes.escape_ascii());

        let block_bytes = 1 + usize::try_from(seed * 37 % 3000).expect("it is small");
        let mut blocks = batch();
        let reader = Reader::with_block_bytes(&bytes[..], block_bytes);
        reader.read(0, rules.interest(), &mut blocks).expect("reading from memory");
        assert_eq!(counted(&blocks), expected, "seed {seed}, blocks of {block_bytes}");

        // Threads cost more than the reading.
        if seed % 16 == 0 {
            let workers = NonZero::new(3).expect("it is not zero");
            let bulk =
                Bulk { rules: Arc::clone(&rules), times, workers, block_bytes, surveys: false };
            let open = |_: usize| {
                let bytes = Box::new(io::Cursor::new(bytes.clone()));
                Ok(TextSource { bytes, gzips: 0 })
            };
            let cores = bulk.read(1, &open, |_, finished| finished.result.expect("it is read"));
            assert_eq!(counted(&cores), expected, "seed {seed}, 3 workers");
        }
    }
}
