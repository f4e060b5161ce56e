//! The yardsticks for the pipeline: a generic implementation, the speed of the fastest parser
//! alone, and that of memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use fearless_simd::Level;
use postmeter::aggregate::{Delta, KeyBuilder};
use postmeter::rules::{self, Layouts};
use postmeter::ses::{EventType, FirehoseRequest, Minute, gunzip, read_request, time};
use serde_json::Value;
use simd_json::{INPUT_PADDING, Tape};

use super::corpus::{Corpus, DEFINITIONS, EVENTS_PER_BODY};
use super::{Engine, GUNZIP_MAX, say, take_all, turns};

/// The rules as plain data, to count from a `serde_json::Value`.
struct Generic {
    destinations: Vec<Destination>,
}

struct Destination {
    types: Vec<(EventType, rules::LayoutId)>,
    /// Name, source and default, in the order of the layout.
    dimensions: Vec<(String, String, String)>,
}

// === impl Generic ===

impl Generic {
    fn new(layouts: &Layouts) -> Self {
        let document: Value = serde_json::from_str(DEFINITIONS).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let set = &document["ConfigurationSets"][0]["EventDestinations"];
        let destinations = set.as_array().expect("destinations").iter().map(|destination| {
            let block = &destination["CloudWatchDestination"]["DimensionConfigurations"];
            let mut dimensions: Vec<_> = block
                .as_array()
                .expect("dimensions")
                .iter()
                .map(|dimension| {
                    let keys = ["DimensionName", "DimensionValueSource", "DefaultDimensionValue"];
                    let [name, source, default] = keys.map(|key| text(&dimension[key]));
                    (name, source, default)
                })
                .collect();
            dimensions.sort();
            let names: Vec<_> = dimensions.iter().map(|(name, ..)| name.clone()).collect();
            let types = destination["MatchingEventTypes"].as_array().expect("types");
            let types = types.iter().map(|name| {
                let metric = EventType::parse(text(name).as_bytes()).expect("a type");
                let namespace = "SES".into();
                let (dimensions, counted) = (names.clone(), metric.into());
                let layout = rules::Layout { namespace, metric: counted, dimensions };
                (metric, layouts.id(layout))
            });
            Destination { types: types.collect(), dimensions }
        });
        Self { destinations: destinations.collect() }
    }

    /// Counts an event as the engine does, into the same private counts, but from a tree.
    fn count(&self, event: &Value, key: &mut KeyBuilder, delta: &mut Delta) {
        let name = event["eventType"].as_str().unwrap_or_default();
        let event_type = EventType::parse(name.as_bytes()).expect("a type");
        let mail = &event["mail"];
        let mut block = name.to_owned();
        block[..1].make_ascii_lowercase();
        let at = event[&block]["timestamp"].as_str().or(mail["timestamp"].as_str());
        let ms = time::parse_ms(at.expect("a time").as_bytes()).expect("a time");
        for destination in &self.destinations {
            let layout = destination.types.iter().find(|(metric, _)| *metric == event_type);
            let Some((_, layout)) = layout else { continue };
            key.start(*layout);
            for (name, source, default) in &destination.dimensions {
                let value = match source.as_str() {
                    "MESSAGE_TAG" => mail["tags"][name][0].as_str(),
                    "LINK_TAG" => event["click"]["linkTags"][name][0].as_str(),
                    _ => mail["headers"].as_array().and_then(|headers| {
                        let is_named = |header: &&Value| {
                            let header = header["name"].as_str().unwrap_or_default();
                            header.eq_ignore_ascii_case(name)
                        };
                        headers.iter().find(is_named)?["value"].as_str()
                    }),
                };
                key.push(value.unwrap_or(default).as_bytes());
            }
            delta.add(key.finish(Minute::of_ms(ms)), 1);
        }
    }

    /// The same envelope, Base64 and merge as the engine's, with a tree in between.
    fn take(&self, engine: &Engine, body: &[u8]) {
        let request: FirehoseRequest<'_> =
            read_request(body, engine.rules.interest()).expect("a delivery");
        let (mut key, mut delta) = (KeyBuilder::default(), Delta::default());
        request
            .each_record(|record, _| {
                let record = record.expect("base64");
                let event: Value = serde_json::from_slice(record).expect("JSON");
                self.count(&event, &mut key, &mut delta);
            })
            .expect("a delivery");
        engine.aggregator.merge(&delta, || None).expect("it fits");
    }
}

pub(super) fn yardstick(criterion: &mut Criterion, corpus: &Corpus, engine: &Engine) {
    let generic = Generic::new(engine.aggregator.layouts());
    let mut group = criterion.benchmark_group("yardstick");
    group.throughput(Throughput::Elements(EVENTS_PER_BODY as u64));
    let mut next = turns(&corpus.plain);
    group.bench_function("serde_json_value_plain", |bench| {
        bench.iter(|| generic.take(engine, next()));
    });
    let mut next = turns(&corpus.gzip);
    group.bench_function("serde_json_value_gzip", |bench| {
        bench.iter(|| {
            let body = gunzip(next(), GUNZIP_MAX, |_| true).bytes;
            generic.take(engine, &body);
        });
    });

    // The events are decoded already. The buffers that the parser overwrites are copied outside the
    // measurement, with the padding that avoids another copy.
    let bodies: Vec<_> = corpus.events.chunks(EVENTS_PER_BODY).collect();
    let mut next = turns(&bodies);
    let mut buffers = simd_json::Buffers::default();
    group.bench_function("simd_json_tape", |bench| {
        bench.iter_batched_ref(
            || padded(next()),
            |events| to_tapes(events, &mut buffers),
            criterion::BatchSize::LargeInput,
        );
    });
    let mut next = turns(&corpus.plain);
    let mut copy = Vec::new();
    group.bench_function("memcpy", |bench| {
        bench.iter(|| {
            copy.clear();
            copy.extend_from_slice(next());
            black_box(&mut copy);
        });
    });
    group.finish();
}

/// Runs the pipeline and its yardsticks alternately, one body each, so that a machine that slows
/// down affects all of them. Prints medians and the ratios worth quoting. Each gets a copy of its
/// own, as warm as newly received data.
pub(super) fn by_turns(corpus: &Corpus, engine: &Engine) {
    const ROUNDS: usize = 600;
    let generic = Generic::new(engine.aggregator.layouts());
    let mut buffers = simd_json::Buffers::default();
    let mut times: [Vec<Duration>; 5] = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        let at = round % corpus.plain.len();
        let (plain, gzip) = (&corpus.plain[at], &corpus.gzip[at]);
        let events = &corpus.events[at * EVENTS_PER_BODY..][..EVENTS_PER_BODY];
        let took = [
            timed(plain.clone(), |body| engine.take(body)),
            timed(plain.clone(), |body| generic.take(engine, body)),
            timed(gzip.clone(), |body| engine.take_gzip(body)),
            timed(gzip.clone(), |body| {
                generic.take(engine, &gunzip(body, GUNZIP_MAX, |_| true).bytes);
            }),
            timed(padded(events), |events| to_tapes(events, &mut buffers)),
        ];
        times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
    }
    let [plain, plain_tree, gzip, gzip_tree, tape] = times.map(median);
    say(&format!(
        "by turns, medians of {ROUNDS}: plain {:.3} ms, {:.2} x the tree, {:.2} x the tape; gzip \
         {:.3} ms, {:.2} x the tree",
        plain * 1e3,
        plain_tree / plain,
        tape / plain,
        gzip * 1e3,
        gzip_tree / gzip,
    ));
}

/// The pipeline at each SIMD level of the machine, alternately with the tape.
pub(super) fn levels_by_turns(corpus: &Corpus) {
    const ROUNDS: usize = 300;
    let mut levels = vec![("scalar", Level::fallback())];
    #[cfg(target_arch = "x86_64")]
    {
        let best = Level::new();
        levels.extend(best.as_sse2().map(|token| ("SSE2", Level::Sse2(token))));
        levels.extend(best.as_sse4_2().map(|token| ("SSE4.2", Level::Sse4_2(token))));
        levels.extend(best.as_avx2().map(|token| ("AVX2", Level::Avx2(token))));
        levels.extend(best.as_avx512().map(|token| ("AVX-512", Level::Avx512(token))));
    }
    let engine = |level| Engine::new(|rules| rules.with_level(level));
    let engines: Vec<_> = levels.iter().map(|(_, level)| engine(*level)).collect();
    let mut buffers = simd_json::Buffers::default();
    let mut times = vec![Vec::with_capacity(ROUNDS); engines.len() + 1];
    for round in 0..ROUNDS {
        let at = round % corpus.plain.len();
        for (engine, times) in engines.iter().zip(&mut times) {
            times.push(timed(corpus.plain[at].clone(), |body| engine.take(body)));
        }
        let events = &corpus.events[at * EVENTS_PER_BODY..][..EVENTS_PER_BODY];
        let took = timed(padded(events), |events| to_tapes(events, &mut buffers));
        times[engines.len()].push(took);
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let tape = medians[engines.len()];
    for ((name, _), plain) in levels.iter().zip(&medians) {
        say(&format!("level {name}: plain {:.3} ms, {:.2} x the tape", plain * 1e3, tape / plain));
    }
}

/// In seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// Copies with the padding that the parser requires.
fn padded(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    events.iter().map(|event| [&event[..], &[0; INPUT_PADDING]].concat()).collect()
}

/// The fastest parser's first step, over buffers that it overwrites.
fn to_tapes(events: &mut [Vec<u8>], buffers: &mut simd_json::Buffers) {
    let mut tape = Tape::null();
    for event in events {
        let len = event.len() - INPUT_PADDING;
        simd_json::fill_tape_padded(event, len, buffers, &mut tape).expect("JSON");
        black_box(&tape);
    }
}

/// One core and two alternately, all bodies each.
pub(super) fn cores_by_turns(corpus: &Corpus, engine: &Engine) {
    const ROUNDS: usize = 30;
    let mut ratios: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let [one, two] = [1, 2].map(|cores| timed((), |()| take_all(engine, corpus, cores)));
            one.as_secs_f64() / two.as_secs_f64()
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    say(&format!("two cores, by turns, median of {ROUNDS}: {:.2} x one", ratios[ROUNDS / 2]));
}

/// The time of some work, without dropping its data.
fn timed<T>(mut on: T, work: impl FnOnce(&mut T)) -> Duration {
    let started = Instant::now();
    work(&mut on);
    started.elapsed()
}
