//! Alarms on rates of bounces and complaints.

use super::model::{Alarm, AlarmOperator, AlarmQuery, MissingData};
use super::of_each;
use crate::definitions::Measure;
use crate::monitoring::query::{InsightsFunction, MetricQuery, NamedMetric};
use crate::monitoring::target::{MetricGroup, MonitoredDestination};
use crate::ses::EventType;

/// How many bad outcomes there must be before a rate means something.
const BAD_OUTCOMES_MIN: f64 = 5.0;

const HOUR: u32 = 3600;
const DAY: u32 = 86_400;

/// A rate, and where it becomes dangerous. SES puts accounts under review at 5 % of bounces and 0.1 %
/// of complaints.
struct WatchedRate {
    measure: Measure,
    bad: EventType,
    what: &'static str,
    period: u32,
    /// With the ending of the alarm's name.
    thresholds: [(f64, &'static str); 2],
}

const BOUNCES: WatchedRate = WatchedRate {
    measure: Measure::HardBounceRate,
    bad: EventType::Bounce,
    what: "bounces",
    period: HOUR,
    thresholds: [(0.02, "2-percent"), (0.05, "5-percent")],
};

/// Complaints come days after their deliveries and are few: over a day, and of totals only.
const COMPLAINTS: WatchedRate = WatchedRate {
    measure: Measure::ComplaintRate,
    bad: EventType::Complaint,
    what: "complaints",
    period: DAY,
    thresholds: [(0.0008, "0.08-percent"), (0.001, "0.1-percent")],
};

/// The alarms on rates of a destination.
pub(super) fn rate_alarms(
    destination: &MonitoredDestination,
    notes: &mut Vec<String>,
) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for rate in [&BOUNCES, &COMPLAINTS] {
        let total = destination.groups.iter().find(|group| group.is_total());
        let of_total = total.and_then(|group| rate.source(group));
        match of_total {
            Some(source) => alarms.extend(rate.alarms(destination, source, None)),
            None if destination.coarsest(|group| rate.source(group).is_some()).is_some() => {
                notes.push(format!(
                    "{}: no alarm with a floor on {}, because it needs a series without \
                     dimensions; add [] to DimensionSets",
                    destination.path(),
                    rate.what
                ));
            }
            None => {}
        }
    }
    for group in &destination.groups {
        let (Some(source), [name]) = (BOUNCES.source(group), &*group.dimensions) else { continue };
        for value in &group.kept {
            alarms.extend(BOUNCES.alarms(destination, source, Some((name, value))));
        }
    }
    alarms.extend(bounces_of_each_value(destination, notes));
    alarms
}

/// What a rate is computed from.
#[derive(Clone, Copy)]
enum RateSource {
    /// The average of its measure.
    Measure,
    /// Counts of bad outcomes and of deliveries.
    Counts,
}

// === impl WatchedRate ===

impl WatchedRate {
    fn source(&self, group: &MetricGroup) -> Option<RateSource> {
        if group.measures(self.measure) {
            return Some(RateSource::Measure);
        }
        let has_counts = group.counts(self.bad) && group.counts(EventType::Delivery);
        has_counts.then_some(RateSource::Counts)
    }

    /// An alarm for each threshold, of all events or of one value.
    fn alarms(
        &self,
        destination: &MonitoredDestination,
        source: RateSource,
        value: Option<(&String, &String)>,
    ) -> Vec<Alarm> {
        let metric = |metric: &str, statistic| NamedMetric {
            namespace: destination.namespace.clone(),
            metric: metric.to_owned(),
            dimensions: value
                .map(|(name, value)| (name.clone(), value.clone()))
                .into_iter()
                .collect(),
            statistic,
        };
        let of = value.map_or(String::new(), |(name, value)| format!(" with {name} {value}"));
        let of_each = self.thresholds.iter().map(|(threshold, ending)| {
            let floor = (BAD_OUTCOMES_MIN / threshold).round();
            let query = match source {
                RateSource::Measure => {
                    let name = self.measure.metric_name(self.bad);
                    AlarmQuery::Math {
                        metrics: vec![
                            ("rate", metric(name, "Average")),
                            ("volume", metric(name, "SampleCount")),
                        ],
                        expression: format!("IF(volume >= {floor}, rate)"),
                    }
                }
                RateSource::Counts => {
                    let outcomes = "(FILL(bad, 0) + FILL(good, 0))";
                    AlarmQuery::Math {
                        metrics: vec![
                            ("bad", metric(self.bad.metric_name(), "Sum")),
                            ("good", metric(EventType::Delivery.metric_name(), "Sum")),
                        ],
                        expression: format!("IF({outcomes} >= {floor}, FILL(bad, 0) / {outcomes})"),
                    }
                }
            };
            let kind = match source {
                RateSource::Measure if self.bad == EventType::Bounce => "hard bounces",
                RateSource::Counts if self.bad == EventType::Bounce => "bounces of any class",
                _ => "complaints",
            };
            let name = match value {
                None => format!("{}-{ending}", self.what),
                Some((_, value)) => format!("{}-{ending}-{value}", self.what),
            };
            let span = if self.period == DAY { "a day" } else { "an hour" };
            let percent = threshold * 100.0;
            Alarm {
                name: destination.alarm_name(&name),
                description: format!(
                    "{percent} % or more of the outcomes{of} in {span} are {kind}. Silent below \
                     {floor} outcomes."
                ),
                query,
                period: self.period,
                periods: 1,
                operator: AlarmOperator::AtLeast,
                threshold: *threshold,
                missing: MissingData::NotBreaching,
            }
        });
        of_each.collect()
    }
}

/// One alarm for every value of a dimension, those that come later too.
fn bounces_of_each_value(
    destination: &MonitoredDestination,
    notes: &mut Vec<String>,
) -> Option<Alarm> {
    let measure = BOUNCES.measure;
    let Some(group) = destination.grouped(|group| group.measures(measure)) else {
        if destination.grouped(|group| BOUNCES.source(group).is_some()).is_some() {
            notes.push(format!(
                "{}: no alarm on bounces of each value, because it needs the rate as one metric; \
                 add HARD_BOUNCE_RATE to Measures",
                destination.path()
            ));
        }
        return None;
    };
    let metric = measure.metric_name(EventType::Bounce);
    let query = MetricQuery::each(&destination.namespace, group, metric, InsightsFunction::Average);
    let (threshold, _) = BOUNCES.thresholds[1];
    Some(Alarm {
        name: destination.alarm_name("bounces-of-each-value"),
        description: format!(
            "5 % or more of the outcomes in an hour of a value of {} are hard bounces. Has no floor: \
             one bounce of a value with few mails is enough. That AVG weighs series by their number of \
             samples is not tested on AWS.",
            group.dimensions.join(", ")
        ),
        query: of_each(query, group.series_max)?,
        period: BOUNCES.period,
        periods: 1,
        operator: AlarmOperator::AtLeast,
        threshold,
        missing: MissingData::NotBreaching,
    })
}
