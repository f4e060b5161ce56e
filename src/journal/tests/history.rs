//! For every history of a process and its disk: what a later process reads.

use super::*;

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
    // Counts, and values of a metric.
    let value = || prop_oneof![0_u8..4, MEASURED..MEASURED + 3];
    let counts = || prop::collection::btree_map(value(), 1_u64..100, 1..4);
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
                    .set_faults(DiskFaults { syncs_left: Some(after), ..DiskFaults::default() });
                while model.delta(&Counts::from([(0, 1)])).await {}
                model.bench.disk.set_faults(DiskFaults::default());
            }
            Step::Full(room) => {
                model
                    .bench
                    .disk
                    .set_faults(DiskFaults { full_at: Some(room), ..DiskFaults::default() });
                model.delta(&Counts::from([(1, 1)])).await;
                model.bench.disk.set_faults(DiskFaults::default());
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
            journal.verdict(*call, verdict, 0).await;
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

/// The sum of all doubt is in the journal, whichever process found it, and through checkpoints.
#[tokio::test(start_paused = true)]
async fn doubt_of_earlier_processes_adds_up() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
    let call = process.list(&Counts::from([(1, 3)]));
    let name = process.journal.call(&call).await.expect("the disk works");
    // It was sent twice, and accepted in the end.
    process.journal.verdict(name, Verdict::Accepted, 2 * 3).await;
    let rest = process.list(&Counts::from([(1, 4)]));
    process.journal.call(&rest).await.expect("the disk works");
    for lives in 0..3 {
        bench.disk.crash(|_| 0);
        let process = bench.start(SETTINGS, 0);
        assert_eq!((process.doubtful, process.doubtful_before), (4, 6 + lives * 4));
        process.journal.call(&rest).await.expect("the disk works");
    }
    bench.disk.crash(|_| 0);
    let process = bench.start(JournalSettings { send_again: false, ..SETTINGS }, 0);
    assert_eq!((process.doubtful, process.doubtful_before), (4, 6 + 3 * 4));
    process.journal.flush().await.expect("the disk works");
    for _ in 0..2 {
        bench.disk.crash(|_| 0);
        let process = bench.start(SETTINGS, 0);
        assert_eq!((process.doubtful, process.doubtful_before), (0, 6 + 4 * 4));
    }
}
