//! A draft as JSON of the document, and its faults, field by field.

use serde_json::{Map, Value, json};

use super::destination_draft::{DestinationDraft, DraftKind};
use super::fields::{FieldError, FormErrors};
use crate::definitions::{
    EventDestination, EventDestinationJson, Extensions, Measure, OnInvalidValue, read,
};
use crate::finding::Finding;

/// The place of the destination in the document that is checked.
const PLACE: &str = "ConfigurationSets[0].EventDestinations[0]";

/// A draft without errors.
#[derive(Clone, Debug)]
pub(super) struct CheckedDraft {
    pub destination: EventDestination,
    /// Valid, but perhaps not as intended.
    pub warnings: Vec<String>,
}

/// Checks a draft by the rules of the document. `stored`: what it replaces; members that no form
/// shows are kept.
///
/// # Errors
/// Everything that is wrong.
pub(super) fn check(
    set: &str,
    draft: &DestinationDraft,
    stored: Option<&EventDestination>,
) -> Result<CheckedDraft, FormErrors> {
    let document = json!({ "ConfigurationSets": [{
        "ConfigurationSetName": set,
        "EventDestinations": [to_json(draft, stored)],
    }]});
    let reading = read("form", &document.to_string());
    let of_sets = reading.definitions.map(|definitions| definitions.configuration_sets);
    let sets = of_sets.into_iter().flatten();
    let Some(destination) = sets.flat_map(|set| set.event_destinations).next() else {
        let errors = reading.findings.iter().filter(|finding| finding.is_error());
        return Err(errors.map(|finding| field_error(draft, finding)).collect());
    };
    let warnings = reading.findings.iter().map(sentence).collect();
    Ok(CheckedDraft { destination, warnings })
}

/// The JSON of the document, extensions included.
fn to_json(draft: &DestinationDraft, stored: Option<&EventDestination>) -> Value {
    let shown = stored.map(|stored| EventDestinationJson::new(stored, Extensions::Shown));
    // Every value has a JSON form.
    let shown = shown.and_then(|shown| serde_json::to_value(shown).ok());
    let before = shown.as_ref().and_then(|shown| shown.get(draft.kind.member()));
    let mut own = before.and_then(Value::as_object).cloned().unwrap_or_default();
    match draft.kind {
        DraftKind::CloudWatch => cloudwatch(draft, &mut own),
        DraftKind::Firehose => {
            own.insert("DeliveryStreamArn".to_owned(), json!(draft.stream_arn));
            put(
                &mut own,
                "IamRoleArn",
                (!draft.role_arn.is_empty()).then(|| json!(draft.role_arn)),
            );
        }
        DraftKind::Sns => _ = own.insert("TopicArn".to_owned(), json!(draft.topic_arn)),
        DraftKind::EventBridge => _ = own.insert("EventBusArn".to_owned(), json!(draft.bus_arn)),
        DraftKind::Pinpoint => {}
    }
    let mut destination = json!({
        "Name": draft.name,
        "Enabled": draft.enabled,
        "MatchingEventTypes": draft.types,
    });
    destination[draft.kind.member()] = Value::Object(own);
    destination
}

fn cloudwatch(draft: &DestinationDraft, own: &mut Map<String, Value>) {
    let rows = draft.dimensions.iter().filter(|row| !row.is_blank());
    let dimensions: Vec<Value> = rows
        .map(|row| {
            json!({
                "DimensionName": row.name,
                "DimensionValueSource": row.source,
                "DefaultDimensionValue": row.default,
            })
        })
        .collect();
    own.insert("DimensionConfigurations".to_owned(), json!(dimensions));
    put(own, "Namespace", (!draft.namespace.is_empty()).then(|| json!(draft.namespace)));
    let on_invalid = &draft.on_invalid_value;
    let is_own = !on_invalid.is_empty() && *on_invalid != OnInvalidValue::default().api_name();
    put(own, "OnInvalidValue", is_own.then(|| json!(on_invalid)));
    let rows = draft.fields.iter().filter(|row| !row.is_blank());
    let fields: Vec<Value> = rows
        .map(|row| {
            let mut field = json!({ "Field": row.field, "DefaultDimensionValue": row.default });
            if !row.name.is_empty() {
                field["DimensionName"] = json!(row.name);
            }
            field
        })
        .collect();
    put(own, "EventDimensions", (!fields.is_empty()).then(|| json!(fields)));
    limits(draft, own);
    let counts = [Measure::Count.name()];
    put(own, "Measures", (draft.measures != counts).then(|| json!(draft.measures)));
    put(own, "DimensionSets", draft.dimension_sets().map(|sets| json!(sets)));
}

fn limits(draft: &DestinationDraft, own: &mut Map<String, Value>) {
    let (mut limits, mut kept) = (Map::new(), Map::new());
    for row in draft.limits.iter().filter(|row| !row.is_blank()) {
        // A text that is not a number is an error of the document.
        let most = row.most.parse::<u64>().map_or_else(|_| json!(row.most), |most| json!(most));
        limits.insert(row.dimension.clone(), most);
        let values = row.keep.split(',').map(str::trim).filter(|value| !value.is_empty());
        let values: Vec<&str> = values.collect();
        if !values.is_empty() {
            kept.insert(row.dimension.clone(), json!(values));
        }
    }
    put(own, "ValueLimits", (!limits.is_empty()).then(|| json!(limits)));
    put(own, "KeepValues", (!kept.is_empty()).then(|| json!(kept)));
}

fn put(object: &mut Map<String, Value>, member: &str, value: Option<Value>) {
    match value {
        Some(value) => _ = object.insert(member.to_owned(), value),
        None => _ = object.remove(member),
    }
}

fn sentence(finding: &Finding) -> String {
    let text = format!("{}; {}.", finding.what, finding.fix);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn field_error(draft: &DestinationDraft, finding: &Finding) -> FieldError {
    let path = finding.path.strip_prefix(PLACE).unwrap_or_default();
    FieldError { field: field_of(draft, path), text: sentence(finding) }
}

/// The id of the field that a path of the document comes from.
fn field_of(draft: &DestinationDraft, path: &str) -> Option<String> {
    let path = path.strip_prefix('.')?;
    let (member, rest) = path.split_once('.').unwrap_or((path, ""));
    let fixed = match (member.split('[').next().unwrap_or_default(), rest) {
        ("Name", _) => "name",
        ("Enabled", _) => "enabled",
        ("MatchingEventTypes", _) => "types",
        (_, "DeliveryStreamArn") => "stream_arn",
        (_, "IamRoleArn") => "role_arn",
        (_, "TopicArn") => "topic_arn",
        (_, "EventBusArn") => "bus_arn",
        (_, "Namespace") => "namespace",
        (_, "OnInvalidValue") => "on_invalid_value",
        (_, rest) if rest.starts_with("DimensionSets") => "sets",
        (_, rest) if rest.starts_with("Measures") => "measures",
        (_, rest) if rest.starts_with("ValueLimits") || rest.starts_with("KeepValues") => "limits",
        (_, "DimensionConfigurations") | ("CloudWatchDestination", "") => "dimensions",
        _ => return row_of(draft, rest),
    };
    Some(fixed.to_owned())
}

fn row_of(draft: &DestinationDraft, path: &str) -> Option<String> {
    let (list, rest) = path.split_once('[')?;
    let (index, member) = rest.split_once(']')?;
    let index: usize = index.parse().ok()?;
    // Blank rows are not in the document.
    let (row, at) = if list == "EventDimensions" {
        let mut rows = draft.fields.iter().enumerate().filter(|(_, row)| !row.is_blank());
        ("field", rows.nth(index)?.0)
    } else {
        let mut rows = draft.dimensions.iter().enumerate().filter(|(_, row)| !row.is_blank());
        ("dimension", rows.nth(index)?.0)
    };
    let column = match member {
        ".DimensionValueSource" | ".Field" => "first",
        ".DefaultDimensionValue" => "default",
        _ => "name",
    };
    Some(format!("{row}-{at}-{column}"))
}

#[cfg(test)]
mod tests {
    use super::super::destination_draft::{DimensionRow, FieldRow};
    use super::*;
    use crate::definitions::{Definitions, to_document};

    const DOCUMENT: &str = r#"{"ConfigurationSets": [{"ConfigurationSetName": "a",
        "EventDestinations": [
        {"Name": "counts", "Enabled": true, "MatchingEventTypes": ["DELIVERY", "BOUNCE"],
         "CloudWatchDestination": {"Namespace": "Own", "OnInvalidValue": "SANITIZE",
            "DimensionConfigurations": [{"DimensionName": "ses:from-domain",
                "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}],
            "EventDimensions": [{"Field": "bounce_class", "DefaultDimensionValue": "none"}],
            "Measures": ["COUNT", "HARD_BOUNCE_RATE"],
            "ValueLimits": {"ses:from-domain": 20}, "KeepValues": {"ses:from-domain": ["a.example"]},
            "DimensionSets": [[], ["ses:from-domain", "bounce_class"], ["ses:from-domain"]]}},
        {"Name": "plain", "MatchingEventTypes": ["SEND"],
         "CloudWatchDestination": {"DimensionConfigurations": [{"DimensionName": "campaign",
                "DimensionValueSource": "LINK_TAG", "DefaultDimensionValue": "none"}]}},
        {"Name": "stream", "Enabled": true, "MatchingEventTypes": ["OPEN"],
         "KinesisFirehoseDestination": {"IamRoleArn": "arn:aws:iam::111122223333:role/r",
            "DeliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/s"}},
        {"Name": "topic", "MatchingEventTypes": ["CLICK"],
         "SnsDestination": {"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t"}},
        {"Name": "bus", "Enabled": true, "MatchingEventTypes": ["BOUNCE"], "EventBridgeDestination":
            {"EventBusArn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}},
        {"Name": "old", "MatchingEventTypes": ["SEND"], "PinpointDestination":
            {"ApplicationArn": "arn:aws:mobiletargeting:eu-west-1:111122223333:apps/a"}}]}]}"#;

    fn stored() -> Vec<EventDestination> {
        let reading = read("d", DOCUMENT);
        let definitions: Definitions = reading.definitions.expect("it is valid");
        assert!(to_document(&definitions).is_ok());
        definitions.configuration_sets.into_iter().next().expect("a set").event_destinations
    }

    #[test]
    fn stored_destination_survives_its_form() {
        for stored in stored() {
            let draft = DestinationDraft::of_stored(&stored);
            let checked = check("a", &draft, Some(&stored)).expect("it is valid");
            assert_eq!(checked.destination, stored);
            // Also without what no form shows, and through hidden fields.
            let mut fields = form_urlencoded::Serializer::new(String::new());
            for (name, value) in draft.form_fields() {
                fields.append_pair(name, value);
            }
            let form = super::super::form::Form::parse(fields.finish().as_bytes()).expect("small");
            if draft.kind != DraftKind::Pinpoint {
                assert_eq!(DestinationDraft::of_form(&form), draft);
                assert_eq!(check("a", &draft, None).expect("it is valid").destination, stored);
            }
        }
    }

    #[test]
    fn error_is_tied_to_the_field_that_has_it() {
        let good = DestinationDraft::of_stored(&stored()[0]);
        let fields = |change: &dyn Fn(&mut DestinationDraft)| {
            let mut draft = good.clone();
            change(&mut draft);
            let errors = check("a", &draft, None).expect_err("it is wrong");
            let fields = errors.list().iter().map(|error| error.field.clone().unwrap_or_default());
            fields.collect::<Vec<_>>()
        };
        assert_eq!(fields(&|draft| draft.name = "two words".to_owned()), ["name"]);
        assert_eq!(fields(&|draft| draft.types.clear()), ["types"]);
        assert_eq!(fields(&|draft| draft.dimensions[0].default.clear()), ["dimension-0-default"]);
        let of_blank = |draft: &mut DestinationDraft| {
            draft.dimensions.insert(0, DimensionRow::default());
            draft.dimensions[1].source = "NOWHERE".to_owned();
        };
        assert_eq!(fields(&of_blank), ["dimension-1-first"]);
        // The sets name the dimension too.
        let renamed = |draft: &mut DestinationDraft| draft.dimensions[0].name = "To".to_owned();
        assert!(fields(&renamed).contains(&"sets".to_owned()), "{:?}", fields(&renamed));
        let of_field = |draft: &mut DestinationDraft| draft.fields[0].field = "none".to_owned();
        assert_eq!(fields(&of_field)[0], "field-0-first");
        assert_eq!(fields(&|draft| draft.sets = "unknown".to_owned()), ["sets"]);
        assert_eq!(fields(&|draft| draft.measures.clear()), ["measures"]);
        assert_eq!(fields(&|draft| draft.limits[0].most = "many".to_owned()), ["limits"]);
        assert_eq!(fields(&|draft| draft.namespace = "AWS/SES".to_owned()), ["namespace"]);
        let empty = |draft: &mut DestinationDraft| {
            draft.has_sets = false;
            draft.dimensions.clear();
            draft.fields = vec![FieldRow::default()];
        };
        assert_eq!(fields(&empty), ["dimensions"]);
        let topic = |draft: &mut DestinationDraft| draft.kind = DraftKind::Sns;
        assert_eq!(fields(&topic), ["topic_arn"]);
    }
}
