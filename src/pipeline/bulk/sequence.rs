//! Settles the blocks of one text in order, whatever the order in which they arrive.

use std::collections::BTreeMap;

use crate::pipeline::{Batch, NotCounted};
use crate::ses::{Block, Scan};

/// The state of a text before the next block to settle.
#[derive(Debug, Default)]
pub(super) struct PartHead {
    pub scan: Scan,
    /// What is not counted before the block, if anything.
    pub not_counted: Option<Box<NotCounted>>,
}

/// A block that is not settled.
#[derive(Debug)]
pub(super) struct TextPart {
    pub block: Block,
    /// Its content if it starts between two values; `None` when it was not guessed.
    pub guess: Option<Guess>,
}

/// A block that was read as if the previous one ended between two values.
#[derive(Debug)]
pub(super) struct Guess {
    /// The number of lists that were assumed to be open.
    pub lists: u8,
    /// The scan state after the block.
    pub scan: Scan,
    pub batch: Batch,
}

/// The holder of the turn settles a block, alone and in the order of the text.
#[derive(Debug)]
pub(super) struct Turn {
    pub head: PartHead,
    pub part: TextPart,
}

/// The order of the blocks, numbered from 0.
#[derive(Debug)]
pub(super) struct Sequence {
    /// `None` while a worker holds the turn.
    head: Option<PartHead>,
    /// The next block to settle.
    next: u64,
    /// Blocks that arrived before their turn.
    early: BTreeMap<u64, TextPart>,
}

// === impl Sequence ===

impl Default for Sequence {
    fn default() -> Self {
        Self { head: Some(PartHead::default()), next: 0, early: BTreeMap::new() }
    }
}

impl Sequence {
    /// Takes the head if all blocks before this one are settled.
    pub(super) fn begin(&mut self, number: u64) -> Option<PartHead> {
        let head = self.head.take_if(|_| self.next == number)?;
        self.next += 1;
        Some(head)
    }

    /// Hands in a block. Returns its turn, or stores it for the worker that holds an earlier turn.
    pub(super) fn hand_in(&mut self, number: u64, part: TextPart) -> Option<Turn> {
        let Some(head) = self.begin(number) else {
            self.early.insert(number, part);
            return None;
        };
        Some(Turn { head, part })
    }

    /// Ends a turn; returns the next one if its block is waiting.
    pub(super) fn end(&mut self, head: PartHead) -> Option<Turn> {
        self.head = Some(head);
        let part = self.early.remove(&self.next)?;
        self.hand_in(self.next, part)
    }

    /// The number of blocks that wait for their turn.
    pub(super) fn early(&self) -> usize {
        self.early.len()
    }
}
