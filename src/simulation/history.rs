//! A history: successive lives of the engine, and how each ends.

mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::cloud::{CallRules, Cloud, CloudLink};
use super::judge::{Accounts, judge};
use super::plan::{HistoryPlan, Life, PlannedEnd, Weather, definitions};
use super::sender::{SenderRequests, millis};
use super::world::{Alive, START_MS, World};
use crate::aggregate::SeriesOverflow;
use crate::app::{Engine, EngineDeps, open_journal_on};
use crate::clock::Clock;
use crate::config::Acknowledge;
use crate::definitions;
use crate::journal::simulated::SimulatedDisk;
use crate::journal::{Disk, OpenedJournal};
use crate::limits::FIREHOSE_ID_LIFE;
use crate::offload::pauses;
use crate::rules::{Layouts, RuleSet};
use crate::supervisor::Supervisor;
use crate::telemetry::Metrics;

/// The report of a history without violations.
#[derive(Debug)]
pub(super) struct HistoryReport {
    pub lives: u64,
    pub faults: BTreeMap<&'static str, u64>,
    /// A hash of everything that happened.
    pub trace: u64,
}

/// State shared by all lives.
struct History<'p> {
    plan: &'p HistoryPlan,
    rng: Rng,
    world: World,
    disk: SimulatedDisk,
    cloud: Arc<Mutex<Cloud>>,
    post: SenderRequests,
    /// The number of entries (series and minutes) in all requests.
    distinct: u64,
    accounts: Accounts,
    also: bool,
    /// The time from which the disk had no faults.
    disk_well_ms: i64,
}

/// How a life ended.
enum LifeOutcome {
    Crashed,
    Stopped,
}

/// Everything settles within this time after the last fault.
const SETTLES_WITHIN: Duration = Duration::from_mins(30);

/// Runs a history and judges it.
///
/// # Errors
/// The first violated invariant.
pub(super) fn live(plan: &HistoryPlan, told: bool) -> Result<HistoryReport, String> {
    fastrand::seed(plan.seed);
    pauses::set_longest(plan.pause);
    let post = SenderRequests::new(plan);
    let mut history = History {
        plan,
        rng: Rng::with_seed(plan.seed ^ 0x6c69_6665),
        world: World::new(told),
        disk: SimulatedDisk::default(),
        cloud: Arc::new(Mutex::new(Cloud::new(plan.seed ^ 0x636c_6f75))),
        distinct: distinct(&post),
        post,
        accounts: Accounts::default(),
        also: false,
        disk_well_ms: START_MS,
    };
    history.world.tell(&format!("{plan:?}"));
    let mut now_ms = START_MS;
    let lives = plan.lives.iter().map(Some).chain([None]);
    for (number, life) in lives.enumerate() {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let (ended, end_ms) = runtime.block_on(history.life(number, life, now_ms));
        drop(runtime);
        history.world.set_clock(Clock::manual(end_ms));
        history.after(&ended);
        now_ms = end_ms + life.map_or(0, |life| millis(life.pause));
    }
    history.restored_nothing(now_ms);
    let History { world, cloud, post, accounts, .. } = history;
    let cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
    judge(plan, &world, &cloud, &post.requests(), &accounts);
    let (violation, faults, trace) = world.end();
    match violation {
        Some(what) => Err(what),
        None => Ok(HistoryReport { lives: plan.lives.len() as u64 + 1, faults, trace }),
    }
}

fn distinct(post: &SenderRequests) -> u64 {
    let requests = post.requests();
    let keys = requests.iter().flat_map(|request| request.always.keys().chain(request.also.keys()));
    keys.collect::<BTreeSet<_>>().len() as u64
}

fn rules(also: bool, layouts: &Layouts) -> RuleSet {
    let reading = definitions::read("simulation", &definitions(also));
    let definitions = reading.definitions.expect("the definitions are valid");
    RuleSet::new(&definitions, "SES", None, layouts)
}

impl History<'_> {
    async fn life(
        &mut self,
        number: usize,
        life: Option<&Life>,
        now_ms: i64,
    ) -> (LifeOutcome, i64) {
        let clock = self.world.go_on_from(now_ms);
        let alive = Alive::default();
        let disk = self.disk.mounted();
        if life.is_none() || self.rng.u8(0..4) > 0 {
            self.heal_disk();
        }
        let crash = match life.map(|life| life.end) {
            Some(PlannedEnd::CrashAtDisk(changes)) => {
                let alive = alive.clone();
                disk.die_after(changes, move || alive.die());
                None
            }
            Some(PlannedEnd::CrashAtCall(calls, moment)) => Some((calls, moment)),
            _ => None,
        };
        let cloudwatch = &self.plan.config.cloudwatch;
        let rules = CallRules {
            datums_per_call: self.plan.datums_per_call,
            concurrency: cloudwatch.concurrency,
            ambiguous: cloudwatch.ambiguous,
        };
        let (cloud, world) = (Arc::clone(&self.cloud), self.world.clone());
        let link = CloudLink::new(cloud, alive.clone(), world, rules, crash);
        self.world.tell(&format!("life {number} begins"));
        let metrics = Metrics::new().expect("the bounds are valid");
        let deps = EngineDeps {
            config: &self.plan.config,
            layouts: Layouts::default(),
            metrics: Arc::clone(&metrics),
            clock,
            datums_per_call: self.plan.datums_per_call,
            dead_letters: None,
            forwarder: None,
            series_overflow: SeriesOverflow::Drop,
            supervisor: Supervisor::new(Arc::clone(&metrics)),
        };
        let starting = start(deps, disk, self.plan, link.clone(), self.also);
        let engine = tokio::select! {
            biased;
            () = alive.died() => None,
            engine = starting => engine,
        };
        let ended = if let Some(engine) = engine {
            self.live(number, life, engine, &alive, &link).await
        } else {
            self.world.fault("crashed or failed at the start");
            if life.is_none() {
                self.world
                    .violation(|| "the engine does not start although nothing failed".to_owned());
            }
            LifeOutcome::Crashed
        };
        alive.die();
        self.accounts.close(&metrics);
        let end_ms = self.world.now_ms();
        self.world.tell(&format!("life {number} ends"));
        (ended, end_ms)
    }

    /// Runs a life from the moment the engine accepts deliveries.
    async fn live(
        &mut self,
        number: usize,
        life: Option<&Life>,
        engine: Engine<CloudLink>,
        alive: &Alive,
        link: &CloudLink,
    ) -> LifeOutcome {
        let engine = Arc::new(engine);
        self.accounts.open(&engine, &self.world);
        for _ in 0..self.plan.senders {
            let (post, endpoint) = (self.post.clone(), engine.endpoint.clone());
            let (alive, world, rng) = (alive.clone(), self.world.clone(), self.rng.fork());
            tokio::spawn(post.send(endpoint, alive, world, number, rng));
        }
        let grace = match life.map(|life| life.end) {
            Some(PlannedEnd::Stop(grace_s)) => Duration::from_secs(grace_s),
            _ => Duration::from_mins(1),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { engine.run(stop.cancelled(), CancellationToken::new(), grace).await }
        });
        let lasts = life.map_or(self.plan.trouble, |life| life.lasts);
        let died = self.trouble(&engine, alive, Instant::now() + lasts).await;
        if died || life.is_some_and(|life| !matches!(life.end, PlannedEnd::Stop(_))) {
            self.crashed(&engine, link);
            return LifeOutcome::Crashed;
        }
        if life.is_none() {
            self.settles(&engine, link).await;
        }
        self.world.tell("SIGTERM");
        self.world.fault("SIGTERM");
        stop.cancel();
        match running.await {
            Ok(ended) => {
                self.world.tell(&format!("stopped, {} left", ended.counts));
                self.accounts.stopped(self.plan, &ended);
                let (left, pending) = (ended.counts, engine.aggregator.pending.counts());
                if left != pending && self.plan.acknowledge() != Acknowledge::Journaled {
                    self.world.violation(|| format!("{left} counts are left, {pending} pending"));
                }
            }
            Err(error) => self.world.violation(|| format!("the engine panicked: {error}")),
        }
        // Pending responses are sent before the connections are closed.
        sleep(Duration::from_secs(1)).await;
        LifeOutcome::Stopped
    }

    /// Ends all faults, and waits until everything is acknowledged and published.
    async fn settles(&mut self, engine: &Engine<CloudLink>, link: &CloudLink) {
        {
            let mut cloud = self.cloud();
            (cloud.weather, cloud.poison) = (Weather::Fair, None);
        }
        self.heal_disk();
        self.world.tell("nothing fails any more");
        let until = Instant::now() + SETTLES_WITHIN;
        while !(self.post.is_done() && engine.publisher.is_idle()) {
            if Instant::now() > until {
                let waiting: Vec<_> = self.post.requests();
                let waiting = waiting.iter().filter(|request| !request.acknowledged).count();
                let (entries, calls) = (engine.aggregator.pending.entries(), link.open_calls());
                self.world.violation(|| {
                    format!("{waiting} requests, {entries} entries, {calls} calls never settle")
                });
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        self.within_limits(engine);
    }

    fn crashed(&mut self, engine: &Engine<CloudLink>, link: &CloudLink) {
        let (entries, counts) =
            (engine.aggregator.pending.entries(), engine.aggregator.pending.counts());
        self.world.tell(&format!("crash with {entries} entries pending"));
        let call = link.open_calls() > 0;
        self.world.fault(if call {
            "crash, a call on its way"
        } else {
            "crash, no call on its way"
        });
        let quiet_ms = self.world.now_ms() - 60_000;
        let quiet = entries == 0 && !link.called_since(quiet_ms) && self.disk_well_ms < quiet_ms;
        self.accounts.crashed(self.plan, counts, quiet);
    }

    /// Simulates what happens to the machine after a life of the engine.
    fn after(&mut self, ended: &LifeOutcome) {
        self.post.all_back();
        let Self { rng, disk, .. } = self;
        match ended {
            LifeOutcome::Stopped => disk.crash(|all| all),
            // Either the process dies, or the whole machine.
            LifeOutcome::Crashed if rng.bool() => disk.crash(|all| all),
            LifeOutcome::Crashed => disk.crash(|all| rng.usize(0..=all)),
        }
    }

    /// Nothing exceeds its limit.
    fn within_limits(&self, engine: &Engine<CloudLink>) {
        let gauges = engine.gauges()();
        let limits = &self.plan.config.limits;
        let distinct = self.distinct;
        // Entries in the active epoch, in a waiting one, and in one in flight.
        let entries = 3 * distinct;
        if gauges.pending_entries > entries {
            let held = gauges.pending_entries;
            self.world.violation(|| format!("{held} entries of {distinct} series and minutes"));
        }
        if gauges.in_flight_requests > limits.in_flight_requests as u64 {
            self.world.violation(|| format!("{} in flight", gauges.in_flight_requests));
        }
        if gauges.ledger_ids > self.plan.requests as u64 {
            self.world.violation(|| format!("{} ids are known", gauges.ledger_ids));
        }
        let journal = self.disk.used() as u64;
        // Seventeen logs whose last write may be incomplete, and two checkpoints.
        let journal_max = 17 * (self.plan.log_bytes + 64_000) + 200_000;
        if journal > journal_max {
            self.world.violation(|| format!("{journal} bytes of journal"));
        }
    }

    /// After the last life, the journal holds nothing to publish.
    fn restored_nothing(&mut self, now_ms: i64) {
        if self.plan.acknowledge() != Acknowledge::Journaled {
            return;
        }
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let opened = runtime.expect("there was one before").block_on(async {
            let clock = self.world.go_on_from(now_ms);
            let metrics = Metrics::new().expect("the bounds are valid");
            let config = &self.plan.config;
            let layouts = Layouts::default();
            let deps = EngineDeps {
                config,
                layouts,
                supervisor: Supervisor::new(Arc::clone(&metrics)),
                metrics,
                clock,
                datums_per_call: 1,
                dead_letters: None,
                forwarder: None,
                series_overflow: SeriesOverflow::Drop,
            };
            open(self.disk.mounted(), &deps, self.plan.log_bytes).await
        });
        self.world.set_clock(Clock::manual(now_ms));
        match opened {
            Ok(opened) => {
                let counts: u64 = opened.outstanding.iter().map(|(_, count)| count).sum();
                if counts > 0 || opened.doubtful > 0 {
                    let doubtful = opened.doubtful;
                    self.world.violation(|| format!("{counts} counts, {doubtful} in doubt, stay"));
                }
                let all = opened.ids.len() == self.plan.requests;
                if !all && now_ms - START_MS < millis(FIREHOSE_ID_LIFE) {
                    self.world.violation(|| format!("{} ids stay", opened.ids.len()));
                }
            }
            Err(error) => self.world.violation(|| format!("the journal is lost: {error}")),
        }
    }

    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(
    disk: SimulatedDisk,
    deps: &EngineDeps<'_>,
    log_bytes: u64,
) -> std::io::Result<OpenedJournal> {
    open_journal_on(|| Ok(Arc::new(disk) as Arc<dyn Disk>), deps, log_bytes).await
}

/// Starts an engine; `None` when its journal cannot be used.
async fn start(
    deps: EngineDeps<'_>,
    disk: SimulatedDisk,
    plan: &HistoryPlan,
    link: CloudLink,
    also: bool,
) -> Option<Engine<CloudLink>> {
    let opened = match plan.acknowledge() {
        Acknowledge::Journaled => Some(open(disk, &deps, plan.log_bytes).await.ok()?),
        _ => None,
    };
    let rules = rules(also, &deps.layouts);
    Some(Engine::start(deps, rules, link, opened).await)
}
