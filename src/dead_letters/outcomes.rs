//! Counters and log lines of the outcomes of dead letters.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::files::WriteOutcome;
use crate::telemetry::{LetterOutcome, LogLimiter, Metrics};

/// Counts and logs the outcomes of dead letters.
#[derive(Debug)]
pub(super) struct LetterOutcomes {
    metrics: Arc<Metrics>,
    errors: LogLimiter,
    /// Letters without an outcome yet.
    unsettled: watch::Sender<u64>,
}

// === impl LetterOutcomes ===

impl LetterOutcomes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let errors = LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics));
        Self { metrics, errors, unsettled: watch::Sender::new(0) }
    }

    /// Counts letters that have reached their outcome.
    pub(super) fn add(&self, outcome: LetterOutcome, letters: u64) {
        self.metrics.dead_letters.add(outcome, letters);
    }

    /// Counts and logs letters that are not stored.
    pub(super) fn not_kept(&self, outcome: LetterOutcome, letters: u64, why: &str) {
        self.add(outcome, letters);
        if letters > 0 && self.errors.allow() {
            tracing::error!(letters, outcome = outcome.as_str(), why, "dead letters not kept");
        }
    }

    /// Logs that letters are waiting because their destination does not accept them.
    pub(super) fn delayed(&self, letters: usize, why: &str) {
        if self.errors.allow() {
            tracing::error!(letters, why, "sending dead letters failed; retrying");
        }
    }

    /// Registers new letters.
    pub(super) fn begin(&self, letters: u64) {
        self.unsettled.send_modify(|unsettled| *unsettled += letters);
    }

    /// Marks some registered letters as done; returns the number that were still open.
    pub(super) fn settle(&self, letters: u64) -> u64 {
        let mut settled = 0;
        self.unsettled.send_modify(|unsettled| {
            settled = letters.min(*unsettled);
            *unsettled -= settled;
        });
        settled
    }

    pub(super) fn written(&self, written: &WriteOutcome) {
        let WriteOutcome { kept, full, failed, why } = written;
        self.add(LetterOutcome::Kept, *kept);
        let no_room = "the directory is full (dead_letters.bytes); move files out of it";
        self.not_kept(LetterOutcome::Full, *full, no_room);
        self.not_kept(LetterOutcome::Failed, *failed, why);
        self.settle(kept + full + failed);
    }

    pub(super) async fn settled(&self) {
        // The sender lives as long as `self`.
        let _ = self.unsettled.subscribe().wait_for(|unsettled| *unsettled == 0).await;
    }

    pub(super) fn give_up(&self) {
        let left = self.unsettled.send_replace(0);
        self.add(LetterOutcome::Failed, left);
        if left > 0 {
            tracing::error!(letters = left, "dead letters lost");
        }
    }
}
