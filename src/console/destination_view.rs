//! An event destination as text: what it does, and the same in the forms that SES accepts.

use maud::{Markup, html};

use super::destination_draft::DraftKind;
use super::event_types::name_of;
use crate::definitions::{
    CloudWatchDestination, ConfigurationSet, Destination, EventDestination, EventDestinationJson,
    ExportFormat, Extensions, OnInvalidValue, SetOptions, TargetKind, ValueSource, export,
};

/// Whether it is enabled.
pub(super) fn state(enabled: bool) -> Markup {
    html! {
        @if enabled { span.state.on { "Enabled" } } @else { span.state.off { "Disabled" } }
    }
}

/// The event types as one line.
pub(super) fn types(destination: &EventDestination) -> String {
    let names = destination.matching_event_types.iter().map(name_of);
    names.collect::<Vec<_>>().join(", ")
}

/// Terms and descriptions of the kind's own settings.
pub(super) fn settings(destination: &EventDestination) -> Markup {
    html! {
        dl {
            dt { "Destination type" }
            dd { (DraftKind::of(&destination.destination).name()) }
            @match &destination.destination {
                Destination::CloudWatch(_) => {}
                Destination::Forward(target) => {
                    dt { @match target.kind {
                        TargetKind::Firehose => "Delivery stream",
                        TargetKind::Sns => "SNS topic",
                        TargetKind::EventBridge => "Event bus",
                    } }
                    dd { code { (target.arn) } }
                    @if let Some(role) = &target.role_arn {
                        dt { "IAM role" }
                        dd { code { (role) } }
                    }
                }
                Destination::Pinpoint { application_arn } => {
                    dt { "Application" }
                    dd { code { (application_arn.as_deref().unwrap_or("none")) } }
                }
            }
        }
        @if let Destination::CloudWatch(cloudwatch) = &destination.destination {
            (dimensions(cloudwatch))
        }
    }
}

fn dimensions(cloudwatch: &CloudWatchDestination) -> Markup {
    let own = &cloudwatch.extensions;
    let is_extended = own.namespace.is_some()
        || own.on_invalid_value != OnInvalidValue::default()
        || own.dimension_sets.is_some()
        || own.measures.is_some()
        || !own.value_limits.is_empty();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Dimensions" {
            table {
                caption { "Dimensions" }
                thead { tr {
                    th scope="col" { "Dimension name" }
                    th scope="col" { "Value source" }
                    th scope="col" { "Default value" }
                } }
                tbody {
                    @for dimension in &cloudwatch.dimensions {
                        tr {
                            th scope="row" { bdi { (dimension.name) } }
                            td { (source(dimension.source)) }
                            td { bdi { (dimension.default) } }
                        }
                    }
                    @for dimension in &own.event_dimensions {
                        tr {
                            th scope="row" { bdi { (dimension.name) } }
                            td { "Field " code { (dimension.field.name()) } }
                            td { bdi { (dimension.default) } }
                        }
                    }
                }
            }
        }
        @if is_extended {
            dl {
                @if let Some(namespace) = &own.namespace {
                    dt { "Namespace" }
                    dd { bdi { (namespace) } }
                }
                @if own.on_invalid_value != OnInvalidValue::default() {
                    dt { "If a value is not valid" }
                    dd { code { (own.on_invalid_value.api_name()) } }
                }
                @if let Some(measures) = &own.measures {
                    dt { "Measures" }
                    dd { (measures.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ")) }
                }
                @for (name, most) in &own.value_limits {
                    dt { "Values of " bdi { (name) } }
                    dd {
                        "at most " (most)
                        @if let Some(kept) = own.keep_values.get(name) {
                            ", beside " bdi { (kept.join(", ")) }
                        }
                    }
                }
                @if let Some(sets) = &own.dimension_sets {
                    dt { "Count by" }
                    dd { ul { @for set in sets {
                        li { @if set.is_empty() { "the total" } @else { bdi { (set.join(", ")) } } }
                    } } }
                }
            }
        }
    }
}

const fn source(source: ValueSource) -> &'static str {
    match source {
        ValueSource::MessageTag => "Message tag",
        ValueSource::EmailHeader => "Email header",
        ValueSource::LinkTag => "Link tag",
    }
}

/// The same as a command, a template and JSON, to copy.
pub(super) fn copies(set: &str, destination: &EventDestination) -> Markup {
    let alone = ConfigurationSet {
        name: set.to_owned(),
        namespace: None,
        options: SetOptions::default(),
        event_destinations: vec![destination.clone()],
    };
    let shown = EventDestinationJson::new(destination, Extensions::Shown);
    let own = serde_json::to_string_pretty(&shown).unwrap_or_default();
    html! {
        (copy("AWS CLI command", &alone, ExportFormat::Cli))
        (copy("CloudFormation template", &alone, ExportFormat::CloudFormation))
        (copy("JSON of SES", &alone, ExportFormat::Json))
        (text("JSON of postmeter, with everything", &own, &[]))
    }
}

fn copy(title: &str, set: &ConfigurationSet, format: ExportFormat) -> Markup {
    // Every value has a JSON form.
    let Ok(exported) = export(&[set], format) else { return html! {} };
    let shown = match format {
        // The set exists already.
        ExportFormat::Cli => {
            let lines = exported.text.lines();
            let own = lines.filter(|line| !line.starts_with("aws sesv2 create-configuration-set "));
            own.collect::<Vec<_>>().join("\n")
        }
        ExportFormat::Json | ExportFormat::CloudFormation => exported.text,
    };
    text(title, &shown, &exported.left_out)
}

fn text(title: &str, text: &str, left_out: &[String]) -> Markup {
    let id: String = title.chars().filter(char::is_ascii_alphanumeric).collect();
    html! {
        details {
            summary { (title) }
            @if left_out.is_empty() {
                @if !title.starts_with("JSON of postmeter") {
                    p.hint { "SES can hold all of it." }
                }
            } @else {
                p { "SES cannot hold all of it:" }
                ul { @for what in left_out { li { bdi { (what) } } } }
            }
            @if text.trim().is_empty() {
                p { "Nothing remains." }
            } @else {
                pre id={ "copy-" (id) } tabindex="0" { (text) }
                button.quiet type="button" hidden data-copy={ "copy-" (id) } { "Copy" }
            }
        }
    }
}
