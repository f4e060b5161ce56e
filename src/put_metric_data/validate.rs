//! What CloudWatch accepts according to its reference, applied to a whole call: with one violation
//! nothing is ingested.
//!
//! Sources, read 2026-11-21:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
//!
//! The wording of errors follows quotes by users of the service, in its several forms: `The value X
//! for parameter P is invalid.`, `The parameter P must ...`, `The collection P must ...`, with one
//! line per violation.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::request::{PutDatum, PutDimension, PutMetricData, PutStatistics};
use super::response::PutResponse;
use crate::limits::{
    DATUM_AGE_MAX, DATUM_AHEAD_MAX, DATUMS_PER_CALL_MAX, DIMENSION_VALUE_CHARS_MAX,
    DIMENSIONS_PER_DATUM_MAX, METRIC_NAME_CHARS_MAX, VALUES_PER_DATUM_MAX,
};

const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// The violations of one call: the code of the first one, and a line for each.
struct Violations {
    code: &'static str,
    lines: Vec<String>,
}

// === impl Violations ===

impl Violations {
    fn add(&mut self, code: &'static str, line: String) {
        if self.lines.is_empty() {
            self.code = code;
        }
        self.lines.push(line);
    }

    fn value(&mut self, parameter: fmt::Arguments<'_>, value: &str) {
        let line = format!("The value {value} for parameter {parameter} is invalid.");
        self.add("InvalidParameterValue", line);
    }

    fn required(&mut self, parameter: fmt::Arguments<'_>) {
        self.add("MissingParameter", format!("The parameter {parameter} is required."));
    }

    fn must(&mut self, parameter: fmt::Arguments<'_>, rule: &str) {
        self.add("InvalidParameterValue", format!("The parameter {parameter} must {rule}."));
    }

    fn size(&mut self, parameter: fmt::Arguments<'_>, max: usize) {
        let line = format!("The collection {parameter} must not have a size greater than {max}.");
        self.add("InvalidParameterValue", line);
    }

    fn combination(&mut self, line: String) {
        self.add("InvalidParameterCombination", line);
    }
}

/// Checks a whole call. Without `now_ms`, timestamps may be of any age.
///
/// # Errors
/// The response to an invalid call.
pub fn validate(call: &PutMetricData<'_>, now_ms: Option<i64>) -> Result<(), PutResponse> {
    let mut found = Violations { code: "", lines: Vec::new() };
    check_namespace(&mut found, call.namespace.as_deref());
    if call.metric_data.is_empty() {
        found.required(format_args!("MetricData"));
    }
    if call.metric_data.len() > DATUMS_PER_CALL_MAX {
        found.size(format_args!("MetricData"), DATUMS_PER_CALL_MAX);
    }
    for (i, datum) in call.metric_data.iter().enumerate() {
        check_datum(&mut found, format_args!("MetricData.member.{}", i + 1), datum, now_ms);
    }
    if found.lines.is_empty() {
        return Ok(());
    }
    Err(PutResponse::error(400, found.code, found.lines.join("\n")))
}

fn check_namespace(found: &mut Violations, namespace: Option<&str>) {
    let Some(namespace) = namespace else { return found.required(format_args!("Namespace")) };
    if !is_name(namespace) || namespace.starts_with(':') || namespace.starts_with("AWS/") {
        found.value(format_args!("Namespace"), namespace);
    }
}

fn check_datum(
    found: &mut Violations,
    path: fmt::Arguments<'_>,
    datum: &PutDatum<'_>,
    now_ms: Option<i64>,
) {
    match &datum.metric_name {
        None => found.required(format_args!("{path}.MetricName")),
        Some(name) if !is_name(name) => found.value(format_args!("{path}.MetricName"), name),
        Some(_) => {}
    }
    check_dimensions(found, format_args!("{path}.Dimensions"), &datum.dimensions);
    check_figures(found, path, datum);
    if let (Some(timestamp_ms), Some(now_ms)) = (datum.timestamp_ms, now_ms) {
        if timestamp_ms < now_ms - ms(DATUM_AGE_MAX) {
            let rule = "specify a time within the past two weeks";
            found.must(format_args!("{path}.Timestamp"), rule);
        }
        if timestamp_ms > now_ms + ms(DATUM_AHEAD_MAX) {
            let rule = "specify a time no more than two hours in the future";
            found.must(format_args!("{path}.Timestamp"), rule);
        }
    }
    if let Some(unit) = &datum.unit
        && !UNITS.contains(&&**unit)
    {
        let rule = format!("be a value in the set [ {} ]", UNITS.join(", "));
        found.must(format_args!("{path}.Unit"), &rule);
    }
    #[expect(clippy::float_cmp, reason = "only these two numbers are meant")]
    if let Some(resolution) = datum.storage_resolution
        && resolution != 1.0
        && resolution != 60.0
    {
        found.value(format_args!("{path}.StorageResolution"), &resolution.to_string());
    }
}

fn check_dimensions(
    found: &mut Violations,
    path: fmt::Arguments<'_>,
    dimensions: &[PutDimension<'_>],
) {
    if dimensions.len() > DIMENSIONS_PER_DATUM_MAX {
        found.size(path, DIMENSIONS_PER_DATUM_MAX);
    }
    for (i, PutDimension { name, value }) in dimensions.iter().enumerate() {
        let number = i + 1;
        match name {
            None => found.required(format_args!("{path}.member.{number}.Name")),
            Some(name) => {
                let is_known =
                    dimensions[..i].iter().any(|other| other.name.as_ref() == Some(name));
                if !is_name(name) || name.starts_with(':') || is_known {
                    found.value(format_args!("{path}.member.{number}.Name"), name);
                }
            }
        }
        match value {
            None => found.required(format_args!("{path}.member.{number}.Value")),
            Some(value) => {
                if !is_printable(value, DIMENSION_VALUE_CHARS_MAX) {
                    found.value(format_args!("{path}.member.{number}.Value"), value);
                }
            }
        }
    }
}

/// The service's own agent sends `Values` and `StatisticValues` together, but the reference does
/// not allow it: here exactly one of the three forms is valid.
fn check_figures(found: &mut Violations, path: fmt::Arguments<'_>, datum: &PutDatum<'_>) {
    let mut forms = Vec::new();
    if let Some(value) = datum.value {
        forms.push("Value");
        check_number(found, format_args!("{path}.Value"), value);
    }
    if let Some(set) = &datum.statistics {
        forms.push("StatisticValues");
        check_statistics(found, format_args!("{path}.StatisticValues"), set);
    }
    if let Some(values) = &datum.values {
        forms.push("Values");
        check_values(found, path, values, datum.counts.as_deref());
    } else if datum.counts.is_some() {
        found.required(format_args!("{path}.Values"));
    }
    if forms.is_empty() {
        found.combination(format!(
            "At least one of the parameters {path}.Value and {path}.StatisticValues must be specified."
        ));
    }
    if let [first, second, ..] = forms[..] {
        found.combination(format!(
            "The parameters {path}.{first} and {path}.{second} are mutually exclusive and you have \
             specified both."
        ));
    }
}

fn check_statistics(found: &mut Violations, path: fmt::Arguments<'_>, set: &PutStatistics) {
    for (name, figure) in [
        ("SampleCount", set.sample_count),
        ("Sum", set.sum),
        ("Minimum", set.minimum),
        ("Maximum", set.maximum),
    ] {
        match figure {
            None => found.required(format_args!("{path}.{name}")),
            Some(figure) => check_number(found, format_args!("{path}.{name}"), figure),
        }
    }
    if let Some(count) = set.sample_count
        && count <= 0.0
    {
        found.must(format_args!("{path}.SampleCount"), "be greater than 0");
    }
    if let (Some(minimum), Some(maximum)) = (set.minimum, set.maximum)
        && minimum > maximum
    {
        found.must(format_args!("{path}.Maximum"), "be greater than Minimum");
    }
}

fn check_values(
    found: &mut Violations,
    path: fmt::Arguments<'_>,
    values: &[f64],
    counts: Option<&[f64]>,
) {
    if values.is_empty() {
        found.required(format_args!("{path}.Values"));
    }
    if values.len() > VALUES_PER_DATUM_MAX {
        found.size(format_args!("{path}.Values"), VALUES_PER_DATUM_MAX);
    }
    let mut seen = HashSet::new();
    for (i, &value) in values.iter().enumerate() {
        let number = i + 1;
        check_number(found, format_args!("{path}.Values.member.{number}"), value);
        // Adding zero turns negative zero into zero. Most data have one value, which needs no set.
        if values.len() > 1 && !seen.insert((value + 0.0).to_bits()) {
            found.must(format_args!("{path}.Values.member.{number}"), "be unique");
        }
    }
    let Some(counts) = counts else { return };
    if counts.len() != values.len() {
        found.must(format_args!("{path}.Counts"), "have as many members as Values");
    }
    for (i, &count) in counts.iter().enumerate() {
        let number = i + 1;
        check_number(found, format_args!("{path}.Counts.member.{number}"), count);
        if count <= 0.0 {
            found.must(format_args!("{path}.Counts.member.{number}"), "be greater than 0");
        }
    }
}

/// Not too large and, except for zero, not too small.
fn check_number(found: &mut Violations, parameter: fmt::Arguments<'_>, number: f64) {
    let size = number.abs();
    let fits = size <= 2f64.powi(360) && (size == 0.0 || size >= 2f64.powi(-360));
    if !fits {
        found.value(parameter, &number.to_string());
    }
}

fn is_name(text: &str) -> bool {
    is_printable(text, METRIC_NAME_CHARS_MAX)
}

/// ASCII without control characters, and not blank.
fn is_printable(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.bytes().any(|byte| byte != b' ')
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
