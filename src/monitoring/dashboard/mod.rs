//! A dashboard: a row for each destination, and one for the daemons.

mod cloudwatch;
mod grafana;

use super::Monitored;
use super::query::{InsightsFunction, MetricQuery};
use super::target::{MetricGroup, MonitoredDestination};
use crate::definitions::Measure;
use crate::ses::EventType;
use crate::sink::OwnTotal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DashboardFormat {
    CloudWatch,
    Grafana,
}

/// Panels side by side below a title.
#[derive(Clone, Debug)]
struct DashboardRow {
    title: String,
    panels: Vec<Panel>,
}

/// One graph.
#[derive(Clone, Debug)]
struct Panel {
    title: String,
    description: String,
    unit: PanelUnit,
    series: Vec<PanelSeries>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PanelUnit {
    Count,
    Percent,
    Milliseconds,
}

/// One query of a graph.
#[derive(Clone, Debug)]
struct PanelSeries {
    /// The name in calculations, unique in the panel.
    id: String,
    label: String,
    query: MetricQuery,
    /// Only used in calculations.
    hidden: bool,
    /// On the right axis, because its unit is another one.
    right: bool,
}

/// The seconds that a point covers.
const PERIOD: u32 = 300;

/// How many destinations a dashboard shows. CloudWatch allows 500 widgets.
const DESTINATIONS_MAX: usize = 90;

const UNTESTED_WEIGHTS: &str = "Metrics Insights computes the average of several series. That it \
    weighs each by its number of samples is not tested on AWS.";

/// The text of a dashboard, and what it leaves out. `region` is that of the metrics; Grafana asks for
/// it.
pub(crate) fn dashboard(
    monitored: Monitored<'_>,
    format: DashboardFormat,
    region: &str,
) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let destinations = MonitoredDestination::all(monitored);
    if destinations.len() > DESTINATIONS_MAX {
        let (shown, all) = (DESTINATIONS_MAX, destinations.len());
        notes.push(format!("the first {shown} of {all} destinations are shown"));
    }
    let mut rows: Vec<_> =
        destinations.iter().take(DESTINATIONS_MAX).map(|of| row_of(of, &mut notes)).collect();
    if !monitored.own_namespace.is_empty() {
        rows.push(own_row(monitored.own_namespace));
    }
    let body = match format {
        DashboardFormat::CloudWatch => cloudwatch::body(&rows, region),
        DashboardFormat::Grafana => grafana::dashboard(&rows),
    };
    (format!("{body:#}\n"), notes)
}

fn row_of(destination: &MonitoredDestination, notes: &mut Vec<String>) -> DashboardRow {
    let panels = [
        events_panel(destination),
        rates_panel(destination),
        delivery_panel(destination),
        values_panel(destination),
    ];
    let panels: Vec<_> = panels.into_iter().flatten().collect();
    if panels.is_empty() {
        notes.push(format!("{} publishes no metric", destination.path()));
    }
    DashboardRow { title: format!("{} ({})", destination.path(), destination.namespace), panels }
}

/// All counts.
fn events_panel(destination: &MonitoredDestination) -> Option<Panel> {
    let series = EventType::ALL.into_iter().filter_map(|event_type| {
        let metric = event_type.metric_name();
        let group = destination.coarsest(|group| group.counts(event_type))?;
        let query = MetricQuery::all(&destination.namespace, group, metric, InsightsFunction::Sum);
        Some(PanelSeries::shown(metric, query))
    });
    Panel::of("Events", "Events of each type.", PanelUnit::Count, series.collect())
}

/// The shares of hard bounces and of complaints.
fn rates_panel(destination: &MonitoredDestination) -> Option<Panel> {
    let mut series = Vec::new();
    let rates = [
        (Measure::HardBounceRate, EventType::Bounce),
        (Measure::ComplaintRate, EventType::Complaint),
    ];
    for (measure, bad) in rates {
        series.extend(rate(destination, measure, bad));
    }
    let text = "Of the outcomes recorded in each period. A complaint comes days after its delivery, \
        so short periods of few mails mean nothing.";
    let description = format!("{text} {UNTESTED_WEIGHTS}");
    Panel::of("Bounces and complaints", &description, PanelUnit::Percent, series)
}

/// The share from its own measure, else from the counts.
fn rate(destination: &MonitoredDestination, measure: Measure, bad: EventType) -> Vec<PanelSeries> {
    let namespace = &destination.namespace;
    let all = |group, metric, function| MetricQuery::all(namespace, group, metric, function);
    if let Some(group) = destination.coarsest(|group| group.measures(measure)) {
        let metric = measure.metric_name(bad);
        let id = format!("rate{metric}");
        return vec![
            PanelSeries::hidden(&id, all(group, metric, InsightsFunction::Average)),
            PanelSeries::shown(metric, MetricQuery::Math(format!("100 * {id}"))),
        ];
    }
    let has_both = |group: &MetricGroup| group.counts(bad) && group.counts(EventType::Delivery);
    let Some(group) = destination.coarsest(has_both) else { return Vec::new() };
    let count = |event_type: EventType, id: &str| {
        let metric = event_type.metric_name();
        PanelSeries::hidden(id, all(group, metric, InsightsFunction::Sum))
    };
    let metric = bad.metric_name();
    let (bad_id, good_id) = (format!("bad{metric}"), format!("good{metric}"));
    let outcomes = format!("(FILL({bad_id}, 0) + FILL({good_id}, 0))");
    let share = MetricQuery::Math(format!("100 * FILL({bad_id}, 0) / {outcomes}"));
    vec![
        count(bad, &bad_id),
        count(EventType::Delivery, &good_id),
        PanelSeries::shown(&format!("{metric} of outcomes"), share),
    ]
}

/// How long deliveries took, and what is delayed.
fn delivery_panel(destination: &MonitoredDestination) -> Option<Panel> {
    let namespace = &destination.namespace;
    let mut series = Vec::new();
    if let Some(group) = destination.coarsest(|group| group.measures(Measure::DeliveryTime)) {
        let metric = Measure::DeliveryTime.metric_name(EventType::Delivery);
        for percentile in ["p50", "p90", "p99"] {
            let query = MetricQuery::percentile(namespace, group, metric, percentile, PERIOD);
            series.push(PanelSeries::shown(percentile, query));
        }
    }
    let unit = if series.is_empty() { PanelUnit::Count } else { PanelUnit::Milliseconds };
    let delay = EventType::DeliveryDelay;
    if let Some(group) = destination.coarsest(|group| group.counts(delay)) {
        let metric = delay.metric_name();
        let query = MetricQuery::all(namespace, group, metric, InsightsFunction::Sum);
        let right = unit == PanelUnit::Milliseconds;
        series.push(PanelSeries { right, ..PanelSeries::shown(metric, query) });
    }
    let description = "Times are of mail that arrived. Mail that is still delayed is not in them: \
        see DeliveryDelay beside.";
    Panel::of("Delivery time and delays", description, unit, series)
}

/// The values with the most.
fn values_panel(destination: &MonitoredDestination) -> Option<Panel> {
    let namespace = &destination.namespace;
    let rate = Measure::HardBounceRate;
    if let Some(group) = destination.grouped(|group| group.measures(rate)) {
        let metric = rate.metric_name(EventType::Bounce);
        let query = MetricQuery::top(namespace, group, metric, InsightsFunction::Average);
        let names = group.dimensions.join(", ");
        let series = vec![
            PanelSeries::hidden("top", query),
            PanelSeries::shown("", MetricQuery::Math("100 * top".to_owned())),
        ];
        let description =
            "Values with few mails are in it too: a single bounce of one mail is 100 %.";
        let title = format!("Hard bounces by {names}");
        return Panel::of(&title, description, PanelUnit::Percent, series);
    }
    let preferred = [EventType::Bounce, EventType::Delivery, EventType::Send];
    let mut types = preferred.into_iter().chain(EventType::ALL);
    let (group, event_type) = types.find_map(|event_type| {
        Some((destination.grouped(|group| group.counts(event_type))?, event_type))
    })?;
    let (metric, names) = (event_type.metric_name(), group.dimensions.join(", "));
    let query = MetricQuery::top(namespace, group, metric, InsightsFunction::Sum);
    let title = format!("{metric} by {names}");
    let series = vec![PanelSeries::shown("", query)];
    Panel::of(&title, "The ten with the most.", PanelUnit::Count, series)
}

/// The daemons' own totals.
fn own_row(namespace: &str) -> DashboardRow {
    let sum = |total: OwnTotal| {
        let query = MetricQuery::total(namespace, total.as_str(), "Sum");
        PanelSeries::shown(total.as_str(), query)
    };
    let panel = |title: &str, description: &str, series| Panel {
        title: title.to_owned(),
        description: description.to_owned(),
        unit: PanelUnit::Count,
        series,
    };
    let daemons = MetricQuery::total(namespace, OwnTotal::Events.as_str(), "SampleCount");
    let per_minute = MetricQuery::Math(format!("daemons / {}", PERIOD / 60));
    let panels = vec![
        panel(
            "Events",
            "What daemons received, and whether a destination takes it.",
            vec![sum(OwnTotal::Matched), sum(OwnTotal::Unmatched), sum(OwnTotal::Unrouted)],
        ),
        panel(
            "Daemons that report",
            "Silence: without a point, no daemon publishes.",
            vec![
                PanelSeries::hidden("daemons", daemons),
                PanelSeries::shown("daemons", per_minute).with_id("reporting"),
            ],
        ),
        panel(
            "Doubt and loss",
            "Counts that CloudWatch may have twice or not at all, and counts that were dropped.",
            vec![sum(OwnTotal::Doubtful), sum(OwnTotal::Dropped), sum(OwnTotal::Malformed)],
        ),
        panel(
            "Late",
            "Events that arrived more than 15 minutes after they happened. Alarms do not look back.",
            vec![sum(OwnTotal::Late)],
        ),
    ];
    DashboardRow { title: format!("postmeter ({namespace})"), panels }
}

// === impl Panel ===

impl Panel {
    /// `None` without a series.
    fn of(
        title: &str,
        description: &str,
        unit: PanelUnit,
        series: Vec<PanelSeries>,
    ) -> Option<Self> {
        let (title, description) = (title.to_owned(), description.to_owned());
        (!series.is_empty()).then_some(Self { title, description, unit, series })
    }
}

// === impl PanelSeries ===

impl PanelSeries {
    fn shown(label: &str, query: MetricQuery) -> Self {
        let letters = label.chars().filter(char::is_ascii_alphanumeric);
        let id = format!("m{}", letters.collect::<String>());
        Self { id, label: label.to_owned(), query, hidden: false, right: false }
    }

    fn hidden(id: &str, query: MetricQuery) -> Self {
        Self { id: id.to_owned(), label: id.to_owned(), query, hidden: true, right: false }
    }

    fn with_id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }
}
