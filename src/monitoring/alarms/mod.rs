//! Alarms: rates, delivery time, and the health of the daemons.
//!
//! A rate of few events means nothing, so alarms on named series have a floor: they stay silent until
//! five bad outcomes would reach the threshold. An alarm of Metrics Insights watches every value of a
//! dimension, also new ones, but has no floor.

mod formats;
mod model;
mod put_metric_alarm;
mod rates;

use super::Monitored;
use super::query::{MetricQuery, NamedMetric};
use super::target::MonitoredDestination;
use crate::definitions::Measure;
use crate::ses::EventType;
use crate::sink::OwnTotal;

pub(crate) use self::formats::AlarmFormat;
use self::model::{Alarm, AlarmOperator, AlarmQuery, MissingData};
use self::rates::rate_alarms;

/// Alarms as a text, their prices, and what cannot be watched.
#[derive(Clone, Debug)]
pub(crate) struct Alarms {
    pub text: String,
    /// For each alarm a line with its price.
    pub prices: Vec<String>,
    pub notes: Vec<String>,
}

const MINUTE: u32 = 60;

/// Delivery of one in ten mails takes longer than this, in milliseconds.
const DELIVERY_TIME_MS: f64 = 300_000.0;

/// Late events in five minutes.
const LATE_EVENTS: f64 = 100.0;

/// The alarms of definitions. `topic`: the ARN of a topic that is told.
pub(crate) fn alarms(monitored: Monitored<'_>, format: AlarmFormat, topic: Option<&str>) -> Alarms {
    let mut all = Vec::new();
    let mut notes = Vec::new();
    for destination in MonitoredDestination::all(monitored) {
        all.extend(rate_alarms(&destination, &mut notes));
        all.extend(delivery_time(&destination, &mut notes));
    }
    if monitored.own_namespace.is_empty() {
        notes.push(
            "no own totals: silence, doubt, dropped and late counts have no alarm".to_owned(),
        );
    } else {
        all.extend(own_alarms(monitored.own_namespace));
    }
    let text = formats::text(&all, format, topic, &mut notes);
    Alarms { text, prices: prices(&all), notes }
}

/// A line for each alarm, and the sum.
fn prices(alarms: &[Alarm]) -> Vec<String> {
    let mut lines: Vec<_> =
        alarms.iter().map(|alarm| format!("{}: {}", alarm.name, alarm.price_text())).collect();
    let sum: f64 = alarms.iter().map(|alarm| alarm.price().unwrap_or_default()).sum();
    let open = alarms.iter().filter(|alarm| alarm.price().is_none()).count();
    let more = match open {
        0 => String::new(),
        1 => " and one alarm whose price depends on its series".to_owned(),
        open => format!(" and {open} alarms whose prices depend on their series"),
    };
    lines.push(format!("all: ${sum:.2} a month{more}"));
    lines
}

fn delivery_time(destination: &MonitoredDestination, notes: &mut Vec<String>) -> Option<Alarm> {
    let group = destination.coarsest(|group| group.measures(Measure::DeliveryTime))?;
    if !group.is_total() {
        let path = destination.path();
        notes.push(format!(
            "{path}: no alarm on delivery time, because its percentiles need a series without \
             dimensions; add [] to DimensionSets"
        ));
        return None;
    }
    let metric = Measure::DeliveryTime.metric_name(EventType::Delivery);
    let query = NamedMetric {
        namespace: destination.namespace.clone(),
        metric: metric.to_owned(),
        dimensions: Vec::new(),
        statistic: "p90",
    };
    Some(Alarm {
        name: destination.alarm_name("delivery-time"),
        description:
            "Delivery of one mail in ten takes more than 5 minutes. Only mail that arrived \
            is in it; see DeliveryDelay."
                .to_owned(),
        query: AlarmQuery::Metric(query),
        period: 5 * MINUTE,
        periods: 3,
        operator: AlarmOperator::Above,
        threshold: DELIVERY_TIME_MS,
        missing: MissingData::NotBreaching,
    })
}

/// Alarms on the daemons' own totals.
fn own_alarms(namespace: &str) -> Vec<Alarm> {
    let alarm = |name: &str, total: OwnTotal, statistic, description: &str| Alarm {
        name: format!("postmeter-{name}"),
        description: description.to_owned(),
        query: AlarmQuery::Metric(NamedMetric {
            namespace: namespace.to_owned(),
            metric: total.as_str().to_owned(),
            dimensions: Vec::new(),
            statistic,
        }),
        period: MINUTE,
        periods: 1,
        operator: AlarmOperator::Above,
        threshold: 0.0,
        missing: MissingData::NotBreaching,
    };
    vec![
        Alarm {
            periods: 5,
            operator: AlarmOperator::Below,
            threshold: 1.0,
            missing: MissingData::Breaching,
            ..alarm(
                "silence",
                OwnTotal::Events,
                "SampleCount",
                "No daemon has published its totals for 5 minutes: it is down, or lacks permission.",
            )
        },
        alarm(
            "doubtful-counts",
            OwnTotal::Doubtful,
            "Sum",
            "CloudWatch may have counts twice or not at all; postmeter_doubtful_counts_total names \
             the cause.",
        ),
        alarm(
            "dropped-counts",
            OwnTotal::Dropped,
            "Sum",
            "Counts were dropped; postmeter_dropped_total names the reason.",
        ),
        alarm("malformed-values", OwnTotal::Malformed, "Sum", "Values arrive that cannot be read."),
        Alarm {
            period: 5 * MINUTE,
            periods: 3,
            threshold: LATE_EVENTS,
            ..alarm(
                "late-events",
                OwnTotal::Late,
                "Sum",
                "Events arrive more than 15 minutes after they happened, so other alarms miss them.",
            )
        },
    ]
}

/// A query for all series of a group, whose alarm names the values that breach.
fn of_each(query: MetricQuery, series_max: Option<u64>) -> Option<AlarmQuery> {
    match query {
        MetricQuery::Insights(query) => Some(AlarmQuery::Insights { query, series_max }),
        MetricQuery::Named(_) | MetricQuery::Search(_) | MetricQuery::Math(_) => None,
    }
}

// === impl MonitoredDestination ===

impl MonitoredDestination {
    /// The name of an alarm: unique, because sets and destinations are.
    fn alarm_name(&self, what: &str) -> String {
        format!("postmeter-{}-{}-{what}", self.configuration_set, self.name)
    }
}
