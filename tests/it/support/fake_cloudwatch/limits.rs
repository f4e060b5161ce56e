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

use super::wire::{Answer, Dimension, MetricDatum, PutMetricData, StatisticSet};

/// The documentation does not say whether this is before or after gzip; this is before.
pub(super) const BODY_BYTES_MAX: usize = 1_000_000;
pub(super) const DATUMS_MAX: usize = 1000;
pub(super) const DIMENSIONS_MAX: usize = 30;
pub(super) const VALUES_MAX: usize = 150;
pub(super) const NAME_CHARS_MAX: usize = 255;
pub(super) const DIMENSION_VALUE_CHARS_MAX: usize = 1024;
pub(super) const PAST_MS_MAX: i64 = 14 * 24 * 3600 * 1000;
pub(super) const FUTURE_MS_MAX: i64 = 2 * 3600 * 1000;

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

impl Violations {
    fn add(&mut self, code: &'static str, line: String) {
        if self.lines.is_empty() {
            self.code = code;
        }
        self.lines.push(line);
    }

    fn value(&mut self, parameter: &str, value: &str) {
        let line = format!("The value {value} for parameter {parameter} is invalid.");
        self.add("InvalidParameterValue", line);
    }

    fn required(&mut self, parameter: &str) {
        self.add("MissingParameter", format!("The parameter {parameter} is required."));
    }

    fn must(&mut self, parameter: &str, rule: &str) {
        self.add("InvalidParameterValue", format!("The parameter {parameter} must {rule}."));
    }

    fn size(&mut self, parameter: &str, max: usize) {
        let line = format!("The collection {parameter} must not have a size greater than {max}.");
        self.add("InvalidParameterValue", line);
    }

    fn combination(&mut self, line: String) {
        self.add("InvalidParameterCombination", line);
    }
}

/// Returns an error for an invalid call.
pub(super) fn check(call: &PutMetricData, now_ms: i64) -> Result<(), Answer> {
    let mut found = Violations { code: "", lines: Vec::new() };
    check_namespace(&mut found, call.namespace.as_deref());
    if call.metric_data.is_empty() {
        found.required("MetricData");
    }
    if call.metric_data.len() > DATUMS_MAX {
        found.size("MetricData", DATUMS_MAX);
    }
    for (i, datum) in call.metric_data.iter().enumerate() {
        check_datum(&mut found, &format!("MetricData.member.{}", i + 1), datum, now_ms);
    }
    if found.lines.is_empty() {
        return Ok(());
    }
    Err(Answer::error(400, found.code, found.lines.join("\n")))
}

fn check_namespace(found: &mut Violations, namespace: Option<&str>) {
    let Some(namespace) = namespace else { return found.required("Namespace") };
    if !is_name(namespace) || namespace.starts_with(':') || namespace.starts_with("AWS/") {
        found.value("Namespace", namespace);
    }
}

fn check_datum(found: &mut Violations, path: &str, datum: &MetricDatum, now_ms: i64) {
    match &datum.metric_name {
        None => found.required(&format!("{path}.MetricName")),
        Some(name) if !is_name(name) => found.value(&format!("{path}.MetricName"), name),
        Some(_) => {}
    }
    check_dimensions(found, &format!("{path}.Dimensions"), &datum.dimensions);
    check_figures(found, path, datum);
    if let Some(timestamp_ms) = datum.timestamp_ms {
        let parameter = format!("{path}.Timestamp");
        if timestamp_ms < now_ms - PAST_MS_MAX {
            found.must(&parameter, "specify a time within the past two weeks");
        }
        if timestamp_ms > now_ms + FUTURE_MS_MAX {
            found.must(&parameter, "specify a time no more than two hours in the future");
        }
    }
    if let Some(unit) = &datum.unit
        && !UNITS.contains(&unit.as_str())
    {
        let rule = format!("be a value in the set [ {} ]", UNITS.join(", "));
        found.must(&format!("{path}.Unit"), &rule);
    }
    #[expect(clippy::float_cmp, reason = "only these two numbers are meant")]
    if let Some(resolution) = datum.storage_resolution
        && resolution != 1.0
        && resolution != 60.0
    {
        found.value(&format!("{path}.StorageResolution"), &resolution.to_string());
    }
}

fn check_dimensions(found: &mut Violations, path: &str, dimensions: &[Dimension]) {
    if dimensions.len() > DIMENSIONS_MAX {
        found.size(path, DIMENSIONS_MAX);
    }
    let mut names = HashSet::new();
    for (i, dimension) in dimensions.iter().enumerate() {
        let member = format!("{path}.member.{}", i + 1);
        match &dimension.name {
            None => found.required(&format!("{member}.Name")),
            Some(name) => {
                if !is_name(name) || name.starts_with(':') || !names.insert(name) {
                    found.value(&format!("{member}.Name"), name);
                }
            }
        }
        match &dimension.value {
            None => found.required(&format!("{member}.Value")),
            Some(value) => {
                if !is_printable(value, DIMENSION_VALUE_CHARS_MAX) {
                    found.value(&format!("{member}.Value"), value);
                }
            }
        }
    }
}

/// The service's own agent sends `Values` and `StatisticValues` together, but the reference does
/// not allow it: here exactly one of the three forms is valid.
fn check_figures(found: &mut Violations, path: &str, datum: &MetricDatum) {
    let mut forms = Vec::new();
    if let Some(value) = datum.value {
        forms.push("Value");
        check_number(found, &format!("{path}.Value"), value);
    }
    if let Some(set) = &datum.statistic_values {
        forms.push("StatisticValues");
        check_statistic_set(found, &format!("{path}.StatisticValues"), set);
    }
    if let Some(values) = &datum.values {
        forms.push("Values");
        check_values(found, path, values, datum.counts.as_deref());
    } else if datum.counts.is_some() {
        found.required(&format!("{path}.Values"));
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

fn check_statistic_set(found: &mut Violations, path: &str, set: &StatisticSet) {
    for (name, figure) in [
        ("SampleCount", set.sample_count),
        ("Sum", set.sum),
        ("Minimum", set.minimum),
        ("Maximum", set.maximum),
    ] {
        match figure {
            None => found.required(&format!("{path}.{name}")),
            Some(figure) => check_number(found, &format!("{path}.{name}"), figure),
        }
    }
    if let Some(count) = set.sample_count
        && count <= 0.0
    {
        found.must(&format!("{path}.SampleCount"), "be greater than 0");
    }
    if let (Some(minimum), Some(maximum)) = (set.minimum, set.maximum)
        && minimum > maximum
    {
        found.must(&format!("{path}.Maximum"), "be greater than Minimum");
    }
}

fn check_values(found: &mut Violations, path: &str, values: &[f64], counts: Option<&[f64]>) {
    if values.is_empty() {
        found.required(&format!("{path}.Values"));
    }
    if values.len() > VALUES_MAX {
        found.size(&format!("{path}.Values"), VALUES_MAX);
    }
    let mut seen = HashSet::new();
    for (i, &value) in values.iter().enumerate() {
        let parameter = format!("{path}.Values.member.{}", i + 1);
        check_number(found, &parameter, value);
        // Adding zero turns negative zero into zero.
        if !seen.insert((value + 0.0).to_bits()) {
            found.must(&parameter, "be unique");
        }
    }
    let Some(counts) = counts else { return };
    if counts.len() != values.len() {
        found.must(&format!("{path}.Counts"), "have as many members as Values");
    }
    for (i, &count) in counts.iter().enumerate() {
        let parameter = format!("{path}.Counts.member.{}", i + 1);
        check_number(found, &parameter, count);
        if count <= 0.0 {
            found.must(&parameter, "be greater than 0");
        }
    }
}

/// Not too large and, except for zero, not too small.
fn check_number(found: &mut Violations, parameter: &str, number: f64) {
    let size = number.abs();
    let fits = size <= 2f64.powi(360) && (size == 0.0 || size >= 2f64.powi(-360));
    if !fits {
        found.value(parameter, &number.to_string());
    }
}

fn is_name(text: &str) -> bool {
    is_printable(text, NAME_CHARS_MAX)
}

/// ASCII without control characters, and not blank.
fn is_printable(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.bytes().any(|byte| byte != b' ')
}
