//! The stages of the pipeline one by one, over the same corpus, to show their shares. Each contains
//! only its own work; parsing includes finding the fields that the rules can read.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use postmeter::aggregate::Delta;
use postmeter::ses::{Event, NonEventReason, Path, Visitor, gunzip, read_record, read_request};

use super::corpus::{Corpus, EVENTS_PER_BODY};
use super::{Engine, GUNZIP_MAX, turns};

/// Receives events and ignores them.
struct Blind;

impl Visitor for Blind {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        black_box(event);
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        panic!("{:?} in the corpus", why.kind());
    }
}

pub(super) fn stages(criterion: &mut Criterion, corpus: &Corpus, engine: &Engine) {
    let interest = engine.rules.interest();
    let mut group = criterion.benchmark_group("stage");
    group.throughput(Throughput::Elements(EVENTS_PER_BODY as u64));

    let mut next = turns(&corpus.gzip);
    group.bench_function("gunzip", |bench| {
        bench.iter(|| black_box(gunzip(next(), GUNZIP_MAX, |_| true).bytes));
    });
    let mut next = turns(&corpus.plain);
    group.bench_function("envelope_and_base64", |bench| {
        bench.iter(|| {
            let request = read_request(next(), interest).expect("a delivery");
            request
                .each_record(|record, _| {
                    black_box(record);
                })
                .expect("a delivery");
        });
    });
    let bodies: Vec<_> = corpus.events.chunks(EVENTS_PER_BODY).collect();
    let mut next = turns(&bodies);
    group.bench_function("parse", |bench| {
        bench.iter(|| next().iter().for_each(|event| read_record(event, interest, &mut Blind)));
    });
    let mut next = turns(&bodies);
    group.bench_function("parse_match_and_count", |bench| {
        bench.iter(|| {
            let mut batch = engine.batch();
            next().iter().for_each(|event| read_record(event, interest, &mut batch));
            black_box(batch)
        });
    });
    let deltas: Vec<Delta> = bodies
        .iter()
        .map(|events| {
            let mut batch = engine.batch();
            events.iter().for_each(|event| read_record(event, interest, &mut batch));
            batch.delta
        })
        .collect();
    let mut next = turns(&deltas);
    group.bench_function("merge", |bench| {
        bench.iter(|| engine.aggregator.merge(next(), || None).expect("it fits"));
    });
    group.finish();
}
