//! Rules of what is published.

use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::{Config, Publish};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[no_definitions, same_namespace];

fn no_definitions(config: &Config, given: &Given) -> Option<Finding> {
    if config.definitions.is_some() || config.cloudwatch.publish != Publish::Aws {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["definitions", "cloudwatch.publish"],
        "publishing requires definitions".to_owned(),
        "set `definitions` to a file or \"env:NAME\", or set cloudwatch.publish to \"memory\"",
    )
}

fn same_namespace(config: &Config, given: &Given) -> Option<Finding> {
    if config.telemetry.own_namespace.as_deref() != Some(config.cloudwatch.namespace.as_str()) {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["telemetry.own_namespace", "cloudwatch.namespace"],
        "postmeter's own totals go to the same namespace as the metrics of events".to_owned(),
        "choose another own_namespace, such as \"Postmeter\"",
    )
}
