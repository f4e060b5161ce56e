//! The journal in the daemon: read at the start, and its contents handed over.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::engine_deps::EngineDeps;
use super::error::StartError;
use crate::ack::{Ledger, RestoredIds};
use crate::clock::Clock;
use crate::config::{Acknowledge, Ambiguous};
use crate::fault;
use crate::intake::Intake;
use crate::journal::{
    self, Disk, JournalSettings, JournalTask, LocalDisk, OpenedJournal, StartGuard,
};
use crate::limits::FIREHOSE_ID_LIFE;
use crate::offload::offload;
use crate::rules::Layouts;
use crate::telemetry::{DoubtCause, DropReason, Metrics, TaskName};

/// Size at which a log file of the journal is full: 16 MiB.
const LOG_BYTES: u64 = 16 << 20;

/// Reads the journal, if one is configured, and starts to write it.
pub(super) async fn open(deps: &EngineDeps<'_>) -> Result<Option<OpenedJournal>, StartError> {
    let config = deps.config;
    let journaled = config.has(Acknowledge::Journaled);
    let Some(directory) = config.journal.directory.clone().filter(|_| journaled) else {
        return Ok(None);
    };
    let place = directory.display().to_string();
    let failed = |why: String| {
        StartError::Configuration(format!("cannot use the journal in {place}: {why}"))
    };
    let disk = move || Ok(Arc::new(LocalDisk::open(&directory)?) as Arc<dyn Disk>);
    let opened = open_by(disk, deps, LOG_BYTES, journal::open_watched).await;
    opened.map(Some).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => failed("another process is using it".to_owned()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            failed(format!(
                "there is no room for a checkpoint of it ({error}); free space on its disk, or move \
                 the directory to a larger one, and start again; all its counts are kept"
            ))
        }
        _ => failed(error.to_string()),
    })
}

/// Reads the journal on a disk and starts to write it; a log file is full at `log_bytes`. The start
/// is not watched.
#[cfg(test)]
pub(crate) async fn open_on(
    disk: impl FnOnce() -> io::Result<Arc<dyn Disk>> + Send + 'static,
    deps: &EngineDeps<'_>,
    log_bytes: u64,
) -> io::Result<OpenedJournal> {
    open_by(disk, deps, log_bytes, journal::open).await
}

/// A function that opens a journal.
type OpenJournal = fn(
    Arc<dyn Disk>,
    &Layouts,
    JournalSettings,
    Clock,
    Arc<Metrics>,
) -> io::Result<(OpenedJournal, JournalTask)>;

async fn open_by(
    disk: impl FnOnce() -> io::Result<Arc<dyn Disk>> + Send + 'static,
    deps: &EngineDeps<'_>,
    log_bytes: u64,
    open: OpenJournal,
) -> io::Result<OpenedJournal> {
    let dedupe = &deps.config.dedupe;
    let settings = JournalSettings {
        id_life: FIREHOSE_ID_LIFE,
        ids_max: deps.config.journaled_ids_max(),
        event_life: dedupe.window,
        events_max: if dedupe.enabled { dedupe.events } else { 0 },
        send_again: deps.config.cloudwatch.ambiguous == Ambiguous::Retry,
        log_bytes,
    };
    // Steady: no ID expires because the wall clock is set.
    let (layouts, clock) = (deps.layouts.clone(), deps.clock.steady());
    let metrics = Arc::clone(&deps.metrics);
    let opening = offload(move || open(disk()?, &layouts, settings, clock, metrics));
    let (opened, writing) =
        opening.await.map_err(|_| io::Error::other("reading it panicked"))??;
    // Ends when the journal is dropped everywhere.
    deps.supervisor.spawn_worker(TaskName::JournalWriter, writing.run());
    Ok(opened)
}

/// Restores what an earlier process left. Returns the known requests, and the guard of the start if
/// it is watched.
pub(super) async fn restore(
    opened: OpenedJournal,
    intake: &Intake,
    ledgers: &[&Ledger],
    metrics: &Metrics,
    ambiguous: Ambiguous,
) -> (RestoredIds, Option<StartGuard>) {
    let OpenedJournal { journal, outstanding, doubtful, ids, events, start, .. } = opened;
    let requests = ids.len();
    // A source only looks up IDs of its own, so the ledgers share all of them.
    let restored = RestoredIds::new(ids);
    for ledger in ledgers {
        ledger.restore(&restored);
    }
    intake.restore_events(events);
    if doubtful > 0 {
        metrics.doubtful.add(DoubtCause::Crash, doubtful);
        if ambiguous == Ambiguous::Drop {
            metrics.dropped.add(DropReason::Ambiguous, doubtful);
        }
        tracing::error!(
            counts = doubtful,
            "counts in doubt: an earlier process died during PutMetricData calls"
        );
        // Recorded now, so that the next start does not report it again. If this fails, the first
        // request fails too.
        let _ = journal.flush().await;
    }
    let counts: u64 = outstanding.iter().map(|(_, count)| count).sum();
    if !outstanding.is_empty() {
        fault::hit("restore");
        intake.restore(&outstanding).await;
        if let Some(start) = &start {
            start.merged();
        }
    }
    tracing::info!(entries = outstanding.len(), counts, requests, "journal read");
    (restored, start)
}
