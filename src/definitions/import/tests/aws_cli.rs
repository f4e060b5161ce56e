//! Output and input of the AWS CLI, and other documents.

use serde_json::{Value, json};

use super::{MEANING, document, imported, meaning_of_v1, only_error, sets, sets_and_findings};
use crate::definitions::DOCUMENT_BYTES_MAX;

fn meaning() -> Value {
    let document: Value = serde_json::from_str(MEANING).expect("JSON");
    document["ConfigurationSets"][0].clone()
}

/// Output of `get-configuration-set-event-destinations`.
fn destinations() -> String {
    format!("{:#}", json!({"EventDestinations": meaning()["EventDestinations"]}))
}

/// Output of `get-configuration-set`.
fn options() -> String {
    let mut set = meaning();
    set.as_object_mut().expect("an object").remove("EventDestinations");
    format!("{set:#}")
}

/// Output of `aws ses describe-configuration-set` with every attribute.
pub(super) const DESCRIBED: &str = r#"{
    "ConfigurationSet": {"Name": "shop"},
    "EventDestinations": [
        {"Name": "counts", "Enabled": true, "MatchingEventTypes": ["send", "click"],
         "CloudWatchDestination": {"DimensionConfigurations": [
            {"DimensionName": "campaign", "DimensionValueSource": "messageTag", "DefaultDimensionValue": "none"},
            {"DimensionName": "button", "DimensionValueSource": "linkTag", "DefaultDimensionValue": "0"}]}},
        {"Name": "stream", "Enabled": true, "MatchingEventTypes": ["delivery"],
         "KinesisFirehoseDestination": {
            "IAMRoleARN": "arn:aws:iam::111122223333:role/mail",
            "DeliveryStreamARN": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/mail"}},
        {"Name": "topic", "Enabled": true, "MatchingEventTypes": ["bounce", "renderingFailure"],
         "SNSDestination": {"TopicARN": "arn:aws:sns:eu-west-1:111122223333:mail"}}],
    "TrackingOptions": {"CustomRedirectDomain": "links.shop.example"},
    "DeliveryOptions": {"TlsPolicy": "Require"},
    "ReputationOptions": {"SendingEnabled": false, "ReputationMetricsEnabled": true}
}"#;

#[test]
fn output_of_both_versions_means_the_same() {
    let mut expected = document(MEANING);
    assert_eq!(sets(None, &[&options(), &format!("{}{}", options(), destinations())]), expected);
    assert_eq!(sets(None, &[DESCRIBED]), meaning_of_v1());
    // Both about one set, and each twice.
    let all = [DESCRIBED, &options(), DESCRIBED, &destinations(), &destinations()];
    assert_eq!(sets(Some("shop"), &all), expected);
    expected[0].options = crate::definitions::SetOptions::default();
    assert_eq!(sets(Some("shop"), &[&destinations()]), expected);
    assert_eq!(sets(Some("shop"), &["\u{feff}", &format!("\u{feff}{}", destinations())]), expected);
}

#[test]
fn outputs_in_a_row_are_joined_by_the_name_of_their_set() {
    let output = |name: &str| {
        json!({"EventDestinations": [{"Name": name, "Enabled": true, "MatchingEventTypes": ["SEND"],
            "SnsDestination": {"TopicArn": "arn:aws:sns:r:1:t"}}]})
        .to_string()
    };
    let names = |sets: &[crate::definitions::ConfigurationSet]| -> Vec<(String, usize)> {
        sets.iter().map(|set| (set.name.clone(), set.event_destinations.len())).collect()
    };
    let row = format!("{}\n{}{}", output("a"), output("b"), output("c"));
    assert_eq!(names(&sets(Some("prod"), &[&row, &output("d")])), [("prod".to_owned(), 4)]);
    assert_eq!(
        names(&sets(Some("prod"), &[&format!("[{},{}]", output("a"), output("b"))])).len(),
        1
    );
    // With `--query EventDestinations`, and with `--query 'EventDestinations[0]'`.
    let queried = |name: &str| {
        let output: Value = serde_json::from_str(&output(name)).expect("JSON");
        output["EventDestinations"].clone()
    };
    let row = format!("{} {}", queried("a"), queried("b")[0]);
    assert_eq!(names(&sets(Some("prod"), &[&row])), [("prod".to_owned(), 2)]);
    // A loop over sets names each before its destinations.
    let of = |set: &str| json!({"ConfigurationSetName": set}).to_string();
    let row = [of("x"), output("a"), of("y"), output("a"), output("b")].join("\n");
    let expected = [("x".to_owned(), 1), ("y".to_owned(), 2)];
    assert_eq!(names(&sets(None, &[&row])), expected);
    // The name of a set does not reach into another file.
    let error = only_error(None, &[&of("x"), &output("a")]);
    assert_eq!(
        error,
        "f1:1:1: event destinations without a configuration set; name it with --configuration-set"
    );
}

#[test]
fn different_destinations_of_one_name_are_an_error_at_the_second() {
    let named = |kind: &str| {
        format!(
            "{{\"EventDestinations\": [\n{{\"Name\": \"a\", \"Enabled\": true, \
             \"MatchingEventTypes\": [\"{kind}\"],\n\
             \"SnsDestination\": {{\"TopicArn\": \"arn:aws:sns:r:1:t\"}}}}]}}"
        )
    };
    // The same in another spelling is not different.
    assert_eq!(sets(Some("s"), &[&named("SEND"), &named("send")])[0].event_destinations.len(), 1);
    let error = only_error(Some("s"), &[&named("SEND"), &named("OPEN")]);
    assert!(error.starts_with("f1:2:10: "), "{error}");
    assert!(error.contains("event destination name \"a\" is used twice"), "{error}");
}

#[test]
fn options_of_several_outputs_are_joined_and_the_later_wins() {
    let first = r#"{"ConfigurationSetName": "s", "DeliveryOptions": {"TlsPolicy": "REQUIRE"}}"#;
    let second = "{\"ConfigurationSetName\": \"s\",\n \"DeliveryOptions\": \
                  {\"TlsPolicy\": \"OPTIONAL\", \"SendingPoolName\": \"p\"}}";
    let (sets, findings) = sets_and_findings(None, &[first, second]);
    let expected = json!({"TlsPolicy": "OPTIONAL", "SendingPoolName": "p"});
    assert_eq!(sets[0].options.0["DeliveryOptions"], expected);
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings[1].starts_with("f1:2:22: warning: \"TlsPolicy\" of the"), "{findings:#?}");
}

#[test]
fn input_files_of_commands_are_read() {
    let set = meaning();
    let mut texts = vec![options()];
    for destination in set["EventDestinations"].as_array().expect("a list") {
        let mut definition = destination.clone();
        let name = definition.as_object_mut().expect("an object").remove("Name");
        texts.push(
            json!({"ConfigurationSetName": "shop", "EventDestinationName": name,
                   "EventDestination": definition})
            .to_string(),
        );
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(sets(None, &texts), document(MEANING));

    let v1 = [
        r#"{"ConfigurationSet": {"Name": "s"}}"#,
        r#"{"ConfigurationSetName": "s", "EventDestination": {"Name": "t", "Enabled": true,
            "MatchingEventTypes": ["open"], "SNSDestination": {"TopicARN": "arn:aws:sns:r:1:t"}}}"#,
        r#"{"ConfigurationSetName": "s", "SendingEnabled": false}"#,
        r#"{"ConfigurationSetName": "s", "TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 600}"#,
    ];
    let sets = sets(None, &v1);
    assert_eq!(sets[0].event_destinations.len(), 1);
    assert_eq!(
        json!(sets[0].options.0),
        json!({"DeliveryOptions": {"MaxDeliverySeconds": 600, "TlsPolicy": "REQUIRE"},
               "SendingOptions": {"SendingEnabled": false}})
    );
}

#[test]
fn commands_of_a_script_are_read() {
    let script = "#!/bin/sh\n# the set\naws sesv2 create-configuration-set \\\n  --cli-input-json \
        '{\"ConfigurationSetName\": \"s\", \"TrackingOptions\": {\"CustomRedirectDomain\": \
        \"it'\\''s.example\"}}'\n\naws sesv2 put-configuration-set-sending-options \
        --region eu-west-1 --cli-input-json \"{\\\"ConfigurationSetName\\\": \\\"s\\\", \
        \\\"SendingEnabled\\\": true}\"\n";
    let (sets, findings) = sets_and_findings(None, &[script]);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains("configuration set has no event destinations"));
    assert_eq!(sets[0].options.0["TrackingOptions"]["CustomRedirectDomain"], "it's.example");
    assert_eq!(sets[0].options.0["SendingOptions"]["SendingEnabled"], true);
    for other in ["aws ses delete-configuration-set --name x", "aws sesv2 x --cli-input-json '{"] {
        only_error(None, &[other]);
    }
}

#[test]
fn times_are_read_as_the_cli_prints_them() {
    for time in [json!(1_700_000_000), json!("2023-11-14T22:13:20+00:00")] {
        let text = json!({"ConfigurationSetName": "s", "EventDestinations": [],
            "ReputationOptions": {"LastFreshStart": time}});
        let (sets, _) = sets_and_findings(None, &[&text.to_string()]);
        let read = &sets[0].options.0["ReputationOptions"]["LastFreshStart"];
        assert_eq!(read, &json!(1_700_000_000), "{time}");
    }
}

#[test]
fn destination_that_version_1_does_not_show_is_left_out() {
    let output = r#"{"ConfigurationSet": {"Name": "s"}, "EventDestinations": [
        {"Name": "bus", "Enabled": true, "MatchingEventTypes": ["send"]},
        {"Name": "t", "Enabled": true, "MatchingEventTypes": ["send"],
         "SNSDestination": {"TopicARN": "arn:aws:sns:eu-west-1:111122223333:t"}}]}"#;
    let (sets, findings) = sets_and_findings(None, &[output]);
    let names: Vec<&str> =
        sets[0].event_destinations.iter().map(|destination| destination.name.as_str()).collect();
    assert_eq!(names, ["t"]);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].starts_with("f0:2:9: warning: event destination is left out"));
}

#[test]
fn yaml_output_of_the_cli_is_read() {
    let yaml = "EventDestinations:\n- Name: t\n  Enabled: true\n  MatchingEventTypes:\n  - SEND\n  \
                SnsDestination:\n    TopicArn: arn:aws:sns:r:1:t\n---\nEventDestinations: []\n";
    assert_eq!(sets(Some("s"), &[yaml])[0].event_destinations.len(), 1);
}

#[test]
fn document_of_ours_stays_as_it_is() {
    assert_eq!(sets(None, &[MEANING]), document(MEANING));
    let own = r#"{"Version": 1, "ConfigurationSets": [{"ConfigurationSetName": "*", "Namespace": "M",
        "EventDestinations": [{"Name": "a", "Enabled": true, "MatchingEventTypes": ["SEND"],
        "CloudWatchDestination": {"Namespace": "N", "OnInvalidValue": "SANITIZE",
        "DimensionConfigurations": [{"DimensionName": "a", "DimensionValueSource": "MESSAGE_TAG",
        "DefaultDimensionValue": "b"}],
        "EventDimensions": [{"Field": "account", "DefaultDimensionValue": "c"}],
        "DimensionSets": [["a", "account"], ["a"], []], "Measures": ["COUNT"],
        "ValueLimits": {"a": 7, "account": 1}, "KeepValues": {"a": ["x", "y"]}}}]}]}"#;
    assert_eq!(sets(None, &[own]), document(own));
    let error = only_error(None, &[&own.replace("\"Version\": 1", "\"Version\": 2")]);
    assert!(error.contains("document has version 2"), "{error}");
}

#[test]
fn other_input_is_an_error_with_its_place() {
    for (text, expected) in [
        ("", "f0:1:1: input has no configuration set and no event destination; pass"),
        ("[]", "f0:1:1: input has no configuration set"),
        ("{}", "f0:1:1: an empty object has no configuration set"),
        ("\n {\"a\": 1}", "f0:2:2: an object with \"a\" has no configuration set"),
        ("7", "f0:1:1: input is not an object"),
        ("{", "f0:1:2: not JSON: the text ends inside a value"),
        ("a: [", "f0:1:5: neither JSON nor YAML"),
        ("{\"EventDestinations\": {}}", "f0:1:23: EventDestinations is not a list"),
        ("{\"ConfigurationSets\": [\n\"a\"]}", "f0:2:1: this lists names of"),
        ("{\"ConfigurationSets\": [{\"Name\": \"a\"}]}", "f0:1:24: this lists names of"),
        ("{\"version\": 4, \"terraform_version\": \"1\"}", "f0:1:1: this is a state file of Terr"),
        ("{\"StagesAvailable\": [], \"TemplateBody\": \"a: b\"}", "f0:1:1: the template is a text"),
        ("{\"format_version\": \"1.0\"}", "f0:1:1: this output of `terraform show -json` has no"),
    ] {
        let error = only_error(Some("s"), &[text]);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    for bomb in ["[".repeat(500_000), "- ".repeat(500_000), "{a: ".repeat(9_000)] {
        assert_eq!(imported(Some("s"), &[&bomb]).document, None);
    }
    let large = " ".repeat(DOCUMENT_BYTES_MAX / 2 + 1);
    assert!(only_error(Some("s"), &[&large, &large]).contains("the limit is"));
    assert!(only_error(Some("s"), &["a: &x {b: 1}\nc: *x"]).contains("YAML aliases"));
}

#[test]
fn finding_names_the_place_in_the_input() {
    let faulty = "{\"EventDestinations\": [{\"Name\": \"a\", \"MatchingEventTypes\": [\"SEND\"],\n\
                  \"Odd\": 1,\n \"SNSDestination\": {\"TopicARN\": \"é\"}}]}\n";
    let findings =
        imported(Some("s"), &[&destinations(), &format!("{{}}{faulty}"), faulty]).findings;
    let places: Vec<String> = findings.iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(places[0], "f1:1:1", "{findings:#?}");
    for place in ["f1:2:1", "f1:3:33", "f2:2:1", "f2:3:33"] {
        assert!(places.iter().any(|known| known == place), "{place}: {findings:#?}");
    }
}
