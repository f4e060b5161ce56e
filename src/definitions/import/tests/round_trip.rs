//! An export in any format is imported to the same meaning.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{document, imported};
use crate::definitions::{ConfigurationSet, Destination, ExportFormat, Exported, export, read};

const TYPES: [&str; 8] =
    ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE"];

fn dimension() -> impl Strategy<Value = Value> {
    let source = prop::sample::select(vec!["MESSAGE_TAG", "EMAIL_HEADER", "LINK_TAG"]);
    ("x[A-Za-z0-9_:.@-]{0,9}", source, "[A-Za-z0-9_.@-]{1,9}").prop_map(
        |(name, source, default)| {
            json!({"DimensionName": name, "DimensionValueSource": source,
               "DefaultDimensionValue": default})
        },
    )
}

fn kind() -> impl Strategy<Value = (&'static str, Value)> {
    let role = prop::option::of(Just("arn:aws:iam::1:role/r"));
    prop_oneof![
        3 => prop::collection::vec(dimension(), 1..4).prop_map(|mut dimensions| {
            dimensions.sort_by_key(|one| one["DimensionName"].to_string());
            dimensions.dedup_by_key(|one| one["DimensionName"].to_string());
            ("CloudWatchDestination", json!({"DimensionConfigurations": dimensions}))
        }),
        1 => ("[A-Za-z0-9_-]{1,9}", role).prop_map(|(name, role)| {
            let stream = format!("arn:aws:firehose:r:1:deliverystream/{name}");
            ("KinesisFirehoseDestination", json!({"DeliveryStreamArn": stream, "IamRoleArn": role}))
        }),
        1 => "[A-Za-z0-9_-]{1,9}".prop_map(|name| {
            ("SnsDestination", json!({"TopicArn": format!("arn:aws:sns:r:1:{name}")}))
        }),
        1 => "[A-Za-z0-9_-]{1,9}".prop_map(|name| {
            let bus = format!("arn:aws:events:r:1:event-bus/{name}");
            ("EventBridgeDestination", json!({"EventBusArn": bus}))
        }),
        1 => Just(("PinpointDestination", json!({"ApplicationArn": "arn:aws:mobiletargeting:r:1:a"}))),
    ]
}

fn destination() -> impl Strategy<Value = Value> {
    let types = prop::sample::subsequence(TYPES.to_vec(), 1..=8);
    (any::<bool>(), types, kind()).prop_map(|(enabled, types, (kind, value))| {
        let mut read = json!({"Enabled": enabled, "MatchingEventTypes": types});
        read[kind] = value;
        read
    })
}

fn options() -> impl Strategy<Value = Value> {
    let tls = prop::sample::select(vec!["REQUIRE", "OPTIONAL"]);
    (
        prop::option::of("x\\PC{0,11}"),
        prop::option::of((tls, 300_u64..50_400)),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<bool>()),
        prop::option::of(prop::sample::subsequence(vec!["BOUNCE", "COMPLAINT"], 0..=2)),
        prop::collection::vec(("\\PC{1,9}", "\\PC{0,9}"), 0..3),
    )
        .prop_map(|(domain, delivery, reputation, sending, reasons, tags)| {
            let mut set = json!({});
            if let Some(domain) = domain {
                set["TrackingOptions"] = json!({"CustomRedirectDomain": domain});
            }
            if let Some((tls, seconds)) = delivery {
                set["DeliveryOptions"] = json!({"TlsPolicy": tls, "MaxDeliverySeconds": seconds});
            }
            if let Some(enabled) = reputation {
                set["ReputationOptions"] = json!({"ReputationMetricsEnabled": enabled});
            }
            if let Some(enabled) = sending {
                set["SendingOptions"] = json!({"SendingEnabled": enabled});
            }
            if let Some(reasons) = reasons {
                set["SuppressionOptions"] = json!({"SuppressedReasons": reasons});
            }
            if !tags.is_empty() {
                let tags = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
                set["Tags"] = tags.collect();
            }
            set
        })
}

/// A document; names are unique because they have a number.
fn text() -> impl Strategy<Value = String> {
    let set = (options(), prop::collection::vec(destination(), 0..5), "[A-Za-z0-9_-]{0,9}");
    prop::collection::vec(set, 1..4).prop_map(|sets| {
        let sets = sets.into_iter().enumerate().map(|(at, (mut set, destinations, name))| {
            let destinations = destinations.into_iter().enumerate().map(|(at, mut one)| {
                one["Name"] = json!(format!("{at}{name}"));
                one
            });
            set["ConfigurationSetName"] = json!(format!("{at}{name}"));
            set["EventDestinations"] = destinations.collect();
            set
        });
        json!({ "ConfigurationSets": sets.collect::<Vec<_>>() }).to_string()
    })
}

fn again(set: Option<&str>, text: &str) -> Vec<ConfigurationSet> {
    let imported = imported(set, &[text]);
    let text = imported.document.unwrap_or_else(|| panic!("{text}\n{:#?}", imported.findings));
    document(&text)
}

fn exported(sets: &[ConfigurationSet], format: ExportFormat) -> String {
    let sets: Vec<_> = sets.iter().collect();
    let Exported { text, .. } = export(&sets, format).expect("JSON");
    text
}

proptest! {
    #[test]
    fn import_of_an_export_means_the_same(text in text()) {
        let reading = read("f", &text);
        let sets = reading.definitions.expect("valid").configuration_sets;
        prop_assert_eq!(&again(None, &text), &sets);
        // JSON is YAML.
        prop_assert_eq!(&again(None, &format!("--- {text}")), &sets);
        prop_assert_eq!(&again(None, &exported(&sets, ExportFormat::Cli)), &sets);

        let first = &sets[..1];
        let read = again(Some(&first[0].name), &exported(first, ExportFormat::Json));
        prop_assert_eq!(&read[0].event_destinations, &first[0].event_destinations);

        let mut kept = sets.clone();
        for set in &mut kept {
            let is_kept = |one: &Destination| !matches!(one, Destination::Pinpoint { .. });
            set.event_destinations.retain(|one| is_kept(&one.destination));
        }
        prop_assert_eq!(&again(None, &exported(&kept, ExportFormat::CloudFormation)), &kept);
    }
}
