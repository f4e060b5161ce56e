//! What `terraform show -json` prints.

use serde_json::{Value, json};

use super::{MEANING, document, imported, meaning_of_v1, only_error, sets, sets_and_findings};

#[expect(clippy::needless_pass_by_value, reason = "it is made for the call")]
fn resource(kind: &str, name: &str, values: Value) -> Value {
    json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
        "provider_name": "registry.terraform.io/hashicorp/aws", "schema_version": 0,
        "values": values, "sensitive_values": {}})
}

pub(super) fn state(resources: &[Value], of_module: &[Value]) -> String {
    json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {
        "resources": resources,
        "child_modules": [{"address": "module.mail", "resources": of_module}]}}})
    .to_string()
}

/// The resources of version 2 of the API.
pub(super) fn resources() -> Vec<Value> {
    let destination = |name: &str, kinds: Value| {
        let mut definition = json!({"enabled": true, "cloud_watch_destination": [],
            "event_bridge_destination": [], "kinesis_firehose_destination": [],
            "pinpoint_destination": [], "sns_destination": []});
        let members = definition.as_object_mut().expect("an object");
        members.extend(kinds.as_object().expect("an object").clone());
        resource(
            "aws_sesv2_configuration_set_event_destination",
            name,
            json!({"configuration_set_name": "shop", "event_destination": [definition],
                "event_destination_name": name, "id": format!("shop|{name}"), "region": "eu-west-1"}),
        )
    };
    let dimension = |name: &str, source: &str, default: &str| {
        json!({"default_dimension_value": default, "dimension_name": name,
            "dimension_value_source": source})
    };
    vec![
        resource(
            "aws_sesv2_configuration_set",
            "shop",
            json!({"arn": "arn:aws:ses:eu-west-1:1:configuration-set/shop",
                "configuration_set_name": "shop", "id": "shop", "region": "eu-west-1",
                "delivery_options": [{"max_delivery_seconds": 0, "sending_pool_name": "",
                    "tls_policy": "REQUIRE"}],
                "reputation_options": [{"last_fresh_start": "", "reputation_metrics_enabled": true}],
                "sending_options": [{"sending_enabled": false}],
                "suppression_options": [], "tags": null, "tags_all": {},
                "tracking_options": [{"custom_redirect_domain": "links.shop.example",
                    "https_policy": ""}],
                "vdm_options": []}),
        ),
        destination(
            "counts",
            json!({"matching_event_types": ["SEND", "CLICK"], "cloud_watch_destination": [
                {"dimension_configuration": [dimension("campaign", "MESSAGE_TAG", "none"),
                    dimension("button", "LINK_TAG", "0")]}]}),
        ),
        destination(
            "stream",
            json!({"matching_event_types": ["DELIVERY"], "kinesis_firehose_destination": [{
                "iam_role_arn": "arn:aws:iam::111122223333:role/mail",
                "delivery_stream_arn":
                    "arn:aws:firehose:eu-west-1:111122223333:deliverystream/mail"}]}),
        ),
        destination(
            "topic",
            json!({"matching_event_types": ["BOUNCE", "RENDERING_FAILURE"],
                "sns_destination": [{"topic_arn": "arn:aws:sns:eu-west-1:111122223333:mail"}]}),
        ),
        destination(
            "bus",
            json!({"matching_event_types": ["DELIVERY_DELAY"], "event_bridge_destination": [
                {"event_bus_arn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}]}),
        ),
    ]
}

#[test]
fn state_of_version_2_is_read_from_all_modules() {
    let resources = resources();
    assert_eq!(sets(None, &[&state(&resources[..2], &resources[2..])]), document(MEANING));
    let data = json!({"mode": "data", "type": "aws_sesv2_configuration_set",
        "values": {"configuration_set_name": "other"}});
    let all = [&resources[..], &[data, resource("aws_sns_topic", "t", json!({}))]].concat();
    assert_eq!(sets(None, &[&state(&all, &[])]), document(MEANING));
}

#[test]
fn state_of_version_1_means_the_same() {
    let destination = |name: &str, values: Value| {
        let mut all = json!({"name": name, "configuration_set_name": "shop", "enabled": true,
            "id": name, "arn": "arn", "cloudwatch_destination": [], "kinesis_destination": [],
            "sns_destination": []});
        let members = all.as_object_mut().expect("an object");
        members.extend(values.as_object().expect("an object").clone());
        resource("aws_ses_event_destination", name, all)
    };
    let resources = [
        resource(
            "aws_ses_configuration_set",
            "shop",
            json!({"name": "shop", "arn": "arn", "id": "shop",
                "last_fresh_start": "0001-01-01T00:00:00Z",
                "delivery_options": [{"tls_policy": "Require"}],
                "reputation_metrics_enabled": true, "sending_enabled": false,
                "tracking_options": [{"custom_redirect_domain": "links.shop.example"}]}),
        ),
        destination(
            "counts",
            json!({"matching_types": ["send", "click"], "cloudwatch_destination": [
                {"default_value": "none", "dimension_name": "campaign", "value_source": "messageTag"},
                {"default_value": "0", "dimension_name": "button", "value_source": "linkTag"}]}),
        ),
        destination(
            "stream",
            json!({"matching_types": ["delivery"], "kinesis_destination": [{
                "role_arn": "arn:aws:iam::111122223333:role/mail",
                "stream_arn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/mail"}]}),
        ),
        destination(
            "topic",
            json!({"matching_types": ["bounce", "renderingFailure"],
                "sns_destination": [{"topic_arn": "arn:aws:sns:eu-west-1:111122223333:mail"}]}),
        ),
    ];
    assert_eq!(sets(None, &[&state(&resources, &[])]), meaning_of_v1());
}

#[test]
fn tags_and_options_of_other_shapes_are_read() {
    let set = resource(
        "aws_sesv2_configuration_set",
        "s",
        json!({"configuration_set_name": "s", "tags": {"team": "mail"},
            "suppression_options": [{"suppressed_reasons": ["BOUNCE"]}],
            "vdm_options": [{"dashboard_options": [{"engagement_metrics": "ENABLED"}],
                "guardian_options": [{"optimized_shared_delivery": "DISABLED"}]}]}),
    );
    let (sets, _) = sets_and_findings(None, &[&state(&[set], &[])]);
    assert_eq!(
        json!(sets[0].options.0),
        json!({"SuppressionOptions": {"SuppressedReasons": ["BOUNCE"]},
            "Tags": [{"Key": "team", "Value": "mail"}],
            "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"},
                "GuardianOptions": {"OptimizedSharedDelivery": "DISABLED"}}})
    );
}

#[test]
fn plan_leaves_out_what_is_known_after_apply() {
    let mut resources = resources();
    let topic = resources[3].pointer_mut("/values/event_destination/0/sns_destination/0");
    *topic.expect("the topic") = json!({});
    let plan = json!({"format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}}, "resource_changes": []});
    let (sets, findings) = sets_and_findings(None, &[&plan.to_string()]);
    assert_eq!(sets[0].event_destinations.len(), 3);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let said = "\"aws_sesv2_configuration_set_event_destination.topic\" is left out: the ARN of its \
                SnsDestination is not known yet; apply";
    assert!(findings[0].contains(said), "{findings:#?}");
}

#[test]
fn state_without_configuration_sets_is_an_error_and_odd_attributes_are_named() {
    let error = only_error(None, &[&state(&[resource("aws_sns_topic", "t", json!({}))], &[])]);
    assert!(error.contains("input has no configuration set"), "{error}");
    let odd = resource("aws_ses_configuration_set", "s", json!({"name": "s", "odd": 1}));
    let findings = imported(None, &[&state(&[odd], &[])]).findings;
    assert!(findings.iter().any(|finding| finding.what == "unknown key \"odd\" is ignored"));
}
