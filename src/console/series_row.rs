//! Series with their counts of the last three hours, and what a dashboard needs to show them.

use std::collections::BTreeSet;

use crate::aggregate::Line;
use crate::definitions::MetricNames;
use crate::plan::prices::Prices;

const HOUR_MINUTES: i64 = 60;

/// Names of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesName {
    pub namespace: String,
    pub metric: String,
    /// Names and values, sorted by name.
    pub dimensions: Vec<(String, String)>,
}

/// A series with its counts.
#[derive(Clone, Debug)]
pub(super) struct SeriesRow {
    pub name: SeriesName,
    /// Unix milliseconds of minutes, with counts.
    pub points: Vec<(i64, u64)>,
    pub count: u64,
    /// The UTC hours that have counts.
    pub hours: usize,
    /// The unit, as CloudWatch names it.
    unit: &'static str,
}

/// Joins the lines of each series.
pub(super) struct Rows<'l> {
    lines: std::iter::Peekable<&'l mut dyn Iterator<Item = Line>>,
}

impl<'l> Rows<'l> {
    pub(super) fn new(lines: &'l mut dyn Iterator<Item = Line>) -> Self {
        Self { lines: lines.peekable() }
    }
}

impl Iterator for Rows<'_> {
    type Item = SeriesRow;

    fn next(&mut self) -> Option<SeriesRow> {
        let first = self.lines.next()?;
        let mut row = SeriesRow::new(&first);
        let is_same = |line: &Line| {
            line.series.namespace == first.series.namespace
                && line.series.metric == first.series.metric
                && line.series.dimensions == first.series.dimensions
        };
        while let Some(line) = self.lines.next_if(is_same) {
            row.add(&line);
        }
        let hours: BTreeSet<_> =
            row.points.iter().map(|(ms, _)| ms.div_euclid(HOUR_MINUTES * 60_000)).collect();
        row.hours = hours.len();
        Some(row)
    }
}

// === impl SeriesName ===

impl SeriesName {
    /// Those of the metric.
    pub(super) fn names(&self) -> MetricNames {
        let dimensions = self.dimensions.iter().map(|(name, _)| name.as_str());
        MetricNames::new(self.namespace.as_str(), &self.metric, dimensions)
    }
}

// === impl SeriesRow ===

impl SeriesRow {
    fn new(line: &Line) -> Self {
        let name = SeriesName {
            namespace: line.series.namespace.to_string(),
            metric: line.series.metric.to_owned(),
            dimensions: line.series.dimensions.clone(),
        };
        let unit = line.series.unit;
        let mut row = Self { name, points: Vec::new(), count: 0, hours: 0, unit };
        row.add(line);
        row
    }

    fn add(&mut self, line: &Line) {
        let at_ms = line.series.minute.0 * 60_000;
        // A minute with more values than a datum has takes several lines.
        match self.points.last_mut() {
            Some((last_ms, count)) if *last_ms == at_ms => *count += line.count,
            _ => self.points.push((at_ms, line.count)),
        }
        self.count += line.count;
    }

    /// What the hours with counts cost.
    #[expect(clippy::cast_precision_loss, reason = "a few hours")]
    pub(super) fn dollars(&self) -> f64 {
        let prices = Prices::built_in();
        prices.metrics(0.0, self.hours as f64 / prices.hours())
    }

    /// Counts are added up; of other values the average is shown.
    fn is_count(&self) -> bool {
        self.unit == "Count"
    }

    /// The metric in the JSON of a dashboard's widget.
    pub(super) fn metric_json(&self) -> String {
        let mut metric = vec![self.name.namespace.clone(), self.name.metric.clone()];
        for (name, value) in &self.name.dimensions {
            metric.extend([name.clone(), value.clone()]);
        }
        let widget = serde_json::json!({
            "metrics": [metric], "view": "timeSeries", "stat": if self.is_count() { "Sum" } else { "Average" }, "period": 60,
        });
        format!("{widget:#}")
    }

    /// A query of Metrics Insights. `SCHEMA` names the exact dimensions: `FROM` a namespace alone
    /// would add up every set of dimensions.
    pub(super) fn insights_query(&self) -> String {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\\\""));
        let names = self.name.dimensions.iter().map(|(name, _)| quoted(name));
        let schema: Vec<_> = std::iter::once(quoted(&self.name.namespace)).chain(names).collect();
        let equal = |(name, value): &(String, String)| {
            format!("{} = '{}'", quoted(name), value.replace('\'', "\\'"))
        };
        let equal: Vec<_> = self.name.dimensions.iter().map(equal).collect();
        let filter = if equal.is_empty() {
            String::new()
        } else {
            format!("\nWHERE {}", equal.join("\n  AND "))
        };
        let function = if self.is_count() { "SUM" } else { "AVG" };
        format!(
            "SELECT {function}({})\nFROM SCHEMA({}){filter}",
            quoted(&self.name.metric),
            schema.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_texts_name_the_exact_dimensions() {
        let name = SeriesName {
            namespace: "SES".to_owned(),
            metric: "Send".to_owned(),
            dimensions: vec![
                ("campaign".to_owned(), "spring".to_owned()),
                ("ses:from-domain".to_owned(), "example.com".to_owned()),
            ],
        };
        let row = |name: &SeriesName, unit| {
            let name = name.clone();
            SeriesRow { name, points: Vec::new(), count: 0, hours: 0, unit }
        };
        let counts = row(&name, "Count");
        assert_eq!(
            counts.insights_query(),
            "SELECT SUM(\"Send\")\nFROM SCHEMA(\"SES\", \"campaign\", \"ses:from-domain\")\nWHERE \
             \"campaign\" = 'spring'\n  AND \"ses:from-domain\" = 'example.com'"
        );
        let json: serde_json::Value = serde_json::from_str(&counts.metric_json()).expect("JSON");
        let metric = ["SES", "Send", "campaign", "spring", "ses:from-domain", "example.com"];
        assert_eq!(json["metrics"][0], serde_json::json!(metric));
        let total = SeriesName { dimensions: Vec::new(), ..name };
        let query = "SELECT SUM(\"Send\")\nFROM SCHEMA(\"SES\")";
        assert_eq!(row(&total, "Count").insights_query(), query);
        let times = row(&total, "Milliseconds");
        assert_eq!(times.insights_query(), query.replace("SUM", "AVG"));
        assert!(times.metric_json().contains("Average"), "{}", times.metric_json());
    }
}
