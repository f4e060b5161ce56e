//! Counts as `count --format json` prints them: the shape of `aws cloudwatch put-metric-data`.

use std::cmp::Ordering;
use std::iter::{self, Peekable};
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};
use smallvec::SmallVec;

use super::entry::{Counts, Entry};
use super::key::{SeriesMinute, layout_of, metric_of, minute_of, resolve, series_of, value_of};
use super::metric_value::MetricValue;
use super::table::SeriesTable;
use super::varint::varint;
use crate::limits::VALUES_PER_DATUM_MAX;
use crate::rules::{Layout, Layouts, ValueIndex};
use crate::ses::Minute;

/// A datum: one series and minute with its values. Serializes to one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub series: SeriesMinute,
    /// Ascending, each with its count, and not more than a datum has. Empty for a count, whose only
    /// value is 1.
    pub values: Vec<(MetricValue, u64)>,
    /// The number of all values.
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
    series: Peekable<std::vec::IntoIter<u32>>,
    /// The remaining entries of the current series.
    begin: usize,
    end: usize,
    /// The remaining entries of the current metric, the last one first, if its keys name values.
    with_values: Vec<(Minute, ValueIndex, Entry)>,
}

/// Keys and counts as lines: sorted by namespace, metric, dimensions and time.
#[must_use]
pub(crate) fn sorted_lines<'k>(
    counts: impl IntoIterator<Item = (&'k [u8], u64)>,
    layouts: &Layouts,
) -> Vec<Line> {
    let line = |(key, count)| Line::of(series_of(key), minute_of(key), count, layouts);
    joined(counts.into_iter().filter_map(line).collect())
}

/// Counts as lines in the same order; equal keys are added up.
#[must_use]
pub(crate) fn lines_of(all: &[Counts], layouts: &Layouts) -> Vec<Line> {
    let line = |counts: &Counts, entry: &Entry| {
        let line = |series: &[u8]| Line::of(series, entry.key.minute(), entry.count, layouts);
        counts.table.with(entry.key.series(), line)
    };
    let lines =
        |counts| Counts::entries(counts).iter().filter_map(move |entry| line(counts, entry));
    joined(all.iter().flat_map(lines).collect())
}

/// Sorts lines of at most one value each, and joins those of the same series and minute as long as
/// a datum has room.
fn joined(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines.dedup_by(|line, before| {
        if line.series != before.series {
            return false;
        }
        if let ([(value, count)], Some(last)) = (&line.values[..], before.values.last_mut()) {
            if last.0 == *value {
                last.1 += count;
            } else if before.values.len() < VALUES_PER_DATUM_MAX {
                before.values.push((*value, *count));
            } else {
                return false;
            }
        }
        before.count += line.count;
        true
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
        let known = layouts.all();
        let id_of = |begin: u32| entries[begin as usize].key.series();
        series.sort_unstable_by(|a, b| {
            // Copied, because two locks of the table are never held at once.
            let first: SmallVec<[u8; 128]> = table.with(id_of(*a), SmallVec::from_slice);
            table.with(id_of(*b), |second| compare(&first, second, &known))
        });
        let series = series.into_iter().peekable();
        Self { table, layouts, entries, series, begin: 0, end: 0, with_values: Vec::new() }
    }

    /// The next entry in the order of the lines.
    fn next_entry(&mut self) -> Option<Entry> {
        if self.begin == self.end {
            let begin = self.series.next()?;
            self.open(begin);
        }
        let entry = self.entries[self.begin];
        self.begin += 1;
        Some(entry)
    }

    /// Goes on with the series whose first entry is at this place.
    fn open(&mut self, begin: u32) {
        self.begin = begin as usize;
        let series = self.entries[self.begin].key.series();
        let minutes = self.entries[self.begin..].iter();
        self.end = self.begin + minutes.take_while(|entry| entry.key.series() == series).count();
    }

    /// Collects the entries of a metric whose keys name values: those of all its series, which are
    /// next to each other. The first entry of the first series was taken already.
    fn collect_values(&mut self, first: Entry) {
        let metric = |table: &SeriesTable, id| -> SmallVec<[u8; 128]> {
            table.with(id, |series| SmallVec::from_slice(metric_of(series)))
        };
        let of = metric(&self.table, first.key.series());
        self.begin -= 1;
        loop {
            let minutes = &self.entries[self.begin..self.end];
            if let Some(value) = self.table.with(minutes[0].key.series(), value_of) {
                let all = minutes.iter().map(|entry| (entry.key.minute(), value, *entry));
                self.with_values.extend(all);
            }
            self.begin = self.end;
            let Self { table, entries, series, .. } = self;
            let id_of = |begin: u32| entries[begin as usize].key.series();
            let Some(next) = series.next_if(|begin| metric(table, id_of(*begin)) == of) else {
                break;
            };
            self.open(next);
        }
        self.with_values.sort_unstable_by_key(|(minute, value, _)| (*minute, *value));
        self.with_values.reverse();
    }

    /// The next line of the current metric, if its keys name values.
    fn next_with_values(&mut self) -> Option<Line> {
        let (minute, _, entry) = self.with_values.pop()?;
        let mut line = self.line(entry)?;
        while line.values.len() < VALUES_PER_DATUM_MAX {
            let Some((_, _, entry)) = self.with_values.pop_if(|(own, ..)| *own == minute) else {
                break;
            };
            let more = self.line(entry)?;
            line.values.extend(more.values);
            line.count += more.count;
        }
        Some(line)
    }

    fn line(&self, Entry { key, count }: Entry) -> Option<Line> {
        let line = |series: &[u8]| Line::of(series, key.minute(), count, &self.layouts);
        self.table.with(key.series(), line)
    }
}

impl Iterator for RecentLines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.next_with_values() {
                return Some(line);
            }
            let entry = self.next_entry()?;
            // Only a series that this process did not make cannot be resolved.
            match self.line(entry) {
                Some(line) if line.values.is_empty() => return Some(line),
                Some(_) => self.collect_values(entry),
                None => {}
            }
        }
    }
}

/// Compares the lines of two series by their bytes.
fn compare(a: &[u8], b: &[u8], layouts: &[Arc<Layout>]) -> Ordering {
    let layout = |series| layouts.get(layout_of(series).place());
    let (Some(layout_a), Some(layout_b)) = (layout(a), layout(b)) else { return a.cmp(b) };
    let of_layout = |layout: &Layout, other: &Layout| {
        let namespaces = layout.namespace.cmp(&other.namespace);
        namespaces.then_with(|| layout.metric.name().cmp(other.metric.name()))
    };
    of_layout(layout_a, layout_b)
        .then_with(|| dimensions(a, layout_a).cmp(dimensions(b, layout_b)))
        .then_with(|| value_of(a).cmp(&value_of(b)))
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
    /// The line of one entry; `None` for a series that this process did not make.
    fn of(series: &[u8], minute: Minute, count: u64, layouts: &Layouts) -> Option<Self> {
        let mut values = Vec::new();
        if let Some(index) = value_of(series) {
            let value = layouts.get(layout_of(series))?.metric.value(index)?;
            values.push((MetricValue(value), count));
        }
        Some(Self { series: resolve(series, minute, layouts)?, values, count })
    }

    /// The average of the values; `None` for a count.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53, beyond any count of a minute")]
    #[must_use]
    pub(crate) fn average(&self) -> Option<f64> {
        let sum: f64 = self.values.iter().map(|(value, count)| value.0 * *count as f64).sum();
        (!self.values.is_empty()).then(|| sum / self.count as f64)
    }

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
        line.serialize_field("Unit", self.series.unit)?;
        if self.values.is_empty() {
            line.serialize_field("Values", &[1])?;
            line.serialize_field("Counts", &[self.count])?;
        } else {
            line.serialize_field("Values", &Column(&self.values, |(value, _)| *value))?;
            line.serialize_field("Counts", &Column(&self.values, |(_, count)| *count))?;
        }
        line.end()
    }
}

/// One half of each value with its count.
struct Column<'a, T>(&'a [(MetricValue, u64)], fn(&(MetricValue, u64)) -> T);

impl<T: Serialize> Serialize for Column<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
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
    use std::collections::BTreeMap;

    use crate::aggregate::{EntryKey, KeyBuilder};
    use crate::rules::SeriesMetric;
    use crate::ses::EventType;

    proptest! {
        /// Lines created one by one have the same order as lines sorted together.
        #[test]
        fn recent_lines_are_sorted_as_all_lines_are(
            series in prop::collection::vec(
                (0_usize..9, "[ab]{0,2}", "[ab]{0,2}", 0_u16..200, -2_i64..2),
                0..400,
            ),
        ) {
            let layouts = Layouts::default();
            let layout = |namespace: &str, metric: EventType, names: &[&str]| layouts.id(Layout {
                namespace: namespace.into(),
                metric: metric.into(),
                dimensions: names.iter().map(|name| (*name).to_owned()).collect(),
            });
            let measured = |metric, names: &[&str]| layouts.id(Layout {
                namespace: "SES".into(),
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
                (measured(SeriesMetric::HardBounceRate, &["x"]), 1),
                (measured(SeriesMetric::DeliveryTime, &["x", "y"]), 2),
                (measured(SeriesMetric::DeliveryTime, &[]), 0),
            ];
            let table = Arc::new(SeriesTable::default());
            let mut entries = BTreeMap::new();
            let mut expected = BTreeMap::new();
            for (at, first, second, value, minute) in &series {
                let (layout, dimensions) = ids[*at];
                let mut key = KeyBuilder::default();
                key.start(layout);
                for value in [first, second].iter().take(dimensions) {
                    key.push(value.as_bytes());
                }
                let metric = layouts.get(layout).expect("it is known").metric;
                let value = if *at == 6 { value % 2 } else { *value };
                if metric.has_values() {
                    key.push_value(ValueIndex(value));
                }
                let key = key.finish(Minute(*minute));
                let id = table.intern(series_of(key)).expect("room");
                *entries.entry(EntryKey::new(id, Minute(*minute))).or_default() += 1;
                let series = resolve(series_of(key), Minute(*minute), &layouts).expect("known");
                let value = metric.value(ValueIndex(value)).map(MetricValue);
                *expected.entry((series, value)).or_insert(0) += 1;
            }
            let entries: Vec<_> =
                entries.into_iter().map(|(key, count)| Entry { key, count }).collect();
            let counts = Counts::new(Arc::clone(&table), entries.clone());
            let lines: Vec<_> = RecentLines::new(table, entries, layouts.clone()).collect();
            prop_assert_eq!(&lines, &lines_of(&[counts], &layouts));
            // Nothing is lost, and values ascend through the lines of a datum that is split.
            let mut held = Vec::new();
            for line in lines {
                prop_assert!(line.values.len() <= VALUES_PER_DATUM_MAX);
                let sum: u64 = line.values.iter().map(|(_, count)| count).sum();
                prop_assert!(line.values.is_empty() || sum == line.count);
                let of = |value, count| ((line.series.clone(), value), count);
                if line.values.is_empty() {
                    held.push(of(None, line.count));
                }
                held.extend(line.values.iter().map(|(value, count)| of(Some(*value), *count)));
            }
            prop_assert_eq!(held, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
