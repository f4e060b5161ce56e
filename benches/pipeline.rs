//! From the body of a Firehose delivery to merged counts, on one core, beside two yardsticks in
//! the same run: the same work over `serde_json::Value`, and copying the body.
//!
//! Read the ratios, not the absolute figures: `cargo bench`.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use postmeter::aggregate::{Aggregator, Limits};
use postmeter::clock::Clock;
use postmeter::destination::{self, Layouts, RuleSet};
use postmeter::pipeline::{Batch, Times};
use postmeter::ses::{gunzip, read_request};
use postmeter::synth::{Generator, Profile, firehose_body};
use serde_json::Value;

const EVENTS: usize = 400;
const DEFINITIONS: &str = include_str!("../config/definitions.json");
const GUNZIP_MAX: usize = 128 << 20;

/// A body as Firehose sends it, plain and in gzip.
struct Bodies {
    plain: Vec<u8>,
    gzip: Vec<u8>,
}

impl Bodies {
    fn new() -> Self {
        let profile = Profile { campaigns: 2_000, ..Profile::default() };
        let records: Vec<_> =
            Generator::new(profile).take(EVENTS).map(|event| event.json).collect();
        let body = firehose_body("bench", 0, records.iter().map(String::as_bytes)).into_bytes();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&body).expect("gzip in memory");
        Self { plain: body, gzip: encoder.finish().expect("gzip in memory") }
    }
}

/// The engine: read, match, count, merge.
fn engine(rules: &Arc<RuleSet>, aggregator: &Aggregator, body: &[u8]) {
    let mut batch = Batch::new(Arc::clone(rules), Times { arrival_ms: 0, use_arrival: false });
    let request = read_request(body, rules.interest()).expect("a sound body");
    request.read(rules.interest(), &mut batch);
    assert_eq!(batch.tally.events(), EVENTS as u64);
    aggregator.merge(&batch.delta, || None).expect("it fits");
}

/// What a generic program does: the whole of every event as a tree, counts under owned strings.
fn value_tree(counts: &mut HashMap<Vec<String>, u64>, definitions: &Value, body: &[u8]) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    for record in body["records"].as_array().expect("records") {
        let data = STANDARD.decode(record["data"].as_str().expect("data")).expect("base64");
        let event: Value = serde_json::from_slice(&data).expect("JSON");
        let tag = |name: &str| event["mail"]["tags"][name][0].as_str();
        let event_type = event["eventType"].as_str().unwrap_or_default();
        let api_name = event_type.to_uppercase().replace(' ', "_");
        for set in definitions["ConfigurationSets"].as_array().expect("sets") {
            if set["ConfigurationSetName"].as_str() != tag("ses:configuration-set") {
                continue;
            }
            for destination in set["EventDestinations"].as_array().expect("destinations") {
                let types = destination["MatchingEventTypes"].as_array().expect("types");
                if !types.iter().any(|name| name.as_str() == Some(&api_name)) {
                    continue;
                }
                let block = event_type.to_lowercase();
                let time = event[&block]["timestamp"].as_str();
                let time = time.or(event["mail"]["timestamp"].as_str()).unwrap_or_default();
                let mut key = vec![event_type.to_owned(), time[..16].to_owned()];
                let dimensions = &destination["CloudWatchDestination"]["DimensionConfigurations"];
                for dimension in dimensions.as_array().expect("dimensions") {
                    let name = dimension["DimensionName"].as_str().expect("a name");
                    let value = match dimension["DimensionValueSource"].as_str() {
                        Some("MESSAGE_TAG") => tag(name),
                        Some("LINK_TAG") => event["click"]["linkTags"][name][0].as_str(),
                        _ => event["mail"]["headers"].as_array().and_then(|headers| {
                            let wanted = |header: &&Value| {
                                let header = header["name"].as_str().unwrap_or_default();
                                header.eq_ignore_ascii_case(name)
                            };
                            headers.iter().find(wanted)?["value"].as_str()
                        }),
                    };
                    let default = dimension["DefaultDimensionValue"].as_str();
                    key.push(value.or(default).unwrap_or_default().to_owned());
                }
                *counts.entry(key).or_default() += 1;
            }
        }
    }
}

fn pipeline(criterion: &mut Criterion) {
    let bodies = Bodies::new();
    let layouts = Layouts::default();
    let definitions = destination::read("definitions", DEFINITIONS).definitions.expect("sound");
    let rules = Arc::new(RuleSet::new(&definitions, "SES", None, &layouts));
    let limits = Limits { series: None, entries: 1_000_000 };
    let aggregator = Aggregator::new(limits, layouts, Clock::manual(0));
    let tree: Value = serde_json::from_str(DEFINITIONS).expect("JSON");
    let mut counts = HashMap::new();

    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("plain", |bench| {
        bench.iter(|| engine(&rules, &aggregator, &bodies.plain));
    });
    group.bench_function("gzip", |bench| {
        bench.iter(|| {
            let body = gunzip(&bodies.gzip, GUNZIP_MAX, |_| true).bytes;
            engine(&rules, &aggregator, &body);
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("yardstick");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("serde_json_value_plain", |bench| {
        bench.iter(|| value_tree(&mut counts, &tree, &bodies.plain));
    });
    group.bench_function("serde_json_value_gzip", |bench| {
        bench.iter(|| {
            let mut body = Vec::new();
            let mut gzip = MultiGzDecoder::new(bodies.gzip.as_slice());
            gzip.read_to_end(&mut body).expect("sound gzip");
            value_tree(&mut counts, &tree, &body);
        });
    });
    group.bench_function("memcpy", |bench| {
        bench.iter(|| black_box(bodies.plain.clone()));
    });
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
