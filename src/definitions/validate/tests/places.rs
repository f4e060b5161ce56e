//! Every fault at once, each with its place.

use super::findings_of;

#[test]
fn ten_faults_are_ten_findings_with_exact_places() {
    let text = r#"{"ConfigurationSets": [
  {
    "ConfigurationSetName": "två words",
    "Namespace": "AWS/SES",
    "EventDestinations": [
      {
        "Name": 7,
        "Enabled": "yes",
        "MatchingEventTypes": ["SEND", "SENT"],
        "CloudWatchDestination": {"DimensionConfigurations": [
          {"DimensionName": "a b", "DimensionValueSource": "TAG", "DefaultDimensionValue": ""},
          {"DimensionName": "é", "DimensionValueSource": "LINK_TAG"}
        ]}
      },
      {"Name": "empty", "MatchingEventTypes": ["OPEN"]}
    ]
  }
]}"#;
    let destination = "ConfigurationSets[0].EventDestinations[0]";
    let dimensions = format!("{destination}.CloudWatchDestination.DimensionConfigurations");
    let names = "use 1 to 255 characters (A-Z a-z 0-9 _ : . @ -)";
    let expected = [
        "f:3:29: ConfigurationSets[0].ConfigurationSetName: configuration set name \"två words\" \
         contains 'å', which is not allowed; use 1 to 64 characters (A-Z a-z 0-9 _ -), or * for \
         every other set"
            .to_owned(),
        "f:4:18: ConfigurationSets[0].Namespace: namespace \"AWS/SES\" is reserved for AWS \
         services; use a name that does not start with AWS/, such as SES"
            .to_owned(),
        format!("f:7:17: {destination}.Name: event destination name is a number; write a string"),
        format!("f:8:20: {destination}.Enabled: Enabled is a string; write true or false"),
        format!(
            "f:9:40: {destination}.MatchingEventTypes[1]: event type \"SENT\" is unknown; use one \
             of SEND, REJECT, BOUNCE, COMPLAINT, DELIVERY, OPEN, CLICK, RENDERING_FAILURE, \
             DELIVERY_DELAY, SUBSCRIPTION"
        ),
        format!(
            "f:11:29: {dimensions}[0].DimensionName: dimension name \"a b\" contains ' ', which is \
             not allowed; {names}"
        ),
        format!(
            "f:11:60: {dimensions}[0].DimensionValueSource: DimensionValueSource \"TAG\" is \
             unknown; use MESSAGE_TAG, EMAIL_HEADER or LINK_TAG"
        ),
        format!(
            "f:11:92: {dimensions}[0].DefaultDimensionValue: DefaultDimensionValue is empty; use 1 \
             to 255 characters (A-Z a-z 0-9 _ . @ -)"
        ),
        format!(
            "f:12:11: {dimensions}[1].DefaultDimensionValue: DefaultDimensionValue is missing; \
             add DefaultDimensionValue to the object"
        ),
        format!(
            "f:12:29: {dimensions}[1].DimensionName: dimension name \"é\" contains 'é', which is \
             not allowed; {names}"
        ),
        "f:15:7: ConfigurationSets[0].EventDestinations[1]: no destination given; add one of \
         CloudWatchDestination, KinesisFirehoseDestination, SnsDestination, \
         EventBridgeDestination, PinpointDestination"
            .to_owned(),
    ];
    assert_eq!(findings_of(text), expected);
}

#[test]
fn missing_members_are_reported_at_their_object() {
    let text = "{\"ConfigurationSets\":[\n {\"EventDestinations\":[\n  {}]}]}";
    let findings = findings_of(text);
    assert_eq!(findings.len(), 4, "{findings:#?}");
    let destination = "ConfigurationSets[0].EventDestinations[0]";
    let starts = [
        "f:2:2: ConfigurationSets[0].ConfigurationSetName: ConfigurationSetName is missing; ",
        &format!("f:3:3: {destination}.Name: Name is missing; "),
        &format!("f:3:3: {destination}.MatchingEventTypes: MatchingEventTypes is missing; "),
        &format!("f:3:3: {destination}: no destination given; "),
    ];
    for (finding, start) in findings.iter().zip(starts) {
        assert!(finding.starts_with(start), "{finding}\nis not {start}");
    }
}

#[test]
fn root_must_be_an_object_with_a_list_of_sets() {
    assert_eq!(findings_of("[]"), ["f:1:1: document is a list; write an object"]);
    assert_eq!(findings_of(" null"), ["f:1:2: document is null; write an object"]);
    let missing = "ConfigurationSets is missing; add ConfigurationSets to the object";
    assert_eq!(findings_of("\n{}"), [format!("f:2:1: ConfigurationSets: {missing}")]);
    assert_eq!(
        findings_of("{\"ConfigurationSets\":null}"),
        [format!("f:1:1: ConfigurationSets: {missing}")]
    );
    assert_eq!(
        findings_of("{\"ConfigurationSets\":{}}"),
        ["f:1:22: ConfigurationSets: ConfigurationSets is an object; write a list"]
    );
    assert_eq!(
        findings_of("{\"ConfigurationSets\":[\"prod\"]}"),
        ["f:1:23: ConfigurationSets[0]: configuration set is a string; write an object"]
    );
    assert_eq!(findings_of("{\"ConfigurationSets\":[]}"), [""; 0]);
}

#[test]
fn bare_output_of_the_aws_cli_is_rejected_with_the_command_that_wraps_it() {
    assert_eq!(
        findings_of("{\"EventDestinations\":[{\"Name\":1}]}"),
        [
            "f:1:22: EventDestinations: this has configuration sets or event destinations in another \
          form; make a document of it with `postmeter import --configuration-set NAME`"
        ]
    );
    for other in ["{\"ConfigurationSetName\":\"s\"}", "{\"Resources\":{}}"] {
        let findings = findings_of(other);
        assert!(findings.len() == 1 && findings[0].contains("postmeter import"), "{findings:?}");
    }
    let both = "{\"EventDestinations\":[],\"ConfigurationSets\":[]}";
    assert_eq!(
        findings_of(both),
        ["f:1:2: warning: EventDestinations: unknown key \"EventDestinations\" is ignored; \
             remove it, or correct its spelling"]
    );
}
