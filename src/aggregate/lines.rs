//! Counts as `count --format json` prints them: the shape of `aws cloudwatch put-metric-data`.

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};

use super::entry::{Counts, Entry};
use super::key::{SeriesMinute, minute_of, resolve, series_of};
use crate::destination::Layouts;

/// One series and minute with its count. Serializes to one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub series: SeriesMinute,
    pub count: u64,
}

/// Keys and counts as lines: sorted by namespace, metric, dimensions and time.
#[must_use]
pub fn sorted_lines<'k>(
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

/// Counts as lines, sorted likewise; what stands in several is added up.
#[must_use]
pub fn lines_of(all: &[Counts], layouts: &Layouts) -> Vec<Line> {
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

// === impl Line ===

impl Line {
    /// The line as text, without an end of line.
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
struct Dimension<'a> {
    name: &'a str,
    value: &'a str,
}

impl Serialize for Dimensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, value) in self.0 {
            list.serialize_element(&Dimension { name, value })?;
        }
        list.end()
    }
}
