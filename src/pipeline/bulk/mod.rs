//! Texts read on all cores into one batch, in memory that does not grow with their length.
//!
//! Each worker takes a block of a text (that is where gunzip happens), reads the values in it and
//! comes again. Several texts go to several workers; who finds no new text helps with an old one,
//! and takes a block while others still read those before. Where such a block begins is then not
//! known: inside a value, or behind a fault? It is read as if it began between two values, into a
//! batch of its own. Once the blocks before are settled, either that was right and the batch is
//! absorbed, or the block is read again. So a wrong guess costs time, and what comes out is what
//! one thread would have counted, for every text.
//!
//! Memory, besides the counts of all texts: for each worker at most four blocks of 1 MiB with
//! their counts; one unfinished value with what was read behind it, of at most 25 MiB; and what
//! gzip in a Firehose record expands to.

mod queue;
mod sequence;
mod text;
mod worker;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::queue::Queue;
use self::worker::{Shared, Worker};
use super::batch::{Batch, Times};
use crate::rules::RuleSet;
use crate::ses::GzipReader;

/// Bytes in a block: 1 MiB takes a few milliseconds, which is long beside waking a thread.
const BLOCK_BYTES: usize = 1 << 20;

/// The bytes of a text, gunzipped.
pub struct Source {
    pub bytes: Box<dyn Read + Send>,
    /// They come out of gzip, which may be torn.
    pub gzip: bool,
}

/// Bytes read from a file at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How reading a text ended.
#[derive(Debug)]
pub struct Finished {
    /// Where in the text the first value that could not be read stands.
    pub first_malformed: Option<u64>,
    /// Fails when the text could not be opened, or not be read to its end. What came before is
    /// counted.
    pub result: anyhow::Result<()>,
}

/// Opens a text by its number.
pub type Open<'a> = dyn Fn(usize) -> anyhow::Result<Source> + Sync + 'a;

/// How to read.
#[derive(Clone, Debug)]
pub struct Bulk {
    rules: Arc<RuleSet>,
    times: Times,
    workers: NonZero<usize>,
    block_bytes: usize,
}

// === impl Source ===

impl Source {
    /// The text that an input holds, gunzipped if it is gzip.
    ///
    /// # Errors
    /// Its first bytes cannot be read.
    pub fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        // `fill_buf` gives at least one byte unless the input is at its end. A pipe that gives exactly
        // one byte is taken by that byte alone, which begins no JSON value.
        let gzip = matches!(input.fill_buf()?, [0x1f] | [0x1f, 0x8b, ..]);
        let bytes: Box<dyn Read + Send> =
            if gzip { Box::new(GzipReader::new(input)) } else { Box::new(input) };
        Ok(Self { bytes, gzip })
    }
}

// === impl Bulk ===

impl Bulk {
    /// On all cores that this process may use.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, times: Times) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { rules, times, workers, block_bytes: BLOCK_BYTES }
    }

    /// Reads texts, numbered from 0, into one batch. `finished` hears of each in this order, as
    /// soon as it and all before it are read. `first_malformed` of the batch is not set, since
    /// offsets mean something in one text only.
    pub fn read(
        &self,
        texts: usize,
        open: &Open<'_>,
        mut finished: impl FnMut(usize, Finished),
    ) -> Batch {
        let shared = Shared {
            bulk: self,
            open,
            queue: Queue::new(texts),
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

/// A panic while the lock was held ends the run anyway, when its thread is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
