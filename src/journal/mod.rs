//! The journal: writes counts to disk before they are merged, and records what happened to each.
//!
//! ```text
//! delta ─► log ─sync─► merged ─► call ─► log ─sync─► sent ─► verdict ─► log
//! ```
//!
//! Outstanding = deltas minus what was accepted or dropped. A call without a verdict is in doubt.
//! Full logs are compacted into a checkpoint in the background; a process compacts what its
//! predecessor left. While the daemon runs, only checkpoints read the files.

mod checkpoint;
mod disk;
mod error;
mod files;
mod known;
mod local_disk;
mod record;
mod report;
mod settings;
#[cfg(test)]
pub(crate) mod simulated;
mod start;
mod state;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

pub(crate) use disk::Disk;
pub(crate) use error::JournalError;
pub(crate) use known::RememberedIds;
pub(crate) use local_disk::LocalDisk;
pub(crate) use record::Verdict;
pub(crate) use settings::JournalSettings;
pub(crate) use start::StartGuard;

use crate::ack::{EvictionReason, RequestId};
use crate::aggregate::{Delta, Key, layout_of};
use crate::clock::Clock;
use crate::rules::{LayoutId, Layouts};
use crate::ses::Fingerprint;
use crate::telemetry::{DoubtCause, Metrics};
use checkpoint::joined;
use files::{CheckpointIds, JournalReport};
use record::{Record, RecordCount, put_record};
use start::{StartPart, WatchedDisk};
use state::JournalState;
use writer::{OrderClaim, WriteOrder, Writer};

/// Accepts records. Shared by all tasks that count and publish.
#[derive(Debug)]
pub(crate) struct Journal {
    orders: mpsc::Sender<WriteOrder>,
    next_call: AtomicU64,
}

/// A journal that was read, and its contents.
#[derive(Debug)]
pub(crate) struct OpenedJournal {
    pub journal: Arc<Journal>,
    /// Counts that remain to be published.
    pub outstanding: Vec<(Key, u64)>,
    /// The sum of the counts in calls whose outcome is unknown.
    pub doubtful: u64,
    /// Counts that earlier processes found to be in doubt, and recorded.
    pub doubtful_before: u64,
    /// Known requests, each with its remaining lifetime.
    pub ids: RememberedIds,
    /// Known events and when each was counted, oldest first.
    pub events: Vec<(i64, Vec<Fingerprint>)>,
    /// Present if the start is watched.
    pub start: Option<StartGuard>,
}

/// The task that writes, not started yet.
#[derive(Debug)]
pub(crate) struct JournalTask {
    writer: Writer,
    orders: mpsc::Receiver<WriteOrder>,
}

/// Maximum number of queued orders; above it their senders wait.
const ORDERS_MAX: usize = 1024;

/// As [`open_watched`], without the watch over the start.
#[cfg(test)]
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    layouts: &Layouts,
    settings: JournalSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> io::Result<(OpenedJournal, JournalTask)> {
    let read = files::read(&*disk, layouts, u64::MAX, &[], CheckpointIds::Read)?;
    open_read(disk, layouts, settings, clock, metrics, read)
}

/// Reads a journal, decides what happens to counts in doubt, and starts to write after a new
/// checkpoint. Blocks. Sets aside a part of the journal at which two starts ended; the start lasts
/// until the returned guard is dropped.
///
/// # Errors
/// Errors of the system. Invalid content is never an error: it is reported and kept.
pub(crate) fn open_watched(
    disk: Arc<dyn Disk>,
    layouts: &Layouts,
    settings: JournalSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> io::Result<(OpenedJournal, JournalTask)> {
    let guard = StartGuard::new(Arc::clone(&disk))?;
    if let Some(StartPart::Read(file)) = guard.culprit() {
        set_file_aside(&*disk, file, &metrics)?;
    }
    let watched = WatchedDisk(&guard);
    let mut read = files::read(&watched, layouts, u64::MAX, &[], CheckpointIds::Read)?;
    let (state, _, number) = &mut read;
    guard.enter(StartPart::Restore);
    if matches!(guard.culprit(), Some(StartPart::Restore)) {
        set_counts_aside(&*disk, layouts, *number, state, &metrics)?;
    }
    let (mut opened, writing) = open_read(disk, layouts, settings, clock, metrics, read)?;
    if opened.outstanding.is_empty() {
        guard.over();
    }
    opened.start = Some(guard);
    Ok((opened, writing))
}

/// Sets aside a file at which earlier starts ended.
fn set_file_aside(disk: &dyn Disk, file: &str, metrics: &Metrics) -> io::Result<()> {
    if !disk.list()?.iter().any(|name| name == file) {
        return Ok(());
    }
    let bytes = io::copy(&mut disk.read(file)?, &mut io::sink())?;
    let name = files::aside_name(file);
    disk.rename(file, &name)?;
    disk.sync()?;
    metrics.journal_corrupt_bytes.add(bytes);
    tracing::error!(
        file = name,
        bytes,
        "journal file set aside: two starts ended while reading it; its counts are unknown"
    );
    Ok(())
}

/// Sets aside counts at which earlier starts ended. The IDs of their requests stay known.
fn set_counts_aside(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
    state: &mut JournalState,
    metrics: &Metrics,
) -> io::Result<()> {
    let aside = JournalState {
        outstanding: std::mem::take(&mut state.outstanding),
        calls: std::mem::take(&mut state.calls),
        ..JournalState::default()
    };
    let counts = aside.outstanding.values().sum();
    if counts == 0 {
        return Ok(());
    }
    let name = checkpoint::write_aside(disk, layouts, number, &aside)?;
    metrics.doubtful.add(DoubtCause::SetAside, counts);
    tracing::error!(
        file = name,
        counts,
        entries = aside.outstanding.len(),
        "restored counts set aside and not published: two starts ended while restoring them"
    );
    Ok(())
}

fn open_read(
    disk: Arc<dyn Disk>,
    layouts: &Layouts,
    settings: JournalSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
    (mut state, report, number): (JournalState, JournalReport, u64),
) -> io::Result<(OpenedJournal, JournalTask)> {
    report.log();
    metrics.journal_corrupt_bytes.add(report.corrupt.values().sum());
    metrics.journal_torn_bytes.add(report.torn_bytes);
    if state.contradictions > 0 {
        let records = state.contradictions;
        tracing::error!(
            records,
            "journal records contradict each other; restored counts may be wrong"
        );
        metrics.journal_contradictions.add(records);
    }
    let now_ms = clock.now_ms();
    state.resume(now_ms);
    let forgotten = settings.forget(&mut state, now_ms);
    let bytes = checkpoint::write_checkpoint(&*disk, layouts, number, &state, &report)?;
    metrics.ledger_evicted.add(EvictionReason::Journal, forgotten);
    let (orders, receiver) = mpsc::channel(ORDERS_MAX);
    let last = (number, bytes);
    let mut writer = Writer::new(disk, layouts.clone(), last, settings, clock, metrics);
    // Written with the first records of this process: if it dies earlier, the next one reports the
    // doubt.
    let verdict = if settings.send_again { Verdict::Void } else { Verdict::GivenUp };
    let next_call = state.calls.last_key_value().map_or(0, |(last, _)| last + 1);
    for (call, counts) in &state.calls {
        let doubtful = Some(counts.iter().map(|(_, count)| count).sum());
        writer.keep(frame(&Record::Verdict { call: *call, verdict, doubtful }));
    }
    let doubtful = state.end_calls(settings.send_again);
    let mut outstanding: Vec<_> = state.outstanding.into_iter().collect();
    // The order of the map is random; sorting makes a start deterministic.
    outstanding.sort_unstable();
    let opened = OpenedJournal {
        journal: Arc::new(Journal { orders, next_call: AtomicU64::new(next_call) }),
        outstanding,
        doubtful,
        doubtful_before: state.doubtful,
        ids: state.ids.remembered(now_ms, settings.id_life),
        events: state.events,
        start: None,
    };
    Ok((opened, JournalTask { writer, orders: receiver }))
}

// === impl JournalTask ===

impl JournalTask {
    /// Writes until the journal is dropped.
    pub(crate) async fn run(self) {
        self.writer.run(self.orders).await;
    }
}

// === impl Journal ===

impl Journal {
    /// Writes the counts of a request, and its events if they must be remembered. The IDs are
    /// remembered for `life`, or as long as the settings say. Everything is on disk when this
    /// returns. A write that has not begun at the deadline is withdrawn; one that has begun is waited
    /// for.
    ///
    /// # Errors
    /// The record may not be on disk: the disk is full, fails or does not respond.
    pub(crate) async fn delta(
        &self,
        ids: &[RequestId],
        at_ms: i64,
        life: Option<Duration>,
        delta: &Delta,
        events: &[Fingerprint],
        deadline: Option<Instant>,
    ) -> Result<(), JournalError> {
        let ids: Vec<_> = ids.iter().flat_map(|id| id.to_bytes()).collect();
        let (id, also) = ids.split_at(ids.len().min(16));
        let also = (!also.is_empty()).then(|| also.into());
        let counts = delta.iter().map(|(key, count)| RecordCount::new(key, count)).collect();
        let layouts = layouts_of(delta.iter().map(|(key, _)| key));
        let events = joined(events);
        let fingerprints = (!events.is_empty()).then(|| events[..].into());
        let life_ms = life.map(|life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        let record = Record::Delta { id: id.into(), at_ms, counts, fingerprints, life_ms, also };
        match deadline {
            Some(deadline) => self.order_by(deadline, frame(&record), layouts).await,
            None => self.write(&record, layouts).await,
        }
    }

    /// Records a call before it is sent; returns its number.
    ///
    /// # Errors
    /// As for [`Journal::delta`]; the call must not be sent.
    pub(crate) async fn call(&self, counts: &[(Key, u64)]) -> Result<u64, JournalError> {
        let call = self.next_call.fetch_add(1, Ordering::Relaxed);
        let layouts = layouts_of(counts.iter().map(|(key, _)| &**key));
        self.write(&Record::Call { call, counts: RecordCount::list(counts) }, layouts).await?;
        Ok(call)
    }

    /// Records the verdict on a call, and the counts that it left in doubt. It reaches the disk some
    /// time later.
    pub(crate) async fn verdict(&self, call: u64, verdict: Verdict, doubtful: u64) {
        let doubtful = (doubtful > 0).then_some(doubtful);
        self.note(&Record::Verdict { call, verdict, doubtful }, Vec::new()).await;
    }

    /// Records counts that were dropped without a call. It reaches the disk some time later.
    pub(crate) async fn given_up(&self, counts: &[(Key, u64)]) {
        let layouts = layouts_of(counts.iter().map(|(key, _)| &**key));
        self.note(&Record::GivenUp { counts: RecordCount::list(counts) }, layouts).await;
    }

    /// Waits until all earlier records are on disk.
    ///
    /// # Errors
    /// They are not: the verdicts are lost with the process.
    pub(crate) async fn flush(&self) -> Result<(), JournalError> {
        self.order(Vec::new(), Vec::new()).await
    }

    /// Whether the writer has ended, so that nothing is written any more.
    #[must_use]
    pub(crate) fn has_ended(&self) -> bool {
        self.orders.is_closed()
    }

    /// Waits until the writer has ended.
    pub(crate) async fn ended(&self) {
        self.orders.closed().await;
    }

    async fn write(&self, record: &Record<'_>, layouts: Vec<LayoutId>) -> Result<(), JournalError> {
        self.order(frame(record), layouts).await
    }

    async fn order(&self, frame: Vec<u8>, layouts: Vec<LayoutId>) -> Result<(), JournalError> {
        let (done, written) = oneshot::channel();
        let order = WriteOrder { frame, layouts, done: Some(done), claim: None };
        self.orders.send(order).await.map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }

    async fn order_by(
        &self,
        deadline: Instant,
        frame: Vec<u8>,
        layouts: Vec<LayoutId>,
    ) -> Result<(), JournalError> {
        let late = || JournalError("the disk does not respond".into());
        let (done, mut written) = oneshot::channel();
        let claim = Arc::new(OrderClaim::default());
        let order =
            WriteOrder { frame, layouts, done: Some(done), claim: Some(Arc::clone(&claim)) };
        let sending = timeout_at(deadline, self.orders.send(order)).await;
        sending.map_err(|_| late())?.map_err(|_| stopped())?;
        let written = match timeout_at(deadline, &mut written).await {
            Ok(written) => written,
            Err(_) if claim.take() => return Err(late()),
            // It may be on disk by now.
            Err(_) => written.await,
        };
        written.map_err(|_| stopped())?
    }

    async fn note(&self, record: &Record<'_>, layouts: Vec<LayoutId>) {
        let order = WriteOrder { frame: frame(record), layouts, done: None, claim: None };
        if self.orders.send(order).await.is_err() {
            tracing::error!("record not written: the journal has stopped");
        }
    }
}

fn stopped() -> JournalError {
    JournalError("the journal has stopped".into())
}

fn frame(record: &Record<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    put_record(&mut frame, record);
    frame
}

fn layouts_of<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Vec<LayoutId> {
    let mut layouts: Vec<_> = keys.map(layout_of).collect();
    layouts.sort_unstable();
    layouts.dedup();
    layouts
}

#[cfg(test)]
mod tests;
