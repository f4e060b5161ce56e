//! The journal after a crash, whatever was written and whatever failed.

mod damage;
mod fixture;
mod history;
mod lifetimes;
mod starts;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::disk::AppendFile;
use super::simulated::{DiskFaults, SimulatedDisk};
use super::*;
use crate::ack::SourceKind;
use crate::aggregate::KeyBuilder;
use crate::rules::{Layout, SeriesMetric, ValueIndex};
use crate::ses::{EventType, Minute};
use crate::telemetry::DoubtCause;

const SETTINGS: JournalSettings = JournalSettings {
    id_life: Duration::from_hours(2),
    ids_max: 10_000,
    event_life: Duration::from_hours(1),
    events_max: 10_000,
    send_again: true,
    log_bytes: 2000,
};

type Counts = BTreeMap<u8, u64>;

/// Successive processes on one disk.
struct Bench {
    disk: SimulatedDisk,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// A process.
struct Process {
    layouts: Layouts,
    journal: Arc<Journal>,
    outstanding: Counts,
    doubtful: u64,
    doubtful_before: u64,
    ids: Vec<RequestId>,
    events: BTreeSet<Fingerprint>,
}

// === impl Bench ===

impl Bench {
    fn new() -> Self {
        let metrics = Metrics::new().expect("metrics");
        Self { disk: SimulatedDisk::default(), clock: Clock::manual(0), metrics }
    }

    /// Starts a process with its own layout numbers.
    fn start(&self, settings: JournalSettings, spare_layouts: usize) -> Process {
        let layouts = Layouts::default();
        for at in 0..spare_layouts {
            layout(&layouts, &format!("spare{at}"));
        }
        let disk = Arc::new(self.disk.mounted());
        let opened = open(disk, &layouts, settings, self.clock.clone(), Arc::clone(&self.metrics));
        let (opened, writing) = opened.expect("it is read");
        let OpenedJournal { journal, outstanding, doubtful, doubtful_before, ids, events, .. } =
            opened;
        tokio::spawn(writing.run());
        let mut counts = Counts::new();
        for (key, count) in outstanding {
            counts.insert(value(&layouts, &key), count);
        }
        let ids = ids.into_iter().map(|(id, _)| id).collect();
        let events = events.into_iter().flat_map(|(_, events)| events).collect();
        Process { layouts, journal, outstanding: counts, doubtful, doubtful_before, ids, events }
    }
}

fn layout(layouts: &Layouts, namespace: &str) -> LayoutId {
    let dimensions = vec!["campaign".to_owned()];
    layouts.id(Layout { namespace: namespace.into(), metric: EventType::Send.into(), dimensions })
}

/// The first number of a key whose metric is not a count: it has the value with this index.
const MEASURED: u8 = 100;

fn measured(layouts: &Layouts) -> LayoutId {
    let (metric, dimensions) = (SeriesMetric::DeliveryTime, vec!["campaign".to_owned()]);
    layouts.id(Layout { namespace: "SES".into(), metric, dimensions })
}

fn key(layouts: &Layouts, value: u8) -> Key {
    let mut key = KeyBuilder::default();
    if value < MEASURED {
        key.start(layout(layouts, "SES"));
        key.push(&[value]);
    } else {
        key.start(measured(layouts));
        key.push(b"a");
        key.push_value(ValueIndex(value.into()));
    }
    key.finish(Minute(29_000_000)).into()
}

/// The value of a key with namespace `SES`.
fn value(layouts: &Layouts, key: &[u8]) -> u8 {
    let series = crate::aggregate::series_of(key);
    let value = *series.last().expect("a value");
    let of = if value < MEASURED { layout(layouts, "SES") } else { measured(layouts) };
    assert_eq!(layout_of(series), of);
    value
}

fn id(number: u64) -> RequestId {
    RequestId::new(SourceKind::Sqs, b"source", &number.to_le_bytes())
}

/// The events of a request: none, one or two.
fn events_of(number: u64) -> Vec<Fingerprint> {
    let event =
        |at: u64| Fingerprint::new((u128::from(number) << 8 | u128::from(at)).to_le_bytes());
    (0..number % 3).map(event).collect()
}

// === impl Process ===

impl Process {
    async fn delta(&self, number: u64, counts: &Counts) -> Result<(), JournalError> {
        let mut delta = Delta::default();
        for (value, count) in counts {
            delta.add(&key(&self.layouts, *value), *count);
        }
        self.journal.delta(&[id(number)], 0, None, &delta, &events_of(number), None).await
    }

    fn list(&self, counts: &Counts) -> Vec<(Key, u64)> {
        counts.iter().map(|(value, count)| (key(&self.layouts, *value), *count)).collect()
    }
}

/// Three requests, each in its own log except for the last.
async fn three_logs(bench: &Bench) -> Process {
    let process = bench.start(JournalSettings { log_bytes: 1, ..SETTINGS }, 0);
    // Without renames no checkpoint replaces them.
    bench.disk.set_faults(DiskFaults { renames_fail: true, ..DiskFaults::default() });
    for number in 0..3 {
        let counts = Counts::from([(u8::try_from(number).expect("few"), 1 + number)]);
        process.delta(number, &counts).await.expect("the disk works");
    }
    process
}
