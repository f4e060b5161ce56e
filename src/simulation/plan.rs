//! The plan that a seed produces: the daemons with their settings and lives, the requests, and the
//! faults with their times.

use std::time::Duration;

use fastrand::Rng;

use super::settings::LifeSettings;
use super::weather::{Forecast, Weather};
use crate::config::Acknowledge;

/// A history before it runs.
#[expect(clippy::struct_excessive_bools, reason = "each is a trouble of its own")]
#[derive(Clone, Debug)]
pub(super) struct HistoryPlan {
    pub seed: u64,
    pub start_ms: i64,
    /// The true time at which faults end. The last life of each daemon goes on after it.
    pub calm_ms: i64,
    pub daemons: Vec<DaemonPlan>,
    /// Several daemons run by turns, each for this long.
    pub turn: Duration,
    pub queues: usize,
    /// How long a message stays that is not deleted.
    pub retention: Duration,
    pub senders: usize,
    pub requests: usize,
    /// How often a request is sent again after its response.
    pub repeats: usize,
    /// The longest duration of offloaded work.
    pub pause: Duration,
    /// The kinds of weather besides fair.
    pub climate: Vec<Forecast>,
    pub queues_fail: bool,
    /// Events are forwarded too.
    pub forwards: bool,
    pub disk_fails: bool,
    /// The size of each disk while there are faults, if it is small.
    pub disk_bytes: Option<usize>,
    /// A byte of a journal changes while its daemon is down.
    pub disk_rots: bool,
    pub reloads: bool,
    /// Wall clocks jump.
    pub clocks_jump: bool,
    /// Daemons stand still for a while.
    pub freezes: bool,
    /// Some events are almost too old to be published.
    pub old_events: bool,
    /// How many requests repeat an event of another request.
    pub duplicates: usize,
    /// One value is rejected by CloudWatch without being named, while there are faults.
    pub poison: bool,
}

/// The lives of one daemon.
#[derive(Clone, Debug)]
pub(super) struct DaemonPlan {
    /// Those that end early.
    pub lives: Vec<Life>,
    /// The settings of the last one.
    pub last: LifeSettings,
}

/// A life that ends early.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub settings: LifeSettings,
    pub lasts: Duration,
    pub end: PlannedEnd,
    /// How long the daemon stays down after it.
    pub pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlannedEnd {
    /// When its time is over.
    Crash,
    /// At this change of the disk, or when its time is over.
    CrashAtDisk(usize),
    /// When this call arrives, is ingested or is answered, or when its time is over.
    CrashAtCall(usize, CallMoment),
    /// SIGTERM, with a grace period in seconds.
    Stop(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallMoment {
    Arrives,
    Ingested,
}

/// A full hour.
const HOUR_START_MS: i64 = 1_795_176_000_000;

// === impl HistoryPlan ===

impl HistoryPlan {
    pub(super) fn of(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let daemons = if rng.u8(0..4) == 0 { 2 } else { 1 };
        // Longer than requests are known.
        let is_long = daemons == 1 && rng.u8(0..16) == 0;
        let queues = if is_long { 0 } else { [0, 0, 1, 1, 2][rng.usize(0..5)] };
        let mut settings = LifeSettings::of(rng, queues);
        let is_journaled = settings.is_journaled();
        // A third of all histories have neither doubt nor crashes, so their totals are exact.
        let (doubts, crashes) = (rng.u8(0..3) > 0, rng.u8(0..2) > 0);
        let changes = rng.bool();
        if is_long {
            settings.config.cloudwatch.flush_interval =
                Duration::from_millis(rng.u64(10_000..40_000));
        }
        // Another daemon does not know the events of this one, and nobody does for so long.
        if daemons > 1 || is_long {
            settings.config.dedupe.enabled = false;
        }
        let has_dedupe = settings.config.dedupe.enabled;
        let daemons: Vec<_> = (0..daemons)
            .map(|_| DaemonPlan::of(rng, &settings, is_journaled, crashes, changes))
            .collect();
        let longest = daemons.iter().map(DaemonPlan::longest).max().unwrap_or_default();
        let trouble = if is_long { rng.u64(10_000..20_000) } else { rng.u64(0..900) };
        let before_hour_ms = rng.i64(0..40 * 60_000);
        let start_ms = HOUR_START_MS - before_hour_ms;
        let calm = longest + Duration::from_secs(trouble);
        Self {
            seed,
            start_ms,
            calm_ms: start_ms + i64::try_from(calm.as_millis()).expect("histories are short"),
            turn: Duration::from_millis(rng.u64(100..1500)),
            queues,
            retention: if rng.u8(0..8) == 0 {
                Duration::from_secs(rng.u64(600..7200))
            } else {
                Duration::from_hours(96)
            },
            senders: rng.usize(1..6),
            requests: rng.usize(1..30),
            repeats: rng.usize(0..10),
            pause: Duration::from_millis(if rng.bool() { 0 } else { rng.u64(1..2000) }),
            climate: climate(rng, doubts),
            queues_fail: queues > 0 && rng.u8(0..3) == 0,
            forwards: !has_dedupe && rng.u8(0..4) == 0,
            disk_fails: is_journaled && rng.bool(),
            disk_bytes: (is_journaled && rng.u8(0..6) == 0).then(|| rng.usize(200..8000)),
            disk_rots: is_journaled && crashes && rng.u8(0..10) == 0,
            reloads: rng.bool(),
            clocks_jump: rng.u8(0..4) == 0,
            freezes: rng.u8(0..6) == 0,
            old_events: rng.u8(0..8) == 0,
            duplicates: if has_dedupe { rng.usize(1..10) } else { 0 },
            poison: rng.u8(0..8) == 0,
            daemons,
        }
    }

    /// Every life's settings.
    pub(super) fn all_settings(&self) -> impl Iterator<Item = &LifeSettings> {
        self.daemons
            .iter()
            .flat_map(|daemon| daemon.lives.iter().map(|life| &life.settings).chain([&daemon.last]))
    }

    /// Whether every source uses the journal, in every life.
    pub(super) fn is_all_journaled(&self) -> bool {
        self.all_settings()
            .all(|settings| settings.modes(self.queues).all(|mode| mode == Acknowledge::Journaled))
    }
}

// === impl DaemonPlan ===

impl DaemonPlan {
    fn of(
        rng: &mut Rng,
        settings: &LifeSettings,
        is_journaled: bool,
        crashes: bool,
        changes: bool,
    ) -> Self {
        let settings_now =
            |rng: &mut Rng| if changes { settings.changed(rng) } else { settings.clone() };
        let lives = (0..rng.usize(0..4)).map(|_| Life {
            settings: settings_now(rng),
            ..life(rng, settings, is_journaled, crashes)
        });
        let lives = lives.collect();
        Self { lives, last: settings_now(rng) }
    }

    /// How long its early lives and the time after each take, at most.
    fn longest(&self) -> Duration {
        let time = |life: &Life| life.lasts + life.pause;
        self.lives.iter().map(time).sum()
    }
}

fn climate(rng: &mut Rng, doubts: bool) -> Vec<Forecast> {
    let weathers = (0..rng.usize(0..6)).map(|_| Weather::BAD[rng.usize(0..Weather::BAD.len())]);
    let weathers: Vec<_> = weathers.filter(|weather| doubts || !weather.leaves_doubt()).collect();
    let namespace = |rng: &mut Rng| match rng.u8(0..6) {
        0 => Some("A"),
        1 => Some("C"),
        _ => None,
    };
    weathers.into_iter().map(|weather| Forecast { weather, namespace: namespace(rng) }).collect()
}

fn grace(rng: &mut Rng) -> u64 {
    if rng.bool() { rng.u64(0..4) } else { rng.u64(4..40) }
}

fn life(rng: &mut Rng, settings: &LifeSettings, is_journaled: bool, crashes: bool) -> Life {
    let end = match rng.u8(0..4) {
        _ if !crashes => PlannedEnd::Stop(grace(rng)),
        0 if is_journaled => PlannedEnd::CrashAtDisk(rng.usize(1..60)),
        1 => {
            let moment = if rng.bool() { CallMoment::Arrives } else { CallMoment::Ingested };
            PlannedEnd::CrashAtCall(rng.usize(1..15), moment)
        }
        2 => PlannedEnd::Stop(grace(rng)),
        _ => PlannedEnd::Crash,
    };
    let longest = if rng.bool() { 20_000 } else { 300_000 };
    let lasts = Duration::from_millis(rng.u64(0..longest));
    Life { settings: settings.clone(), lasts, end, pause: Duration::from_secs(rng.u64(0..120)) }
}
