//! Splits sealed counts into calls: pure code, without a client or a clock.
//!
//! A [`PublishBatch`] holds the counts of one namespace once. Its calls hold indices into it, and are
//! turned into datums only when they are sent. So counts in flight take little more memory than
//! waiting ones.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::service_clock::age_fault;
use super::{Amount, Datum};
use crate::aggregate::{CountKeeper, Counts, Datums, Entry, Key};
use crate::limits::CALL_BYTES_MAX;
use crate::rules::{LayoutId, Layouts};
use crate::telemetry::DropReason;

/// Size of a call without its datums and namespace.
const CALL_OVERHEAD: usize = 128;

/// Size in CBOR of a value and its count beyond the first of a datum.
const VALUE_SIZE: usize = 18;

/// Counts of one namespace that are published together, and which of them are settled.
#[derive(Debug)]
pub struct PublishBatch {
    datums: Datums,
    /// For each entry: accepted, or dropped for a counted reason.
    settled: Vec<AtomicBool>,
    /// The sum of the accepted counts that senders keep.
    accepted: AtomicU64,
    /// The sum of the counts that senders keep and CloudWatch may have: their calls are in flight,
    /// or got no clear response.
    in_doubt: AtomicU64,
}

/// One `PutMetricData` request: some datums of a batch. Every attempt sends the same datums.
#[derive(Clone, Debug)]
pub struct Call {
    batch: Arc<PublishBatch>,
    /// The first entry of each datum.
    places: Vec<u32>,
}

/// Non-empty calls, and the entries that no call can carry.
#[derive(Debug)]
pub struct Packed {
    pub calls: Vec<Call>,
    /// Series without a layout: this never happens.
    pub unresolved: Call,
}

/// Splits a batch of a namespace into calls within CloudWatch's limits, except those of age. A call
/// holds at most `datums_max` datums.
#[must_use]
pub fn pack(
    batch: &Arc<PublishBatch>,
    namespace: &str,
    layouts: &Layouts,
    datums_max: usize,
) -> Packed {
    let empty = || Call { batch: Arc::clone(batch), places: Vec::new() };
    let mut packed = Packed { calls: Vec::new(), unresolved: empty() };
    let mut open = empty();
    let start = CALL_OVERHEAD + namespace.len();
    let mut bytes = start;
    let mut sizes = HashMap::new();
    for place in batch.datums.places() {
        let (layout, series, values) = batch.datums.size_of(place);
        let head = *sizes.entry(layout).or_insert_with(|| head_size(layout, layouts));
        let Some(head) = head else {
            packed.unresolved.places.push(place);
            continue;
        };
        // The dimension values, each with one byte of length, follow the layout's ID.
        let size = head + series + values * VALUE_SIZE;
        let full = open.len() == datums_max || bytes + size > CALL_BYTES_MAX;
        if full && !open.is_empty() {
            packed.calls.push(std::mem::replace(&mut open, empty()));
            bytes = start;
        }
        bytes += size;
        open.places.push(place);
    }
    if !open.is_empty() {
        packed.calls.push(open);
    }
    packed
}

/// An upper bound of a datum's size in CBOR without the values: keys and headers, then the texts.
fn head_size(layout: LayoutId, layouts: &Layouts) -> Option<usize> {
    let layout = layouts.get(layout)?;
    let names = layout.dimensions.iter().map(|name| 24 + name.len());
    Some(96 + layout.metric.name().len() + names.sum::<usize>())
}

// === impl PublishBatch ===

impl PublishBatch {
    #[must_use]
    pub fn new(counts: Counts) -> Self {
        let datums = Datums::new(counts);
        let settled = datums.entries().iter().map(|_| AtomicBool::new(false)).collect();
        Self { datums, settled, accepted: AtomicU64::new(0), in_doubt: AtomicU64::new(0) }
    }

    /// The number of entries, settled or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.settled.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty()
    }

    /// The counts that are neither accepted nor dropped.
    #[must_use]
    pub fn left(&self) -> Counts {
        let entries = self.datums.entries().iter().zip(&self.settled);
        let left = entries.filter(|(_, settled)| !settled.load(Ordering::Acquire));
        Counts::new(Arc::clone(self.datums.table()), left.map(|(entry, _)| *entry).collect())
    }

    /// Whether all counts are accepted or dropped.
    #[must_use]
    pub(super) fn is_settled(&self) -> bool {
        self.settled.iter().all(|settled| settled.load(Ordering::Acquire))
    }

    /// The sum of the accepted counts that senders keep.
    #[must_use]
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    /// The sum of the counts that senders keep and CloudWatch has or may have.
    #[must_use]
    pub(super) fn possibly_accepted(&self) -> u64 {
        self.accepted() + self.in_doubt.load(Ordering::Acquire)
    }
}

// === impl Call ===

impl Call {
    /// Records that the call is about to be sent.
    pub(super) fn sending(&self) {
        self.batch.in_doubt.fetch_add(self.counts_of(CountKeeper::Sender), Ordering::AcqRel);
    }

    /// Records that the call was certainly not ingested.
    pub(super) fn not_ingested(&self) {
        self.batch.in_doubt.fetch_sub(self.counts_of(CountKeeper::Sender), Ordering::AcqRel);
    }

    /// Records that the call was accepted.
    pub(super) fn accepted(&self) {
        self.batch.accepted.fetch_add(self.counts_of(CountKeeper::Sender), Ordering::AcqRel);
        self.not_ingested();
    }

    /// The number of datums.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sum of the counts.
    #[must_use]
    pub fn counts(&self) -> u64 {
        self.entries().map(|entry| entry.count).sum()
    }

    /// Sum of the counts of one keeper.
    #[must_use]
    pub(super) fn counts_of(&self, keeper: CountKeeper) -> u64 {
        let entries = self.entries().filter(|entry| entry.key.keeper() == keeper);
        entries.map(|entry| entry.count).sum()
    }

    /// The number of entries, of which a datum has one for each of its values and keepers.
    #[must_use]
    pub(super) fn entries_len(&self) -> u64 {
        self.entries().count() as u64
    }

    /// The datums to send.
    #[must_use]
    pub fn datums(&self, layouts: &Layouts) -> Vec<Datum> {
        let batch = &self.batch.datums;
        // A series without a layout is never in a call, so nothing is skipped here.
        let datum = |place: &u32| {
            let (series, values) = batch.resolve(*place, layouts)?;
            let amount = if values.is_empty() {
                Amount::Ones(batch.entries_of(*place).iter().map(|entry| entry.count).sum())
            } else {
                Amount::Values(values)
            };
            Some(Datum { series, amount })
        };
        self.places.iter().filter_map(datum).collect()
    }

    /// Marks the entries as accepted or dropped.
    pub fn settle(&self) {
        for place in &self.places {
            let shares = self.batch.datums.entries_of(*place).len();
            for settled in &self.batch.settled[*place as usize..][..shares] {
                settled.store(true, Ordering::Release);
            }
        }
    }

    /// Splits the call into two halves.
    #[must_use]
    pub(crate) fn halves(mut self) -> (Self, Self) {
        let places = self.places.split_off(self.len() / 2);
        let second = Self { batch: Arc::clone(&self.batch), places };
        (self, second)
    }

    /// Removes the datums at these positions: returns the rest, and them.
    #[must_use]
    pub fn without(self, taken: &BTreeSet<usize>) -> (Self, Self) {
        let (mut rest, mut out) = (Vec::new(), Vec::new());
        for (at, place) in self.places.into_iter().enumerate() {
            if taken.contains(&at) { &mut out } else { &mut rest }.push(place);
        }
        let call = |places| Self { batch: Arc::clone(&self.batch), places };
        (call(rest), call(out))
    }

    /// The key of each datum.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.places.iter().map(|place| self.batch.datums.key(*place))
    }

    /// Removes the datums that CloudWatch would reject for their age at this time; returns them by
    /// reason.
    pub(super) fn take_aged(&mut self, now_ms: i64) -> [(DropReason, Self); 2] {
        let none = || Self { batch: Arc::clone(&self.batch), places: Vec::new() };
        let mut aged = [(DropReason::TooOld, none()), (DropReason::TooNew, none())];
        let entries = self.batch.datums.entries();
        self.places.retain(|place| {
            let fault = age_fault(entries[*place as usize].key.minute(), now_ms);
            let part = aged.iter_mut().find(|(reason, _)| Some(*reason) == fault);
            part.map(|(_, part)| part.places.push(*place)).is_none()
        });
        aged
    }

    /// Appends the datums of another call of the same batch.
    pub fn append(&mut self, mut other: Self) {
        self.places.append(&mut other.places);
    }

    /// The counts that the journal has, as keys and counts.
    #[must_use]
    pub(crate) fn journaled(&self) -> Vec<(Key, u64)> {
        let keyed = |entry: &Entry| (self.batch.datums.entry_key(entry), entry.count);
        let journaled = |entry: &&Entry| entry.key.keeper() == CountKeeper::Journal;
        self.entries().filter(journaled).map(keyed).collect()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.places.iter().flat_map(|place| self.batch.datums.entries_of(*place))
    }
}

#[cfg(test)]
mod tests;
