//! Reads texts on all cores into one batch, with memory that does not depend on their length.
//!
//! Each worker takes a block of a text (decompressing it on the way), reads its values and takes
//! the next. Several texts go to several workers. A worker that finds no new text helps with an old
//! one, and takes a block while earlier blocks are still being read. Then the start of the block is
//! unknown: it may be inside a value, or after a fault. The worker guesses that the block starts
//! between two values, in as many lists as the last settled block ended in, and reads it into a separate batch. Once the earlier blocks are settled,
//! either the guess was right and the batch is absorbed, or the block is read again. So a wrong
//! guess costs time, and the result for every text is the same as with one thread.
//!
//! Memory besides the counts of all texts: for each worker at most four blocks of 1 MiB with their
//! counts; one unfinished value and the data read after it, at most 25 MiB; and the decompressed
//! gzip of a Firehose record.

mod lock;
mod queue;
mod sequence;
mod settings;
mod source;
mod text;
mod worker;

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use self::queue::WorkQueue;
use self::worker::{BulkShared, Worker};
use super::batch::Batch;

pub(crate) use self::settings::Bulk;
pub(crate) use self::source::{FinishedText, OpenText, TextSource, TooLong};

// === impl Bulk ===

impl Bulk {
    /// Reads texts, numbered from 0, into one batch. `finished` is called for each in order, as
    /// soon as it and all before it are read. `not_counted` of the batch is not set, because
    /// places refer to a single text.
    pub(crate) fn read(
        &self,
        texts: usize,
        open: &OpenText<'_>,
        mut finished: impl FnMut(usize, FinishedText),
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
}

#[cfg(test)]
mod tests;
