//! The journal after a crash, whatever was written and whatever failed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::disk::Append;
use super::simulated::{Faults, SimulatedDisk};
use super::*;
use crate::ack::SourceKind;
use crate::aggregate::KeyBuilder;
use crate::rules::Layout;
use crate::ses::{EventType, Minute};
use crate::telemetry::DoubtCause;

const SETTINGS: JournalSettings = JournalSettings {
    id_life: Duration::from_hours(2),
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
        let Opened { journal, outstanding, doubtful, ids, events, .. } = opened;
        tokio::spawn(writing.run());
        let mut counts = Counts::new();
        for (key, count) in outstanding {
            counts.insert(value(&layouts, &key), count);
        }
        let ids = ids.into_iter().map(|(id, _)| id).collect();
        let events = events.into_iter().flat_map(|(_, events)| events).collect();
        Process { layouts, journal, outstanding: counts, doubtful, ids, events }
    }
}

fn layout(layouts: &Layouts, namespace: &str) -> LayoutId {
    let dimensions = vec!["campaign".to_owned()];
    layouts.id(Layout { namespace: namespace.into(), metric: EventType::Send, dimensions })
}

fn key(layouts: &Layouts, value: u8) -> Key {
    let mut key = KeyBuilder::default();
    key.start(layout(layouts, "SES"));
    key.push(&[value]);
    key.finish(Minute(29_000_000)).into()
}

/// The value of a key with namespace `SES`.
fn value(layouts: &Layouts, key: &[u8]) -> u8 {
    let series = crate::aggregate::series_of(key);
    assert_eq!(layout_of(series), layout(layouts, "SES"));
    *series.last().expect("a value")
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
        self.journal.delta(&[id(number)], 0, None, &delta, &events_of(number)).await
    }

    fn list(&self, counts: &Counts) -> Vec<(Key, u64)> {
        counts.iter().map(|(value, count)| (key(&self.layouts, *value), *count)).collect()
    }
}

fn add(to: &mut Counts, counts: &Counts) {
    for (value, count) in counts {
        *to.entry(*value).or_default() += count;
    }
}

/// Removes as much of `wanted` as exists; returns it.
fn take(from: &mut Counts, wanted: &Counts) -> Counts {
    let mut taken = Counts::new();
    for (value, count) in wanted {
        let Some(held) = from.get_mut(value) else { continue };
        let count = (*count).min(*held);
        *held -= count;
        taken.insert(*value, count);
    }
    from.retain(|_, count| *count > 0);
    taken
}

#[derive(Clone, Debug)]
enum Step {
    Delta(Counts),
    /// Retries a request.
    Again,
    Call(Counts, Option<Verdict>),
    GivenUp(Counts),
    /// Lets this many syncs succeed and the next fail; then the disk works again.
    FailSync(usize),
    Full(usize),
    Crash(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let counts = || prop::collection::btree_map(0_u8..6, 1_u64..100, 1..4);
    let verdict = prop::option::weighted(
        0.8,
        prop_oneof![Just(Verdict::Accepted), Just(Verdict::GivenUp), Just(Verdict::Void)],
    );
    prop_oneof![
        6 => counts().prop_map(Step::Delta),
        1 => Just(Step::Again),
        5 => (counts(), verdict).prop_map(|(counts, verdict)| Step::Call(counts, verdict)),
        1 => counts().prop_map(Step::GivenUp),
        1 => (0_usize..3).prop_map(Step::FailSync),
        1 => (0_usize..200).prop_map(Step::Full),
        2 => any::<u8>().prop_map(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// For every history with failing disks and crashes: acknowledged counts are there once, minus
    /// what was accepted; they exceed that only by counts in doubt; and a rejected request that was
    /// written anyway is known. Exactly the events of known requests are known.
    #[test]
    fn acknowledged_counts_are_outstanding_until_they_are_accepted(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(history(steps))?;
    }
}

async fn history(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::new();
    for (at, step) in steps.into_iter().chain([Step::Crash(0)]).enumerate() {
        match step {
            Step::Delta(counts) => _ = model.delta(&counts).await,
            // The ledger would stop a retry; if the journal gets it twice, it counts once.
            Step::Again => {
                if let Some((number, counts)) = &model.last {
                    let _ = model.process.delta(*number, counts).await;
                }
            }
            Step::Call(wanted, verdict) => model.call(&wanted, verdict).await,
            Step::GivenUp(wanted) => {
                let counts = take(&mut model.free, &wanted);
                model.process.journal.given_up(&model.process.list(&counts)).await;
                model.settle(&counts);
            }
            Step::FailSync(after) => {
                model
                    .bench
                    .disk
                    .set_faults(Faults { syncs_left: Some(after), ..Faults::default() });
                while model.delta(&Counts::from([(0, 1)])).await {}
                model.bench.disk.set_faults(Faults::default());
            }
            Step::Full(room) => {
                model.bench.disk.set_faults(Faults { full_at: Some(room), ..Faults::default() });
                model.delta(&Counts::from([(1, 1)])).await;
                model.bench.disk.set_faults(Faults::default());
            }
            Step::Crash(seed) => model.crash(seed, at % 3)?,
        }
    }
    prop_assert_eq!(model.bench.metrics.journal_contradictions.get(), 0);
    Ok(())
}

/// A process, and the expected content of its journal.
struct Model {
    bench: Bench,
    process: Process,
    /// Outstanding counts, and those that are in no call.
    held: Counts,
    free: Counts,
    next: u64,
    last: Option<(u64, Counts)>,
    refused: BTreeMap<u64, Counts>,
    /// Counts whose verdict may not have reached the disk.
    unsure: u64,
}

// === impl Model ===

impl Model {
    fn new() -> Self {
        let bench = Bench::new();
        let process = bench.start(SETTINGS, 0);
        let (held, free, refused) = Default::default();
        Self { bench, process, held, free, next: 0, last: None, refused, unsure: 0 }
    }

    /// Whether a request is accepted.
    async fn delta(&mut self, counts: &Counts) -> bool {
        self.next += 1;
        let taken = self.process.delta(self.next, counts).await.is_ok();
        if taken {
            add(&mut self.held, counts);
            add(&mut self.free, counts);
            self.last = Some((self.next, counts.clone()));
            // All earlier records are on disk too.
            self.unsure = 0;
        } else {
            self.refused.insert(self.next, counts.clone());
        }
        taken
    }

    async fn call(&mut self, wanted: &Counts, verdict: Option<Verdict>) {
        let counts = take(&mut self.free, wanted);
        let journal = &self.process.journal;
        let named = journal.call(&self.process.list(&counts)).await;
        if let (Ok(call), Some(verdict)) = (&named, verdict) {
            journal.verdict(*call, verdict).await;
        }
        match (named, verdict) {
            (Ok(_), None) => {}
            (Ok(_), Some(Verdict::Accepted | Verdict::GivenUp)) => self.settle(&counts),
            (Err(_), _) | (_, Some(Verdict::Void)) => add(&mut self.free, &counts),
        }
    }

    fn settle(&mut self, counts: &Counts) {
        take(&mut self.held, counts);
        self.unsure += counts.values().sum::<u64>();
    }

    fn crash(&mut self, seed: u8, spare_layouts: usize) -> Result<(), TestCaseError> {
        let mut random = fastrand::Rng::with_seed(seed.into());
        self.bench.disk.crash(|len| random.usize(0..=len));
        self.process = self.bench.start(SETTINGS, spare_layouts);
        // A rejected request that was written is known, so a retry counts nothing.
        for (number, counts) in std::mem::take(&mut self.refused) {
            if self.process.ids.contains(&id(number)) {
                add(&mut self.held, &counts);
            }
        }
        // Events are known exactly when their request is.
        let known = (1..=self.next).filter(|number| self.process.ids.contains(&id(*number)));
        let events: BTreeSet<_> = known.flat_map(events_of).collect();
        prop_assert_eq!(&self.process.events, &events);
        let (found, expected) = (&self.process.outstanding, &self.held);
        for (value, count) in expected {
            prop_assert!(found.get(value) >= Some(count), "{found:?} < {expected:?}");
        }
        let excess = found.values().sum::<u64>() - expected.values().sum::<u64>();
        prop_assert!(excess <= self.unsure, "{found:?}, {expected:?}, {}", self.unsure);
        self.held.clone_from(found);
        self.free.clone_from(found);
        self.unsure = 0;
        Ok(())
    }
}

/// Three requests, each in its own log except for the last.
async fn three_logs(bench: &Bench) -> Process {
    let process = bench.start(JournalSettings { log_bytes: 1, ..SETTINGS }, 0);
    // Without renames no checkpoint replaces them.
    bench.disk.set_faults(Faults { renames_fail: true, ..Faults::default() });
    for number in 0..3 {
        let counts = Counts::from([(u8::try_from(number).expect("few"), 1 + number)]);
        process.delta(number, &counts).await.expect("the disk works");
    }
    process
}

#[tokio::test(start_paused = true)]
async fn corrupt_part_is_reported_and_kept_and_the_rest_is_read() {
    let bench = Bench::new();
    drop(three_logs(&bench).await);
    let name = files::log_name(2);
    // Inside the delta, which is the last record.
    bench.disk.damage(&name, bench.disk.len_of(&name) - 1);
    bench.disk.crash(|_| 0);
    bench.disk.set_faults(Faults::default());
    let process = bench.start(SETTINGS, 0);
    assert_eq!(process.outstanding, Counts::from([(0, 1), (2, 3)]));
    assert_eq!(process.ids.len(), 2);
    assert!(bench.metrics.journal_corrupt_bytes.get() > 0);
    assert!(bench.disk.mounted().list().expect("names").contains(&format!("{name}.corrupt")));
    // It was reported once and is not part of the journal any more.
    let before = bench.metrics.journal_corrupt_bytes.get();
    bench.disk.crash(|_| 0);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, 1), (2, 3)]));
    assert_eq!(bench.metrics.journal_corrupt_bytes.get(), before);
}

#[tokio::test(start_paused = true)]
async fn torn_end_is_cut_without_a_report_of_corruption() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..3 {
        process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
    }
    let name = files::log_name(1);
    bench.disk.cut(&name, bench.disk.len_of(&name) - 3);
    bench.disk.crash(|_| 0);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, 2)]));
    assert_eq!(bench.metrics.journal_corrupt_bytes.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn journal_stays_as_large_as_what_is_outstanding_and_known() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..500 {
        bench.clock.set_ms(i64::try_from(number).expect("few") * 60_000);
        let counts = Counts::from([(u8::try_from(number % 3).expect("few"), 1)]);
        let at_ms = bench.clock.now_ms();
        let mut delta = Delta::default();
        delta.add(&key(&process.layouts, u8::try_from(number % 3).expect("few")), 1);
        let events = events_of(number);
        let written = process.journal.delta(&[id(number)], at_ms, None, &delta, &events).await;
        written.expect("the disk works");
        let call = process.journal.call(&process.list(&counts)).await.expect("the disk works");
        process.journal.verdict(call, Verdict::Accepted).await;
    }
    let disk = bench.disk.mounted();
    let names = disk.list().expect("names");
    let bytes: usize = names.iter().map(|name| bench.disk.len_of(name)).sum();
    // IDs of two hours at one per minute, events of one hour, and two logs.
    assert!(bytes < 120 * 60 + 60 * 60 + 2 * 4000, "{bytes} in {names:?}");
    drop(process);
    bench.disk.crash(|_| 0);
    let process = bench.start(SETTINGS, 0);
    assert!(process.outstanding.values().sum::<u64>() <= 1, "{:?}", process.outstanding);
    assert!((110..=121).contains(&process.ids.len()), "{}", process.ids.len());
    assert!((55..=61).contains(&process.events.len()), "{}", process.events.len());
}

/// The sender of a message retries only while the daemon runs, so the lifetime of its ID stops
/// during a downtime. Firehose retries by the clock.
#[tokio::test(start_paused = true)]
async fn id_with_a_lifetime_of_its_own_outlives_a_downtime() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    let (own, minute) = (Some(Duration::from_mins(15)), 60_000);
    for (number, life) in [(1, own), (2, None)] {
        let mut delta = Delta::default();
        delta.add(&key(&process.layouts, 0), 1);
        process.journal.delta(&[id(number)], 0, life, &delta, &[]).await.expect("the disk works");
    }
    for (hours, known) in [(1, vec![1, 2]), (30, vec![1])] {
        bench.disk.crash(|changes| changes);
        bench.clock.set_ms(hours * 60 * minute);
        let process = bench.start(SETTINGS, 0);
        let known: BTreeSet<_> = known.into_iter().map(|number| id(number).to_bytes()).collect();
        let ids = process.ids.iter().map(|id| id.to_bytes());
        assert_eq!(ids.collect::<BTreeSet<_>>(), known, "after {hours} h");
    }
    // While a process runs, the lifetime passes.
    let process = bench.start(SETTINGS, 0);
    bench.clock.set_ms(31 * 60 * minute);
    let mut delta = Delta::default();
    delta.add(&key(&process.layouts, 0), 1);
    process.journal.delta(&[id(3)], 31 * 60 * minute, None, &delta, &[]).await.expect("well");
    bench.disk.crash(|changes| changes);
    let ids: Vec<_> = bench.start(SETTINGS, 0).ids.iter().map(|id| id.to_bytes()).collect();
    assert_eq!(ids, [id(3).to_bytes()]);
}

#[tokio::test(start_paused = true)]
async fn newest_events_are_known_when_there_are_too_many() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..30 {
        process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
    }
    for (events_max, known) in [(4, 4), (1000, 4), (1, 1), (0, 0)] {
        drop(bench.start(JournalSettings { events_max, ..SETTINGS }, 0));
        bench.disk.crash(|changes| changes);
        let process = bench.start(SETTINGS, 0);
        let last = (0..30).flat_map(events_of).skip(30 - known).collect();
        assert_eq!(process.events, last, "{events_max}");
    }
}

/// A journal of a version without duplicate detection is still readable; and without it, the same
/// bytes are written.
#[test]
fn record_without_events_has_the_same_bytes_as_before() {
    #[derive(minicbor::Encode)]
    enum Before<'b> {
        #[n(2)]
        Delta {
            #[b(0)]
            id: &'b minicbor::bytes::ByteSlice,
            #[n(1)]
            at_ms: i64,
            #[b(2)]
            counts: Vec<Count<'b>>,
        },
        #[n(7)]
        Known {
            #[b(0)]
            ids: Vec<record::KnownId<'b>>,
        },
    }
    let (id, counts) = ([1; 16], vec![Count::new(b"key", 7)]);
    let id = || (&id[..]).into();
    let ids = vec![record::KnownId { id: id(), at_ms: 9, life_ms: None }];
    for (before, now) in [
        (
            Before::Delta { id: id(), at_ms: 5, counts: counts.clone() },
            Record::Delta {
                id: id(),
                at_ms: 5,
                counts,
                fingerprints: None,
                life_ms: None,
                also: None,
            },
        ),
        (Before::Known { ids: ids.clone() }, Record::Known { ids, events: None }),
    ] {
        let bytes = minicbor::to_vec(&before).expect("memory");
        assert_eq!(bytes, minicbor::to_vec(&now).expect("memory"));
        let read: Record<'_> = minicbor::decode(&bytes).expect("it is read");
        assert_eq!(format!("{read:?}"), format!("{now:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn doubtful_counts_are_sent_again_or_given_up_as_configured() {
    for (send_again, left) in [(true, 7), (false, 4)] {
        let bench = Bench::new();
        let process = bench.start(SETTINGS, 0);
        process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
        let call = process.list(&Counts::from([(1, 3)]));
        process.journal.call(&call).await.expect("the disk works");
        bench.disk.crash(|_| 0);
        let process = bench.start(JournalSettings { send_again, ..SETTINGS }, 0);
        assert_eq!((process.doubtful, &process.outstanding), (3, &Counts::from([(1, left)])));
        // Doubt is reported until the process that reports it survives long enough to record that.
        bench.disk.crash(|_| 0);
        let process = bench.start(JournalSettings { send_again, ..SETTINGS }, 0);
        assert_eq!((process.doubtful, &process.outstanding), (3, &Counts::from([(1, left)])));
        process.journal.flush().await.expect("the disk works");
        bench.disk.crash(|_| 0);
        let process = bench.start(JournalSettings { send_again, ..SETTINGS }, 0);
        assert_eq!((process.doubtful, &process.outstanding), (0, &Counts::from([(1, left)])));
    }
}

#[tokio::test(start_paused = true)]
async fn logs_without_a_checkpoint_are_bounded_and_writing_resumes_with_the_next_one() {
    let bench = Bench::new();
    let process = bench.start(JournalSettings { log_bytes: 1, ..SETTINGS }, 0);
    bench.disk.set_faults(Faults { renames_fail: true, ..Faults::default() });
    let one = Counts::from([(0, 1)]);
    let mut taken = 0;
    while process.delta(taken, &one).await.is_ok() {
        taken += 1;
        assert!(taken < 100, "there is no end");
    }
    let logs = bench.disk.mounted().list().expect("names");
    let logs = logs.iter().filter(|name| name.contains(".log")).count();
    assert_eq!((taken, logs), (16, 17));
    bench.disk.set_faults(Faults::default());
    // The first is still rejected, and triggers the checkpoint.
    let mut refused = 0;
    while process.delta(1000 + refused, &one).await.is_err() {
        refused += 1;
        assert!(refused < 100, "it does not recover");
        tokio::task::yield_now().await;
    }
    drop(process);
    bench.disk.crash(|_| 0);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, taken + 1)]));
}

/// A start on a corrupt log may end anywhere: the readable part is there at the next start.
#[tokio::test(start_paused = true)]
async fn readable_part_of_a_corrupt_log_is_never_lost_to_a_crash() {
    for changes in 0..12 {
        let bench = Bench::new();
        let process = bench.start(SETTINGS, 0);
        let (name, mut before) = (files::log_name(1), 0);
        for number in 0..3 {
            process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
            if number == 1 {
                before = bench.disk.len_of(&name);
            }
        }
        drop(process);
        // In the delta before the last one; all have the same length.
        let one = bench.disk.len_of(&name) - before;
        bench.disk.damage(&name, before - one / 2);
        bench.disk.crash(|_| 0);
        bench.disk.set_faults(Faults { changes_left: Some(changes), ..Faults::default() });
        let disk = Arc::new(bench.disk.mounted());
        let clock = bench.clock.clone();
        let layouts = Layouts::default();
        let opened = open(disk, &layouts, SETTINGS, clock, Arc::clone(&bench.metrics));
        drop(opened);
        bench.disk.set_faults(Faults::default());
        bench.disk.crash(|changes| changes);
        let process = bench.start(SETTINGS, 0);
        assert_eq!(process.outstanding, Counts::from([(0, 2)]), "{changes} changes");
    }
}

/// A record that panics costs its own counts, and does not stop the start.
#[tokio::test(start_paused = true)]
async fn record_that_panics_is_reported_as_damage_and_the_rest_is_read() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(0, 1)])).await.expect("the disk works");
    let delta = Delta::default();
    let (ids, journal) = ([id(2)], &process.journal);
    let panics = journal.delta(&ids, state::PANICS_AT_MS, None, &delta, &[]);
    panics.await.expect("the disk works");
    process.delta(3, &Counts::from([(1, 2)])).await.expect("the disk works");
    drop(process);
    bench.disk.crash(|all| all);
    let process = bench.start(SETTINGS, 0);
    assert_eq!(process.outstanding, Counts::from([(0, 1), (1, 2)]));
    assert!(bench.metrics.journal_corrupt_bytes.get() > 0);
    let names = bench.disk.mounted().list().expect("names");
    assert!(names.contains(&format!("{}.corrupt", files::log_name(1))), "{names:?}");
}

/// A disk with a file that kills the process that reads it.
#[derive(Debug)]
struct Deadly {
    disk: SimulatedDisk,
    file: String,
}

impl Disk for Deadly {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn io::Read + Send>> {
        assert!(name != self.file, "it ends the start");
        self.disk.read(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.disk.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

impl Bench {
    fn open_watched(&self, disk: Arc<dyn Disk>) -> io::Result<Opened> {
        let (layouts, clock) = (Layouts::default(), self.clock.clone());
        let metrics = Arc::clone(&self.metrics);
        Ok(open_watched(disk, &layouts, SETTINGS, clock, metrics)?.0)
    }
}

#[tokio::test(start_paused = true)]
async fn file_that_ends_two_starts_is_set_aside_by_the_third() {
    let bench = Bench::new();
    drop(three_logs(&bench).await);
    bench.disk.crash(|all| all);
    bench.disk.set_faults(Faults::default());
    let file = files::log_name(2);
    let deadly = || Arc::new(Deadly { disk: bench.disk.mounted(), file: file.clone() });
    for _ in 0..2 {
        let start = std::panic::AssertUnwindSafe(|| bench.open_watched(deadly()));
        assert!(std::panic::catch_unwind(start).is_err(), "the start is ended");
        assert!(bench.disk.mounted().list().expect("names").contains(&file));
    }
    // It is still deadly, and only its size is read.
    let renamed = Arc::new(bench.disk.mounted());
    let opened = bench.open_watched(renamed).expect("the third start goes on");
    let counts: u64 = opened.outstanding.iter().map(|(_, count)| count).sum();
    assert_eq!((counts, opened.ids.len()), (1 + 3, 2));
    assert_eq!(
        bench.metrics.journal_corrupt_bytes.get(),
        bench.disk.len_of(&files::aside_name(&file)) as u64
    );
    drop(opened);
    let names = bench.disk.mounted().list().expect("names");
    assert!(!names.iter().any(|name| name == "starting"), "{names:?}");
    // Later files never get its name.
    let process = bench.start(SETTINGS, 0);
    process.delta(9, &Counts::from([(0, 1)])).await.expect("the disk works");
    let aside = files::aside_name(&file);
    assert!(bench.disk.mounted().list().expect("names").contains(&aside));
}

#[tokio::test(start_paused = true)]
async fn restored_counts_that_end_two_starts_are_set_aside_and_can_be_read() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
    drop(process);
    for _ in 0..2 {
        let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
        assert_eq!(opened.outstanding.len(), 1);
        // The process dies.
        std::mem::forget(opened.start);
    }
    let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
    assert!(opened.outstanding.is_empty());
    assert_eq!((opened.ids.len(), bench.metrics.doubtful.get(DoubtCause::SetAside)), (1, 7));
    drop(opened);
    let names = bench.disk.mounted().list().expect("names");
    let aside = names.iter().find(|name| name.ends_with(".checkpoint.set-aside"));
    let aside = aside.unwrap_or_else(|| panic!("{names:?}")).clone();
    // It is reported once, and is not part of the journal any more.
    let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
    assert!(opened.outstanding.is_empty());
    assert_eq!(bench.metrics.doubtful.get(DoubtCause::SetAside), 7);
    drop(opened);
    // Alone in a directory and under its old name it is a valid journal.
    let disk = bench.disk.mounted();
    for name in disk.list().expect("names").into_iter().filter(|name| *name != aside) {
        disk.remove(&name).expect("the disk works");
    }
    disk.rename(&aside, aside.trim_end_matches(".set-aside")).expect("the disk works");
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(1, 7)]));
}

#[tokio::test(start_paused = true)]
async fn start_that_succeeds_sets_nothing_aside() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
    drop(process);
    for start in 0..10 {
        let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
        assert_eq!(opened.outstanding.len(), 1, "start {start}");
        if start % 3 == 0 {
            std::mem::forget(opened.start);
        }
    }
    assert_eq!(bench.metrics.doubtful.get(DoubtCause::SetAside), 0);
}
