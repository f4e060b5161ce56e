//! How an engine publishes until it is stopped, and drains.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::time_left::TimeLeft;
use crate::aggregate::Line;
use crate::backoff::Backoff;
use crate::journal::Journal;
use crate::sink::{MetricSink, Unpublished};
use crate::telemetry::{DoubtCause, TaskName};

/// A process that dies later than this did not die because of its start.
const START_LASTS: Duration = Duration::from_mins(10);

/// How an engine ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Counts that could not be published in time and are lost with the process.
    pub left: Vec<Line>,
    /// The sum of the counts that could not be published in time: on disk, lost, or sent again
    /// with their requests.
    pub counts: u64,
    /// The part of `counts` whose series are unknown: a panic lost it.
    pub lost_in_panic: u64,
    pub time: TimeLeft,
}

// === impl Engine ===

impl<S: MetricSink> Engine<S> {
    /// Publishes until `stop`, or until a long-lived task fails. Then it cancels `drain`, so that
    /// sources stop, and publishes the rest. Part of the grace period is reserved for the steps
    /// that follow.
    pub(crate) async fn run(
        &self,
        stop: impl Future<Output = ()>,
        drain: CancellationToken,
        grace: Duration,
    ) -> Ended {
        let stop_publisher = CancellationToken::new();
        let mut publishing = self.publish(&stop_publisher);
        self.stopped(stop).await;
        self.supervisor.stop();
        let time = TimeLeft::of(grace);
        tracing::info!(grace_s = grace.as_secs_f64(), "draining");
        self.intake.drain();
        drain.cancel();
        if publishing.is_finished() {
            // It panicked. The epochs that it had not started can still be published.
            publishing = self.publish(&stop_publisher);
        }
        let is_settled = self.publish_rest(publishing, &stop_publisher, time).await;
        let (unpublished, lost_in_panic) = self.unpublished(is_settled);
        let Unpublished { lost: left, sum: counts, in_doubt } = unpublished;
        // Whatever was not settled goes back to its sender.
        self.publisher.abandon();
        if let Some(journal) = &self.journal {
            // What it has stays on disk, and the next process publishes it.
            if !timeout_at(time.step(), flush(journal)).await.unwrap_or(false) {
                tracing::error!(
                    "journal not flushed in time: the outcomes of the last calls are missing"
                );
            }
        }
        self.metrics.doubtful.add(DoubtCause::Shutdown, in_doubt);
        if in_doubt > 0 {
            tracing::error!(
                counts = in_doubt,
                "counts in doubt: not published in time, or possibly accepted although their \
                 requests will be sent again"
            );
        }
        if let Some((start, _)) = &self.start
            && self.supervisor.has_failed()
        {
            start.failed();
        }
        Ended { left, counts, lost_in_panic, time }
    }

    /// Starts to publish, until `stop`.
    fn publish(&self, stop: &CancellationToken) -> JoinHandle<Option<()>> {
        let (publisher, stop) = (self.publisher.clone(), stop.clone());
        let work = async move { publisher.run(stop.cancelled_owned()).await };
        self.supervisor.spawn(TaskName::Publisher, work)
    }

    /// Waits until `stop`, or until a long-lived task fails.
    async fn stopped(&self, stop: impl Future<Output = ()>) {
        let stop = async {
            tokio::select! {
                biased;
                () = stop => {}
                () = self.supervisor.failed() => {}
            }
        };
        tokio::pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => {}
            () = self.publisher.panicked() => {
                self.publishing_panicked();
                stop.await;
            }
            never = self.watch_start() => match never {},
        }
    }

    fn publishing_panicked(&self) {
        self.supervisor.fail(TaskName::Publisher, "publishing an epoch panicked");
    }

    /// Publishes what is merged and what requests in flight still merge. Returns whether the
    /// publisher has ended in time.
    async fn publish_rest(
        &self,
        mut publishing: JoinHandle<Option<()>>,
        stop_publisher: &CancellationToken,
        time: TimeLeft,
    ) -> bool {
        self.publisher.expedite();
        let merged = timeout_at(time.work_until, self.intake.in_flight.all_merged()).await.is_ok();
        if !merged {
            tracing::warn!("requests abandoned: still being read at the end of the grace period");
        }
        stop_publisher.cancel();
        let is_settled = {
            let mut published = std::pin::pin!(async {
                tokio::select! {
                    biased;
                    _ = &mut publishing => true,
                    // Without the journal no call can be recorded, so none is made.
                    () = journal_ended(self.journal.as_deref()) => false,
                }
            });
            let mut in_time = timeout_at(time.work_until, &mut published).await;
            if in_time.is_err() {
                // Calls in flight get a moment more: only a response tells whether they were accepted.
                self.publisher.stop_calls();
                in_time = timeout_at(time.step(), published).await;
            }
            in_time.unwrap_or(false)
        };
        if !is_settled {
            // Nothing may be settled while the rest is added up.
            publishing.abort();
            // Unless no thread is free to abort it.
            let _ = timeout_at(time.step(), publishing).await;
        }
        if self.publisher.has_panicked() && !self.supervisor.has_failed() {
            self.publishing_panicked();
        }
        is_settled
    }

    /// The counts that are not published, and how many of them a panic lost.
    fn unpublished(&self, is_settled: bool) -> (Unpublished, u64) {
        // A request that is merged later would be neither published nor named.
        self.aggregator.close();
        let mut left = if is_settled && self.publisher.is_idle() {
            Unpublished::default()
        } else {
            let left = catch_unwind(AssertUnwindSafe(|| self.publisher.left()));
            left.unwrap_or_else(|_| {
                let why = "adding up the unpublished counts panicked";
                self.supervisor.fail(TaskName::Publisher, why);
                Unpublished::default()
            })
        };
        // Between the sealed epoch and the calls: only a panic loses counts there.
        let lost = self.aggregator.pending.counts().saturating_sub(left.sum);
        if lost > 0 {
            tracing::error!(counts = lost, "counts lost to a panic; their series are unknown");
            if self.aggregator.pending.has_senders() {
                left.in_doubt += lost;
            }
            left.sum += lost;
        }
        (left, lost)
    }

    /// Ends the watched start when the restored counts are settled, or after a while.
    async fn watch_start(&self) -> Infallible {
        if let Some((start, restored)) = &self.start {
            let settled = async {
                loop {
                    let ended = self.publisher.epoch_ended();
                    if self.publisher.first_merge().is_none_or(|first| first > *restored) {
                        return;
                    }
                    ended.await;
                }
            };
            let _ = timeout(START_LASTS, settled).await;
            start.over();
        }
        pending().await
    }
}

/// Waits until the journal's writer has ended; forever without a journal.
async fn journal_ended(journal: Option<&Journal>) {
    match journal {
        Some(journal) => journal.ended().await,
        None => pending().await,
    }
}

/// Writes the outstanding records about calls, with retries. Returns whether that succeeded.
async fn flush(journal: &Journal) -> bool {
    let mut backoff = Backoff::default();
    while journal.flush().await.is_err() {
        if journal.has_ended() {
            return false;
        }
        sleep(backoff.pause()).await;
    }
    true
}
