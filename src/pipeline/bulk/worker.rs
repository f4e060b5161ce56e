//! One of the reading threads.

use std::sync::Mutex;
use std::sync::mpsc::SyncSender;

use super::lock::lock;
use super::queue::WorkQueue;
use super::sequence::{Guess, PartHead, TextPart, Turn};
use super::settings::Bulk;
use super::source::{FinishedText, OpenText};
use super::text::SharedText;
use crate::pipeline::Batch;
use crate::pipeline::batch::append;
use crate::ses::{Block, Scan};

/// Keys that a worker counts separately before it adds them to the total: enough that most values
/// hit a known key, few enough that the memory is negligible.
const OWN_KEYS_MAX: usize = 1 << 14;

/// State shared by the workers of a run.
pub(super) struct BulkShared<'b> {
    pub bulk: &'b Bulk,
    pub open: &'b OpenText<'b>,
    pub queue: WorkQueue,
    pub total: Mutex<Batch>,
    /// Buffers for reuse; at most as many as were ever in use at once.
    pub buffers: Mutex<Vec<Vec<u8>>>,
    pub batches: Mutex<Vec<Batch>>,
}

pub(super) struct Worker<'b> {
    shared: &'b BulkShared<'b>,
    /// Counts that are settled but not in the total yet.
    own: Batch,
    buffer: Vec<u8>,
    finished: SyncSender<(usize, FinishedText)>,
}

// === impl Worker ===

impl<'b> Worker<'b> {
    pub(super) fn new(
        shared: &'b BulkShared<'b>,
        finished: SyncSender<(usize, FinishedText)>,
    ) -> Self {
        Self { shared, own: shared.bulk.batch(), buffer: Vec::new(), finished }
    }

    /// Reads until nothing is left to take.
    pub(super) fn run(mut self) {
        while let Some(text) = self.shared.queue.next() {
            let alarm = text.alarm();
            self.read(&text);
            drop(alarm);
            self.shared.queue.drained(&text);
        }
        self.add_to_total();
    }

    pub(super) fn add_to_total(&mut self) {
        lock(&self.shared.total).absorb(&mut self.own);
    }

    fn read(&mut self, text: &SharedText) {
        while let Some((number, block)) = self.take(text) {
            let mut turn = if let Some(head) = text.begin(number) {
                Some(Turn { head, part: TextPart { block, guess: None } })
            } else {
                let guess = Some(self.guess(&block, text.lists()));
                text.hand_in(number, TextPart { block, guess })
            };
            while let Some(Turn { mut head, part }) = turn {
                self.settle(text, &mut head, part);
                turn = text.end(head);
            }
        }
    }

    pub(super) fn take(&mut self, text: &SharedText) -> Option<(u64, Block)> {
        let BulkShared { bulk, open, buffers, .. } = self.shared;
        if self.buffer.capacity() == 0 {
            self.buffer = lock(buffers).pop().unwrap_or_default();
        }
        text.take(&mut self.buffer, *open, bulk.block_bytes).unwrap_or_else(|error| {
            self.tell(text, FinishedText { not_counted: None, result: Err(error) });
            None
        })
    }

    /// Reads a block as if it started between two values, with this many lists open.
    pub(super) fn guess(&self, block: &Block, lists: u8) -> Guess {
        let BulkShared { bulk, batches, .. } = self.shared;
        let spare = lock(batches).pop();
        let mut batch = spare.unwrap_or_else(|| bulk.batch());
        let mut scan = Scan::between_values(block.offset, lists);
        scan.read(block, bulk.rules.interest(), &mut batch);
        Guess { lists, scan, batch }
    }

    /// Counts the block that has the turn.
    pub(super) fn settle(&mut self, text: &SharedText, head: &mut PartHead, part: TextPart) {
        let TextPart { block, guess } = part;
        let BulkShared { bulk, buffers, batches, .. } = self.shared;
        let guessed = match guess {
            Some(Guess { lists, scan, mut batch }) => {
                let right = head.scan.is_between_values(lists);
                if right {
                    self.own.absorb(&mut batch);
                    head.scan = scan;
                }
                batch.clear();
                lock(batches).push(batch);
                right
            }
            None => false,
        };
        if !guessed {
            head.scan.read(&block, bulk.rules.interest(), &mut self.own);
        }
        let result = block.end.map(|end| head.scan.end(end, &mut self.own));
        append(&mut head.not_counted, self.own.not_counted.take());
        if self.buffer.capacity() == 0 {
            self.buffer = block.bytes;
        } else {
            lock(buffers).push(block.bytes);
        }
        // A single worker is the total.
        if self.own.delta.len() > OWN_KEYS_MAX && bulk.workers.get() > 1 {
            self.add_to_total();
        }
        if let Some(result) = result {
            let not_counted = head.not_counted.take();
            let result = result.map_err(Into::into);
            self.tell(text, FinishedText { not_counted, result });
        }
    }

    fn tell(&self, text: &SharedText, finished: FinishedText) {
        // The receiver lives until all workers have ended.
        let _ = self.finished.send((text.number, finished));
    }
}
