//! Counts put together into datums: one for each metric and minute, with all its values.
//!
//! A count has the value 1, and its series is its metric. Any other metric has a series for each of
//! its values, and the entries of a datum are found in all of them.

use std::sync::Arc;

use super::entry::{Counts, Entry};
use super::key::{Key, SeriesMinute, key_of, layout_of, resolve, value_of};
use super::metric_value::MetricValue;
use super::table::{SeriesId, SeriesTable};
use crate::limits::VALUES_PER_DATUM_MAX;
use crate::rules::{LayoutId, Layouts, SeriesMetric, ValueIndex};
use crate::ses::Minute;

/// The entries of datums, those of each side by side. A datum is named by the place of its first
/// entry.
#[derive(Debug)]
pub(crate) struct Datums {
    table: Arc<SeriesTable>,
    /// Those of counts in the order of their keys, then all others.
    entries: Vec<Entry>,
    /// Where each datum with values begins: behind all counts.
    with_values: Vec<u32>,
}

/// An entry of a series with a value: its metric, minute and value come first in the order.
type ValueEntry = (SeriesId, Minute, ValueIndex, Entry);

// === impl Datums ===

impl Datums {
    #[must_use]
    pub(crate) fn new(counts: Counts) -> Self {
        let (table, entries) = counts.into_entries();
        if !table.has_values() {
            return Self { table, entries, with_values: Vec::new() };
        }
        let mut plain = Vec::with_capacity(entries.len());
        let mut others: Vec<ValueEntry> = Vec::new();
        for minutes in entries.chunk_by(|a, b| a.key.series() == b.key.series()) {
            let id = minutes[0].key.series();
            let Some(value) = table.with(id, value_of) else {
                plain.extend_from_slice(minutes);
                continue;
            };
            let metric = table.metric_id(id);
            others.extend(minutes.iter().map(|entry| (metric, entry.key.minute(), value, *entry)));
        }
        drop(entries);
        others.sort_unstable_by_key(|(metric, minute, value, entry)| {
            (*metric, *minute, *value, entry.key)
        });
        let mut with_values = Vec::new();
        for same in others.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            for (number, shares) in same.chunk_by(|a, b| a.2 == b.2).enumerate() {
                if number % VALUES_PER_DATUM_MAX == 0 {
                    // `limits.entries` is below this.
                    with_values.push(u32::try_from(plain.len()).unwrap_or(u32::MAX));
                }
                plain.extend(shares.iter().map(|(.., entry)| *entry));
            }
        }
        Self { table, entries: plain, with_values }
    }

    #[must_use]
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[must_use]
    pub(crate) fn table(&self) -> &Arc<SeriesTable> {
        &self.table
    }

    /// The datums, by the places of their first entries.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        let counts = self.with_values.first().map_or(self.entries.len(), |first| *first as usize);
        let mut before = None;
        let counts = (0..).zip(&self.entries[..counts]).filter(move |(_, entry)| {
            before.replace(entry.key).is_none_or(|before| !before.is_same_datum(entry.key))
        });
        counts.map(|(place, _)| place).chain(self.with_values.iter().copied())
    }

    /// The entries of a datum: one for each of its values and keepers.
    #[must_use]
    pub(crate) fn entries_of(&self, place: u32) -> &[Entry] {
        let from = &self.entries[place as usize..];
        let len = match self.with_values.binary_search(&place) {
            Ok(at) => {
                let next = self.with_values.get(at + 1);
                next.map_or(from.len(), |next| (*next - place) as usize)
            }
            Err(_) => {
                // The next datum may have values, and another series.
                from.iter().take_while(|entry| entry.key.is_same_datum(from[0].key)).count()
            }
        };
        &from[..len]
    }

    /// The layout of a datum, the bytes of its metric, and the number of its values, of which a
    /// count has none.
    #[must_use]
    pub(crate) fn size_of(&self, place: u32) -> (LayoutId, usize, usize) {
        let entries = self.entries_of(place);
        let id = entries[0].key.series();
        let (layout, len) = self.table.with(id, |series| (layout_of(series), series.len()));
        let values = entries.chunk_by(|a, b| a.key.series() == b.key.series()).count();
        (layout, len, if layout.has_values() { values } else { 0 })
    }

    /// The key of a datum as bytes, which mean the same under every table, and whatever its values.
    #[must_use]
    pub(crate) fn key(&self, place: u32) -> Key {
        self.entries[place as usize].datum_key(&self.table)
    }

    /// The key of an entry as bytes.
    #[must_use]
    pub(crate) fn entry_key(&self, entry: &Entry) -> Key {
        self.table.with(entry.key.series(), |series| key_of(series, entry.key.minute()))
    }

    /// A datum in readable form, with its values in ascending order, each with its count; a count
    /// has no values. `None` if its layout is unknown.
    #[must_use]
    pub(crate) fn resolve(
        &self,
        place: u32,
        layouts: &Layouts,
    ) -> Option<(SeriesMinute, Vec<(MetricValue, u64)>)> {
        let entries = self.entries_of(place);
        let (id, minute) = (entries[0].key.series(), entries[0].key.minute());
        let resolved = |series: &[u8]| {
            let metric = layouts.get(layout_of(series))?.metric;
            Some((resolve(series, minute, layouts)?, metric))
        };
        let (series, metric) = self.table.with(id, resolved)?;
        let mut values = Vec::new();
        if metric.has_values() {
            for shares in entries.chunk_by(|a, b| a.key.series() == b.key.series()) {
                let value = self.value(metric, shares[0].key.series())?;
                values.push((value, shares.iter().map(|entry| entry.count).sum()));
            }
        }
        Some((series, values))
    }

    fn value(&self, metric: SeriesMetric, id: SeriesId) -> Option<MetricValue> {
        metric.value(self.table.with(id, value_of)?).map(MetricValue)
    }
}
