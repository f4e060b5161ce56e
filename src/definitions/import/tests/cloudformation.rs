//! Templates of `CloudFormation`, in JSON and YAML.

use serde_json::json;

use super::{MEANING, document, imported, only_error, sets, sets_and_findings};

pub(super) const TEMPLATE: &str = r"AWSTemplateFormatVersion: 2010-09-09
Description: >
  Mail of the shop.
Parameters:
  Shop:
    Type: String
    Default: shop
  Secret:
    Type: AWS::SSM::Parameter::Value<String>
    Default: /shop/secret
Resources:
  Topic:
    Type: AWS::SNS::Topic
  Mail:
    Type: AWS::SES::ConfigurationSet
    Properties:
      Name: !Ref Shop
      TrackingOptions: {CustomRedirectDomain: !Sub 'links.${Shop}.example'}
      DeliveryOptions:
        TlsPolicy: REQUIRE
      ReputationOptions:
        ReputationMetricsEnabled: 'true'
      SendingOptions:
        SendingEnabled: no
  Counts:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Ref Mail
      EventDestination:
        Name: counts
        Enabled: true
        MatchingEventTypes: [send, click]
        CloudWatchDestination:
          DimensionConfigurations:
            - DimensionName: campaign
              DimensionValueSource: messageTag
              DefaultDimensionValue: none
            - DimensionName: button
              DimensionValueSource: linkTag
              DefaultDimensionValue: 0
  Stream:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Join ['', [sh, op]]
      EventDestination:
        Name: stream
        Enabled: yes
        MatchingEventTypes:
        - delivery
        KinesisFirehoseDestination:
          IAMRoleARN: arn:aws:iam::111122223333:role/mail
          DeliveryStreamARN: arn:aws:firehose:eu-west-1:111122223333:deliverystream/mail
  TopicOfBounces:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Sub
        - '${Name}'
        - Name: {Ref: Mail}
      EventDestination:
        Name: topic
        Enabled: true
        MatchingEventTypes: [bounce, renderingFailure]
        SnsDestination: {TopicARN: 'arn:aws:sns:eu-west-1:111122223333:mail'}
  Bus:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Ref Mail
      EventDestination:
        Name: bus
        Enabled: true
        MatchingEventTypes: [deliveryDelay]
        EventBridgeDestination:
          EventBusArn: arn:aws:events:eu-west-1:111122223333:event-bus/default
          Odd: !Ref AWS::NoValue
";

#[test]
fn yaml_template_with_short_functions_is_read() {
    let (sets, findings) = sets_and_findings(None, &[TEMPLATE]);
    assert_eq!(sets, document(MEANING));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let expected = "f0:7:14: warning: parameter \"Shop\" is taken as its default; check that the";
    assert!(findings[0].starts_with(expected), "{findings:#?}");
    // The same with other line ends.
    assert_eq!(sets_and_findings(None, &[&TEMPLATE.replace('\n', "\r\n")]).0, document(MEANING));
}

/// A template with one event destination; `…` of its properties are given.
fn template(set_name: &str, of_set: &str, kind: &str) -> String {
    format!(
        "Resources:\n  S:\n    Type: AWS::SES::ConfigurationSet\n    Properties: {set_name}\n  \
         D:\n    Type: AWS::SES::ConfigurationSetEventDestination\n    Properties:\n      \
         ConfigurationSetName: {of_set}\n      EventDestination:\n        Enabled: true\n        \
         MatchingEventTypes: [send]\n        {kind}\n"
    )
}

const TOPIC: &str = "SnsDestination: {TopicARN: arn:aws:sns:r:1:t}";

#[test]
fn forwarding_to_a_resource_of_the_stack_is_left_out_with_a_warning() {
    for (arn, said) in [
        ("!Ref Topic", "!Ref Topic"),
        ("!GetAtt Topic.TopicArn", "!GetAtt Topic.TopicArn"),
        ("{'Fn::GetAtt': [Topic, TopicArn]}", "!GetAtt Topic.TopicArn"),
        ("!Sub 'arn:aws:sns:${AWS::Region}:1:t'", "!Sub arn:aws:sns:${AWS::Region}:1:t"),
        ("!ImportValue topic", "!ImportValue topic"),
        ("!If [Here, a, b]", "!If Here.a.b"),
    ] {
        let kind = format!("SnsDestination: {{TopicARN: {arn}}}");
        let text = template("{Name: shop}", "shop", &kind);
        let (sets, findings) = sets_and_findings(None, &[&text]);
        assert_eq!(sets[0].event_destinations, []);
        assert_eq!(findings.len(), 2, "{findings:#?}");
        let expected = format!(
            "f0:12:36: warning: event destination \"D\" is left out: only CloudFormation knows \
             TopicARN {said}; "
        );
        assert!(findings[1].starts_with(&expected), "{findings:#?}\n{expected}");
    }
}

#[test]
fn other_values_that_only_cloudformation_knows_are_errors() {
    let dimension = "CloudWatchDestination: {DimensionConfigurations: [{DimensionName: a, \
        DimensionValueSource: messageTag, DefaultDimensionValue: !Ref Default}]}";
    let error = only_error(None, &[&template("{Name: shop}", "shop", dimension)]);
    let expected = "DefaultDimensionValue !Ref Default; write its value into the template";
    assert!(error.contains(expected), "{error}");
    let error = only_error(None, &[&template("{Name: shop}", "!ImportValue shop", TOPIC)]);
    assert!(error.starts_with("f0:8:29: event destination \"D\": only Cloud"), "{error}");
    assert!(error.contains("ConfigurationSetName !ImportValue shop"), "{error}");
}

#[test]
fn option_that_only_cloudformation_knows_is_absent_and_not_off() {
    let set = "{Name: shop, SendingOptions: {SendingEnabled: !If [Live, true, false]},\n        \
               DeliveryOptions: {TlsPolicy: !Ref Unknown, MaxDeliverySeconds: 300}}";
    let (sets, findings) = sets_and_findings(None, &[&template(set, "shop", TOPIC)]);
    let options = json!({"DeliveryOptions": {"MaxDeliverySeconds": 300}});
    assert_eq!(json!(sets[0].options.0), options, "{findings:#?}");
    let left_out = findings.iter().filter(|finding| finding.contains("\"S\" is left out"));
    assert_eq!(left_out.count(), 2, "{findings:#?}");
}

#[test]
fn name_that_only_cloudformation_knows_comes_from_the_command_line() {
    let names = ["{}", "{Name: !Sub '${AWS::StackName}-mail'}", "{Name: !Ref Unknown}"];
    for name in names {
        let text = template(name, "!Ref S", TOPIC);
        let sets = sets(Some("shop"), &[&text]);
        assert_eq!((sets[0].name.as_str(), sets[0].event_destinations.len()), ("shop", 1));
        // Without a name in the template, that of the destination is its logical id.
        assert_eq!(sets[0].event_destinations[0].name, "D");
        let errors = imported(None, &[&text]).findings;
        assert_eq!(errors.len(), 1, "{errors:#?}");
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with("f0:2:3: configuration set \"S\": ")
                || said[0].starts_with(
                    "f0:4:24: configuration set \"S\": only CloudFormation knows Name !"
                ),
            "{said:#?}"
        );
        assert!(said[0].ends_with("pass its name with --configuration-set"), "{said:#?}");
    }
}

#[test]
fn name_of_the_command_line_is_that_of_one_set_only() {
    let text = template("{}", "!Ref S", TOPIC)
        + "  Other:\n    Type: AWS::SES::ConfigurationSet\n    Properties: {}\n";
    let error = only_error(Some("shop"), &[&text]);
    assert!(error.starts_with("f0:13:3: configuration set \"Other\": it has no Name"), "{error}");
    assert!(error.ends_with("--configuration-set names another one"), "{error}");
}

#[test]
fn nested_functions_cost_no_more_than_their_limit() {
    for innermost in ["''", "x"] {
        let mut name = innermost.to_owned();
        for _ in 0..25 {
            name = format!("{{'Fn::Sub': ['${{a}}${{a}}', {{a: {name}}}]}}");
        }
        let error = only_error(None, &[&template(&format!("{{Name: {name}}}"), "!Ref S", TOPIC)]);
        assert!(error.contains("only CloudFormation knows Name !Sub"), "{error}");
    }
}

#[test]
fn what_is_not_read_of_a_template_is_named() {
    let text = template("{Name: shop, Tags: [{Key: a, Value: !Ref T}], Odd: 1}", "shop", TOPIC)
        + "  'Fn::ForEach::Loop': [A, [b], {}]\n  C:\n    Type: AWS::SES::ConfigurationSet\n    \
           Condition: Here\n    Properties: {Name: other}\n";
    let (sets, findings) = sets_and_findings(None, &[&text]);
    assert_eq!(sets.len(), 2);
    for said in [
        "f0:4:53: warning: an option of \"S\" is left out: only CloudFormation knows Value !Ref T",
        "f0:13:3: warning: \"Fn::ForEach::Loop\" is left out: loops are not read",
        "f0:16:16: warning: \"C\" is made under a condition only",
        "f0:4:63: warning: ConfigurationSets[0].Odd: unknown key \"Odd\" is ignored",
    ] {
        assert!(findings.iter().any(|finding| finding.starts_with(said)), "{said}: {findings:#?}");
    }
}

#[test]
fn json_template_as_get_template_prints_it_is_read() {
    let text = r#"{"StagesAvailable": ["Original"], "TemplateBody": {"Resources": {
        "S": {"Type": "AWS::SES::ConfigurationSet", "Properties": {"Name": "shop"}},
        "D": {"Type": "AWS::SES::ConfigurationSetEventDestination", "Properties": {
            "ConfigurationSetName": {"Ref": "S"},
            "EventDestination": {"Name": "t", "Enabled": true, "MatchingEventTypes": ["SEND"],
                "SnsDestination": {"TopicARN": "arn:aws:sns:r:1:t"}}}}}}}"#;
    assert_eq!(sets(None, &[text])[0].event_destinations.len(), 1);
}
