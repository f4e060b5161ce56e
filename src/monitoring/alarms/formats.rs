//! Alarms as a template of `CloudFormation`, as commands of the AWS CLI, and as a file of Terraform.

use serde_json::{Map, Value, json};

use super::model::{Alarm, AlarmQuery};
use super::put_metric_alarm::{is_extended, members};
use crate::monitoring::query::NamedMetric;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlarmFormat {
    CloudFormation,
    Cli,
    Terraform,
}

/// The most resources of a template of `CloudFormation`.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>, 2026-11-30.
const RESOURCES_MAX: usize = 500;

/// The alarms in a format.
pub(super) fn text(
    alarms: &[Alarm],
    format: AlarmFormat,
    topic: Option<&str>,
    notes: &mut Vec<String>,
) -> String {
    match format {
        AlarmFormat::CloudFormation => {
            if alarms.len() > RESOURCES_MAX {
                notes.push(format!(
                    "CloudFormation takes {RESOURCES_MAX} resources and there are {} alarms; split \
                     the definitions",
                    alarms.len()
                ));
            }
            format!("{:#}\n", template(alarms, topic))
        }
        AlarmFormat::Cli => alarms.iter().map(|alarm| command(alarm, topic)).collect(),
        AlarmFormat::Terraform => format!("{:#}\n", terraform(alarms, topic)),
    }
}

fn template(alarms: &[Alarm], topic: Option<&str>) -> Value {
    let mut resources = Map::new();
    for (number, alarm) in (1..).zip(alarms) {
        let mut properties = members(alarm);
        if let Some(topic) = topic {
            properties.insert("AlarmActions".to_owned(), json!([topic]));
        }
        let resource = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": properties});
        resources.insert(format!("Alarm{number}{}", letters(&alarm.name)), resource);
    }
    json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
}

/// A name as part of a logical id, which has only letters and digits.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).take(200).collect()
}

fn command(alarm: &Alarm, topic: Option<&str>) -> String {
    let mut input = members(alarm);
    if let Some(topic) = topic {
        input.insert("AlarmActions".to_owned(), json!([topic]));
    }
    let input = Value::Object(input).to_string().replace('\'', r"'\''");
    let price = alarm.price_text();
    format!("# {price}\naws cloudwatch put-metric-alarm --cli-input-json '{input}'\n")
}

/// The JSON syntax of Terraform.
/// <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_metric_alarm>,
/// 2026-11-30.
fn terraform(alarms: &[Alarm], topic: Option<&str>) -> Value {
    let mut resources = Map::new();
    for (number, alarm) in (1..).zip(alarms) {
        let mut resource = json!({
            "//": alarm.price_text(),
            "alarm_name": literal(&alarm.name),
            "alarm_description": literal(&format!("{} {}.", alarm.description, alarm.price_text())),
            "comparison_operator": alarm.operator.api_name(),
            "threshold": alarm.threshold,
            "evaluation_periods": alarm.periods,
            "datapoints_to_alarm": alarm.periods,
            "treat_missing_data": alarm.missing.api_name(),
        });
        if let Some(topic) = topic {
            resource["alarm_actions"] = json!([literal(topic)]);
        }
        terraform_query(alarm, &mut resource);
        resources.insert(format!("alarm_{number}_{}", identifier(&alarm.name)), resource);
    }
    json!({"resource": {"aws_cloudwatch_metric_alarm": resources}})
}

fn terraform_query(alarm: &Alarm, resource: &mut Value) {
    match &alarm.query {
        AlarmQuery::Metric(metric) => {
            resource["namespace"] = literal(&metric.namespace);
            resource["metric_name"] = literal(&metric.metric);
            resource["period"] = json!(alarm.period);
            let statistic =
                if is_extended(metric.statistic) { "extended_statistic" } else { "statistic" };
            resource[statistic] = json!(metric.statistic);
            if !metric.dimensions.is_empty() {
                resource["dimensions"] = terraform_dimensions(metric);
            }
        }
        AlarmQuery::Math { metrics, expression } => {
            let of_each = metrics.iter().map(|(id, metric)| {
                let mut of_one = json!({
                    "namespace": literal(&metric.namespace),
                    "metric_name": literal(&metric.metric),
                    "period": alarm.period,
                    "stat": metric.statistic,
                });
                if !metric.dimensions.is_empty() {
                    of_one["dimensions"] = terraform_dimensions(metric);
                }
                json!({"id": id, "return_data": false, "metric": of_one})
            });
            let mut all: Vec<Value> = of_each.collect();
            all.push(json!({"id": "watched", "expression": expression, "return_data": true}));
            resource["metric_query"] = Value::Array(all);
        }
        AlarmQuery::Insights { query, .. } => {
            resource["metric_query"] = json!([{
                "id": "watched", "expression": literal(query), "period": alarm.period,
                "return_data": true,
            }]);
        }
    }
}

fn terraform_dimensions(metric: &NamedMetric) -> Value {
    let pairs = metric.dimensions.iter().map(|(name, value)| (name.clone(), literal(value)));
    Value::Object(pairs.collect())
}

/// A text that Terraform takes as it is.
fn literal(text: &str) -> Value {
    json!(text.replace("${", "$${").replace("%{", "%%{"))
}

fn identifier(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    name.chars().map(letter).take(200).collect()
}
