//! The body of a CloudWatch dashboard.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>,
//! 2026-11-30.

use serde_json::{Map, Value, json};

use super::{DashboardRow, PERIOD, Panel, PanelSeries, PanelUnit};
use crate::monitoring::query::{MetricQuery, NamedMetric};

/// The width of a dashboard, and the height of its widgets.
const COLUMNS: usize = 24;
const TITLE_HEIGHT: usize = 1;
const PANEL_HEIGHT: usize = 6;

pub(super) fn body(rows: &[DashboardRow], region: &str) -> Value {
    let mut widgets = Vec::new();
    let mut y = 0;
    for row in rows {
        widgets.push(json!({
            "type": "text", "x": 0, "y": y, "width": COLUMNS, "height": TITLE_HEIGHT,
            "properties": {"markdown": format!("## {}", escaped(&row.title))},
        }));
        y += TITLE_HEIGHT;
        let width = COLUMNS / row.panels.len().max(1);
        for (at, panel) in row.panels.iter().enumerate() {
            widgets.push(json!({
                "type": "metric", "x": at * width, "y": y, "width": width, "height": PANEL_HEIGHT,
                "properties": properties(panel, region),
            }));
        }
        y += PANEL_HEIGHT;
    }
    json!({ "start": "-PT24H", "widgets": widgets })
}

/// A title without the marks of Markdown.
fn escaped(title: &str) -> String {
    title.replace('_', "\\_").replace('*', "\\*")
}

fn properties(panel: &Panel, region: &str) -> Value {
    let metrics: Vec<Value> = panel.series.iter().map(metric).collect();
    let label = match panel.unit {
        PanelUnit::Count => "count",
        PanelUnit::Percent => "%",
        PanelUnit::Milliseconds => "ms",
    };
    let mut axes = json!({"left": {"label": label, "min": 0, "showUnits": false}});
    if panel.series.iter().any(|series| series.right) {
        axes["right"] = json!({"label": "count", "min": 0, "showUnits": false});
    }
    json!({
        "title": panel.title,
        "view": "timeSeries",
        "stacked": false,
        "region": region,
        "period": PERIOD,
        "stat": "Sum",
        "yAxis": axes,
        "metrics": metrics,
    })
}

fn metric(series: &PanelSeries) -> Value {
    let mut options = Map::new();
    options.insert("id".to_owned(), json!(series.id));
    if !series.label.is_empty() {
        options.insert("label".to_owned(), json!(series.label));
    }
    if series.hidden {
        options.insert("visible".to_owned(), json!(false));
    }
    if series.right {
        options.insert("yAxis".to_owned(), json!("right"));
    }
    match &series.query {
        MetricQuery::Named(NamedMetric { namespace, metric, dimensions, statistic }) => {
            options.insert("stat".to_owned(), json!(statistic));
            let mut names = vec![json!(namespace), json!(metric)];
            for (name, value) in dimensions {
                names.extend([json!(name), json!(value)]);
            }
            names.push(Value::Object(options));
            Value::Array(names)
        }
        MetricQuery::Insights(text) | MetricQuery::Search(text) | MetricQuery::Math(text) => {
            options.insert("expression".to_owned(), json!(text));
            options.insert("period".to_owned(), json!(PERIOD));
            json!([options])
        }
    }
}
