//! One life of a daemon: its start, its work, and its end.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::bucket_link::BucketLink;
use super::clock_hours::ClockHours;
use super::cloud_link::{CallRules, CloudLink};
use super::plan::{Life, PlannedEnd};
use super::queue_link::QueueLink;
use super::scene::Scene;
use super::sender::Sender;
use super::settings::LifeSettings;
use super::start::{deps, start};
use super::target::TargetLink;
use super::weather::{Forecast, QueueWeather};
use super::world::{Alive, LifeId};
use crate::app::{Ended, Engine, EngineDeps, Queues, RunningQueues};
use crate::clock::Clock;
use crate::forward::{ForwardParts, ForwardSettings, Forwarder, TargetClients};
use crate::journal::simulated::SimulatedDisk;
use crate::limits::SQS_VISIBILITY_MAX;
use crate::offload::pauses;
use crate::source::s3::ObjectStore;
use crate::source::sqs::Queue;
use crate::telemetry::{DropReason, Metrics};

/// One life of a daemon.
pub(super) struct DaemonLife {
    pub scene: Scene,
    pub id: LifeId,
    /// How it ends; `None`: when everything is settled.
    pub planned: Option<Life>,
    pub settings: LifeSettings,
    pub disk: SimulatedDisk,
    /// Its wall clock, and how far it is ahead.
    pub clock: Clock,
    pub ahead_ms: Arc<AtomicI64>,
    pub hours: ClockHours,
    pub alive: Alive,
    pub rng: Rng,
    /// Whether the later definitions are in force.
    pub also: bool,
    /// The time from which the disk had no faults.
    pub disk_well_ms: i64,
}

/// How a life ended, and what it leaves.
#[derive(Debug)]
pub(super) struct LifeEnd {
    pub has_started: bool,
    pub has_crashed: bool,
    pub also: bool,
    pub disk_well_ms: i64,
}

/// Everything settles within this time after the last fault.
const SETTLES_WITHIN: Duration = Duration::from_mins(30);
/// A message that was received often is hidden for as long as SQS can.
const MESSAGES_SETTLE_WITHIN: Duration = SQS_VISIBILITY_MAX.saturating_add(SETTLES_WITHIN);

/// A disk without faults takes the last records within this time.
const WRITES_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("histories are short")
}

// === impl DaemonLife ===

impl DaemonLife {
    pub(super) async fn run(mut self) -> LifeEnd {
        let (disk, world) = (self.disk.mounted(), self.scene.world.clone());
        if self.planned.is_none() || self.rng.u8(0..4) > 0 {
            self.heal_disk();
        }
        match self.planned_end() {
            Some(PlannedEnd::CrashAtDisk(changes)) => {
                let alive = self.alive.clone();
                disk.die_after(changes, move || alive.die());
            }
            Some(PlannedEnd::CrashAtCall(calls, moment)) => {
                self.scene.cloud().calls_left.insert(self.id, (calls, moment));
            }
            _ => {}
        }
        world.tell(&format!("{:?} begins", self.id));
        let began_calm = self.is_calm();
        let metrics = Metrics::new().expect("the bounds are valid");
        let link = self.cloud_link();
        let settings = self.settings.clone();
        let mut deps = deps(&settings, &metrics, self.clock.clone());
        deps.forwarder = self.scene.plan.forwards.then(|| self.forwarder(&deps));
        let starting = start(deps, disk, &settings, link.clone(), self.also);
        let engine = tokio::select! {
            biased;
            () = self.alive.died() => None,
            engine = starting => engine,
        };
        let has_started = engine.is_some();
        let has_crashed = if let Some(engine) = engine {
            self.live(Arc::new(engine), &link).await
        } else {
            world.fault("crashed or failed at the start");
            if self.planned.is_none() && began_calm {
                world.violation(|| "a daemon does not start although nothing fails".to_owned());
            }
            true
        };
        self.alive.die();
        self.judge_limit(&metrics);
        self.scene.accounts().close(&metrics);
        world.tell(&format!("{:?} ends", self.id));
        let Self { also, disk_well_ms, .. } = self;
        LifeEnd { has_started, has_crashed, also, disk_well_ms }
    }

    pub(super) fn planned_end(&self) -> Option<PlannedEnd> {
        self.planned.as_ref().map(|life| life.end)
    }

    /// Whether the time of faults is over.
    pub(super) fn is_calm(&self) -> bool {
        self.scene.world.now_ms() >= self.scene.plan.calm_ms
    }

    fn cloud_link(&self) -> CloudLink {
        let cloudwatch = &self.settings.config.cloudwatch;
        let is_disk_good = !self.scene.plan.disk_fails && self.scene.plan.disk_bytes.is_none();
        CloudLink {
            cloud: Arc::clone(&self.scene.cloud),
            alive: self.alive.clone(),
            world: self.scene.world.clone(),
            life: self.id,
            rules: CallRules {
                datums_per_call: self.settings.datums_per_call,
                concurrency: cloudwatch.concurrency,
                ambiguous: cloudwatch.ambiguous,
                recorded_within_ms: if is_disk_good { 10_000 } else { i64::MAX / 2 },
            },
            calls: Arc::default(),
        }
    }

    fn forwarder(&self, deps: &EngineDeps<'_>) -> Forwarder {
        let settings = ForwardSettings {
            patience: Duration::from_secs(15),
            queue_bytes: 1 << 20,
            source: "simulation".to_owned(),
        };
        let link = TargetLink {
            target: self.scene.target.clone(),
            alive: self.alive.clone(),
            world: self.scene.world.clone(),
        };
        let parts = ForwardParts {
            clients: TargetClients::Simulated(Arc::new(link)),
            metrics: Arc::clone(&deps.metrics),
            clock: deps.clock.clone(),
            dead_letters: None,
            supervisor: deps.supervisor.clone(),
        };
        Forwarder::new(settings, parts)
    }

    fn start_queues(
        &self,
        engine: &Engine<CloudLink>,
        drain: &CancellationToken,
    ) -> Option<RunningQueues> {
        let scene = &self.scene;
        let first = scene.queues.first()?;
        let link = |(number, queue): (usize, &super::queue::SharedQueue)| {
            let sqs = &self.settings.config.sqs[number];
            Arc::new(QueueLink {
                queue: queue.clone(),
                url: sqs.queue_url.clone(),
                requests: scene.requests.clone(),
                alive: self.alive.clone(),
                world: scene.world.clone(),
                life: self.id,
                mode: sqs.acknowledge,
                visibility: sqs.visibility,
            }) as Arc<dyn Queue>
        };
        let bucket: Arc<dyn ObjectStore> = Arc::new(BucketLink {
            requests: scene.requests.clone(),
            queue: first.clone(),
            alive: self.alive.clone(),
            world: scene.world.clone(),
        });
        let links = scene.queues.iter().enumerate().map(link);
        Some(Queues::of(&self.settings.config, links, &bucket).start(engine, drain))
    }

    fn start_senders(&mut self, engine: &Engine<CloudLink>) {
        for _ in 0..self.scene.plan.senders {
            let sender = Sender {
                requests: self.scene.requests.clone(),
                endpoint: engine.endpoint.clone(),
                alive: self.alive.clone(),
                world: self.scene.world.clone(),
                life: self.id,
                mode: self.settings.config.firehose.acknowledge,
                rng: self.rng.fork(),
            };
            tokio::spawn(sender.run());
        }
    }

    /// Lives from the moment the engine accepts requests; returns whether it crashed.
    async fn live(&mut self, engine: Arc<Engine<CloudLink>>, link: &CloudLink) -> bool {
        let world = self.scene.world.clone();
        self.scene.accounts().open(self.id, &engine.metrics, &world);
        let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
        let queues = self.start_queues(&engine, &drain);
        self.start_senders(&engine);
        let grace = match self.planned_end() {
            Some(PlannedEnd::Stop(grace_s)) => Duration::from_secs(grace_s),
            _ => Duration::from_mins(1),
        };
        let running = tokio::spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { engine.run(stop.cancelled(), drain, grace).await }
        });
        let left_ms = self.scene.plan.calm_ms.saturating_sub(world.now_ms());
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
        let lasts = self.planned.as_ref().map_or(left, |life| life.lasts);
        let has_died = self.trouble(&engine, Instant::now() + lasts).await;
        if has_died || !matches!(self.planned_end(), None | Some(PlannedEnd::Stop(_))) {
            self.crashed(&engine, link);
            link.lose_outcomes();
            return true;
        }
        if self.planned.is_none() {
            self.settles(&engine, link).await;
        }
        world.tell("SIGTERM");
        world.fault("SIGTERM");
        self.alive.stop();
        let asked = Instant::now();
        stop.cancel();
        match running.await {
            Ok(ended) => {
                self.stopped(&engine, &ended);
                let is_late = asked.elapsed() + WRITES_WITHIN > grace;
                if ended.counts > 0 || is_late || self.is_disk_ill() {
                    link.lose_outcomes();
                }
                if let Some(forwarder) = &engine.forwarder {
                    let (settle_by, end) = ended.time.two_steps();
                    forwarder.finish(settle_by, end).await;
                }
                if let Some(queues) = queues {
                    queues.finish(ended.time).await;
                }
            }
            Err(error) => world.violation(|| format!("the engine panicked: {error}")),
        }
        // Pending responses are sent before the connections are closed.
        sleep(Duration::from_secs(1)).await;
        false
    }

    fn is_disk_ill(&self) -> bool {
        self.disk_well_ms + 60_000 > self.scene.world.now_ms()
    }

    /// Ends all faults, and waits until everything is acknowledged and published.
    async fn settles(&mut self, engine: &Engine<CloudLink>, link: &CloudLink) {
        let Scene { queues, plan, .. } = &self.scene;
        {
            let mut cloud = self.scene.cloud();
            cloud.set(Forecast::FAIR);
            cloud.poison = None;
        }
        for queue in queues {
            queue.state().weather = QueueWeather::Fair;
        }
        self.scene.target.set_fails(false);
        pauses::set_longest(plan.pause);
        self.heal_disk();
        let (scene, world) = (&self.scene, &self.scene.world);
        world.tell("nothing fails any more");
        let patience =
            if scene.queues.is_empty() { SETTLES_WITHIN } else { MESSAGES_SETTLE_WITHIN };
        let until = Instant::now() + patience;
        while !(scene.is_done() && engine.publisher.is_idle()) {
            if world.is_violated() {
                return;
            }
            if Instant::now() > until {
                let waiting = scene.requests.list();
                let waiting = waiting.iter().filter(|request| !request.is_acknowledged()).count();
                let (entries, calls) = (engine.aggregator.pending.entries(), link.open_calls());
                world.violation(|| {
                    format!("{waiting} requests, {entries} entries, {calls} calls never settle")
                });
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        self.within_limits(engine);
    }

    fn stopped(&self, engine: &Engine<CloudLink>, ended: &Ended) {
        self.within_limits(engine);
        let world = &self.scene.world;
        world.tell(&format!("stopped, {} left", ended.counts));
        self.scene.accounts().stopped(self.id, &self.settings, ended);
        let (left, lost) = (ended.counts, ended.lost_in_panic);
        let pending = engine.aggregator.pending.counts();
        if lost > 0 {
            world.violation(|| format!("{lost} counts lost although nothing panics"));
        }
        if left != pending && !self.settings.is_journaled() {
            world.violation(|| format!("{left} counts are left, {pending} pending"));
        }
    }

    fn crashed(&self, engine: &Engine<CloudLink>, link: &CloudLink) {
        self.within_limits(engine);
        let world = &self.scene.world;
        let (entries, counts) =
            (engine.aggregator.pending.entries(), engine.aggregator.pending.counts());
        world.tell(&format!("crash with {entries} entries pending"));
        world.fault(if link.open_calls() > 0 {
            "crash, a call on its way"
        } else {
            "crash, no call on its way"
        });
        // Time in which the process stood still does not count.
        let quiet_ms = world.now_ms() - 60_000;
        let was_awake = self.alive.woke_ms() < quiet_ms;
        let quiet =
            entries == 0 && was_awake && !link.called_since(quiet_ms) && !self.is_disk_ill();
        self.scene.accounts().crashed(self.id, &self.settings, counts, quiet);
    }

    /// Nothing exceeds its limit.
    pub(super) fn within_limits(&self, engine: &Engine<CloudLink>) {
        let (scene, world) = (&self.scene, &self.scene.world);
        let gauges = engine.gauges()();
        let limits = &self.settings.config.limits;
        // Entries in the active epoch, in a waiting one, and in one in flight.
        let entries = 3 * scene.distinct;
        if gauges.pending_entries > entries {
            let held = gauges.pending_entries;
            world.violation(|| format!("{held} entries, at most {entries}"));
        }
        if gauges.in_flight_requests > limits.in_flight_requests as u64 {
            world.violation(|| format!("{} in flight", gauges.in_flight_requests));
        }
        // A message may have an ID of SNS too. Each ledger may hold all that were restored.
        let messages: usize = scene.queues.iter().map(|queue| queue.state().messages.len()).sum();
        let ledgers = if scene.queues.is_empty() { 1 } else { 2 + scene.queues.len() };
        if gauges.ledger_ids > (ledgers * (scene.plan.requests + 2 * messages)) as u64 {
            world.violation(|| format!("{} ids are known", gauges.ledger_ids));
        }
        let journal = self.disk.used() as u64;
        // Seventeen logs whose last write may be incomplete, and two checkpoints.
        let log_bytes = scene.plan.all_settings().map(|settings| settings.log_bytes).max();
        let journal_max = 17 * (log_bytes.unwrap_or(0) + 64_000) + 200_000;
        if journal > journal_max {
            world.violation(|| format!("{journal} bytes of journal"));
        }
    }

    /// Counts are dropped for the limit of series only if an hour had so many.
    fn judge_limit(&self, metrics: &Metrics) {
        let dropped = metrics.dropped.get(DropReason::SeriesLimit);
        // The first life's series are all offered to it; a later one restores others. Duplicates of
        // events are not in the offers.
        if dropped == 0 || self.id.life > 0 || self.scene.plan.duplicates > 0 {
            return;
        }
        let clocks_jump = self.scene.plan.clocks_jump;
        let offered = self.scene.requests.series_offered(self.id, clocks_jump);
        let limit = self.settings.config.limits.series;
        if offered <= limit {
            self.scene.world.violation(|| {
                format!("{dropped} counts dropped above {limit} series, but there were {offered}")
            });
        }
    }
}
