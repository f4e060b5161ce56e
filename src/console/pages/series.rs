//! The series of the last three hours: a search, and one series.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use crate::console::Console;
use crate::console::chart::{self, MinuteChart, sparkline};
use crate::console::form::Form;
use crate::console::layout::{Frame, Place, not_found};
use crate::console::series_row::{SeriesName, SeriesRow};
use crate::console::series_search::{FoundSeries, PAGE_ROWS, PAGES_MAX, SeriesOrder, SeriesQuery};
use crate::console::shown;
use crate::console::visit::Visit;

/// The most characters of a search field that are used.
const SEARCH_CHARS_MAX: usize = 300;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/series", get(page)).route("/series/one", get(one))
}

async fn page(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let query = query_of(&visit.query);
    let frame = Frame::new(Place::Series, "Series");
    let Some(found) = console.series().find(query.clone()).await else {
        return busy(frame, &visit);
    };
    let content = html! {
        p.hint { "Series with counts of this task in the last three hours, by the time of the events." }
        (search(&query))
        p role="status" {
            (shown::number(found.matches as u64)) " of " (shown::number(found.all as u64)) " series match."
        }
        @if !found.rows.is_empty() { (list(&found, visit.now_ms)) }
        (pages(&query, &found))
    };
    frame.respond(StatusCode::OK, &visit, content)
}

fn busy(frame: Frame<'_>, visit: &Visit) -> Response {
    let content =
        html! { p { "Other pages are searching the series now. Reload this one in a moment." } };
    frame.respond(StatusCode::SERVICE_UNAVAILABLE, visit, content)
}

fn query_of(form: &Form) -> SeriesQuery {
    let text = |name: &str| form.text(name).chars().take(SEARCH_CHARS_MAX).collect::<String>();
    let page: usize = form.text("page").parse().unwrap_or(1);
    SeriesQuery {
        namespace: text("namespace"),
        metric: text("metric"),
        dimension: text("dimension"),
        order: SeriesOrder::parse(form.text("sort")),
        page: page.clamp(1, PAGES_MAX) - 1,
    }
}

fn search(query: &SeriesQuery) -> Markup {
    let field = |name: &str, label: &str, value: &str, hint: &str| {
        html! {
            div.field {
                label for=(name) { (label) }
                input type="search" id=(name) name=(name) value=(value) aria-describedby={ (name) "-hint" };
                p.hint id={ (name) "-hint" } { (hint) }
            }
        }
    };
    html! {
        form method="get" action="/series" role="search" {
            div.searches {
                (field("namespace", "Namespace", &query.namespace, "Part of it, such as SES"))
                (field("metric", "Metric", &query.metric, "Part of it, such as Send"))
                (field("dimension", "Dimension", &query.dimension, "Words, such as campaign=spring"))
                div.field {
                    label for="sort" { "Sort by" }
                    select id="sort" name="sort" {
                        @for order in SeriesOrder::ALL {
                            option value=(order.as_str()) selected[order == query.order] { (order_text(order)) }
                        }
                    }
                }
            }
            p.actions { button.primary type="submit" { "Search" } }
        }
    }
}

fn order_text(order: SeriesOrder) -> &'static str {
    match order {
        SeriesOrder::Count => "Count",
        SeriesOrder::Dollars => "Dollars",
        SeriesOrder::Name => "Name",
    }
}

fn list(found: &FoundSeries, now_ms: i64) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Found series" {
            table {
                thead {
                    tr {
                        th scope="col" { "Namespace" }
                        th scope="col" { "Metric" }
                        th scope="col" { "Dimensions" }
                        th scope="col" { "Three hours" }
                        th.number scope="col" { "Count" }
                        th.number scope="col" { "Dollars" }
                    }
                }
                tbody {
                    @for row in &found.rows {
                        tr {
                            td { (shown::value(&row.name.namespace)) }
                            th scope="row" { a href=(path(&row.name)) { (row.name.metric) } }
                            td { (dimensions(&row.name)) }
                            td { (sparkline(now_ms, &row.points)) }
                            td.number { (shown::number(row.count)) }
                            td.number { (shown::dollars(row.dollars())) }
                        }
                    }
                }
            }
        }
        p.hint { "Dollars: the list price of the hours in which the series has counts, at least." }
    }
}

fn dimensions(name: &SeriesName) -> Markup {
    html! {
        @if name.dimensions.is_empty() { "none" }
        @for (name, value) in &name.dimensions {
            span.tag { (shown::value(name)) " = " (shown::value(value)) } " "
        }
    }
}

/// Links to other pages of the same search.
fn pages(query: &SeriesQuery, found: &FoundSeries) -> Markup {
    let all = found.matches.div_ceil(PAGE_ROWS);
    let last = all.min(PAGES_MAX);
    let link = |page: usize| {
        let mut address = form_urlencoded::Serializer::new("/series?".to_owned());
        address.append_pair("namespace", &query.namespace);
        address.append_pair("metric", &query.metric);
        address.append_pair("dimension", &query.dimension);
        address.append_pair("sort", query.order.as_str());
        address.append_pair("page", &(page + 1).to_string());
        address.finish().replace("/series?&", "/series?")
    };
    html! {
        @if last > 1 {
            nav.pages aria-label="Pages" {
                @if query.page > 0 { a rel="prev" href=(link(query.page - 1)) { "Previous" } }
                span { "Page " (query.page + 1) " of " (last) }
                @if query.page + 1 < last { a rel="next" href=(link(query.page + 1)) { "Next" } }
            }
        }
        @if all > last { p.hint { "There are more: narrow the search to see them." } }
    }
}

/// The address of the page of a series.
pub(in crate::console) fn path(name: &SeriesName) -> String {
    let mut address = form_urlencoded::Serializer::new(String::new());
    address.append_pair("namespace", &name.namespace).append_pair("metric", &name.metric);
    for (name, value) in &name.dimensions {
        address.append_pair("name", name).append_pair("value", value);
    }
    format!("/series/one?{}", address.finish())
}

fn name_of(form: &Form) -> SeriesName {
    let dimensions = form.all("name").zip(form.all("value"));
    SeriesName {
        namespace: form.text("namespace").to_owned(),
        metric: form.text("metric").to_owned(),
        dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

async fn one(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let name = name_of(&visit.query);
    let title = format!("{} of one series", name.metric);
    let crumbs = vec![("Series".to_owned(), "/series".to_owned())];
    match console.series().one(name).await {
        None => busy(Frame::new(Place::Series, "Series"), &visit),
        Some(None) => not_found(&visit, "This series has no counts in the last three hours."),
        Some(Some(row)) => {
            let content = series(&row, visit.now_ms);
            Frame::new(Place::Series, &title).under(crumbs).respond(StatusCode::OK, &visit, content)
        }
    }
}

fn series(row: &SeriesRow, now_ms: i64) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "for the screen")]
    let points: Vec<_> = row.points.iter().map(|(ms, count)| (*ms, *count as f64)).collect();
    let title = "Counts by minute";
    let chart = MinuteChart { title, unit: "counts", end_ms: now_ms, points: &points, colour: 1 };
    html! {
        dl {
            dt { "Namespace" } dd { (shown::value(&row.name.namespace)) }
            dt { "Metric" } dd { (row.name.metric) }
            dt { "Dimensions" } dd { (dimensions(&row.name)) }
            dt { "Counts of this task" } dd { (shown::number(row.count)) " in three hours" }
            dt { "Dollars" } dd { (shown::dollars(row.dollars())) " for the hours with counts, at least" }
        }
        (chart.figure())
        details {
            summary { "The minutes as a table" }
            div.scroll tabindex="0" role="region" aria-label="Counts by minute" {
                table {
                    thead { tr { th scope="col" { "Minute" } th.number scope="col" { "Count" } } }
                    tbody {
                        @for (at_ms, count) in row.points.iter().rev() {
                            (chart::row(*at_ms, &[shown::number(*count)]))
                        }
                    }
                }
            }
        }
        (copy("Metric of a dashboard", "metric-json", &row.metric_json()))
        (copy("Query of Metrics Insights", "insights-query", &row.insights_query()))
    }
}

/// A text to copy.
fn copy(title: &str, id: &str, text: &str) -> Markup {
    html! {
        section.panel {
            div.head {
                h2 { (title) }
                button.quiet type="button" data-copy=(id) hidden { "Copy" }
            }
            pre id=(id) tabindex="0" role="region" aria-label=(title) { (text) }
        }
    }
}
