//! The blocks of one text, settled in their order, whatever the order they come in.

use std::collections::BTreeMap;

use super::super::batch::Batch;
use crate::ses::{Block, Scan};

/// A text up to the block that is to be settled next.
#[derive(Debug, Default)]
pub struct Head {
    pub scan: Scan,
    /// Where the first value that could not be read stands.
    pub first_malformed: Option<u64>,
}

/// A block before it is settled.
#[derive(Debug)]
pub struct Part {
    pub block: Block,
    /// What it holds if it begins between two values; `None` when nobody has looked.
    pub guess: Option<Guess>,
}

/// A block read as if the one before ended between two values.
#[derive(Debug)]
pub struct Guess {
    /// How far the text is read then.
    pub scan: Scan,
    pub batch: Batch,
}

/// Who has a turn settles a block, alone and in the order of the text.
#[derive(Debug)]
pub struct Turn {
    pub head: Head,
    pub part: Part,
}

/// The order. Blocks are numbered from 0.
#[derive(Debug)]
pub struct Sequence {
    /// `None` while somebody has a turn.
    head: Option<Head>,
    /// The block whose turn is next.
    next: u64,
    /// Blocks that came before their turn.
    early: BTreeMap<u64, Part>,
}

// === impl Sequence ===

impl Default for Sequence {
    fn default() -> Self {
        Self { head: Some(Head::default()), next: 0, early: BTreeMap::new() }
    }
}

impl Sequence {
    /// Takes the head if all blocks before this one are settled.
    pub fn begin(&mut self, number: u64) -> Option<Head> {
        let head = self.head.take_if(|_| self.next == number)?;
        self.next += 1;
        Some(head)
    }

    /// Hands in a block: its turn, or it waits until whoever has the turn before comes to it.
    pub fn hand_in(&mut self, number: u64, part: Part) -> Option<Turn> {
        let Some(head) = self.begin(number) else {
            self.early.insert(number, part);
            return None;
        };
        Some(Turn { head, part })
    }

    /// Ends a turn; gives the next if its block waits.
    pub fn end(&mut self, head: Head) -> Option<Turn> {
        self.head = Some(head);
        let part = self.early.remove(&self.next)?;
        self.hand_in(self.next, part)
    }

    /// The number of blocks that wait for their turn.
    pub fn early(&self) -> usize {
        self.early.len()
    }
}
