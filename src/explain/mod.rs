//! Explains what is counted for each event, and why: for `explain` and the console.

mod reason;
mod series;

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use self::reason::reason_of;
use self::series::{ExplainedValue, SeriesVerdict};
use crate::aggregate::MetricValue;
use crate::rules::{
    Action, InvalidValue, MetricRule, Route, Rule, RuleDimension, RuleSet, ValueOrigin,
};
use crate::ses::{
    Event, EventField, HeaderList, MAILBOX_PROVIDERS_VERSION, Minute, NonEvent, NonEventReason,
    Path, TimeOrigin, ValueKind, Visitor, Wrapping,
};

pub(crate) use self::series::ExplainedSeries;

/// One value of the input, explained.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Explanation {
    /// `event`, or the kind of another value.
    pub kind: &'static str,
    pub wrappings: Vec<&'static str>,
    /// Why a value is not an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The offset of a value that is not an event, or of the wrapping around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ExplainedEvent>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedEvent {
    pub event_type: &'static str,
    pub configuration_set: Option<String>,
    pub routed: bool,
    pub minute: String,
    pub minute_from: &'static str,
    pub destinations: Vec<ExplainedDestination>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedDestination {
    pub name: String,
    pub verdict: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<ExplainedDimension>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<ExplainedSeries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datum: Option<ExplainedDatum>,
    /// Those of measures other than counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<ExplainedDatum>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedDimension {
    pub name: String,
    pub source: String,
    pub value: String,
    pub origin: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplainedDatum {
    pub namespace: String,
    pub metric: &'static str,
    pub timestamp: String,
    pub unit: &'static str,
    pub value: MetricValue,
}

/// Explains while it reads, so memory depends only on the largest value of the input.
pub(crate) struct Explainer<F> {
    rules: Arc<RuleSet>,
    arrival_ms: i64,
    /// Takes each explanation, and returns whether to go on.
    take: F,
    /// How many bytes more may be decompressed below the outermost level.
    bytes_left: usize,
    is_over: bool,
}

// === impl Explainer ===

impl<F: FnMut(Explanation) -> bool> Explainer<F> {
    /// Explains by these rules. `arrival_ms` stands for the time of events that have none.
    pub(crate) fn new(rules: Arc<RuleSet>, arrival_ms: i64, take: F) -> Self {
        Self { rules, arrival_ms, take, bytes_left: usize::MAX, is_over: false }
    }

    /// Ends when more than so many bytes are decompressed below the outermost level.
    pub(crate) fn within(self, bytes_max: usize) -> Self {
        Self { bytes_left: bytes_max, ..self }
    }

    /// Whether reading ended early.
    pub(crate) fn is_beyond(&self) -> bool {
        self.is_over
    }

    fn found(&mut self, explanation: Explanation) {
        self.is_over |= !(self.take)(explanation);
    }
}

impl<F: FnMut(Explanation) -> bool> Visitor for Explainer<F> {
    fn event(&mut self, event: &Event<'_>, path: &Path, _: u64, raw: &[u8]) {
        let rules = Arc::clone(&self.rules);
        let set = rules.configuration_set(event).map(shown);
        let (ms, minute_from) = match event.time_ms() {
            Some((ms, TimeOrigin::Block)) => (ms, "from the event's timestamp"),
            Some((ms, TimeOrigin::Mail)) => (ms, "mail.timestamp"),
            None => (self.arrival_ms, "from its arrival, because the event has no timestamp"),
        };
        let minute = Minute::of_ms(ms);
        let (routed, destinations) = match rules.route(event) {
            Route::Unrouted => (false, Vec::new()),
            Route::Set(set) => {
                let explain = |rule| explain_rule(rule, event, raw, minute);
                let disabled = set.disabled.iter().map(|name| not_counted(name, "disabled"));
                (true, set.rules.iter().map(explain).chain(disabled).collect())
            }
        };
        self.found(Explanation {
            kind: "event",
            wrappings: path.iter().map(Wrapping::name).collect(),
            reason: None,
            at: None,
            event: Some(ExplainedEvent {
                event_type: event.event_type.metric_name(),
                configuration_set: set,
                routed,
                minute: minute.to_string(),
                minute_from,
                destinations,
            }),
        });
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, _: &[u8]) {
        let kind = match why.kind() {
            NonEvent::UnknownType => "unknown_type",
            NonEvent::Malformed => "malformed",
            NonEvent::Foreign => "foreign",
            NonEvent::Control => "control",
            NonEvent::Notice => "notice",
        };
        let wrappings = path.iter().map(Wrapping::name).collect();
        let reason = Some(reason_of(why));
        self.found(Explanation { kind, wrappings, reason, at: Some(at), event: None });
    }

    fn expand(&mut self, bytes: usize) -> bool {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.unwrap_or(0);
        self.is_over |= left.is_none();
        left.is_some()
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}

/// A destination that does not count an event.
fn not_counted(name: &str, verdict: &str) -> ExplainedDestination {
    ExplainedDestination {
        name: name.to_owned(),
        verdict: verdict.to_owned(),
        dimensions: Vec::new(),
        series: Vec::new(),
        datum: None,
        measured: Vec::new(),
    }
}

fn explain_rule(
    rule: &Rule,
    event: &Event<'_>,
    raw: &[u8],
    minute: Minute,
) -> ExplainedDestination {
    let not_counted = |verdict| not_counted(&rule.name, verdict);
    if !rule.event_types.contains(event.event_type) {
        return not_counted("does not match this event type");
    }
    let metrics = match &rule.action {
        Action::Count(metrics) => metrics,
        Action::Forward(_) => return not_counted("`serve` forwards it unchanged"),
        Action::Nothing => return not_counted("matches, but receives nothing"),
    };
    let explain = |dimension| explain_dimension(metrics, dimension, event, raw);
    let dimensions: Vec<_> = metrics.dimensions.iter().map(explain).collect();
    let SeriesVerdict { verdict, datums, series } = SeriesVerdict::of(metrics, event);
    let datums = datums.into_iter().map(|ExplainedValue { metric, unit, value }| ExplainedDatum {
        namespace: metrics.namespace.to_string(),
        metric,
        timestamp: minute.to_string(),
        unit,
        value,
    });
    let (mut counts, measured): (Vec<_>, Vec<_>) = datums.partition(|own| own.unit == "Count");
    let (name, datum) = (rule.name.clone(), counts.pop());
    ExplainedDestination { name, verdict, dimensions, series, datum, measured }
}

const INVALID: &str = "not a valid dimension value: use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)";

const FIELD: &str = "field of the event";
const NOT_OF_TYPE: &str = "events of this type do not have it";

fn explain_dimension(
    metrics: &MetricRule,
    dimension: &RuleDimension,
    event: &Event<'_>,
    raw: &[u8],
) -> ExplainedDimension {
    let source = match dimension.source {
        ValueKind::MessageTag => "message tag",
        ValueKind::EmailHeader => "email header",
        ValueKind::LinkTag => "link tag",
        ValueKind::Field(field) if !field.is_of(event.event_type) => {
            let (name, value) = (dimension.name.clone(), String::new());
            let source = FIELD.to_owned();
            return ExplainedDimension { name, source, value, origin: NOT_OF_TYPE };
        }
        ValueKind::Field(EventField::MailboxProvider) => {
            &format!("{FIELD}, by the table of {MAILBOX_PROVIDERS_VERSION}")
        }
        ValueKind::Field(_) => FIELD,
    };
    let source = source.to_owned();
    let (value, origin) = match metrics.resolve(dimension, event) {
        Ok((value, origin)) => {
            let origin = match origin {
                ValueOrigin::Event => "from the event",
                ValueOrigin::DefaultForMissing => match dimension.source {
                    ValueKind::EmailHeader => default_for_missing_header(raw),
                    _ => "default, because the event has none",
                },
                ValueOrigin::DefaultForBlank => "default, because the event's value is blank",
                ValueOrigin::DefaultForInvalid => "default, because the event's value is invalid",
                ValueOrigin::Sanitized => "from the event, forbidden characters replaced",
            };
            (shown(&value), origin)
        }
        Err(InvalidValue(text)) => (shown(text), INVALID),
    };
    ExplainedDimension { name: dimension.name.clone(), source, value, origin }
}

/// Why an event, as received, has no value for a header.
fn default_for_missing_header(event: &[u8]) -> &'static str {
    match HeaderList::of(event) {
        HeaderList::Whole => "default, because the event has none",
        HeaderList::Nothing => "default, because the event carries no headers",
        HeaderList::Truncated => {
            "default, because it is not among the event's headers, which SES truncated: it may have \
             been cut off"
        }
    }
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

// === impl Explanation ===

impl Explanation {
    /// Writes it as text.
    pub(crate) fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let wrapped =
            if self.wrappings.is_empty() { "bare".to_owned() } else { self.wrappings.join(" > ") };
        let Some(event) = &self.event else {
            let (reason, at) = (self.reason.as_deref().unwrap_or_default(), self.at.unwrap_or(0));
            let kind = self.kind;
            return writeln!(
                out,
                "{kind} ({wrapped}): not counted: {reason}; at byte {at} of the text"
            );
        };
        writeln!(out, "{} event ({wrapped})", event.event_type)?;
        let set = event.configuration_set.as_deref().map(str::escape_debug);
        match (set, event.routed) {
            (None, _) => writeln!(out, "  names no configuration set: unrouted")?,
            (Some(set), false) => writeln!(out, "  configuration set {set} is unknown: unrouted")?,
            (Some(set), true) => writeln!(out, "  configuration set {set}")?,
        }
        writeln!(out, "  minute {} ({})", event.minute, event.minute_from)?;
        for destination in &event.destinations {
            writeln!(out, "  destination {}: {}", destination.name, destination.verdict)?;
            for ExplainedDimension { name, source, value, origin } in &destination.dimensions {
                let value = value.escape_debug();
                writeln!(out, "    {name} = {value} ({source}; {origin})")?;
            }
            for series in &destination.series {
                series.print(out)?;
            }
            for datum in destination.datum.iter().chain(&destination.measured) {
                let ExplainedDatum { namespace, metric, timestamp, unit, value } = datum;
                writeln!(out, "    datum {namespace} {metric} {timestamp} {unit} {value}")?;
            }
        }
        Ok(())
    }
}
