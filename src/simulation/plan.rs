//! The plan that a seed produces: the engine's settings, the requests, and the faults with their
//! times.

use std::time::Duration;

use fastrand::Rng;

use crate::config::{Acknowledge, Ambiguous, Config};

/// A history before it runs.
#[expect(clippy::struct_excessive_bools, reason = "each is a trouble of its own")]
#[derive(Clone, Debug)]
pub(super) struct HistoryPlan {
    pub seed: u64,
    pub config: Config,
    pub datums_per_call: usize,
    pub log_bytes: u64,
    pub senders: usize,
    pub requests: usize,
    /// How often a request is sent again after its response.
    pub repeats: usize,
    /// The longest duration of offloaded work.
    pub pause: Duration,
    /// The kinds of weather besides fair.
    pub climate: Vec<Weather>,
    pub disk_fails: bool,
    pub reloads: bool,
    /// Some events are almost too old to be published.
    pub old_events: bool,
    /// How many requests repeat an event of another request.
    pub duplicates: usize,
    /// One value is rejected by CloudWatch without being named, while there are faults.
    pub poison: bool,
    /// How each life of the engine except the last one ends.
    pub lives: Vec<Life>,
    /// How long faults occur in the last life.
    pub trouble: Duration,
}

/// A life of the engine that ends early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub lasts: Duration,
    pub end: PlannedEnd,
    /// How long the engine stays down after it.
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

/// How CloudWatch behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Responses take seconds.
    Slow,
    Throttling,
    /// CloudWatch is unreachable.
    Away,
    Denying,
    /// The outcome of some calls is unknown.
    Ambiguous,
    /// The outcome of every call is unknown.
    Silent,
    /// Single datums are rejected, by their positions.
    Picky,
    TooLarge,
    /// The namespace is rejected.
    Refusing,
}

impl Weather {
    const BAD: [Self; 9] = [
        Self::Slow,
        Self::Throttling,
        Self::Away,
        Self::Denying,
        Self::Ambiguous,
        Self::Silent,
        Self::Picky,
        Self::TooLarge,
        Self::Refusing,
    ];

    fn leaves_doubt(self) -> bool {
        matches!(self, Self::Ambiguous | Self::Silent)
    }
}

/// The definitions; `also` adds what a later version counts.
pub(super) fn definitions(also: bool) -> String {
    let destination = |name: &str, namespace: &str, tag: &str| {
        format!(
            r#"{{"Name":"{name}","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY"],"CloudWatchDestination":{{"Namespace":"{namespace}","DimensionConfigurations":[{{"DimensionName":"{tag}","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}}]}}}}"#
        )
    };
    let mut destinations = vec![
        destination("by-request", "A", "request"),
        destination("by-campaign", "A", "campaign"),
        destination("all", "C", "ses:configuration-set"),
    ];
    if also {
        destinations.push(destination("also", "B", "request"));
    }
    let destinations = destinations.join(",");
    format!(
        r#"{{"ConfigurationSets":[{{"ConfigurationSetName":"sim","EventDestinations":[{destinations}]}}]}}"#
    )
}

// === impl HistoryPlan ===

impl HistoryPlan {
    pub(super) fn of(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let config = config(rng);
        let journaled = config.firehose.acknowledge == Acknowledge::Journaled;
        // A third of all histories have neither doubt nor crashes, so their totals are exact.
        let (doubts, crashes) = (rng.u8(0..3) > 0, rng.u8(0..2) > 0);
        let climate = (0..rng.usize(0..6)).map(|_| Weather::BAD[rng.usize(0..Weather::BAD.len())]);
        let climate = climate.filter(|weather| doubts || !weather.leaves_doubt()).collect();
        let lives = (0..rng.usize(0..4)).map(|_| life(rng, journaled, crashes)).collect();
        Self {
            seed,
            datums_per_call: rng.usize(1..8),
            log_bytes: rng.u64(300..20_000),
            senders: rng.usize(1..6),
            requests: rng.usize(1..30),
            repeats: rng.usize(0..10),
            pause: Duration::from_millis(if rng.bool() { 0 } else { rng.u64(1..2000) }),
            climate,
            disk_fails: journaled && rng.bool(),
            reloads: rng.bool(),
            old_events: rng.u8(0..8) == 0,
            duplicates: if config.dedupe.enabled { rng.usize(1..10) } else { 0 },
            poison: rng.u8(0..8) == 0,
            lives,
            trouble: Duration::from_secs(rng.u64(0..900)),
            config,
        }
    }

    pub(super) fn acknowledge(&self) -> Acknowledge {
        self.config.firehose.acknowledge
    }
}

fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    // The mode with the strictest guarantee is the most frequent.
    config.firehose.acknowledge = match rng.u8(0..4) {
        0 => Acknowledge::Merged,
        1 => Acknowledge::Published,
        _ => Acknowledge::Journaled,
    };
    config.cloudwatch.flush_interval = Duration::from_millis(rng.u64(500..20_000));
    config.cloudwatch.concurrency = rng.usize(1..5);
    config.cloudwatch.requests_per_second = [5, 100, 100][rng.usize(0..3)];
    config.cloudwatch.ambiguous =
        if rng.u8(0..4) == 0 { Ambiguous::Drop } else { Ambiguous::Retry };
    if rng.u8(0..4) == 0 {
        // A request has at most 32 entries: one above the limit would be rejected permanently.
        config.limits.entries = rng.usize(32..112);
    }
    if rng.u8(0..6) == 0 {
        config.limits.series = rng.usize(5..30);
    }
    if rng.u8(0..4) == 0 {
        config.limits.in_flight_requests = rng.usize(1..4);
    }
    // Without a journal a new life of the engine knows no events, and counts duplicates again.
    config.dedupe.enabled =
        config.firehose.acknowledge == Acknowledge::Journaled && rng.u8(0..3) == 0;
    config
}

fn grace(rng: &mut Rng) -> u64 {
    if rng.bool() { rng.u64(0..4) } else { rng.u64(4..40) }
}

fn life(rng: &mut Rng, journaled: bool, crashes: bool) -> Life {
    let end = match rng.u8(0..4) {
        _ if !crashes => PlannedEnd::Stop(grace(rng)),
        0 if journaled => PlannedEnd::CrashAtDisk(rng.usize(1..60)),
        1 => {
            let moment = if rng.bool() { CallMoment::Arrives } else { CallMoment::Ingested };
            PlannedEnd::CrashAtCall(rng.usize(1..15), moment)
        }
        2 => PlannedEnd::Stop(grace(rng)),
        _ => PlannedEnd::Crash,
    };
    let longest = if rng.bool() { 20_000 } else { 300_000 };
    let lasts = Duration::from_millis(rng.u64(0..longest));
    Life { lasts, end, pause: Duration::from_secs(rng.u64(0..120)) }
}
