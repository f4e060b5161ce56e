//! Generated traffic and its expected counts.

use std::collections::BTreeMap;

use postmeter::clock::Clock;
use postmeter::ses::Minute;
use postmeter::synth::{DatumKey, Generator, Profile, Truth};
use serde_json::Value;

use super::command::project_file;
use super::fake_cloudwatch::{FakeCloudWatch, FakeSeries};

/// Seeded events of the last ten minutes, with the expected counts of those that were generated.
pub(crate) struct Traffic {
    events: Generator,
    pub truth: Truth,
    /// The delivery times of the set `prod`, in milliseconds.
    pub delivery_times: Vec<f64>,
}

/// Counts by series and minute.
pub(crate) type Sums = BTreeMap<FakeSeries, u64>;

impl Traffic {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(Profile { seed, awkward: true, ..Profile::default() }, "config/definitions.json")
    }

    pub(crate) fn with(profile: Profile, definitions: &str) -> Self {
        Self::at(Clock::System.now_ms(), profile, definitions)
    }

    /// The last ten minutes end at this time.
    pub(crate) fn at(now_ms: i64, profile: Profile, definitions: &str) -> Self {
        let definitions = std::fs::read_to_string(project_file(definitions)).expect("the file");
        let definitions: Value = serde_json::from_str(&definitions).expect("JSON");
        let start_ms = now_ms - 600_000;
        Self {
            events: Generator::new(Profile { start_ms, ..profile }),
            truth: Truth::new(&definitions, None, "SES"),
            delivery_times: Vec::new(),
        }
    }

    /// Records of events that are counted from now on.
    pub(crate) fn records(&mut self, events: usize) -> Vec<String> {
        let events: Vec<_> = self.events.by_ref().take(events).collect();
        for facts in events.iter().map(|event| &event.facts) {
            self.truth.add(facts);
            if facts.configuration_set.as_deref() == Some("prod") {
                let time = facts.fields.get("processing_time");
                self.delivery_times.extend(time.and_then(|time| time.text().parse::<f64>().ok()));
            }
        }
        events.into_iter().map(|event| event.json + "\n").collect()
    }

    /// Records of events that must not be counted.
    pub(crate) fn records_not_counted(&mut self, events: usize) -> Vec<String> {
        self.events.by_ref().take(events).map(|event| event.json + "\n").collect()
    }

    /// Sum of all counts.
    pub(crate) fn counts(&self) -> u64 {
        self.truth.series.values().sum()
    }

    /// The expected content of CloudWatch.
    pub(crate) fn sums(&self) -> Sums {
        self.truth.series.iter().map(|(key, count)| (series_of(key), *count)).collect()
    }

    /// The expected values of each series, by their bits, with their counts.
    pub(crate) fn values(&self) -> BTreeMap<FakeSeries, BTreeMap<u64, u64>> {
        let one = |count: &u64| BTreeMap::from([(1.0_f64.to_bits(), *count)]);
        let counts = self.truth.series.iter().map(|(key, count)| (series_of(key), one(count)));
        let measured = self.truth.measured.iter();
        let measured = measured.map(|(key, values)| (series_of(key), values.counts.clone()));
        counts.chain(measured).collect()
    }
}

fn series_of(key: &DatumKey) -> FakeSeries {
    FakeSeries {
        namespace: key.namespace.clone(),
        metric: key.metric.clone(),
        dimensions: key.dimensions.clone(),
        timestamp: key.minute * 60,
    }
}

/// The content of a fake.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
pub(crate) fn held(fake: &FakeCloudWatch) -> Sums {
    fake.totals().into_iter().map(|(series, sum)| (series, sum as u64)).collect()
}

/// Asserts that a fake has exactly this content, as this many values of 1.
pub(crate) fn assert_held(fake: &FakeCloudWatch, sums: &Sums) {
    let held = held(fake);
    let wrong = sums.iter().find(|(series, sum)| held.get(series) != Some(sum));
    assert_eq!(wrong, None, "held: {:?}", wrong.map(|(series, _)| held.get(series)));
    assert_eq!(held.len(), sums.len(), "series too many");
    assert_eq!(fake.totals(), fake.sample_counts(), "each count is a value of 1");
}

/// Asserts that a fake has exactly these values in every series.
pub(crate) fn assert_values(fake: &FakeCloudWatch, traffic: &Traffic) {
    let (held, expected) = (fake.values(), traffic.values());
    let wrong = expected.iter().find(|(series, values)| held.get(series) != Some(values));
    assert_eq!(wrong, None, "held: {:?}", wrong.map(|(series, _)| held.get(series)));
    assert_eq!(held.len(), expected.len(), "series too many");
}

/// Asserts equality of two texts line by line; shows only the first difference.
pub(crate) fn assert_same_lines(counted: &str, truth: &str) {
    let difference = counted.lines().zip(truth.lines()).find(|(counted, truth)| counted != truth);
    assert_eq!(difference, None, "first difference (counted, truth)");
    assert_eq!(counted.lines().count(), truth.lines().count());
}

/// A Send event of a campaign in the set `prod`.
pub(crate) fn send_of(campaign: &str) -> String {
    format!(
        "{{\"eventType\":\"Send\",\"send\":{{}},\"mail\":{{\"tags\":{{\"ses:configuration-set\":[\"prod\"],\
         \"campaign\":[\"{campaign}\"]}},\"timestamp\":\"{}\"}}}}\n",
        Minute::of_ms(Clock::System.now_ms())
    )
}

/// The content of a fake for a campaign.
pub(crate) fn held_of(fake: &FakeCloudWatch, campaign: &str) -> u64 {
    let dimensions = [("campaign".to_owned(), campaign.to_owned())];
    held(fake)
        .iter()
        .filter(|(series, _)| series.dimensions == dimensions)
        .map(|(_, sum)| sum)
        .sum()
}
