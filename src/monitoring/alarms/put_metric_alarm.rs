//! An alarm as the input of `PutMetricAlarm`, which `CloudFormation` takes too.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>, 2026-11-30.

use serde_json::{Map, Value, json};

use super::model::{Alarm, AlarmOperator, AlarmQuery, MissingData};
use crate::monitoring::query::NamedMetric;

/// The members of an alarm, without its actions.
pub(super) fn members(alarm: &Alarm) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("AlarmName", json!(alarm.name));
    put("AlarmDescription", json!(format!("{} {}.", alarm.description, alarm.price_text())));
    put("ComparisonOperator", json!(alarm.operator.api_name()));
    put("Threshold", json!(alarm.threshold));
    put("EvaluationPeriods", json!(alarm.periods));
    put("DatapointsToAlarm", json!(alarm.periods));
    put("TreatMissingData", json!(alarm.missing.api_name()));
    match &alarm.query {
        AlarmQuery::Metric(metric) => {
            put("Namespace", json!(metric.namespace));
            put("MetricName", json!(metric.metric));
            put("Period", json!(alarm.period));
            let statistic =
                if is_extended(metric.statistic) { "ExtendedStatistic" } else { "Statistic" };
            put(statistic, json!(metric.statistic));
            if !metric.dimensions.is_empty() {
                put("Dimensions", dimensions(metric));
            }
        }
        AlarmQuery::Math { metrics, expression } => {
            let of_each = metrics.iter().map(|(id, metric)| {
                json!({
                    "Id": id,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": metric.namespace,
                            "MetricName": metric.metric,
                            "Dimensions": dimensions(metric),
                        },
                        "Period": alarm.period,
                        "Stat": metric.statistic,
                    },
                    "ReturnData": false,
                })
            });
            let mut all: Vec<Value> = of_each.collect();
            all.push(json!({"Id": "watched", "Expression": expression, "ReturnData": true}));
            put("Metrics", Value::Array(all));
        }
        AlarmQuery::Insights { query, .. } => {
            let query = json!({
                "Id": "watched", "Expression": query, "Period": alarm.period, "ReturnData": true,
            });
            put("Metrics", json!([query]));
        }
    }
    members
}

fn dimensions(metric: &NamedMetric) -> Value {
    let pairs = metric.dimensions.iter();
    pairs.map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

/// Percentiles have a member of their own.
pub(super) fn is_extended(statistic: &str) -> bool {
    statistic.starts_with('p')
}

// === impl AlarmOperator ===

impl AlarmOperator {
    pub(super) const fn api_name(self) -> &'static str {
        match self {
            Self::Above => "GreaterThanThreshold",
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::Below => "LessThanThreshold",
        }
    }
}

// === impl MissingData ===

impl MissingData {
    pub(super) const fn api_name(self) -> &'static str {
        match self {
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}
