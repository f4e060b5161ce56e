//! From the body of a Firehose delivery to merged counts, together with the yardsticks, in one run:
//! `make bench`. `benches/README.md` explains each figure.
//!
//! Read the ratios, not the absolute figures.

mod corpus;
mod counting;
mod dedupe;
mod features;
mod flush;
mod hostile;
mod loopback;
mod stages;
mod wrappings;
mod yardstick;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use postmeter::aggregate::{Aggregator, Limits};
use postmeter::clock::Clock;
use postmeter::definitions;
use postmeter::pipeline::{Batch, BatchRoom, Times};
use postmeter::rules::{Layouts, RuleSet};
use postmeter::ses::{gunzip, read_request};

use corpus::{Corpus, DEFINITIONS, EVENTS_PER_BODY};

/// The limit of a decompressed body.
const GUNZIP_MAX: usize = 128 << 20;

/// The engine without sources and sinks: rules, and the shared counts.
struct Engine {
    rules: Arc<RuleSet>,
    aggregator: Aggregator,
    room: BatchRoom,
}

// === impl Engine ===

impl Engine {
    fn new(change: impl FnOnce(RuleSet) -> RuleSet) -> Self {
        Self::of(DEFINITIONS, change)
    }

    /// With the rules of a document.
    fn of(document: &str, change: impl FnOnce(RuleSet) -> RuleSet) -> Self {
        let layouts = Layouts::default();
        let definitions = definitions::read("definitions", document).definitions;
        let rules = RuleSet::new(&definitions.expect("sound rules"), "SES", None, &layouts);
        let limits = Limits { series: Some(1_000_000), entries: 10_000_000 };
        let aggregator = Aggregator::new(limits, layouts, Clock::manual(0));
        Self { rules: Arc::new(change(rules)), aggregator, room: BatchRoom::default() }
    }

    fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.rules), Times { arrival_ms: 0, use_arrival: false })
    }

    /// A batch with room, as the daemon makes it.
    fn batch_for(&self, body: &[u8]) -> Batch {
        let mut batch = self.batch();
        self.room.reserve(&mut batch, body.len());
        batch
    }

    /// Reads, matches, counts and merges a body.
    fn take(&self, body: &[u8]) {
        self.merge(&self.read(body));
    }

    fn read(&self, body: &[u8]) -> Batch {
        let interest = self.rules.interest();
        let request = read_request(body, interest).expect("a delivery");
        let batch = request.read(interest, || self.batch_for(body)).expect("a delivery");
        self.room.follow(&batch);
        assert_eq!(batch.tally.events(), EVENTS_PER_BODY as u64);
        batch
    }

    fn merge(&self, batch: &Batch) {
        self.aggregator.merge(&batch.delta, || None).expect("it fits");
    }

    fn take_gzip(&self, body: &[u8]) {
        let body = gunzip(body, GUNZIP_MAX, |_| true).bytes;
        self.take(&body);
    }
}

/// Prints a line of a report, in addition to criterion's own.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}

/// Cycles through bodies forever.
fn turns<'l, T>(list: &'l [T]) -> impl FnMut() -> &'l T {
    let mut list = list.iter().cycle();
    move || list.next().expect("there are bodies")
}

fn pipeline(criterion: &mut Criterion) {
    let corpus = Corpus::new();
    let engine = Engine::new(|rules| rules);
    // Makes every series known, as in a daemon that has run for a while.
    corpus.plain.iter().for_each(|body| engine.take(body));
    let (sha256, len, series) = (corpus.sha256(), corpus.mean_len(), engine.aggregator.series());
    say(&format!("corpus {sha256}, events of {len} bytes, {series} series"));

    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(EVENTS_PER_BODY as u64));
    let mut next = turns(&corpus.plain);
    group.bench_function("plain", |bench| bench.iter(|| engine.take(next())));
    let mut next = turns(&corpus.gzip);
    group.bench_function("gzip", |bench| bench.iter(|| engine.take_gzip(next())));
    group.finish();

    yardstick::yardstick(criterion, &corpus, &engine);
    stages::stages(criterion, &corpus, &engine);
    cores(criterion, &corpus);
    // Only when measuring: not when benches are checked or listed.
    if std::env::args().any(|arg| arg == "--bench") {
        yardstick::by_turns(&corpus, &engine);
        yardstick::levels_by_turns(&corpus);
        yardstick::cores_by_turns(&corpus, &engine);
        dedupe::by_turns(&corpus, &engine);
        features::by_turns(&corpus);
        wrappings::by_turns(&corpus, &engine);
        hostile::by_turns(&corpus);
        loopback::loopback(&corpus, &engine);
    }
}

/// The same on one core and on two, with counts merged into the same map.
fn cores(criterion: &mut Criterion, corpus: &Corpus) {
    let engine = Engine::new(|rules| rules);
    corpus.plain.iter().for_each(|body| engine.take(body));
    let mut group = criterion.benchmark_group("cores");
    group.throughput(Throughput::Elements((EVENTS_PER_BODY * corpus.plain.len()) as u64));
    for cores in [1, 2] {
        group.bench_function(BenchmarkId::from_parameter(cores), |bench| {
            bench.iter(|| take_all(&engine, corpus, cores));
        });
    }
    group.finish();
    black_box(engine.aggregator.series());
}

/// Processes all bodies with this many threads.
fn take_all(engine: &Engine, corpus: &Corpus, cores: usize) {
    std::thread::scope(|scope| {
        for bodies in corpus.plain.chunks(corpus.plain.len() / cores) {
            scope.spawn(|| bodies.iter().for_each(|body| engine.take(body)));
        }
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .sample_size(50);
    // Flush first: it measures memory before other allocations.
    targets = flush::flush, counting::counting, pipeline
}
criterion_main!(benches);
