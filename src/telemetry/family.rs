//! A counter for each value of a label.

use std::fmt;
use std::marker::PhantomData;

use metrics::SharedString;

use super::total::Total;
use crate::label::Label;

/// A counter for each value of a label.
pub struct Family<L> {
    totals: Vec<Total>,
    label: PhantomData<L>,
}

// === impl Family ===

impl<L: Label> Family<L> {
    /// A family whose counters are created by `register` from a value's text.
    pub(super) fn new(register: impl Fn(SharedString) -> Total) -> Self {
        let totals = L::VALUES.iter().map(|value| register(SharedString::const_str(value)));
        Self { totals: totals.collect(), label: PhantomData }
    }

    /// Adds to the counter of one value.
    pub fn add(&self, label: L, count: u64) {
        self.totals[label.index()].add(count);
    }

    /// Adds one to the counter of one value.
    pub(crate) fn increment(&self, label: L) {
        self.add(label, 1);
    }

    /// Raises the counter of one value to a total that is kept elsewhere.
    pub(crate) fn raise_to(&self, label: L, total: u64) {
        self.totals[label.index()].raise_to(total);
    }

    /// The counter of one value.
    pub fn get(&self, label: L) -> u64 {
        self.totals[label.index()].get()
    }

    /// All counters together.
    pub fn sum(&self) -> u64 {
        self.totals.iter().map(Total::get).sum()
    }
}

impl<L> fmt::Debug for Family<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.totals).finish()
    }
}
