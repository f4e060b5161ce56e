//! Writes many records with one sync, and starts a new log when one is full or failed.

use std::collections::HashSet;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::checkpoint::write_checkpoint;
use super::disk::{AppendFile, Disk};
use super::error::JournalError;
use super::files::{self, CheckpointIds, log_name, put_layout};
use super::record::{Record, TrustedSize, put_record};
use super::settings::JournalSettings;
use crate::ack::EvictionReason;
use crate::clock::Clock;
use crate::fault;
use crate::offload::offload;
use crate::rules::{LayoutId, Layouts};
use crate::telemetry::{LogLimiter, Metrics};

/// A record to write.
#[derive(Debug)]
pub(crate) struct WriteOrder {
    /// The framed record.
    pub frame: Vec<u8>,
    /// The layouts that its keys use.
    pub layouts: Vec<LayoutId>,
    /// Gets the result once the record is on disk, or certainly not. Without it, the record is kept
    /// until it is on disk.
    pub done: Option<oneshot::Sender<Result<(), JournalError>>>,
    /// Lets the waiting task withdraw the order.
    pub claim: Option<Arc<OrderClaim>>,
}

/// Whether an order is written or withdrawn: the first to take it decides.
#[derive(Debug, Default)]
pub(crate) struct OrderClaim(AtomicBool);

/// Maximum number of records written together.
const ORDERS_PER_SYNC: usize = 256;
/// Maximum number of logs without a checkpoint; above it nothing is written.
const LOGS_MAX: u64 = 16;

/// Writes orders to logs.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    layouts: Layouts,
    clock: Clock,
    settings: JournalSettings,
    metrics: Arc<Metrics>,
    warnings: LogLimiter,
    open: Option<OpenLog>,
    /// The number of the last log that was started, or failed to start.
    number: u64,
    /// What the next log records about earlier logs.
    suspects: Vec<TrustedSize>,
    /// Records without a waiting task that are not on disk yet. There are few: while writing fails,
    /// nothing is merged and no call is sent that would produce such records.
    kept: Vec<WriteOrder>,
    checkpoint: Arc<Checkpoint>,
}

/// The open log.
#[derive(Debug)]
struct OpenLog {
    file: Box<dyn AppendFile>,
    number: u64,
    /// Bytes that are certainly on disk.
    bytes: u64,
    layouts: HashSet<u32>,
}

/// State of the background task that makes checkpoints.
#[derive(Debug, Default)]
struct Checkpoint {
    running: AtomicBool,
    /// The last log that the latest checkpoint covers.
    number: AtomicU64,
    /// Size of the latest checkpoint.
    bytes: AtomicU64,
}

// === impl OrderClaim ===

impl OrderClaim {
    /// Takes the order; false if it was taken before.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

// === impl Writer ===

impl Writer {
    /// Writes after a checkpoint that covers all logs up to `number`.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        layouts: Layouts,
        (number, bytes): (u64, u64),
        settings: JournalSettings,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let checkpoint = Checkpoint::default();
        checkpoint.number.store(number, Ordering::Relaxed);
        checkpoint.bytes.store(bytes, Ordering::Relaxed);
        Self {
            disk,
            layouts,
            clock,
            settings,
            warnings: LogLimiter::new(Duration::from_secs(10), Arc::clone(&metrics)),
            metrics,
            open: None,
            number,
            suspects: Vec::new(),
            kept: Vec::new(),
            checkpoint: Arc::new(checkpoint),
        }
    }

    /// Writes until every sender of orders is dropped.
    ///
    /// # Panics
    /// Panics when writing panics.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<WriteOrder>) {
        loop {
            let mut batch = Vec::new();
            if orders.recv_many(&mut batch, ORDERS_PER_SYNC).await == 0 {
                return;
            }
            let commit = move || {
                let full = self.commit(batch);
                (self, full)
            };
            let (writer, full) = match offload(commit).await {
                Ok(written) => written,
                // Waiting and later requests are rejected, because the queue of orders closes here.
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime is shutting down.
                    Err(_) => return,
                },
            };
            self = writer;
            if let Some(full) = full {
                self.begin_checkpoint(full);
            }
        }
    }

    /// Keeps a record without layouts until others are written.
    pub(crate) fn keep(&mut self, frame: Vec<u8>) {
        self.kept.push(WriteOrder { frame, layouts: Vec::new(), done: None, claim: None });
    }

    /// Writes orders together; returns the number of a log that is full.
    fn commit(&mut self, batch: Vec<WriteOrder>) -> Option<u64> {
        let mut orders = std::mem::take(&mut self.kept);
        // What is withdrawn leaves no trace.
        let is_wanted = |order: &WriteOrder| order.claim.as_ref().is_none_or(|claim| claim.take());
        orders.extend(batch.into_iter().filter(is_wanted));
        let outcome = self.write(&orders).inspect_err(|error| self.failed(error));
        fault::hit("journal_write");
        for order in orders {
            match (order.done, &outcome) {
                (Some(done), Ok(())) => _ = done.send(Ok(())),
                (Some(done), Err(error)) => {
                    _ = done.send(Err(JournalError(error.to_string().into())));
                }
                (None, Ok(())) => {}
                (None, Err(_)) => self.kept.push(WriteOrder { done: None, ..order }),
            }
        }
        // A log is at least as long as a checkpoint, so checkpoints at most double what is written.
        let full_at = self.checkpoint.bytes.load(Ordering::Relaxed).max(self.settings.log_bytes);
        let full = self.open.as_ref().filter(|log| log.bytes > full_at)?.number;
        match self.begin() {
            Ok(log) => {
                self.open = Some(log);
                Some(full)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn write(&mut self, orders: &[WriteOrder]) -> io::Result<()> {
        if self.number - self.checkpoint.number.load(Ordering::Acquire) > LOGS_MAX {
            self.begin_checkpoint(self.number);
            return Err(io::Error::other("no checkpoint could be written for a long time"));
        }
        let log = match self.open.take() {
            Some(log) => log,
            None => self.begin()?,
        };
        let log = self.open.insert(log);
        let mut out = Vec::new();
        for order in orders {
            for id in &order.layouts {
                if log.layouts.insert(id.0) {
                    put_layout(&mut out, &self.layouts, *id);
                }
            }
            out.extend_from_slice(&order.frame);
        }
        log.file.append(&out)?;
        log.file.sync()?;
        log.bytes += out.len() as u64;
        self.metrics.journal_bytes.add(out.len() as u64);
        self.metrics.journal_syncs.add(1);
        Ok(())
    }

    /// Starts another log.
    fn begin(&mut self) -> io::Result<OpenLog> {
        self.number += 1;
        let number = self.number;
        let mut out = Vec::new();
        put_record(&mut out, &Record::Begin { trusted: self.suspects.clone() });
        let begun = self.disk.create(&log_name(number)).and_then(|mut file| {
            file.append(&out)?;
            file.sync()?;
            self.disk.sync()?;
            Ok(file)
        });
        match begun {
            Ok(file) => {
                self.suspects.clear();
                Ok(OpenLog { file, number, bytes: out.len() as u64, layouts: HashSet::new() })
            }
            Err(error) => {
                self.suspects.push(TrustedSize { file: number, bytes: 0 });
                Err(error)
            }
        }
    }

    /// After a failure the open log is trusted only up to the bytes that are certainly on disk. The
    /// others belong to rejected requests, which a start before the next log must not count.
    fn failed(&mut self, error: &io::Error) {
        if let Some(mut log) = self.open.take() {
            if let Err(error) = log.file.cut(log.bytes) {
                tracing::error!(%error, "rejected requests may stay in the journal until the next write");
            }
            self.suspects.push(TrustedSize { file: log.number, bytes: log.bytes });
        }
        self.metrics.journal_failures.add(1);
        if self.warnings.allow() {
            tracing::error!(%error, "writing the journal failed; new requests are rejected");
        }
    }

    /// Starts a checkpoint of all logs up to a number, unless one is running.
    fn begin_checkpoint(&self, number: u64) {
        let checkpoint = Arc::clone(&self.checkpoint);
        if checkpoint.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let (disk, layouts) = (Arc::clone(&self.disk), self.layouts.clone());
        let (settings, now_ms) = (self.settings, self.clock.now_ms());
        let metrics = Arc::clone(&self.metrics);
        // What no log records yet.
        let suspects = self.suspects.clone();
        let make = move || {
            let (mut state, report, _) =
                files::read(&*disk, &layouts, number, &suspects, CheckpointIds::Leave)?;
            let forgotten = settings.forget(&mut state, now_ms);
            let bytes = write_checkpoint(&*disk, &layouts, number, &state, &report)?;
            metrics.ledger_evicted.add(EvictionReason::Journal, forgotten);
            metrics.journal_contradictions.add(state.contradictions);
            io::Result::Ok((report, bytes))
        };
        tokio::spawn(async move {
            match offload(make).await {
                Ok(Ok((report, bytes))) => {
                    report.log();
                    checkpoint.bytes.store(bytes, Ordering::Relaxed);
                    checkpoint.number.store(number, Ordering::Release);
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "writing a journal checkpoint failed; retrying later");
                }
                Err(_) => tracing::error!("writing a journal checkpoint panicked"),
            }
            checkpoint.running.store(false, Ordering::Release);
        });
    }
}
