//! The cost of removing duplicates with a full table: every event is new, and the oldest is
//! evicted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postmeter::clock::Clock;
use postmeter::pipeline::{Batch, DedupeSettings, DuplicateFilter};
use postmeter::rules::RuleSet;
use postmeter::ses::Fingerprint;
use tokio::runtime::Runtime;

use super::corpus::{Corpus, EVENTS_PER_BODY};
use super::{Engine, say};

const EVENTS_MAX: usize = 1_000_000;

/// Runs the pipeline with and without duplicate detection, alternating after each body.
pub(super) fn by_turns(corpus: &Corpus, engine: &Engine) {
    const ROUNDS: usize = 600;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let settings = DedupeSettings { window: Duration::from_hours(2), events_max: EVENTS_MAX };
    let filter = Arc::new(DuplicateFilter::new(settings, &Clock::manual(0)));
    let events = (0..EVENTS_MAX as u128).map(|number| Fingerprint::new(number.to_le_bytes()));
    filter.restore(vec![(0, events.collect())]);
    let without = Engine::new(RuleSet::without_duplicates);
    corpus.plain.iter().for_each(|body| without.take(body));
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let body = &corpus.plain[round % corpus.plain.len()];
        let start = Instant::now();
        engine.take(body);
        off.push(start.elapsed());
        let start = Instant::now();
        let batch = without.read(body);
        reserve(&runtime, &filter, &batch, round);
        without.merge(&batch);
        on.push(start.elapsed());
    }
    assert_eq!(filter.forgotten(), (ROUNDS * EVENTS_PER_BODY) as u64);
    let [off, on] = [off, on].map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64()
    });
    say(&format!(
        "duplicates removed, by turns, medians of {ROUNDS}: {:.3} ms, {:.2} x without",
        on * 1e3,
        on / off,
    ));
}

/// Reserves the events of a batch and counts them, as different events in each round.
fn reserve(runtime: &Runtime, filter: &Arc<DuplicateFilter>, batch: &Batch, round: usize) {
    let other = |one: &Fingerprint| {
        Fingerprint::new((u128::from_le_bytes(*one.bytes()) ^ round as u128).to_le_bytes())
    };
    let events: Vec<_> = batch.fingerprints().iter().map(other).collect();
    assert_eq!(events.len(), EVENTS_PER_BODY);
    runtime.block_on(filter.reserve(&events)).expect("all are new").counted();
}
