//! Datums that CloudWatch rejected alone, without naming them.
//!
//! Such a rejection proves nothing: the service may reject everything for a while. A datum is bad if
//! a call that was sent after the rejection is accepted, and the datum is rejected again behind it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::call::Call;
use crate::aggregate::Key;

/// The datums of a namespace that were rejected alone and are not settled.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspects(HashMap<Key, Suspicion, RandomState>);

/// What is known about one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    /// Its first rejection.
    pub since: Instant,
    /// Other calls of the same epoch were accepted before it.
    pub others_accepted: bool,
}

/// Datums of which the rest was accepted are bad if they are still rejected after this time, and the
/// namespace has had nothing else to try.
const LONG: Duration = Duration::from_hours(1);

// === impl Suspects ===

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, datum: &Key) -> Option<Suspicion> {
        self.0.get(datum).copied()
    }

    /// Adds a datum, unless it is there.
    pub(super) fn add(&mut self, datum: Key, suspicion: Suspicion) {
        self.0.entry(datum).or_insert(suspicion);
    }

    pub(super) fn extend(&mut self, others: Self) {
        for (datum, suspicion) in others.0 {
            self.add(datum, suspicion);
        }
    }

    /// Keeps those that are among these datums. Returns whether all of these are suspects.
    pub(super) fn retain(&mut self, datums: impl Iterator<Item = Key>) -> bool {
        if self.is_empty() {
            return false;
        }
        let (mut kept, mut are_all) = (HashMap::default(), true);
        for datum in datums {
            match self.0.get(&datum) {
                Some(suspicion) => _ = kept.insert(datum, *suspicion),
                None => are_all = false,
            }
        }
        self.0 = kept;
        are_all
    }

    /// Whether the rest of all of them was accepted long ago.
    pub(super) fn are_old(&self) -> bool {
        self.0
            .values()
            .all(|suspicion| suspicion.others_accepted && suspicion.since.elapsed() > LONG)
    }

    /// The positions in a call of the datums that are suspects.
    pub(super) fn positions(&self, call: &Call) -> BTreeSet<usize> {
        if self.is_empty() {
            return BTreeSet::new();
        }
        let datums = call.keys().enumerate();
        datums.filter(|(_, datum)| self.0.contains_key(datum)).map(|(at, _)| at).collect()
    }
}
