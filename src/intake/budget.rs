//! The budget of one request, charged while it is read.
//!
//! A request that exceeds its own budget can never succeed: it is rejected permanently, and the
//! message names the limit. Within its budget it uses the bytes that all requests share
//! (`limits.in_flight_bytes`). When those are used up it is rejected temporarily, unless it is the
//! oldest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cores::QUICK_BYTES_MAX;
use super::in_flight::Charge;
use crate::ack::{Refusal, RefusalReason};
use crate::pipeline::Batch;
use crate::ses::{Event, NonEventReason, Path, Visitor};

/// Memory that a request allocates is charged in steps of this size.
const STEP: usize = 64 << 10;

/// Memory that a request may always allocate, whatever the shared limit: 16 MiB.
const MADE_BYTES_LEAST: usize = 16 << 20;

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetLimits {
    /// Maximum size of all decompressed data, on all levels together (`limits.expanded_bytes`).
    pub expanded_bytes: usize,
    /// Maximum number of entries (series times minutes) that it may add to (`limits.entries`).
    pub entries: usize,
    /// Maximum memory that it may allocate (`limits.in_flight_bytes`).
    pub made_bytes: usize,
}

/// The remaining budget of a request. Cheap to clone: all clones share one budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Mutex<BudgetState>>);

/// What a request has used so far.
#[derive(Debug)]
struct BudgetState {
    limits: BudgetLimits,
    /// Its charge among the requests in flight.
    charge: Option<Charge>,
    /// Bytes of the charge that are in memory before anything is read: the body.
    body: u64,
    /// Decompressed bytes: of the outermost level, and of all levels.
    outermost: usize,
    expanded: usize,
    /// Allocated bytes that were charged.
    made: usize,
    is_quick: bool,
    over: Option<StopReason>,
}

/// Why reading a request stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    Refused(Refusal),
    /// It needs a thread of its own.
    NotQuick,
}

/// A batch that charges the budget while it is filled.
#[derive(Debug)]
pub(crate) struct MeteredBatch {
    pub batch: Batch,
    budget: Option<Budget>,
    /// The number of distinct keys at the last check of memory.
    entries: usize,
    /// The memory of sampled events at that check.
    sampled: usize,
    is_over: bool,
}

// === impl Budget ===

impl Budget {
    #[must_use]
    pub(crate) fn new(limits: BudgetLimits, charge: Charge) -> Self {
        Self(Arc::new(Mutex::new(BudgetState {
            limits,
            body: charge.bytes(),
            charge: Some(charge),
            outermost: 0,
            expanded: 0,
            made: 0,
            is_quick: false,
            over: None,
        })))
    }

    /// Whether the work blocks its thread, and so ends early with [`StopReason::NotQuick`]. The
    /// request starts over: nothing counts as decompressed or read.
    pub(crate) fn set_quick(&self, is_quick: bool) {
        let mut state = self.state();
        state.is_quick = is_quick;
        (state.outermost, state.over) = (0, None);
        state.restart();
    }

    /// Clears the temporary refusal, so that the request can be read again from its start.
    pub(crate) fn renew(&self) {
        let mut state = self.state();
        state.over = None;
        state.restart();
    }

    /// Charges decompressed bytes of the outermost level.
    #[must_use]
    pub(crate) fn expand_outermost(&self, bytes: usize) -> bool {
        let mut state = self.state();
        let granted = state.expand(bytes);
        state.outermost = state.expanded;
        granted
    }

    /// Whether the request is within its budget.
    ///
    /// # Errors
    /// Why it exceeds the budget.
    pub(crate) fn check(&self) -> Result<(), StopReason> {
        self.state().over.clone().map_or(Ok(()), Err)
    }

    /// The request is committed: returns its charge, without the bytes. `None` at the second call.
    #[must_use]
    pub(crate) fn committed(&self) -> Option<Charge> {
        let mut charge = self.state().charge.take()?;
        charge.merged();
        Some(charge)
    }

    fn state(&self) -> MutexGuard<'_, BudgetState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl BudgetState ===

impl BudgetState {
    /// The request is read from its start: returns the bytes that are charged again then.
    fn restart(&mut self) {
        (self.expanded, self.made) = (self.outermost, 0);
        let kept = self.body + self.outermost as u64;
        if let Some(charge) = &mut self.charge {
            charge.shrink_to(kept);
        }
    }

    fn expand(&mut self, bytes: usize) -> bool {
        let expanded = self.expanded.saturating_add(bytes);
        if self.is_quick && expanded > QUICK_BYTES_MAX {
            return self.refuse(StopReason::NotQuick);
        }
        let limit = self.limits.expanded_bytes;
        if expanded > limit {
            return self.never(format!(
                "it decompresses to more than {limit} bytes (limits.expanded_bytes)"
            ));
        }
        self.expanded = expanded;
        self.charge(bytes)
    }

    /// Updates the number of entries and the bytes of memory.
    fn has_made(&mut self, entries: usize, bytes: usize) -> bool {
        let BudgetLimits { entries: entries_max, made_bytes, .. } = self.limits;
        let made_bytes = made_bytes.max(MADE_BYTES_LEAST);
        if entries > entries_max {
            let what =
                format!("it adds to more than {entries_max} entries, one per series and minute");
            return self.never(format!("{what} (limits.entries)"));
        }
        if bytes <= self.made {
            return true;
        }
        if bytes > made_bytes {
            let what = format!("its counts take more than {made_bytes} bytes of memory");
            return self.never(format!("{what} (limits.in_flight_bytes)"));
        }
        let more = (bytes - self.made).next_multiple_of(STEP);
        self.made += more;
        self.charge(more)
    }

    fn charge(&mut self, bytes: usize) -> bool {
        let Some(charge) = &mut self.charge else { return true };
        match charge.charge(bytes) {
            Ok(()) => true,
            Err(refusal) => self.refuse(StopReason::Refused(refusal)),
        }
    }

    fn never(&mut self, why: String) -> bool {
        self.refuse(StopReason::Refused(Refusal::new(RefusalReason::OverBudget, why)))
    }

    fn refuse(&mut self, over: StopReason) -> bool {
        // Only the first reason is kept.
        self.over.get_or_insert(over);
        false
    }
}

// === impl StopReason ===

impl From<StopReason> for Refusal {
    fn from(over: StopReason) -> Self {
        match over {
            StopReason::Refused(refusal) => refusal,
            StopReason::NotQuick => {
                Self::new(RefusalReason::Busy, "it is too large to process inline; retry")
            }
        }
    }
}

// === impl MeteredBatch ===

impl MeteredBatch {
    /// Reads into an empty batch, from the start of the request.
    #[must_use]
    pub(crate) fn new(batch: Batch, budget: &Budget) -> Self {
        budget.state().restart();
        Self { batch, budget: Some(budget.clone()), entries: 0, sampled: 0, is_over: false }
    }

    /// Reads without limits.
    #[must_use]
    pub(crate) fn unbounded(batch: Batch) -> Self {
        Self { batch, budget: None, entries: 0, sampled: 0, is_over: false }
    }

    /// The batch that was read.
    ///
    /// # Errors
    /// The request exceeds its budget.
    pub(crate) fn finish(self) -> Result<Batch, StopReason> {
        match &self.budget {
            Some(budget) => budget.check().map(|()| self.batch),
            None => Ok(self.batch),
        }
    }
}

impl Visitor for MeteredBatch {
    #[inline]
    fn event(&mut self, event: &Event<'_>, path: &Path, at: u64, raw: &[u8]) {
        self.batch.event(event, path, at, raw);
        let (entries, sampled) = (self.batch.delta.len(), self.batch.sampled_bytes());
        let has_grown = (entries, sampled) != (self.entries, self.sampled);
        if (has_grown || self.batch.keeps_events())
            && let Some(budget) = &self.budget
        {
            (self.entries, self.sampled) = (entries, sampled);
            self.is_over |= !budget.state().has_made(entries, self.batch.bytes());
        }
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, raw: &[u8]) {
        self.batch.non_event(why, path, at, raw);
    }

    fn lost(&mut self, bytes: u64) {
        self.batch.lost(bytes);
    }

    fn keeps(&self) -> bool {
        self.batch.keeps()
    }

    fn expand(&mut self, bytes: usize) -> bool {
        let granted = self.budget.as_ref().is_none_or(|budget| budget.state().expand(bytes));
        self.is_over |= !granted;
        granted
    }

    fn hold(&mut self, bytes: usize) {
        if let Some(budget) = &self.budget {
            self.is_over |= !budget.state().charge(bytes);
        }
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}
