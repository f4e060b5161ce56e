//! A plan on one screen. What does not fit is in the JSON.

use comfy_table::{CellAlignment, Table, presets};
use console::truncate_str;

use crate::plan::{
    Change, DestinationPlan, DimensionPlan, DriverKind, MonthRange, Plan, PlanDifference,
    SeriesCost,
};
use crate::printable::{counted, thousands};

/// How many lines each part of the screen has.
const DESTINATIONS_MAX: usize = 12;
const DIMENSIONS_MAX: usize = 8;
const ITEMS_MAX: usize = 4;
/// Defaults that are rarer than this are not shown.
const DEFAULT_SHARE_MIN: f64 = 0.01;

/// A plan, and its difference from another.
pub(super) struct Screen<'p> {
    plan: &'p Plan,
    difference: Option<&'p PlanDifference>,
    width: usize,
}

// === impl Screen ===

impl<'p> Screen<'p> {
    pub(super) fn new(plan: &'p Plan, width: usize) -> Self {
        Self { plan, difference: None, width }
    }

    pub(super) fn with(self, difference: &'p PlanDifference) -> Self {
        Self { difference: Some(difference), ..self }
    }

    /// The screen; no line is longer than the width.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.title()];
        lines.extend(self.table().to_string().lines().map(str::to_owned));
        lines.extend(self.drivers());
        lines.extend(self.dimensions());
        lines.push(self.lost());
        lines.extend(self.defaults());
        lines.push(self.projected());
        lines.extend(self.cheapest_cut());
        lines.extend(self.compared());
        let lines = lines.iter().map(|line| truncate_str(line.trim_end(), self.width, "\u{2026}"));
        lines.map(|line| line.into_owned() + "\n").collect()
    }

    fn title(&self) -> String {
        let Plan { counted: part, destinations, disabled_destinations, .. } = self.plan;
        let hours = match &part.first_hour {
            None => "no hour".to_owned(),
            Some(first) => format!("{} h from {first}", part.hours),
        };
        let off = match disabled_destinations {
            0 => String::new(),
            off => format!(" ({off} off)"),
        };
        let (events, destinations) =
            (plural(part.read.events, "event"), counted(destinations.len() as u64, "destination"));
        format!("COUNTED {events}, {hours}; {destinations}{off}")
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let head = ["destination", "metrics", "series", "series-hours", "$/month", "(low-high)"];
        table.set_header(head);
        let mut destinations: Vec<&DestinationPlan> = self.plan.destinations.iter().collect();
        let dollars = |of: &DestinationPlan| of.cost.dollars_a_month.at_this_rate;
        destinations.sort_by(|a, b| dollars(b).total_cmp(&dollars(a)));
        let one_set = destinations.iter().all(|of| {
            destinations
                .first()
                .is_some_and(|first| of.configuration_set == first.configuration_set)
        });
        for of in destinations.iter().take(DESTINATIONS_MAX) {
            let name = if one_set { of.name.clone() } else { of.path() };
            table.add_row(cost_row(&name, &of.metrics.len().to_string(), &of.cost));
        }
        if destinations.len() > DESTINATIONS_MAX {
            let more = format!("and {} more", destinations.len() - DESTINATIONS_MAX);
            table.add_row([more]);
        }
        let Plan { requests, own_totals, total, dollars, .. } = self.plan;
        let [rate, range] = range_cells(requests.dollars_a_month);
        table.add_row(["requests", "-", "-", "-", &rate, &range].map(str::to_owned));
        let [rate, range] = range_cells(own_totals.dollars_a_month);
        let own = own_totals.series.to_string();
        table.add_row(["own totals", &own, &own, "-", &rate, &range].map(str::to_owned));
        let [rate, range] = range_cells(*dollars);
        let mut row = cost_row("total", "-", total);
        row[4] = rate;
        row[5] = range;
        table.add_row(row);
        for column in 1..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        // The first column begins where the other lines do.
        if let Some(column) = table.column_mut(0) {
            column.set_padding((0, 1));
        }
        table
    }

    fn drivers(&self) -> Option<String> {
        let drivers = self.plan.drivers.iter().filter(|driver| match driver.kind {
            DriverKind::Dimension => driver.factor > 1.0,
            DriverKind::Metric => true,
        });
        let shown = drivers.filter(|driver| driver.dollars > 0.0).take(ITEMS_MAX).map(|driver| {
            let factor = match driver.kind {
                DriverKind::Dimension => format!(" x{}", driver.factor),
                DriverKind::Metric => String::new(),
            };
            let of = if self.plan.destinations.len() > 1 {
                format!("{} ", driver.destination)
            } else {
                String::new()
            };
            format!("{of}{}{factor} ${}", driver.name, money(driver.dollars))
        });
        let shown: Vec<_> = shown.collect();
        (!shown.is_empty()).then(|| format!("drivers: {}", shown.join("; ")))
    }

    /// The commonest values of each dimension, once for each name.
    fn dimensions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for dimension in self.plan.destinations.iter().flat_map(|of| &of.dimensions) {
            if seen.contains(&&*dimension.name) || dimension.values == 0 {
                continue;
            }
            seen.push(&dimension.name);
            if lines.len() == DIMENSIONS_MAX {
                lines.push("more dimensions: --format json".to_owned());
                break;
            }
            lines.push(values_line(dimension));
        }
        lines
    }

    fn lost(&self) -> String {
        let lost = self.plan.lost_at_ses;
        if lost.events == 0 {
            return "LOST AT SES: nothing".to_owned();
        }
        let mut shown: Vec<(u64, String)> = Vec::new();
        for dimension in self.plan.destinations.iter().flat_map(|of| &of.dimensions) {
            for invalid in &dimension.invalid {
                let count = thousands(invalid.count);
                let (name, with) = (&dimension.name, &invalid.with);
                let text = format!("{name} with {with}, such as \"{}\" ({count})", invalid.form);
                shown.push((invalid.count, text));
            }
        }
        shown.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        shown.dedup();
        let texts: Vec<_> = shown.into_iter().take(ITEMS_MAX).map(|(_, text)| text).collect();
        format!("LOST AT SES {}: {}", percent(lost.share), texts.join("; "))
    }

    fn defaults(&self) -> Option<String> {
        let mut shown: Vec<(f64, String)> = Vec::new();
        for dimension in self.plan.destinations.iter().flat_map(|of| &of.dimensions) {
            for default in dimension.defaults.iter().filter(|of| of.share >= DEFAULT_SHARE_MIN) {
                let share = percent(default.share);
                let text = format!("{} {share} of {}", dimension.name, default.event_type);
                shown.push((default.share, text));
            }
        }
        shown.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        shown.dedup();
        let texts: Vec<_> = shown.into_iter().take(ITEMS_MAX).map(|(_, text)| text).collect();
        (!texts.is_empty()).then(|| format!("defaults: {}", texts.join("; ")))
    }

    fn projected(&self) -> String {
        let Plan { projected: part, prices, .. } = self.plan;
        let events = if part.events_given {
            format!("{} events, ", thousands(part.events))
        } else {
            String::new()
        };
        format!(
            "PROJECTED to {} h, {events}{}, {} existing metrics; prices of {}, {}",
            part.hours,
            counted(u64::from(part.daemons), "daemon"),
            thousands(part.existing_metrics),
            prices.region,
            prices.date,
        )
    }

    fn cheapest_cut(&self) -> Option<String> {
        let cut = self.plan.cuts.iter().find(|cut| cut.dollars > 0.0)?;
        let (names, dollars) = (cut.dimensions.join(", "), money(cut.dollars));
        Some(format!("cheapest cut: drop [{names}] -${dollars}"))
    }

    fn compared(&self) -> Vec<String> {
        let Some(difference) = self.difference else { return Vec::new() };
        let amount = |series: i64, dollars: MonthRange| {
            let sign = if dollars.at_this_rate < 0.0 { '-' } else { '+' };
            format!("{series:+} series, {sign}${}", money(dollars.at_this_rate.abs()))
        };
        let total = amount(difference.series, difference.dollars_a_month);
        let mut lines = vec![format!("COMPARED {total} a month")];
        let changed = difference.destinations.iter().filter(|of| of.change != Change::Same);
        for of in changed.take(DESTINATIONS_MAX) {
            let sign = match of.change {
                Change::Added => '+',
                Change::Removed => '-',
                Change::Changed | Change::Same => '~',
            };
            let amount = amount(of.series, of.dollars_a_month);
            lines.push(format!("{sign} {}/{}: {amount}", of.configuration_set, of.name));
        }
        lines
    }
}

fn cost_row(name: &str, metrics: &str, cost: &SeriesCost) -> Vec<String> {
    let [rate, range] = range_cells(cost.dollars_a_month);
    let (series, hours) = (thousands(cost.series), thousands(cost.series_hours));
    vec![name.to_owned(), metrics.to_owned(), series, hours, rate, range]
}

/// The figure at the counted rate, and the low and the high one.
fn range_cells(dollars: MonthRange) -> [String; 2] {
    let MonthRange { low, at_this_rate, high } = dollars;
    [money(at_this_rate), format!("({}-{})", money(low), money(high))]
}

fn values_line(dimension: &DimensionPlan) -> String {
    let shares = dimension.commonest.iter().take(ITEMS_MAX);
    let shares: Vec<_> =
        shares.map(|value| format!("{} {}", value.value, percent(value.share))).collect();
    let more = if dimension.more_values { "over " } else { "" };
    let values = plural(dimension.values, "value");
    format!("{} {more}{values}: {}", dimension.name, shares.join(", "))
}

/// Dollars: with cents below ten.
fn money(dollars: f64) -> String {
    if dollars < 9.995 {
        let text = format!("{dollars:.2}");
        return text.strip_suffix(".00").map_or(text.clone(), str::to_owned);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = dollars.round() as u64;
    thousands(whole)
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent > 0.0 && percent < 0.1 => "<0.1 %".to_owned(),
        _ if percent < 10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(
            [0, 7, 999, 1000, 1_204_331].map(thousands),
            ["0", "7", "999", "1,000", "1,204,331"]
        );
        assert_eq!(
            [0.0, 0.5, 9.99, 9.996, 3000.4].map(money),
            ["0", "0.50", "9.99", "10", "3,000"]
        );
        assert_eq!([0.0, 0.0004, 0.031, 0.41].map(percent), ["0.0 %", "<0.1 %", "3.1 %", "41 %"]);
    }
}
