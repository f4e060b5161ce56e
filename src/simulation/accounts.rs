//! The engine's own metrics, summed over lives, and how the lives ended.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::LifeSettings;
use super::world::{LifeId, World};
use crate::app::Ended;
use crate::config::Acknowledge;
use crate::label::Label;
use crate::telemetry::{DoubtCause, DropReason, ForwardOutcome, Metrics};

/// The engine's own metrics, summed over lives, and how the lives ended.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// Counts in doubt, by cause.
    pub doubtful: BTreeMap<&'static str, u64>,
    pub dropped: u64,
    /// Those that CloudWatch rejected.
    pub refused: u64,
    pub series_limit: u64,
    /// Counts that were lost with a process without a journal.
    pub lost: u64,
    /// The lives that lost some.
    pub lost_lives: BTreeSet<LifeId>,
    /// Events that were not forwarded.
    pub unforwarded: u64,
    /// IDs of requests that were forgotten early.
    pub evicted: u64,
    /// Records of journals that contradict others.
    pub contradictions: u64,
    /// Bytes of journals that could not be read.
    pub corrupt: u64,
    /// Those at the end of a journal.
    pub torn: u64,
    pub crashes: u64,
    pub lives: u64,
    /// The daemons at whose last crash nothing could be in doubt.
    quiet: BTreeSet<usize>,
    /// The lives that began with counts in doubt: the next life may find them in the journal again.
    began_in_doubt: BTreeSet<LifeId>,
}

// === impl Accounts ===

impl Accounts {
    /// A life accepts requests.
    pub(super) fn open(&mut self, life: LifeId, metrics: &Metrics, world: &World) {
        let doubtful = metrics.doubtful.get(DoubtCause::Crash);
        // A damaged outcome of a call leaves its counts in doubt.
        let is_sound = metrics.journal_corrupt_bytes.get() == 0;
        if self.quiet.remove(&life.daemon) && doubtful > 0 && is_sound {
            world.violation(|| format!("{doubtful} counts in doubt after a quiet crash"));
        }
        if doubtful > 0 {
            self.began_in_doubt.insert(life);
        }
    }

    pub(super) fn crashed(
        &mut self,
        life: LifeId,
        settings: &LifeSettings,
        pending: u64,
        quiet: bool,
    ) {
        self.crashes += 1;
        if quiet && !self.began_in_doubt.contains(&life) {
            self.quiet.insert(life.daemon);
        }
        if settings.has(Acknowledge::Merged) {
            self.lose(life, pending);
        }
    }

    pub(super) fn stopped(&mut self, life: LifeId, settings: &LifeSettings, ended: &Ended) {
        self.quiet.remove(&life.daemon);
        if settings.has(Acknowledge::Merged) {
            self.lose(life, ended.counts);
        }
    }

    fn lose(&mut self, life: LifeId, counts: u64) {
        self.lost += counts;
        if counts > 0 {
            self.lost_lives.insert(life);
        }
    }

    /// A life has ended, however it did.
    pub(super) fn close(&mut self, metrics: &Metrics) {
        self.lives += 1;
        for cause in DoubtCause::ALL {
            let doubtful = metrics.doubtful.get(*cause);
            if doubtful > 0 {
                *self.doubtful.entry(cause.as_str()).or_insert(0) += doubtful;
            }
        }
        self.dropped += metrics.dropped.sum();
        self.refused += metrics.dropped.get(DropReason::Refused);
        self.series_limit += metrics.dropped.get(DropReason::SeriesLimit);
        self.evicted += metrics.ledger_evicted.sum();
        let forwards = &metrics.forwards;
        self.unforwarded += forwards.sum() - forwards.get(ForwardOutcome::Sent);
        self.contradictions += metrics.journal_contradictions.get();
        self.corrupt += metrics.journal_corrupt_bytes.get();
        self.torn += metrics.journal_torn_bytes.get();
    }

    pub(super) fn doubt(&self, cause: DoubtCause) -> u64 {
        self.doubtful.get(cause.as_str()).copied().unwrap_or(0)
    }
}
