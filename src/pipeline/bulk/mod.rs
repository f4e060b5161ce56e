//! Reads texts on all cores into one batch, with memory that does not depend on their length.
//!
//! Each worker takes a block of a text (decompressing it on the way), reads its values and takes
//! the next. Several texts go to several workers. A worker that finds no new text helps with an old
//! one, and takes a block while earlier blocks are still being read. Then the start of the block is
//! unknown: it may be inside a value, or after a fault. The worker guesses that the block starts
//! between two values, and reads it into a separate batch. Once the earlier blocks are settled,
//! either the guess was right and the batch is absorbed, or the block is read again. So a wrong
//! guess costs time, and the result for every text is the same as with one thread.
//!
//! Memory besides the counts of all texts: for each worker at most four blocks of 1 MiB with their
//! counts; one unfinished value and the data read after it, at most 25 MiB; and the decompressed
//! gzip of a Firehose record.

mod queue;
mod sequence;
mod text;
mod worker;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::queue::WorkQueue;
use self::worker::{BulkShared, Worker};
use super::batch::{Batch, Times};
use crate::rules::RuleSet;
use crate::ses::GzipReader;

/// Size of a block: 1 MiB takes a few milliseconds, much longer than waking a thread.
const BLOCK_BYTES: usize = 1 << 20;

/// The decompressed bytes of a text.
pub struct Source {
    pub bytes: Box<dyn Read + Send>,
    /// The text was gzip, which may be truncated.
    pub gzip: bool,
}

/// Size of a read from a file.
const BUFFER_BYTES: usize = 256 << 10;

/// The result of reading a text.
#[derive(Debug)]
pub struct Finished {
    /// The position of the first unreadable value in the text.
    pub first_malformed: Option<u64>,
    /// An error when the text could not be opened or read to its end. Everything before the error
    /// is counted.
    pub result: anyhow::Result<()>,
}

/// Opens a text by its number.
pub type Open<'a> = dyn Fn(usize) -> anyhow::Result<Source> + Sync + 'a;

/// Settings for reading.
#[derive(Clone, Debug)]
pub struct Bulk {
    rules: Arc<RuleSet>,
    times: Times,
    workers: NonZero<usize>,
    block_bytes: usize,
}

// === impl Source ===

impl Source {
    /// The text of an input, decompressed if it is gzip.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        // `fill_buf` returns at least one byte unless the input is at its end. For a pipe that
        // returns exactly one byte, that byte decides; it cannot start a JSON value.
        let gzip = matches!(input.fill_buf()?, [0x1f] | [0x1f, 0x8b, ..]);
        let bytes: Box<dyn Read + Send> =
            if gzip { Box::new(GzipReader::new(input)) } else { Box::new(input) };
        Ok(Self { bytes, gzip })
    }
}

// === impl Bulk ===

impl Bulk {
    /// Uses all cores that this process may use.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { rules, times, workers, block_bytes: BLOCK_BYTES }
    }

    /// Reads texts, numbered from 0, into one batch. `finished` is called for each in order, as
    /// soon as it and all before it are read. `first_malformed` of the batch is not set, because an
    /// offset refers to a single text.
    pub fn read(
        &self,
        texts: usize,
        open: &Open<'_>,
        mut finished: impl FnMut(usize, Finished),
    ) -> Batch {
        let shared = BulkShared {
            bulk: self,
            open,
            queue: WorkQueue::new(texts),
            total: Mutex::new(self.batch()),
            buffers: Mutex::default(),
            batches: Mutex::default(),
        };
        let (sender, receiver) = sync_channel(self.workers.get());
        std::thread::scope(|scope| {
            for _ in 0..self.workers.get() {
                let worker = Worker::new(&shared, sender.clone());
                scope.spawn(move || worker.run());
            }
            drop(sender);
            let mut next = 0;
            let mut early = BTreeMap::new();
            for (text, outcome) in receiver {
                early.insert(text, outcome);
                while let Some(outcome) = early.remove(&next) {
                    finished(next, outcome);
                    next += 1;
                }
            }
        });
        shared.total.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.rules), self.times)
    }
}

/// A panic while the lock was held fails the run anyway, when its thread is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
