//! What makes series, and what could be left out.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::Serialize;

use super::projection::cents;
use super::series::{HourCount, SeriesHours};

/// What a dimension or a metric costs: what a month would cost less without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CostDriver {
    pub destination: String,
    pub kind: DriverKind,
    pub name: String,
    /// By how much it multiplies the hours of series; 1 of metrics.
    pub factor: f64,
    pub dollars: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriverKind {
    Dimension,
    Metric,
}

/// Dimensions to leave out, and what a month then costs less.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CostCut {
    pub destination: String,
    pub kind: CutKind,
    pub dimensions: Vec<String>,
    pub dollars: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CutKind {
    /// A set of `DimensionSets`.
    Set,
    Dimension,
}

/// The series of one destination.
pub(super) struct OwnSeries<'s> {
    pub destination: String,
    pub series: Vec<(&'s SeriesHours, &'s [HourCount])>,
}

// === impl OwnSeries ===

impl OwnSeries<'_> {
    /// Drivers and cuts. `dollars` prices a number of counted hours of series.
    pub(super) fn costs(&self, dollars: impl Fn(f64) -> f64) -> (Vec<CostDriver>, Vec<CostCut>) {
        let all = self.hours(|_| true);
        let names: BTreeSet<&str> = self.names().into_iter().flatten().collect();
        let mut drivers = Vec::new();
        let mut cuts = Vec::new();
        for name in &names {
            let with = self.hours(|series| has(series, name));
            let saved = all - self.hours_without(name, |_| true);
            let rest = self.hours_without(name, |series| has(series, name));
            let factor = if rest > 0.0 { with / rest } else { 1.0 };
            let dollars = cents(dollars(saved));
            let factor = (factor * 10.0).round() / 10.0;
            drivers.push(CostDriver {
                destination: self.destination.clone(),
                kind: DriverKind::Dimension,
                name: (*name).to_owned(),
                factor,
                dollars,
            });
            if names.len() > 1 {
                cuts.push(self.cut(CutKind::Dimension, vec![(*name).to_owned()], dollars));
            }
        }
        let metrics: BTreeSet<&str> =
            self.series.iter().map(|(series, _)| &*series.metric).collect();
        for metric in &metrics {
            let dollars = cents(dollars(self.hours(|series| series.metric == *metric)));
            drivers.push(CostDriver {
                destination: self.destination.clone(),
                kind: DriverKind::Metric,
                name: (*metric).to_owned(),
                factor: 1.0,
                dollars,
            });
        }
        let sets = self.names();
        for set in sets.iter().filter(|set| sets.len() > 1 && !set.is_empty()) {
            let dollars = cents(dollars(self.hours(|series| is_of(series, set))));
            let names = set.iter().map(|name| (*name).to_owned()).collect();
            cuts.push(self.cut(CutKind::Set, names, dollars));
        }
        (drivers, cuts)
    }

    fn cut(&self, kind: CutKind, dimensions: Vec<String>, dollars: f64) -> CostCut {
        CostCut { destination: self.destination.clone(), kind, dimensions, dollars }
    }

    /// The names of dimensions of each set.
    fn names(&self) -> BTreeSet<Vec<&str>> {
        self.series
            .iter()
            .map(|(series, _)| series.dimensions.iter().map(|(name, _)| &**name).collect())
            .collect()
    }

    /// The hours of some of the series.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    fn hours(&self, is_wanted: impl Fn(&SeriesHours) -> bool) -> f64 {
        let wanted = self.series.iter().filter(|(series, _)| is_wanted(series));
        wanted.map(|(_, hours)| hours.len()).sum::<usize>() as f64
    }

    /// The hours of series that are left without a dimension: those that differ in it become one.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    fn hours_without(&self, name: &str, is_wanted: impl Fn(&SeriesHours) -> bool) -> f64 {
        let hasher = FixedState::default();
        let mut seen: HashSet<u64> = HashSet::new();
        for (series, hours) in self.series.iter().filter(|(series, _)| is_wanted(series)) {
            let rest: Vec<_> = series.dimensions.iter().filter(|(of, _)| of != name).collect();
            for hour in *hours {
                // Two of a million hours have the same hash in one of ten million plans.
                seen.insert(hasher.hash_one((&series.metric, &rest, hour.hour)));
            }
        }
        seen.len() as f64
    }
}

fn has(series: &SeriesHours, name: &str) -> bool {
    series.dimensions.iter().any(|(of, _)| of == name)
}

fn is_of(series: &SeriesHours, set: &[&str]) -> bool {
    series.dimensions.iter().map(|(name, _)| &**name).eq(set.iter().copied())
}
