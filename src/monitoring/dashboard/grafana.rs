//! A dashboard of Grafana with CloudWatch as its data source.
//! <https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/> and
//! <https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/query-editor/>, 2026-11-30.

use serde_json::{Map, Value, json};

use super::{DashboardRow, PERIOD, Panel, PanelSeries, PanelUnit};
use crate::monitoring::query::{MetricQuery, NamedMetric};

/// The version of the model; Grafana migrates older ones.
const SCHEMA_VERSION: u32 = 39;
const COLUMNS: usize = 24;
const PANEL_HEIGHT: usize = 8;

pub(super) fn dashboard(rows: &[DashboardRow]) -> Value {
    let mut panels = Vec::new();
    let mut y = 0;
    for row in rows {
        let id = panels.len() + 1;
        panels.push(json!({
            "type": "row", "id": id, "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }));
        y += 1;
        let width = COLUMNS / row.panels.len().max(1);
        for (at, panel) in row.panels.iter().enumerate() {
            let mut shown = time_series(panel);
            shown["id"] = json!(panels.len() + 1);
            shown["gridPos"] = json!({"x": at * width, "y": y, "w": width, "h": PANEL_HEIGHT});
            panels.push(shown);
        }
        y += PANEL_HEIGHT;
    }
    json!({
        "title": "SES events",
        "tags": ["postmeter", "ses"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": true,
        "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "cloudwatch"},
            {"type": "query", "name": "region", "label": "Region", "query": "regions()",
                "datasource": source(), "refresh": 1},
        ]},
        "annotations": {"list": []},
        "panels": panels,
    })
}

fn source() -> Value {
    json!({"type": "cloudwatch", "uid": "${datasource}"})
}

fn time_series(panel: &Panel) -> Value {
    let unit = |unit: PanelUnit| match unit {
        PanelUnit::Count => "short",
        PanelUnit::Percent => "percent",
        PanelUnit::Milliseconds => "ms",
    };
    let right = panel.series.iter().filter(|series| series.right);
    let overrides: Vec<Value> = right
        .map(|series| {
            json!({
                "matcher": {"id": "byName", "options": series.label},
                "properties": [
                    {"id": "custom.axisPlacement", "value": "right"},
                    {"id": "unit", "value": unit(PanelUnit::Count)},
                ],
            })
        })
        .collect();
    let targets = panel.series.iter().zip(references()).map(|(series, id)| target(series, &id));
    json!({
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": source(),
        "fieldConfig": {"defaults": {"unit": unit(panel.unit), "min": 0}, "overrides": overrides},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// `A`, `B`, …
fn references() -> impl Iterator<Item = String> {
    (b'A'..=b'Z').map(|letter| char::from(letter).to_string())
}

fn target(series: &PanelSeries, reference: &str) -> Value {
    // 0: search, 1: Metrics Insights; 0: builder, 1: code.
    let (query_type, editor) = match &series.query {
        MetricQuery::Named(_) => (0, 0),
        MetricQuery::Insights(_) => (1, 1),
        MetricQuery::Search(_) | MetricQuery::Math(_) => (0, 1),
    };
    let mut target = json!({
        "refId": reference,
        "id": series.id,
        "datasource": source(),
        "queryMode": "Metrics",
        "metricQueryType": query_type,
        "metricEditorMode": editor,
        "region": "$region",
        "period": PERIOD.to_string(),
        "hide": series.hidden,
        "label": series.label,
        "namespace": "",
        "metricName": "",
        "statistic": "Sum",
        "dimensions": {},
        "matchExact": true,
        "expression": "",
        "sqlExpression": "",
    });
    match &series.query {
        MetricQuery::Named(NamedMetric { namespace, metric, dimensions, statistic }) => {
            target["namespace"] = json!(namespace);
            target["metricName"] = json!(metric);
            target["statistic"] = json!(statistic);
            let pairs = dimensions.iter().map(|(name, value)| (name.clone(), json!([value])));
            target["dimensions"] = Value::Object(pairs.collect::<Map<_, _>>());
        }
        MetricQuery::Insights(query) => target["sqlExpression"] = json!(query),
        MetricQuery::Search(text) | MetricQuery::Math(text) => target["expression"] = json!(text),
    }
    target
}
