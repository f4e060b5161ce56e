//! The settings of one life of a daemon.

use std::time::Duration;

use fastrand::Rng;

use crate::config::{Acknowledge, Ambiguous, Config, SqsConfig};

/// The settings of one life of a daemon.
#[derive(Clone, Debug)]
pub(super) struct LifeSettings {
    pub config: Config,
    pub datums_per_call: usize,
    pub log_bytes: u64,
}

// === impl LifeSettings ===

impl LifeSettings {
    pub(super) fn of(rng: &mut Rng, queues: usize) -> Self {
        let mut config = Config::default();
        // The mode with the strictest guarantee is the most frequent.
        let mode = |rng: &mut Rng| match rng.u8(0..4) {
            0 => Acknowledge::Merged,
            1 => Acknowledge::Published,
            _ => Acknowledge::Journaled,
        };
        config.firehose.acknowledge = mode(rng);
        config.sqs = (0..queues)
            .map(|number| SqsConfig {
                queue_url: Self::queue_url(number),
                acknowledge: mode(rng),
                visibility: Duration::from_secs(rng.u64(10..180)),
                pollers: rng.usize(1..4),
                held_messages: rng.usize(10..40),
                ..SqsConfig::default()
            })
            .collect();
        let mut settings = Self { config, datums_per_call: 1, log_bytes: 0 };
        settings.draw(rng);
        let config = &mut settings.config;
        // Without a journal a new life of the engine knows no events, and counts duplicates again.
        config.dedupe.enabled = queues == 0
            && config.firehose.acknowledge == Acknowledge::Journaled
            && rng.u8(0..3) == 0;
        settings
    }

    /// Draws what may change from one life to the next.
    fn draw(&mut self, rng: &mut Rng) {
        let (config, fresh) = (&mut self.config, Config::default());
        config.cloudwatch.flush_interval = Duration::from_millis(rng.u64(500..20_000));
        config.cloudwatch.concurrency = rng.usize(1..5);
        config.cloudwatch.requests_per_second = [5, 100, 100][rng.usize(0..3)];
        config.cloudwatch.ambiguous =
            if rng.u8(0..4) == 0 { Ambiguous::Drop } else { Ambiguous::Retry };
        config.limits = fresh.limits;
        if rng.u8(0..4) == 0 {
            // A request has at most 68 entries: one above the limit would be rejected permanently.
            config.limits.entries = rng.usize(68..112);
        }
        if rng.u8(0..6) == 0 {
            config.limits.series = rng.usize(5..60);
        }
        if rng.u8(0..4) == 0 {
            config.limits.in_flight_requests = rng.usize(1..4);
        }
        // A journal has more room for IDs than a ledger, and counts each once.
        if rng.u8(0..6) == 0 && !self.is_journaled() {
            self.config.limits.request_ids = rng.usize(1..10);
        }
        self.datums_per_call = rng.usize(1..8);
        self.log_bytes = rng.u64(300..20_000);
    }

    /// These settings after an operator changed them.
    pub(super) fn changed(&self, rng: &mut Rng) -> Self {
        let mut settings = self.clone();
        if rng.bool() {
            settings.draw(rng);
        }
        if rng.u8(0..4) == 0 {
            settings.change_mode(rng);
        }
        settings
    }

    /// One source is acknowledged in another mode. A journal that is in use stays in use.
    fn change_mode(&mut self, rng: &mut Rng) {
        let was_journaled = self.is_journaled();
        let before = self.config.clone();
        let source = rng.usize(0..=self.config.sqs.len());
        let mode = match self.config.sqs.get_mut(source) {
            Some(sqs) => &mut sqs.acknowledge,
            None => &mut self.config.firehose.acknowledge,
        };
        *mode = match *mode {
            Acknowledge::Merged if was_journaled => Acknowledge::Journaled,
            Acknowledge::Merged => Acknowledge::Published,
            Acknowledge::Published | Acknowledge::Journaled => Acknowledge::Merged,
        };
        if self.is_journaled() != was_journaled || self.config.dedupe.enabled {
            self.config = before;
        }
    }

    pub(super) fn queue_url(number: usize) -> String {
        format!("https://sqs.eu-west-1.amazonaws.com/123456789012/q{number}")
    }

    /// The modes of the sources that have requests.
    pub(super) fn modes(&self, queues: usize) -> impl Iterator<Item = Acknowledge> {
        let queues = self.config.sqs.iter().take(queues).map(|sqs| sqs.acknowledge);
        [self.config.firehose.acknowledge].into_iter().chain(queues)
    }

    /// Whether a source uses the journal.
    pub(super) fn is_journaled(&self) -> bool {
        self.has(Acknowledge::Journaled)
    }

    pub(super) fn has(&self, mode: Acknowledge) -> bool {
        self.modes(usize::MAX).any(|of| of == mode)
    }
}
