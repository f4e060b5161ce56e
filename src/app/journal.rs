//! The journal in the daemon: read at the start, and what it held handed over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Parts, StartError};
use crate::ack::RequestId;
use crate::clock::Clock;
use crate::config::{Acknowledge, Ambiguous, Config};
use crate::destination::Layouts;
use crate::journal::{self, JournalSettings, LocalDisk, Opened};
use crate::limits::FIREHOSE_ID_LIFE;
use crate::offload::offload;
use crate::telemetry::{DropReason, Metrics};

/// A log of the journal is full from so many bytes: 16 MiB.
const LOG_BYTES: u64 = 16 << 20;

/// Reads the journal, if there is to be one, and begins to write it.
pub async fn open(
    config: &Config,
    layouts: &Layouts,
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Result<Option<Opened>, StartError> {
    let journaled = config.firehose.acknowledge == Acknowledge::Journaled;
    let Some(directory) = config.journal.directory.clone().filter(|_| journaled) else {
        return Ok(None);
    };
    let settings = JournalSettings {
        id_life: FIREHOSE_ID_LIFE,
        event_life: config.copies.window,
        events_max: if config.copies.remove { config.copies.events } else { 0 },
        send_again: config.cloudwatch.ambiguous == Ambiguous::Retry,
        log_bytes: LOG_BYTES,
    };
    let place = directory.display().to_string();
    let (layouts, clock, metrics) = (layouts.clone(), clock.clone(), Arc::clone(metrics));
    let opening = offload(move || {
        let disk = Arc::new(LocalDisk::open(directory)?);
        journal::open(disk, &layouts, settings, clock, metrics)
    });
    let failed = |why: String| {
        StartError::Configuration(format!("cannot use the journal in {place}: {why}"))
    };
    let opened = opening.await.map_err(|_| failed("reading it panicked".to_owned()))?;
    let (opened, writing) = opened.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => failed("another process has it".to_owned()),
        _ => failed(error.to_string()),
    })?;
    // Ends with the last who holds the journal.
    tokio::spawn(writing.run());
    Ok(Some(opened))
}

/// Takes over what an earlier process left.
pub async fn restore(opened: Opened, parts: &Parts, ambiguous: Ambiguous, clock: &Clock) {
    let Opened { outstanding, doubtful, ids, events, .. } = opened;
    let now_ms = clock.now_ms();
    let left = |(id, at_ms): (RequestId, i64)| {
        let age = Duration::from_millis((now_ms - at_ms).max(0).unsigned_abs());
        (id, FIREHOSE_ID_LIFE.saturating_sub(age))
    };
    let requests = ids.len();
    parts.ledger.restore(ids.into_iter().map(left).collect());
    parts.intake.restore_events(events);
    if doubtful > 0 {
        parts.metrics.doubtful_crash.add(doubtful);
        if ambiguous == Ambiguous::Drop {
            parts.metrics.dropped(DropReason::Ambiguous, doubtful);
        }
        tracing::error!(counts = doubtful, "calls were on their way when an earlier process died");
    }
    let counts: u64 = outstanding.iter().map(|(_, count)| count).sum();
    if !outstanding.is_empty() {
        parts.intake.restore(&outstanding).await;
    }
    tracing::info!(entries = outstanding.len(), counts, requests, "journal read");
}
