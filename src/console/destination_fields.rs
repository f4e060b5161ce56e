//! The fields of an event destination, in the wizard and where it is edited.

use maud::{Markup, html};

use super::destination_draft::{DestinationDraft, DraftKind};
use super::event_types::GROUPS;
use super::fields::{FormErrors, TextField, select};
use crate::definitions::{Measure, ValueSource};
use crate::ses::EventField;

/// Tags that SES adds to every message.
/// <https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html>, 2026-11-30.
const AUTO_TAGS: [&str; 5] = [
    "ses:configuration-set",
    "ses:from-domain",
    "ses:caller-identity",
    "ses:outgoing-ip",
    "ses:source-ip",
];

/// Whether a field belongs to the first step.
pub(super) fn is_of_types(field: &str) -> bool {
    field == "types"
}

/// The event types.
pub(super) fn event_types(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    html! {
        div #types tabindex="-1" { (errors.beside("types")) }
        @for (at, (group, choices)) in GROUPS.iter().enumerate() {
            fieldset aria-describedby=[errors.described("types", false)] {
                legend { (group) }
                @if at == 0 {
                    button.quiet type="submit" name="action" value="select-all"
                        data-select-all { "Select all" }
                }
                @for choice in *choices {
                    @let id = format!("type-{}", choice.event_type.api_name());
                    div.choice {
                        input id=(id) type="checkbox" name="type"
                            value=(choice.event_type.api_name())
                            checked[draft.has_type(choice.event_type)]
                            aria-describedby={ (id) "-hint" };
                        div {
                            label for=(id) { (choice.name) }
                            p.hint id={ (id) "-hint" } { (choice.help) }
                        }
                    }
                }
            }
        }
    }
}

/// The kind of destination. Each kind's own fields follow in [`kind_fields`].
pub(super) fn kinds(draft: &DestinationDraft) -> Markup {
    html! {
        fieldset {
            legend { "Destination type" }
            @for kind in DraftKind::CHOICES {
                @let id = format!("kind-{}", kind.value());
                div.choice {
                    input id=(id) type="radio" name="kind" value=(kind.value())
                        checked[kind == draft.kind] aria-describedby={ (id) "-hint" };
                    div {
                        label for=(id) { (kind.name()) }
                        p.hint id={ (id) "-hint" } { (purpose(kind)) }
                    }
                }
            }
            div.choice {
                input #kind-pinpoint type="radio" name="kind" value="pinpoint" disabled
                    aria-describedby="kind-pinpoint-hint";
                div {
                    label for="kind-pinpoint" { (DraftKind::Pinpoint.name()) }
                    p.hint #kind-pinpoint-hint {
                        "AWS has ended Pinpoint; it can no longer receive events."
                    }
                }
            }
        }
    }
}

const fn purpose(kind: DraftKind) -> &'static str {
    match kind {
        DraftKind::CloudWatch => "Counts events as metrics, by the dimensions that you choose.",
        DraftKind::Firehose => "Forwards each event unchanged to a delivery stream.",
        DraftKind::Sns => "Forwards each event unchanged to a topic.",
        DraftKind::EventBridge => "Forwards each event unchanged to an event bus.",
        DraftKind::Pinpoint => "",
    }
}

/// Name and switch.
pub(super) fn name_and_switch(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    html! {
        (TextField::new("name", "Name", &draft.name)
            .hint("1 to 64 letters (A-Z, a-z), digits, underscores and hyphens.")
            .required()
            .render(errors))
        fieldset {
            legend { "Event publishing" }
            div.choice {
                input #enabled type="checkbox" name="enabled" value="on" checked[draft.enabled]
                    aria-describedby="enabled-hint";
                div {
                    label for="enabled" { "Enabled" }
                    p.hint #enabled-hint { "A destination that is not enabled receives nothing." }
                }
            }
        }
    }
}

/// The fields of one kind.
pub(super) fn kind_fields(
    kind: DraftKind,
    draft: &DestinationDraft,
    seen: &[String],
    errors: &FormErrors,
) -> Markup {
    match kind {
        DraftKind::CloudWatch => cloudwatch(draft, seen, errors),
        DraftKind::Firehose => html! {
            (TextField::new("stream_arn", "Delivery stream", &draft.stream_arn)
                .hint("arn:aws:firehose:REGION:ACCOUNT:deliverystream/NAME")
                .required()
                .render(errors))
            (TextField::new("role_arn", "IAM role", &draft.role_arn)
                .hint("Assumed to write to the stream. Empty: the role of postmeter itself; SES \
                       requires one.")
                .render(errors))
        },
        DraftKind::Sns => html! {
            (TextField::new("topic_arn", "SNS topic", &draft.topic_arn)
                .hint("arn:aws:sns:REGION:ACCOUNT:NAME; not a FIFO topic.")
                .required()
                .render(errors))
        },
        DraftKind::EventBridge => html! {
            (TextField::new("bus_arn", "Event bus", &draft.bus_arn)
                .hint("arn:aws:events:REGION:ACCOUNT:event-bus/NAME")
                .required()
                .render(errors))
        },
        DraftKind::Pinpoint => html! {
            p { "AWS has ended Pinpoint; it can no longer receive events." }
        },
    }
}

fn cloudwatch(draft: &DestinationDraft, seen: &[String], errors: &FormErrors) -> Markup {
    html! {
        fieldset #dimensions tabindex="-1" aria-describedby=[errors.described("dimensions", true)] {
            legend { "Dimensions" }
            p.hint #dimensions-hint {
                "Events are counted by these together: each combination of values is one metric, "
                "with a price. Names and values have letters (A-Z, a-z), digits and _ . @ -"
            }
            (errors.beside("dimensions"))
            (rows(("dimension", "Dimension"), &draft.dimensions, |at, row| html! {
                (select(
                    (&format!("dimension-{at}-first"), "dimension.first", "Value source"),
                    &SOURCES, &row.source, errors,
                ))
                (row_field("dimension", at, "name", "Dimension name", &row.name, errors))
                (row_field("dimension", at, "default", "Default value", &row.default, errors))
            }))
            datalist #names-seen {
                @for name in AUTO_TAGS { option value=(name) {} }
                @for name in seen { option value=(name) {} }
            }
        }
        (more(draft, errors))
    }
}

const SOURCES: [(&str, &str); 3] = [
    (ValueSource::MessageTag.api_name(), "Message tag"),
    (ValueSource::EmailHeader.api_name(), "Email header"),
    (ValueSource::LinkTag.api_name(), "Link tag"),
];

const ON_INVALID: [(&str, &str); 3] = [
    ("", "Drop the count, as SES does"),
    ("DEFAULT", "Use the default value"),
    ("SANITIZE", "Replace invalid characters"),
];

/// Rows of one kind, each with a button that removes it, and a button that adds one.
fn rows<T>((kind, label): (&str, &str), all: &[T], fields: impl Fn(usize, &T) -> Markup) -> Markup {
    html! {
        div.rows data-rows=(kind) {
            @for (at, row) in all.iter().enumerate() {
                div.row role="group" aria-label={ (label) " " (at + 1) } {
                    (fields(at, row))
                    button.quiet type="submit" name="action" data-remove
                        value={ "remove-" (kind) "." (at) }
                        aria-label={ "Remove " (kind) " " (at + 1) } { "Remove" }
                }
            }
        }
        p { button type="submit" name="action" value={ "add-" (kind) } data-add=(kind) {
            "Add " (kind)
        } }
    }
}

fn row_field(
    row: &str,
    at: usize,
    column: &str,
    label: &str,
    value: &str,
    errors: &FormErrors,
) -> Markup {
    let (id, name) = (format!("{row}-{at}-{column}"), format!("{row}.{column}"));
    let is_name = row == "dimension" && column == "name";
    let field = TextField { name: &name, ..TextField::new(&id, label, value) };
    TextField { list: is_name.then_some("names-seen"), ..field }.render(errors)
}

/// What SES does not have.
fn more(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    let is_used = !draft.namespace.is_empty()
        || !draft.on_invalid_value.is_empty()
        || !draft.fields.is_empty()
        || draft.has_sets
        || !draft.limits.is_empty()
        || draft.measures != [Measure::Count.name()];
    let has_error = errors.list().iter().any(|error| {
        let field = error.field.as_deref().unwrap_or_default();
        field.starts_with("field-")
            || matches!(field, "namespace" | "on_invalid_value" | "sets" | "measures" | "limits")
    });
    html! {
        details open[is_used || has_error] {
            summary { "More: what SES does not have" }
            (TextField::new("namespace", "Namespace", &draft.namespace)
                .hint("CloudWatch namespace of these metrics. Empty: that of the configuration set.")
                .render(errors))
            (select(
                ("on_invalid_value", "on_invalid_value", "If a value is not valid"),
                &ON_INVALID, &draft.on_invalid_value, errors,
            ))
            (event_fields(draft, errors))
            (dimension_sets(draft, errors))
            (measures(draft, errors))
            (value_limits(draft, errors))
        }
    }
}

fn event_fields(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    let mut fields = vec![("", "Choose a field")];
    fields.extend(EventField::dimensions().map(|field| (field.name(), field.name())));
    html! {
        fieldset {
            legend { "Dimensions from fields of the event" }
            p.hint {
                "Such as bounce_class: no tag is needed. The values of link_domain and "
                "recipient_domain need a limit."
            }
            (rows(("field", "Field"), &draft.fields, |at, row| html! {
                (select(
                    (&format!("field-{at}-first"), "field.first", "Field"),
                    &fields, &row.field, errors,
                ))
                (row_field(
                    "field", at, "name", "Dimension name (empty: as the field)",
                    &row.name, errors,
                ))
                (row_field("field", at, "default", "Default value", &row.default, errors))
            }))
        }
    }
}

fn dimension_sets(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    html! {
        fieldset {
            legend { "Count by" }
            div.choice {
                input #count-by-all type="radio" name="count_by" value="all"
                    checked[!draft.has_sets];
                label for="count-by-all" { "All dimensions together" }
            }
            div.choice {
                input #count-by-sets type="radio" name="count_by" value="sets"
                    checked[draft.has_sets];
                label for="count-by-sets" { "Each of these sets of dimensions" }
            }
            div.field {
                label for="sets" { "Sets of dimensions" }
                p.hint #sets-hint { "One set on each line, with commas between the names." }
                textarea.code #sets name="sets" rows="4" spellcheck="false"
                    aria-invalid=[errors.invalid("sets")]
                    aria-describedby=[errors.described("sets", true)] { (draft.sets) }
                (errors.beside("sets"))
            }
            div.choice {
                input #total type="checkbox" name="total" value="on" checked[draft.has_total];
                label for="total" { "Also the total, without dimensions" }
            }
        }
    }
}

fn measures(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    let choices = [
        (Measure::Count, "Count", "1 for each event, in the metric of its type."),
        (
            Measure::HardBounceRate,
            "Hard bounce rate",
            "Hard bounces among deliveries and hard bounces.",
        ),
        (Measure::ComplaintRate, "Complaint rate", "Complaints among deliveries and complaints."),
        (Measure::DeliveryTime, "Delivery time", "How long SES took to deliver, in milliseconds."),
    ];
    html! {
        fieldset #measures tabindex="-1" aria-describedby=[errors.described("measures", false)] {
            legend { "Measures" }
            (errors.beside("measures"))
            @for (measure, name, help) in choices {
                @let id = format!("measure-{}", measure.name());
                div.choice {
                    input id=(id) type="checkbox" name="measure" value=(measure.name())
                        checked[draft.measures.iter().any(|name| name == measure.name())]
                        aria-describedby={ (id) "-hint" };
                    div {
                        label for=(id) { (name) }
                        p.hint id={ (id) "-hint" } { (help) }
                    }
                }
            }
        }
    }
}

fn value_limits(draft: &DestinationDraft, errors: &FormErrors) -> Markup {
    html! {
        fieldset #limits tabindex="-1" aria-describedby=[errors.described("limits", true)] {
            legend { "Value limits" }
            p.hint #limits-hint {
                "How many values of a dimension stand for themselves in an hour. Others become "
                "__other__, so the number of series has a bound."
            }
            (errors.beside("limits"))
            (rows(("limit", "Limit"), &draft.limits, |at, row| html! {
                (row_field("limit", at, "first", "Dimension", &row.dimension, errors))
                (row_field("limit", at, "name", "Values at most", &row.most, errors))
                (row_field(
                    "limit", at, "default", "Always keep (commas between)",
                    &row.keep, errors,
                ))
            }))
        }
    }
}
