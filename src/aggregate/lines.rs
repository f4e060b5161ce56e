//! Counts as `count --format json` prints them: the shape of `aws cloudwatch put-metric-data`.

use std::cmp::Ordering;
use std::iter;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};
use smallvec::SmallVec;

use super::entry::{Counts, Entry};
use super::key::{SeriesMinute, layout_of, minute_of, resolve, series_of};
use super::table::SeriesTable;
use super::varint::varint;
use crate::rules::{Layout, LayoutId, Layouts};

/// One series and minute with its count. Serializes to one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub series: SeriesMinute,
    pub count: u64,
}

/// Counts as lines, created one by one and sorted like [`lines_of`]. Uses 16 bytes per entry and 4
/// per series.
#[derive(Debug)]
pub(crate) struct RecentLines {
    table: Arc<SeriesTable>,
    layouts: Layouts,
    /// Sorted by series, then minute.
    entries: Vec<Entry>,
    /// The index of each series' first entry, in the order of the lines.
    series: std::vec::IntoIter<u32>,
    /// The remaining entries of the current series.
    begin: usize,
    end: usize,
}

/// Keys and counts as lines: sorted by namespace, metric, dimensions and time.
#[must_use]
pub(crate) fn sorted_lines<'k>(
    counts: impl IntoIterator<Item = (&'k [u8], u64)>,
    layouts: &Layouts,
) -> Vec<Line> {
    let mut lines: Vec<_> = counts
        .into_iter()
        .filter_map(|(key, count)| {
            Some(Line { series: resolve(series_of(key), minute_of(key), layouts)?, count })
        })
        .collect();
    lines.sort();
    lines
}

/// Counts as lines in the same order; equal keys are added up.
#[must_use]
pub(crate) fn lines_of(all: &[Counts], layouts: &Layouts) -> Vec<Line> {
    let line = |counts: &Counts, entry: &Entry| {
        let resolve = |series: &[u8]| resolve(series, entry.key.minute(), layouts);
        Some(Line { series: counts.table.with(entry.key.series(), resolve)?, count: entry.count })
    };
    let lines =
        |counts| Counts::entries(counts).iter().filter_map(move |entry| line(counts, entry));
    let mut lines: Vec<_> = all.iter().flat_map(lines).collect();
    lines.sort();
    lines.dedup_by(|line, before| {
        let same = line.series == before.series;
        before.count += if same { line.count } else { 0 };
        same
    });
    lines
}

// === impl RecentLines ===

impl RecentLines {
    /// Takes the entries of a table, sorted by unique key. Sorting a million series takes a second
    /// or more.
    #[must_use]
    pub(crate) fn new(table: Arc<SeriesTable>, entries: Vec<Entry>, layouts: Layouts) -> Self {
        let mut at = 0;
        let begins = entries.chunk_by(|a, b| a.key.series() == b.key.series()).map(|minutes| {
            let begin = at;
            at += minutes.len();
            // `limits.entries` is below this.
            u32::try_from(begin).unwrap_or(u32::MAX)
        });
        let mut series: Vec<u32> = begins.collect();
        let known: Vec<_> = (0..).map_while(|id| layouts.get(LayoutId(id))).collect();
        let id_of = |begin: u32| entries[begin as usize].key.series();
        series.sort_unstable_by(|a, b| {
            // Copied, because two locks of the table are never held at once.
            let first: SmallVec<[u8; 128]> = table.with(id_of(*a), SmallVec::from_slice);
            table.with(id_of(*b), |second| compare(&first, second, &known))
        });
        Self { table, layouts, entries, series: series.into_iter(), begin: 0, end: 0 }
    }

    /// The next entry in the order of the lines.
    fn next_entry(&mut self) -> Option<Entry> {
        if self.begin == self.end {
            self.begin = self.series.next()? as usize;
            let series = self.entries[self.begin].key.series();
            let minutes =
                self.entries[self.begin..].iter().take_while(|entry| entry.key.series() == series);
            self.end = self.begin + minutes.count();
        }
        let entry = self.entries[self.begin];
        self.begin += 1;
        Some(entry)
    }
}

impl Iterator for RecentLines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let Entry { key, count } = self.next_entry()?;
            let resolve = |series: &[u8]| resolve(series, key.minute(), &self.layouts);
            // Only a series that this process did not make cannot be resolved.
            if let Some(series) = self.table.with(key.series(), resolve) {
                return Some(Line { series, count });
            }
        }
    }
}

/// Compares the lines of two series by their bytes.
fn compare(a: &[u8], b: &[u8], layouts: &[Arc<Layout>]) -> Ordering {
    let layout = |series| layouts.get(layout_of(series).0 as usize);
    let (Some(layout_a), Some(layout_b)) = (layout(a), layout(b)) else { return a.cmp(b) };
    let of_layout = |layout: &Layout, other: &Layout| {
        let namespaces = layout.namespace.cmp(&other.namespace);
        namespaces.then_with(|| layout.metric.metric_name().cmp(other.metric.metric_name()))
    };
    of_layout(layout_a, layout_b).then_with(|| dimensions(a, layout_a).cmp(dimensions(b, layout_b)))
}

/// Names and values of a series.
fn dimensions<'a>(
    series: &'a [u8],
    layout: &'a Layout,
) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let mut rest = varint(series).map_or(&[][..], |(_, values)| values);
    let values = iter::from_fn(move || {
        let (len, after) = rest.split_first()?;
        let (value, after) = after.split_at_checked(usize::from(*len))?;
        rest = after;
        Some(value)
    });
    layout.dimensions.iter().map(String::as_str).zip(values)
}

// === impl Line ===

impl Line {
    /// The line as text, without a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing strings and numbers into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Line", 7)?;
        line.serialize_field("Namespace", &*self.series.namespace)?;
        line.serialize_field("MetricName", self.series.metric)?;
        line.serialize_field("Dimensions", &Dimensions(&self.series.dimensions))?;
        line.serialize_field("Timestamp", &self.series.minute.to_string())?;
        line.serialize_field("Unit", "Count")?;
        line.serialize_field("Values", &[1])?;
        line.serialize_field("Counts", &[self.count])?;
        line.end()
    }
}

struct Dimensions<'a>(&'a [(String, String)]);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LineDimension<'a> {
    name: &'a str,
    value: &'a str,
}

impl Serialize for Dimensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, value) in self.0 {
            list.serialize_element(&LineDimension { name, value })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::{EntryKey, KeyBuilder};
    use crate::ses::{EventType, Minute};

    proptest! {
        /// Lines created one by one have the same order as lines sorted together.
        #[test]
        fn recent_lines_are_sorted_as_all_lines_are(
            series in prop::collection::vec((0_usize..6, "[ab]{0,2}", "[ab]{0,2}", -2_i64..2), 0..60),
        ) {
            let layouts = Layouts::default();
            let layout = |namespace: &str, metric, names: &[&str]| layouts.id(Layout {
                namespace: namespace.into(),
                metric,
                dimensions: names.iter().map(|name| (*name).to_owned()).collect(),
            });
            let ids = [
                (layout("SES", EventType::Send, &["x", "y"]), 2),
                (layout("SES", EventType::Open, &["x", "y"]), 2),
                (layout("Mail", EventType::Send, &["x"]), 1),
                (layout("SES", EventType::Send, &["x"]), 1),
                (layout("SES", EventType::Send, &["w", "x"]), 2),
                (layout("SES", EventType::Send, &[]), 0),
            ];
            let table = Arc::new(SeriesTable::default());
            let mut entries = std::collections::BTreeMap::new();
            for (at, first, second, minute) in &series {
                let (layout, dimensions) = ids[*at];
                let mut key = KeyBuilder::default();
                key.start(layout);
                for value in [first, second].iter().take(dimensions) {
                    key.push(value.as_bytes());
                }
                let id = table.intern(series_of(key.finish(Minute(*minute)))).expect("room");
                *entries.entry(EntryKey::new(id, Minute(*minute))).or_default() += 1;
            }
            let entries: Vec<_> =
                entries.into_iter().map(|(key, count)| Entry { key, count }).collect();
            let counts = Counts::new(Arc::clone(&table), entries.clone());
            let lines: Vec<_> = RecentLines::new(table, entries, layouts.clone()).collect();
            prop_assert_eq!(lines, lines_of(&[counts], &layouts));
        }
    }
}
