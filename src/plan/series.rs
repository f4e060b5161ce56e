//! The counted series with the hours in which each has data, for all destinations and for each.

use std::collections::{BTreeMap, HashMap};

use super::rules::PlanRules;
use crate::aggregate::{Line, sorted_lines};
use crate::pipeline::Batch;

const MINUTES_PER_HOUR: i64 = 60;

/// All series of a plan.
#[derive(Debug, Default)]
pub(super) struct PlannedSeries {
    /// Sorted by namespace, metric and dimensions; each once.
    pub all: Vec<SeriesHours>,
    /// By a number of the namespace, and by minute.
    pub minutes: HashMap<(usize, i64), MinuteData>,
}

/// What a namespace gets in a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinuteData {
    /// Series with data.
    pub series: u64,
    pub counts: u64,
}

/// One series and where its data comes from.
#[derive(Debug)]
pub(super) struct SeriesHours {
    pub metric: String,
    /// Names and values, sorted by name.
    pub dimensions: Vec<(String, String)>,
    /// Hours and counts of all destinations together.
    pub hours: Vec<HourCount>,
    /// By the number of the destination.
    pub by_destination: Vec<(usize, Vec<HourCount>)>,
}

/// What a series counts in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HourCount {
    /// Hours since 1970.
    pub hour: i64,
    pub count: u64,
}

// === impl PlannedSeries ===

impl PlannedSeries {
    /// The series of a batch that was counted by these rules.
    pub(super) fn new(rules: &PlanRules, batch: &Batch) -> Self {
        let lines = sorted_lines(batch.delta.iter(), &rules.layouts);
        let mut lines: Vec<(usize, Line)> = lines
            .into_iter()
            .filter_map(|line| Some((rules.number_of(&line.series.namespace)?, line)))
            .collect();
        let namespace = |number: usize| &*rules.destinations[number].namespace;
        lines.sort_by(|(a, line), (b, other)| {
            let (series, of_other) = (&line.series, &other.series);
            namespace(*a)
                .cmp(namespace(*b))
                .then_with(|| series.metric.cmp(of_other.metric))
                .then_with(|| series.dimensions.cmp(&of_other.dimensions))
                .then_with(|| a.cmp(b))
                .then_with(|| series.minute.cmp(&of_other.minute))
        });
        let mut planned = Self::default();
        let mut namespaces: Vec<&str> = Vec::new();
        let is_same = |(a, line): &(usize, Line), (b, other): &(usize, Line)| {
            let (series, of_other) = (&line.series, &other.series);
            namespace(*a) == namespace(*b)
                && series.metric == of_other.metric
                && series.dimensions == of_other.dimensions
        };
        for group in lines.chunk_by(is_same) {
            let Some((first, line)) = group.first() else { continue };
            let name = namespace(*first);
            // Sorted, so a new namespace differs from the last one.
            if namespaces.last() != Some(&name) {
                namespaces.push(name);
            }
            let place = namespaces.len();
            for (minute, counts) in minutes_of(group) {
                let data = planned.minutes.entry((place, minute)).or_default();
                data.series += 1;
                data.counts += counts;
            }
            let of_one = group.chunk_by(|a, b| a.0 == b.0);
            let by_destination: Vec<_> =
                of_one.map(|lines| (lines[0].0, hours_of(lines))).collect();
            let hours = by_destination.iter().flat_map(|(_, hours)| hours.iter().copied());
            let hours = added(hours.collect());
            planned.all.push(SeriesHours {
                metric: line.series.metric.to_owned(),
                dimensions: line.series.dimensions.clone(),
                hours,
                by_destination,
            });
        }
        planned
    }

    /// The series of one destination with its hours.
    pub(super) fn of(&self, number: usize) -> impl Iterator<Item = (&SeriesHours, &[HourCount])> {
        self.all.iter().filter_map(move |series| {
            let own = series.by_destination.iter().find(|(of, _)| *of == number);
            own.map(|(_, hours)| (series, &**hours))
        })
    }
}

/// The minutes of a series, and what all destinations count in each.
fn minutes_of(lines: &[(usize, Line)]) -> BTreeMap<i64, u64> {
    let mut minutes = BTreeMap::new();
    for (_, line) in lines {
        *minutes.entry(line.series.minute.0).or_default() += line.count;
    }
    minutes
}

fn hours_of(lines: &[(usize, Line)]) -> Vec<HourCount> {
    let hour = |line: &Line| line.series.minute.0.div_euclid(MINUTES_PER_HOUR);
    let hours = lines.iter().map(|(_, line)| HourCount { hour: hour(line), count: line.count });
    added(hours.collect())
}

/// Adds the counts of equal hours.
fn added(mut hours: Vec<HourCount>) -> Vec<HourCount> {
    hours.sort_by_key(|hour| hour.hour);
    hours.dedup_by(|hour, before| {
        let is_same = hour.hour == before.hour;
        before.count += if is_same { hour.count } else { 0 };
        is_same
    });
    hours
}
