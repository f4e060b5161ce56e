//! `postmeter explain`: explains what is counted for each event, and why.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{ExplainArgs, TextFormat};
use super::{Exit, input};
use crate::clock::Clock;
use crate::definitions::ValueSource;
use crate::rules::{
    Action, InvalidValue, Layouts, MetricRule, Route, Rule, RuleDimension, RuleSet, ValueOrigin,
};
use crate::ses::{self, Event, Minute, NonEvent, TimeOrigin, Visitor};

/// One value of the input, explained.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct Explanation {
    /// `event`, or the kind of another value.
    kind: &'static str,
    wrappings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<ExplainedEvent>,
}

#[derive(Debug, Serialize)]
struct ExplainedEvent {
    event_type: &'static str,
    configuration_set: Option<String>,
    routed: bool,
    minute: String,
    minute_from: &'static str,
    destinations: Vec<ExplainedDestination>,
}

#[derive(Debug, Serialize)]
struct ExplainedDestination {
    name: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dimensions: Vec<ExplainedDimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datum: Option<ExplainedDatum>,
}

#[derive(Debug, Serialize)]
struct ExplainedDimension {
    name: String,
    source: &'static str,
    value: String,
    origin: &'static str,
}

#[derive(Debug, Serialize)]
struct ExplainedDatum {
    namespace: String,
    metric: &'static str,
    timestamp: String,
}

/// Explains while it reads, so memory depends only on the largest value of the input.
struct Explainer<W> {
    rules: Arc<RuleSet>,
    arrival_ms: i64,
    format: TextFormat,
    out: W,
    /// The first write error; nothing is written after it.
    failed: Option<std::io::Error>,
}

/// Runs the command.
///
/// # Errors
/// The input cannot be read, or the output cannot be written.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let layouts = Layouts::default();
    let default_set = args.default_set.as_deref();
    let rules = input::rules(&args.definitions, &args.namespace, default_set, &layouts);
    let Some(rules) = rules else { return Ok(Exit::Usage) };
    let mut explainer = Explainer {
        rules: Arc::clone(&rules),
        arrival_ms: Clock::System.now_ms(),
        format: args.format,
        out: BufWriter::new(std::io::stdout().lock()),
        failed: None,
    };
    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    input::read_events(input::open(path)?, rules.interest(), &mut explainer)?;
    if let Some(error) = explainer.failed {
        return Err(error.into());
    }
    explainer.out.flush()?;
    Ok(Exit::Done)
}

// === impl Explainer ===

impl<W: Write> Explainer<W> {
    fn write(&mut self, explanation: &Explanation) {
        if self.failed.is_some() {
            return;
        }
        let written = match self.format {
            TextFormat::Json => serde_json::to_string(explanation)
                .map_err(Into::into)
                .and_then(|json| writeln!(self.out, "{json}")),
            TextFormat::Text => explanation.print(&mut self.out),
        };
        self.failed = written.err();
    }
}

impl<W: Write> Visitor for Explainer<W> {
    fn event(&mut self, event: &Event<'_>, path: &ses::Path, _: &[u8]) {
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
                let explain = |rule| explain_rule(rule, event, minute);
                (true, set.rules.iter().map(explain).collect())
            }
        };
        self.write(&Explanation {
            kind: "event",
            wrappings: path.iter().map(ses::Wrapping::name).collect(),
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

    fn non_event(&mut self, other: NonEvent, path: &ses::Path, _: u64, _: &[u8]) {
        let kind = match other {
            NonEvent::UnknownType => "unknown_type",
            NonEvent::Malformed => "malformed",
            NonEvent::Foreign => "foreign",
            NonEvent::Control => "control",
            NonEvent::Notice => "notice",
        };
        let wrappings = path.iter().map(ses::Wrapping::name).collect();
        self.write(&Explanation { kind, wrappings, event: None });
    }
}

fn explain_rule(rule: &Rule, event: &Event<'_>, minute: Minute) -> ExplainedDestination {
    let name = rule.name.clone();
    let not_counted = |verdict| ExplainedDestination {
        name: name.clone(),
        verdict,
        dimensions: Vec::new(),
        datum: None,
    };
    if !rule.event_types.contains(event.event_type) {
        return not_counted("does not match this event type");
    }
    let metrics = match &rule.action {
        Action::Count(metrics) => metrics,
        Action::Forward(_) => return not_counted("`serve` forwards it unchanged"),
        Action::Nothing => return not_counted("matches, but receives nothing"),
    };
    let explain = |dimension| explain_dimension(metrics, dimension, event);
    let dimensions: Vec<_> = metrics.dimensions.iter().map(explain).collect();
    let dropped = dimensions.iter().any(|dimension| dimension.origin == INVALID);
    let datum = (!dropped).then(|| ExplainedDatum {
        namespace: metrics.namespace.to_string(),
        metric: event.event_type.metric_name(),
        timestamp: minute.to_string(),
    });
    let verdict = if dropped { "dropped: invalid_value" } else { "counted" };
    ExplainedDestination { name, verdict, dimensions, datum }
}

const INVALID: &str = "not a valid dimension value: use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)";

fn explain_dimension(
    metrics: &MetricRule,
    dimension: &RuleDimension,
    event: &Event<'_>,
) -> ExplainedDimension {
    let source = match dimension.source {
        ValueSource::MessageTag => "message tag",
        ValueSource::EmailHeader => "email header",
        ValueSource::LinkTag => "link tag",
    };
    let (value, origin) = match metrics.resolve(dimension, event) {
        Ok((value, origin)) => {
            let origin = match origin {
                ValueOrigin::Event => "from the event",
                ValueOrigin::DefaultForMissing => "default, because the event has none",
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

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

// === impl Explanation ===

impl Explanation {
    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let wrapped =
            if self.wrappings.is_empty() { "bare".to_owned() } else { self.wrappings.join(" > ") };
        let Some(event) = &self.event else {
            return writeln!(out, "{} ({wrapped}): not counted", self.kind);
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
            if let Some(ExplainedDatum { namespace, metric, timestamp }) = &destination.datum {
                writeln!(out, "    datum {namespace} {metric} {timestamp} Count 1")?;
            }
        }
        Ok(())
    }
}
