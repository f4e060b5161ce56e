//! One text that several workers read.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::lock::lock;
use super::sequence::{PartHead, Sequence, TextPart, Turn};
use super::source::OpenText;
use crate::ses::{Block, Blocks};

/// Maximum number of blocks waiting for their turn, per worker of the text.
pub(super) const EARLY_MAX: usize = 2;

/// A text. Locks are taken in the order of the fields; a turn is held without any lock.
pub(super) struct SharedText {
    /// Its number in the run.
    pub number: usize,
    input: Mutex<TextInput>,
    sequence: Mutex<Sequence>,
    /// Signalled when fewer blocks are waiting.
    room: Condvar,
    workers: AtomicUsize,
    /// The number of lists that were open after the last settled block.
    lists: AtomicU8,
    /// A worker panicked, so its block will never be settled.
    abandoned: AtomicBool,
}

enum TextInput {
    Unopened,
    Open {
        blocks: Blocks<Box<dyn Read + Send>>,
        /// The number of the next block.
        next: u64,
    },
    Drained,
}

/// Abandons a text when its worker panics, so that other workers do not wait for it.
pub(super) struct PanicAlarm<'t>(&'t SharedText);

// === impl SharedText ===

impl SharedText {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            input: Mutex::new(TextInput::Unopened),
            sequence: Mutex::default(),
            room: Condvar::new(),
            workers: AtomicUsize::new(0),
            lists: AtomicU8::new(0),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Adds a worker.
    pub(super) fn join(&self) {
        self.workers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many workers have joined.
    pub(super) fn workers(&self) -> usize {
        self.workers.load(Ordering::Relaxed)
    }

    pub(super) fn alarm(&self) -> PanicAlarm<'_> {
        PanicAlarm(self)
    }

    /// Takes the next block with its number, in the given buffer. The first caller opens the text.
    ///
    /// # Errors
    /// The text cannot be opened; reported once.
    pub(super) fn take(
        &self,
        buffer: &mut Vec<u8>,
        open: &OpenText<'_>,
        block_bytes: usize,
    ) -> anyhow::Result<Option<(u64, Block)>> {
        let mut input = lock(&self.input);
        if matches!(*input, TextInput::Unopened) {
            *input = TextInput::Drained;
            let source = open(self.number)?;
            let blocks = Blocks::new(source.bytes, source.gzips, block_bytes);
            *input = TextInput::Open { blocks, next: 0 };
        }
        // While the input is locked, so that no other worker takes a block either.
        self.wait_for_room();
        let TextInput::Open { blocks, next } = &mut *input else { return Ok(None) };
        if self.abandoned.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let block = blocks.next(std::mem::take(buffer)).map(|block| (*next, block));
        *next += 1;
        if block.as_ref().is_none_or(|(_, block)| block.end.is_some()) {
            *input = TextInput::Drained;
        }
        Ok(block)
    }

    fn wait_for_room(&self) {
        let full = |sequence: &mut Sequence| {
            sequence.early() >= EARLY_MAX * self.workers()
                && !self.abandoned.load(Ordering::Relaxed)
        };
        let sequence = lock(&self.sequence);
        drop(self.room.wait_while(sequence, full).unwrap_or_else(PoisonError::into_inner));
    }

    /// As [`Sequence::begin`].
    pub(super) fn begin(&self, number: u64) -> Option<PartHead> {
        lock(&self.sequence).begin(number)
    }

    /// As [`Sequence::hand_in`].
    pub(super) fn hand_in(&self, number: u64, part: TextPart) -> Option<Turn> {
        lock(&self.sequence).hand_in(number, part)
    }

    /// The number of lists that a guess assumes to be open. A text hardly ever changes it.
    pub(super) fn lists(&self) -> u8 {
        self.lists.load(Ordering::Relaxed)
    }

    /// As [`Sequence::end`].
    pub(super) fn end(&self, head: PartHead) -> Option<Turn> {
        self.lists.store(head.scan.lists(), Ordering::Relaxed);
        let turn = lock(&self.sequence).end(head);
        if turn.is_some() {
            self.room.notify_one();
        }
        turn
    }
}

// === impl PanicAlarm ===

impl Drop for PanicAlarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandoned.store(true, Ordering::Relaxed);
            drop(lock(&self.0.sequence));
            self.0.room.notify_all();
        }
    }
}
