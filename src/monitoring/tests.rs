//! Dashboards and alarms have the structures that CloudWatch, Grafana and Terraform document, and name
//! the metrics that are published.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::definitions;
use crate::sink::OwnTotal;

fn tag(name: &str) -> Value {
    json!({"DimensionName": name, "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"})
}

/// A destination with everything, one as SES has it, one of bounces alone, and one that is off.
fn document() -> Value {
    let types = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "DELIVERY_DELAY"];
    json!({"ConfigurationSets": [
        {"ConfigurationSetName": "prod", "Namespace": "Mail/Prod", "EventDestinations": [
            {"Name": "rates", "Enabled": true, "MatchingEventTypes": types, "CloudWatchDestination": {
                "DimensionConfigurations": [tag("ses:from-domain"), tag("campaign")],
                "DimensionSets": [["campaign"], ["ses:from-domain", "campaign"], []],
                "Measures": ["COUNT", "HARD_BOUNCE_RATE", "COMPLAINT_RATE", "DELIVERY_TIME"],
                "ValueLimits": {"campaign": 20},
                "KeepValues": {"campaign": ["spring", "news"]},
            }},
            {"Name": "off", "MatchingEventTypes": types, "CloudWatchDestination": {
                "Namespace": "Off", "DimensionConfigurations": [tag("campaign")]}},
        ]},
        {"ConfigurationSetName": "*", "EventDestinations": [
            {"Name": "plain", "Enabled": true, "MatchingEventTypes": types,
                "CloudWatchDestination": {"DimensionConfigurations": [tag("genre")]}},
            {"Name": "bounces", "Enabled": true, "MatchingEventTypes": ["BOUNCE"],
                "CloudWatchDestination": {"Namespace": "B", "DimensionConfigurations": [tag("genre")]}},
        ]},
    ]})
}

fn definitions() -> Definitions {
    let reading = definitions::read("f", &document().to_string());
    reading.definitions.unwrap_or_else(|| panic!("{:#?}", reading.findings))
}

fn monitored(definitions: &Definitions) -> Monitored<'_> {
    Monitored { definitions, namespace: "SES", own_namespace: "Postmeter" }
}

fn dashboard_json(format: DashboardFormat) -> Value {
    let (text, notes) = dashboard(monitored(&definitions()), format, "eu-west-1");
    assert!(notes.is_empty(), "{notes:?}");
    assert!(text.len() < 100_000, "CloudWatch limits the size of a body");
    serde_json::from_str(&text).expect("JSON")
}

fn made(format: AlarmFormat) -> Alarms {
    alarms(monitored(&definitions()), format, Some("arn:aws:sns:eu-west-1:111122223333:ops"))
}

/// An object with exactly the keys of `required`, and of `optional` some.
fn assert_keys(place: &str, value: &Value, required: &[&str], optional: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{place} is not an object: {value}"));
    for key in required {
        assert!(object.contains_key(*key), "{place} has no {key}: {value}");
    }
    for key in object.keys() {
        assert!(required.contains(&&**key) || optional.contains(&&**key), "{place} has {key}");
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}

/// An id as `GetMetricData` and Grafana take it, once in its panel or alarm.
fn assert_ids<'i>(ids: impl Iterator<Item = &'i str>) {
    let mut seen = BTreeSet::new();
    for id in ids {
        let letters = id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        assert!(letters && id.starts_with(|first: char| first.is_ascii_lowercase()), "{id}");
        assert!(seen.insert(id), "{id} is there twice");
    }
}

/// A query of Metrics Insights names a schema, never a whole namespace.
fn assert_expression(expression: &str) {
    if expression.starts_with("SELECT ") {
        assert!(expression.contains(" FROM SCHEMA(\""), "{expression}");
        assert!(expression.len() <= 1024, "{expression}");
    }
}

#[test]
fn cloudwatch_dashboard_has_the_documented_structure() {
    let body = dashboard_json(DashboardFormat::CloudWatch);
    assert_keys("body", &body, &["widgets", "start"], &[]);
    let widgets = list(&body["widgets"]);
    assert!((10..=500).contains(&widgets.len()), "{}", widgets.len());
    let mut cells = BTreeSet::new();
    for widget in widgets {
        assert_keys("widget", widget, &["type", "x", "y", "width", "height", "properties"], &[]);
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| number(&widget[key]));
        assert!(x + width <= 24 && height <= 1000 && width >= 1, "{widget}");
        for column in x..x + width {
            for line in y..y + height {
                assert!(cells.insert((column, line)), "widgets overlap: {widget}");
            }
        }
        let properties = &widget["properties"];
        match text(&widget["type"]) {
            "text" => assert_keys("text", properties, &["markdown"], &[]),
            "metric" => assert_metric_widget(properties),
            other => panic!("{other} is not a type of widget"),
        }
    }
}

fn assert_metric_widget(properties: &Value) {
    let required = ["title", "view", "stacked", "region", "period", "stat", "yAxis", "metrics"];
    assert_keys("properties", properties, &required, &[]);
    assert_eq!(
        (&properties["view"], &properties["region"]),
        (&json!("timeSeries"), &json!("eu-west-1"))
    );
    assert!(number(&properties["period"]).is_multiple_of(60));
    assert_keys("yAxis", &properties["yAxis"], &["left"], &["right"]);
    for axis in properties["yAxis"].as_object().expect("axes").values() {
        assert_keys("axis", axis, &["label", "min", "showUnits"], &[]);
    }
    let metrics = list(&properties["metrics"]);
    let options: Vec<&Value> =
        metrics.iter().map(|metric| list(metric).last().expect("options")).collect();
    assert_ids(options.iter().map(|options| text(&options["id"])));
    for (metric, options) in metrics.iter().zip(&options) {
        let names = list(metric).len() - 1;
        if names == 0 {
            assert_keys(
                "expression",
                options,
                &["id", "expression", "period"],
                &["label", "visible", "yAxis"],
            );
            assert_expression(text(&options["expression"]));
        } else {
            assert!(names >= 2 && names.is_multiple_of(2), "{metric}");
            assert_keys("metric", options, &["id", "stat"], &["label", "visible", "yAxis"]);
        }
    }
    assert!(options.iter().any(|options| options.get("visible").is_none()), "{properties}");
}

#[test]
fn grafana_dashboard_has_the_documented_structure() {
    let board = dashboard_json(DashboardFormat::Grafana);
    let required = [
        "title",
        "tags",
        "schemaVersion",
        "editable",
        "timezone",
        "time",
        "refresh",
        "templating",
        "annotations",
        "panels",
    ];
    assert_keys("dashboard", &board, &required, &[]);
    assert_keys("time", &board["time"], &["from", "to"], &[]);
    let mut ids = BTreeSet::new();
    for panel in list(&board["panels"]) {
        assert!(ids.insert(number(&panel["id"])), "ids are unique");
        assert_keys("gridPos", &panel["gridPos"], &["x", "y", "w", "h"], &[]);
        assert!(number(&panel["gridPos"]["x"]) + number(&panel["gridPos"]["w"]) <= 24);
        if panel["type"] == "row" {
            assert_keys(
                "row",
                panel,
                &["type", "id", "title", "collapsed", "panels", "gridPos"],
                &[],
            );
            continue;
        }
        let required = [
            "type",
            "id",
            "title",
            "description",
            "datasource",
            "fieldConfig",
            "options",
            "targets",
            "gridPos",
        ];
        assert_keys("panel", panel, &required, &[]);
        assert_eq!(panel["type"], "timeseries");
        let targets = list(&panel["targets"]);
        assert_ids(targets.iter().map(|target| text(&target["id"])));
        let references: BTreeSet<&str> =
            targets.iter().map(|target| text(&target["refId"])).collect();
        assert_eq!(references.len(), targets.len(), "references are unique");
        for target in targets {
            assert_target(target);
        }
    }
}

fn assert_target(target: &Value) {
    let required = [
        "refId",
        "id",
        "datasource",
        "queryMode",
        "metricQueryType",
        "metricEditorMode",
        "region",
        "period",
        "hide",
        "label",
        "namespace",
        "metricName",
        "statistic",
        "dimensions",
        "matchExact",
        "expression",
        "sqlExpression",
    ];
    assert_keys("target", target, &required, &[]);
    assert_eq!(target["datasource"], json!({"type": "cloudwatch", "uid": "${datasource}"}));
    assert_eq!((&target["queryMode"], &target["matchExact"]), (&json!("Metrics"), &json!(true)));
    let [named, code, sql] =
        ["metricName", "expression", "sqlExpression"].map(|key| !text(&target[key]).is_empty());
    let kinds = (number(&target["metricQueryType"]), number(&target["metricEditorMode"]));
    match (named, code, sql) {
        (true, false, false) => assert_eq!(kinds, (0, 0)),
        (false, true, false) => assert_eq!(kinds, (0, 1)),
        (false, false, true) => {
            assert_eq!(kinds, (1, 1));
            assert_expression(text(&target["sqlExpression"]));
        }
        _ => panic!("a target has one query: {target}"),
    }
}

/// A row for each destination that is on, whose queries have its namespace and dimensions, and a row
/// for the daemons.
#[test]
fn dashboard_shows_each_destination_and_the_daemons() {
    let body = dashboard_json(DashboardFormat::CloudWatch).to_string();
    for part in [
        "## prod/rates (Mail/Prod)",
        r"## \\*/plain (SES)",
        "## postmeter (Postmeter)",
        r#"["Mail/Prod","Send","#,
        r#"["Mail/Prod","HardBounceRate","#,
        r#"["Mail/Prod","DeliveryTime","#,
        r#"SELECT SUM(DeliveryDelay) FROM SCHEMA(\"SES\", \"genre\")"#,
        r#"SELECT AVG(HardBounceRate) FROM SCHEMA(\"Mail/Prod\", \"campaign\") GROUP BY \"campaign\" ORDER BY AVG() DESC LIMIT 10"#,
        r#"SELECT SUM(Bounce) FROM SCHEMA(\"SES\", \"genre\") GROUP BY \"genre\" ORDER BY SUM() DESC LIMIT 10"#,
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    for percentile in ["p50", "p90", "p99"] {
        assert!(body.contains(&format!("\"stat\":\"{percentile}\"")), "{percentile}");
    }
    assert!(!body.contains("\"Off\""), "a destination that is off publishes nothing");
    for total in [OwnTotal::Doubtful, OwnTotal::Dropped, OwnTotal::Late, OwnTotal::Malformed] {
        assert!(body.contains(&format!("[\"Postmeter\",\"{}\"", total.as_str())), "{total:?}");
    }
}

/// Percentiles of series with dimensions are searched, because Metrics Insights has none.
#[test]
fn delivery_time_without_a_total_is_searched_and_has_no_alarm() {
    let mut document = document();
    let rates = &mut document["ConfigurationSets"][0]["EventDestinations"][0];
    rates["CloudWatchDestination"]["DimensionSets"] = json!([["ses:from-domain"]]);
    rates["CloudWatchDestination"]["KeepValues"] = json!({});
    rates["CloudWatchDestination"]["ValueLimits"] = json!({});
    let definitions = definitions::read("f", &document.to_string()).definitions.expect("sound");
    let (body, _) = dashboard(monitored(&definitions), DashboardFormat::CloudWatch, "us-east-1");
    let search =
        r#"SEARCH('{\"Mail/Prod\",\"ses:from-domain\"} MetricName=\"DeliveryTime\"', 'p90', 300)"#;
    assert!(body.contains(search), "{body}");
    let Alarms { text, notes, .. } =
        alarms(monitored(&definitions), AlarmFormat::CloudFormation, None);
    assert!(!text.contains("DeliveryTime"), "{text}");
    for what in ["delivery time", "floor on bounces", "floor on complaints"] {
        assert!(notes.iter().any(|note| note.contains(what)), "{what}: {notes:?}");
    }
}

/// The inputs of `PutMetricAlarm`.
fn inputs() -> Vec<Value> {
    let Alarms { text, .. } = made(AlarmFormat::Cli);
    let command = "aws cloudwatch put-metric-alarm --cli-input-json '";
    let lines = text.lines().filter(|line| !line.starts_with("# "));
    lines
        .map(|line| {
            let input = line.strip_prefix(command).and_then(|rest| rest.strip_suffix('\''));
            let input = input.unwrap_or_else(|| panic!("{line}"));
            serde_json::from_str(&input.replace(r"'\''", "'")).expect("JSON")
        })
        .collect()
}

fn alarm<'a>(inputs: &'a [Value], name: &str) -> &'a Value {
    let found = inputs.iter().find(|input| input["AlarmName"] == name);
    found.unwrap_or_else(|| panic!("no alarm {name}"))
}

#[test]
fn alarms_have_the_documented_structure() {
    let inputs = inputs();
    let mut names = BTreeSet::new();
    for input in &inputs {
        let common = [
            "AlarmName",
            "AlarmDescription",
            "ComparisonOperator",
            "Threshold",
            "EvaluationPeriods",
            "DatapointsToAlarm",
            "TreatMissingData",
            "AlarmActions",
        ];
        let optional = [
            "Namespace",
            "MetricName",
            "Period",
            "Statistic",
            "ExtendedStatistic",
            "Dimensions",
            "Metrics",
        ];
        assert_keys("alarm", input, &common, &optional);
        assert!(names.insert(text(&input["AlarmName"])), "names are unique: {input}");
        assert!(text(&input["AlarmDescription"]).contains("$0."), "the price is said: {input}");
        let Some(metrics) = input.get("Metrics") else {
            assert!(input.get("MetricName").is_some() && input.get("Period").is_some());
            continue;
        };
        assert!(input.get("MetricName").is_none() && input.get("Period").is_none());
        let metrics = list(metrics);
        assert_ids(metrics.iter().map(|metric| text(&metric["Id"])));
        let returned = metrics.iter().filter(|metric| metric["ReturnData"] == true).count();
        assert_eq!(returned, 1, "an alarm watches one result: {input}");
        assert!(metrics.len() <= 10, "an alarm has at most ten metrics: {input}");
        for metric in metrics {
            assert_keys(
                "query",
                metric,
                &["Id", "ReturnData"],
                &["MetricStat", "Expression", "Period"],
            );
            if let Some(expression) = metric.get("Expression") {
                assert_expression(text(expression));
            }
        }
    }
    assert_eq!(inputs.len(), 2 * 2 + 2 * 2 + 1 + 1 + 5);
}

#[test]
fn rates_have_a_floor_of_five_bad_outcomes_and_missing_data_is_no_breach() {
    let inputs = inputs();
    for (name, threshold, floor, period) in [
        ("postmeter-prod-rates-bounces-2-percent", 0.02, 250, 3600),
        ("postmeter-prod-rates-bounces-5-percent", 0.05, 100, 3600),
        ("postmeter-prod-rates-complaints-0.08-percent", 0.0008, 6250, 86_400),
        ("postmeter-prod-rates-complaints-0.1-percent", 0.001, 5000, 86_400),
        ("postmeter-prod-rates-bounces-5-percent-spring", 0.05, 100, 3600),
    ] {
        let alarm = alarm(&inputs, name);
        assert_eq!(alarm["Threshold"], threshold, "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        let metrics = list(&alarm["Metrics"]);
        let expression = text(&metrics[2]["Expression"]);
        assert_eq!(expression, format!("IF(volume >= {floor}, rate)"), "{name}");
        for (metric, statistic) in metrics.iter().zip(["Average", "SampleCount"]) {
            let stat = &metric["MetricStat"];
            assert_eq!((&stat["Stat"], &stat["Period"]), (&json!(statistic), &json!(period)));
            let dimensions = list(&stat["Metric"]["Dimensions"]);
            let expected = if name.ends_with("spring") {
                vec![json!({"Name": "campaign", "Value": "spring"})]
            } else {
                Vec::new()
            };
            assert_eq!(*dimensions, expected, "{name}");
        }
    }
    let complaints = inputs.iter().filter(|input| text(&input["AlarmName"]).contains("complaints"));
    assert_eq!(complaints.count(), 2, "complaints are watched in totals alone");
    let each = alarm(&inputs, "postmeter-prod-rates-bounces-of-each-value");
    assert_eq!(
        each["Metrics"][0]["Expression"],
        "SELECT AVG(HardBounceRate) FROM SCHEMA(\"Mail/Prod\", \"campaign\") GROUP BY \"campaign\""
    );
    for said in ["no floor", "not tested on AWS"] {
        assert!(text(&each["AlarmDescription"]).contains(said), "{said}");
    }
}

#[test]
fn daemons_are_watched_by_their_own_totals() {
    let inputs = inputs();
    for (name, metric, missing) in [
        ("postmeter-silence", "Events", "breaching"),
        ("postmeter-doubtful-counts", "DoubtfulCounts", "notBreaching"),
        ("postmeter-dropped-counts", "DroppedCounts", "notBreaching"),
        ("postmeter-malformed-values", "MalformedValues", "notBreaching"),
        ("postmeter-late-events", "LateEvents", "notBreaching"),
    ] {
        let alarm = alarm(&inputs, name);
        assert_eq!(
            (&alarm["MetricName"], &alarm["TreatMissingData"]),
            (&json!(metric), &json!(missing))
        );
        assert!(
            OwnTotal::ALL.iter().any(|total| total.as_str() == metric),
            "{metric} is published"
        );
        assert_eq!(alarm["Namespace"], "Postmeter");
    }
    let definitions = definitions();
    let none = Monitored { own_namespace: "", ..monitored(&definitions) };
    let Alarms { text, notes, .. } = alarms(none, AlarmFormat::Cli, None);
    assert!(!text.contains("silence") && notes.iter().any(|note| note.contains("no own totals")));
}

#[test]
fn every_alarm_prints_its_price() {
    let Alarms { prices, .. } = made(AlarmFormat::CloudFormation);
    assert_eq!(prices.len(), inputs().len() + 1);
    let of = |name: &str| {
        let found = prices.iter().find(|line| line.starts_with(&format!("{name}: ")));
        found.cloned().unwrap_or_else(|| panic!("no price of {name}: {prices:?}"))
    };
    assert_eq!(of("postmeter-silence"), "postmeter-silence: $0.10 a month");
    assert!(of("postmeter-prod-rates-bounces-2-percent").ends_with(": $0.20 a month"));
    // 20 campaigns, two that are kept, and __other__.
    let each = of("postmeter-prod-rates-bounces-of-each-value");
    assert!(each.ends_with("$0.10 a month for each series that it reads, at most $2.30"), "{each}");
    // Eight rates of two metrics, delivery time and five totals.
    assert_eq!(
        prices.last().expect("a sum"),
        "all: $2.20 a month and one alarm whose price depends on its series"
    );
}

/// The template and the file of Terraform have the alarms of the commands.
#[test]
fn formats_have_the_same_alarms() {
    let inputs = inputs();
    let template: Value =
        serde_json::from_str(&made(AlarmFormat::CloudFormation).text).expect("JSON");
    assert_keys("template", &template, &["AWSTemplateFormatVersion", "Resources"], &[]);
    let resources = template["Resources"].as_object().expect("resources");
    assert_eq!(resources.len(), inputs.len());
    for (id, resource) in resources {
        assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric()), "{id}");
        assert_keys("resource", resource, &["Type", "Properties"], &[]);
        assert!(inputs.contains(&resource["Properties"]), "{resource}");
    }
    let terraform: Value = serde_json::from_str(&made(AlarmFormat::Terraform).text).expect("JSON");
    assert_keys("terraform", &terraform, &["resource"], &[]);
    let resources =
        terraform["resource"]["aws_cloudwatch_metric_alarm"].as_object().expect("alarms");
    assert_eq!(resources.len(), inputs.len());
    for resource in resources.values() {
        let input = alarm(&inputs, text(&resource["alarm_name"]));
        assert_eq!(resource["threshold"], input["Threshold"]);
        assert_eq!(resource["treat_missing_data"], input["TreatMissingData"]);
        let queries = |value: Option<&Value>| value.map_or(0, |value| list(value).len());
        assert_eq!(queries(resource.get("metric_query")), queries(input.get("Metrics")));
    }
}
