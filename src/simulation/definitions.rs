//! The definitions of a history.

use crate::definitions;
use crate::rules::{Layouts, RuleSet};

/// The definitions; `also` adds what a later version counts.
fn document(also: bool) -> String {
    let with = |name: &str, namespace: &str, tag: &str, own: &str| {
        format!(
            r#"{{"Name":"{name}","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY","BOUNCE"],"CloudWatchDestination":{{"Namespace":"{namespace}"{own},"DimensionConfigurations":[{{"DimensionName":"{tag}","DimensionValueSource":"MESSAGE_TAG","DefaultDimensionValue":"none"}}]}}}}"#
        )
    };
    let destination = |name, namespace, tag| with(name, namespace, tag, "");
    let measures = r#","Measures":["COUNT","HARD_BOUNCE_RATE","DELIVERY_TIME"]"#;
    let mut destinations = vec![
        destination("by-request", "A", "request"),
        with("by-campaign", "A", "campaign", measures),
        destination("all", "C", "ses:configuration-set"),
    ];
    if also {
        destinations.push(destination("also", "B", "request"));
    }
    destinations.push(
        r#"{"Name":"out","Enabled":true,"MatchingEventTypes":["SEND","DELIVERY","BOUNCE"],"SnsDestination":{"TopicArn":"arn:aws:sns:eu-west-1:123456789012:out"}}"#
            .to_owned(),
    );
    let destinations = destinations.join(",");
    format!(
        r#"{{"ConfigurationSets":[{{"ConfigurationSetName":"sim","EventDestinations":[{destinations}]}}]}}"#
    )
}

/// The definitions, compiled.
pub(super) fn rules(also: bool, layouts: &Layouts) -> RuleSet {
    let reading = definitions::read("simulation", &document(also));
    let definitions = reading.definitions.expect("the definitions are valid");
    RuleSet::new(&definitions, "SES", None, layouts)
}
