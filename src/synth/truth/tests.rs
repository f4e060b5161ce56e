//! Counts by hand.

use serde_json::json;

use super::*;
use crate::ses::EventType;

const NOON: i64 = 1_795_176_000_000;

fn definitions(on_invalid: &str) -> Value {
    json!({"ConfigurationSets": [{
        "ConfigurationSetName": "prod",
        "EventDestinations": [{
            "Name": "by-campaign",
            "Enabled": true,
            "MatchingEventTypes": ["SEND", "click"],
            "CloudWatchDestination": {
                "OnInvalidValue": on_invalid,
                "DimensionConfigurations": [
                    {"DimensionName": "x-pool", "DimensionValueSource": "EMAIL_HEADER", "DefaultDimensionValue": "any"},
                    {"DimensionName": "campaign", "DimensionValueSource": "messageTag", "DefaultDimensionValue": "none"},
                ],
            },
        }, {
            "Name": "by-link",
            "Enabled": true,
            "MatchingEventTypes": ["SEND", "CLICK"],
            "CloudWatchDestination": {
                "Namespace": "Links",
                "DimensionConfigurations": [
                    {"DimensionName": "color", "DimensionValueSource": "LINK_TAG", "DefaultDimensionValue": "none"},
                ],
            },
        }, {
            "Name": "off",
            "MatchingEventTypes": ["OPEN"],
            "CloudWatchDestination": {"DimensionConfigurations": []},
        }, {
            "Name": "topic",
            "Enabled": true,
            "MatchingEventTypes": ["REJECT"],
            "SnsDestination": {"TopicArn": "arn"},
        }],
    }]})
}

fn facts(event_type: EventType, campaign: &str) -> Facts {
    let mut facts = Facts::new(Some(event_type), NOON + 59_999);
    facts.configuration_set = Some("prod".to_owned());
    facts.tags.insert("campaign".to_owned(), campaign.into());
    facts.headers.push(("X-Pool".to_owned(), "a".into()));
    facts.headers.push(("x-pool".to_owned(), "b".into()));
    facts.link_tags.insert("color".to_owned(), "red".into());
    facts
}

#[test]
fn click_and_send_are_counted_as_by_hand() {
    let mut truth = Truth::new(&definitions("DROP"), None, "SES");
    truth.add(&facts(EventType::Click, "spring"));
    truth.add(&facts(EventType::Send, "spring"));
    truth.add(&facts(EventType::Send, " \t"));
    let head = r#"{"Namespace":"Links","MetricName":"#;
    let ses = r#"{"Namespace":"SES","MetricName":"#;
    let tail = r#""Timestamp":"2026-11-20T12:00:00Z","Unit":"Count","Values":[1],"Counts":"#;
    let color = |value| format!(r#""Dimensions":[{{"Name":"color","Value":"{value}"}}]"#);
    let campaign = |value| {
        format!(
            r#""Dimensions":[{{"Name":"campaign","Value":"{value}"}},{{"Name":"x-pool","Value":"a"}}]"#
        )
    };
    let lines = [
        format!("{head}\"Click\",{},{tail}[1]}}\n", color("red")),
        format!("{head}\"Send\",{},{tail}[2]}}\n", color("none")),
        format!("{ses}\"Click\",{},{tail}[1]}}\n", campaign("spring")),
        format!("{ses}\"Send\",{},{tail}[1]}}\n", campaign("none")),
        format!("{ses}\"Send\",{},{tail}[1]}}\n", campaign("spring")),
    ];
    assert_eq!(truth.to_lines(), lines.concat());
    assert_eq!(
        truth.summary().to_json(),
        concat!(
            r#"{"events":3,"matched":3,"unmatched":0,"unrouted":0,"malformed":0,"foreign":0,"#,
            r#""unknown_type":0,"control":0,"notice":0,"no_timestamp":0,"#,
            r#""destination_matches":6,"counts":6,"series":5,"datums":5,"#,
            r#""dropped":{"invalid_value":0}}"#
        )
    );
}

#[test]
fn invalid_value_is_dropped_replaced_or_sanitized() {
    let cases = [
        ("DROP", "h\u{e9} 1", None),
        ("DEFAULT", "h\u{e9} 1", Some("none")),
        ("sanitize", "h\u{e9} 1", Some("h__1")),
    ];
    for (on_invalid, value, expected) in cases {
        let mut truth = Truth::new(&definitions(on_invalid), None, "SES");
        truth.add(&facts(EventType::Send, value));
        let seen: Vec<_> = truth.series.keys().map(|key| key.dimensions[0].1.as_str()).collect();
        assert_eq!(seen, ["none"].into_iter().chain(expected).collect::<Vec<_>>());
        let summary = truth.summary();
        assert_eq!(summary.dropped_invalid_value, u64::from(expected.is_none()));
        assert_eq!(summary.destination_matches, summary.counts + summary.dropped_invalid_value);
    }
    let long = "x".repeat(300);
    let mut truth = Truth::new(&definitions("SANITIZE"), None, "SES");
    truth.add(&facts(EventType::Send, &long));
    let mut broken = facts(EventType::Send, "");
    broken.tags.insert("campaign".to_owned(), FactValue::Broken("a\u{fffd}".to_owned()));
    truth.add(&broken);
    let values: Vec<_> = truth.series.keys().map(|key| key.dimensions[0].1.clone()).collect();
    assert_eq!(values, ["none".to_owned(), "a_".to_owned(), "x".repeat(255)]);
}

#[test]
fn each_set_counts_an_event_that_has_its_fields() {
    let document = json!({"ConfigurationSets": [{
        "ConfigurationSetName": "prod",
        "EventDestinations": [{
            "Name": "d",
            "Enabled": true,
            "MatchingEventTypes": ["SEND", "CLICK"],
            "CloudWatchDestination": {
                "DimensionConfigurations": [
                    {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"},
                ],
                "EventDimensions": [
                    {"Field": "actor", "DimensionName": "who", "DefaultDimensionValue": "none"},
                    {"Field": "region", "DefaultDimensionValue": "none"},
                ],
                "DimensionSets": [["who", "campaign"], ["region"], []],
            },
        }],
    }]});
    let mut truth = Truth::new(&document, None, "SES");
    truth.add(&facts(EventType::Send, "two words"));
    let mut click = facts(EventType::Click, "two words");
    click.fields.insert("actor", "hu man".into());
    truth.add(&click);
    click.tags.insert("campaign".to_owned(), "spring".into());
    truth.add(&click);
    let series: Vec<_> = truth
        .series
        .iter()
        .map(|(key, count)| {
            let pairs = key.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
            format!("{} {} {count}", key.metric, pairs.collect::<Vec<_>>().join(";"))
        })
        .collect();
    let expected = [
        "Click  2",
        "Click campaign=spring;who=hu_man 1",
        "Click region=none 2",
        "Send  1",
        "Send region=none 1",
    ];
    assert_eq!(series, expected);
    let summary = truth.summary();
    assert_eq!((summary.destination_matches, summary.counts), (3, 3));
    assert_eq!((summary.values, summary.values_dropped), (8, 1));
}

#[test]
fn routing_equals_that_by_hand() {
    let mut other = Truth::new(&definitions("DROP"), None, "SES");
    other.add(&facts(EventType::Reject, "a")); // matched, but no CloudWatch destination
    other.add(&facts(EventType::Open, "a")); // the destination is not enabled
    let mut setless = facts(EventType::Send, "a");
    setless.configuration_set = None;
    other.add(&setless);
    let mut unknown = setless.clone();
    unknown.configuration_set = Some("nowhere".to_owned());
    other.add(&unknown);
    other.add(&Facts::new(None, NOON));
    other.add_non_event(NonEvent::Notice);
    let mut truth = Truth::new(&definitions("DROP"), Some("prod"), "SES");
    truth.add(&setless);
    truth.add(&unknown);
    truth.merge(other);
    let expected = TruthSummary {
        events: 6,
        matched: 2,
        unmatched: 1,
        unrouted: 3,
        unknown_type: 1,
        notice: 1,
        destination_matches: 2,
        counts: 2,
        series: 2,
        datums: 2,
        values: 2,
        ..TruthSummary::default()
    };
    assert_eq!(truth.summary(), expected);

    let mut any = definitions("DROP");
    any["ConfigurationSets"][0]["ConfigurationSetName"] = json!("*");
    let mut truth = Truth::new(&any, None, "SES");
    truth.add(&unknown);
    truth.add(&setless);
    assert_eq!((truth.summary().matched, truth.summary().unrouted), (1, 1));
}
