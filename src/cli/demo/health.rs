//! Rates and delivery times by campaign and by mailbox provider, as CloudWatch would show them.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use super::scrape::counts_of;

/// Rows of a table; the rest is added up in one more.
const ROWS: usize = 4;

/// What the metrics of a campaign or provider hold.
#[derive(Clone, Debug, Default)]
struct Health {
    outcomes: u64,
    hard_bounces: u64,
    opens: u64,
    human_opens: u64,
    /// Delivery times in milliseconds by their bits, which have the order of the times.
    times: BTreeMap<u64, u64>,
}

// === impl Health ===

impl Health {
    /// Adds the values of a metric.
    fn take(&mut self, line: &Value, actor: Option<&str>) {
        for (value, count) in counts_of(line) {
            match line["MetricName"].as_str() {
                Some("HardBounceRate") => {
                    self.outcomes += count;
                    self.hard_bounces += if value > 0.0 { count } else { 0 };
                }
                Some("DeliveryTime") => *self.times.entry(value.to_bits()).or_default() += count,
                Some("Open") => {
                    self.opens += count;
                    self.human_opens += if actor == Some("human") { count } else { 0 };
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.outcomes += other.outcomes;
        self.hard_bounces += other.hard_bounces;
        self.opens += other.opens;
        self.human_opens += other.human_opens;
        for (time, count) in other.times {
            *self.times.entry(time).or_default() += count;
        }
    }

    /// The time within which this share of the mails was delivered.
    fn percentile(&self, percent: u64) -> Option<f64> {
        let all: u64 = self.times.values().sum();
        let mut left = (all * percent).div_ceil(100);
        let time = self.times.iter().find(|(_, count)| {
            left = left.saturating_sub(**count);
            left == 0
        });
        time.map(|(bits, _)| f64::from_bits(*bits))
    }

    fn cells(&self, name: String) -> [String; 6] {
        let time = |percent| self.percentile(percent).map_or_else(none, seconds);
        [
            name,
            self.outcomes.to_string(),
            share(self.hard_bounces, self.outcomes),
            share(self.human_opens, self.opens),
            time(50),
            time(90),
        ]
    }
}

/// The tables of the lines of `/series`: by campaign, and by mailbox provider.
pub(super) fn tables(series: &[Value]) -> [Table; 2] {
    ["campaign", "mailbox_provider"].map(|dimension| table(dimension, series))
}

fn table(dimension: &str, series: &[Value]) -> Table {
    let mut rows: BTreeMap<&str, Health> = BTreeMap::new();
    for line in series {
        let dimensions = line["Dimensions"].as_array().map_or(&[][..], Vec::as_slice);
        let value = |name: &str| {
            let found = dimensions.iter().find(|dimension| dimension["Name"] == name);
            found.and_then(|dimension| dimension["Value"].as_str())
        };
        let (Some(name), actor) = (value(dimension), value("actor")) else { continue };
        // Opens of each person and machine, and rates, are in series of their own.
        let is_own = match line["MetricName"].as_str() {
            Some("Open") => actor.is_some(),
            _ => dimensions.len() == 1,
        };
        if is_own {
            rows.entry(name).or_default().take(line, actor);
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, health)| std::cmp::Reverse(health.outcomes));
    let rest = rows.split_off(rows.len().min(ROWS));

    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let name = dimension.replace('_', " ");
    table.set_header([&name, "outcomes", "hard bounces", "human opens", "delivery p50", "p90"]);
    for (name, health) in rows {
        table.add_row(health.cells(name.to_owned()));
    }
    if !rest.is_empty() {
        let name = format!("{} others", rest.len());
        let mut others = Health::default();
        for (_, health) in rest {
            others.add(health);
        }
        table.add_row(others.cells(name));
    }
    for column in 1..=5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn none() -> String {
    "–".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn share(part: u64, all: u64) -> String {
    if all == 0 { none() } else { format!("{:.1} %", part as f64 / all as f64 * 100.0) }
}

fn seconds(ms: f64) -> String {
    format!("{:.1} s", ms / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(metric: &str, dimensions: &[(&str, &str)], values: &[(f64, u64)]) -> Value {
        let dimensions =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value}));
        json!({
            "MetricName": metric,
            "Dimensions": dimensions.collect::<Vec<_>>(),
            "Values": values.iter().map(|(value, _)| value).collect::<Vec<_>>(),
            "Counts": values.iter().map(|(_, count)| count).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn tables_have_the_commonest_rows_and_the_sum_of_the_others() {
        let mut series = vec![
            line("HardBounceRate", &[("campaign", "a")], &[(0.0, 96), (1.0, 4)]),
            line("DeliveryTime", &[("campaign", "a")], &[(1000.0, 50), (2000.0, 39), (9000.0, 7)]),
            line("Open", &[("actor", "human"), ("campaign", "a")], &[(1.0, 3)]),
            line("Open", &[("actor", "machine"), ("campaign", "a")], &[(1.0, 1)]),
            // Opens by campaign alone are those of another destination.
            line("Open", &[("campaign", "a")], &[(1.0, 4)]),
        ];
        for (campaign, outcomes) in [("b", 50), ("c", 40), ("d", 30), ("e", 2), ("f", 2)] {
            series.push(line("HardBounceRate", &[("campaign", campaign)], &[(1.0, outcomes)]));
        }
        let text = table("campaign", &series).to_string();
        let rows: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[1], ["a", "100", "4.0 %", "75.0 %", "1.0 s", "2.0 s"]);
        assert_eq!(rows[2], ["b", "50", "100.0 %", "–", "–", "–"]);
        assert_eq!(rows[5], ["2 others", "4", "100.0 %", "–", "–", "–"]);
        assert_eq!(rows.len(), 6);
    }
}
