//! What this task does now, and has done in three hours.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use crate::console::Console;
use crate::console::chart::{self, MinuteChart};
use crate::console::layout::{Frame, Place};
use crate::console::live::{Figures, MinutePoint, SourceLine};
use crate::console::shown;
use crate::console::visit::Visit;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/", get(page)).route("/live", get(stream))
}

async fn stream(State(console): State<Console>, headers: HeaderMap) -> Response {
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    console.live().stream(last_id)
}

async fn page(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let figures = console.live().figures();
    let minutes = console.live().minutes();
    let content = html! {
        p.hint {
            "Every figure is that of this task, since its start at "
            (shown::time(figures.started_ms)) ". "
            span #live-state role="status" {}
        }
        div data-live="/live" {
            (cards(&figures))
            div #charts data-refresh { (charts(figures.at_ms, &minutes)) }
            div.columns {
                (labels("Counts dropped", "Reason", "dropped_by_reason", &figures.dropped_by_reason))
                (labels("Values that are not events", "Kind", "non_events", &figures.non_events))
                (labels("Counts in doubt", "Cause", "doubtful_by_cause", &figures.doubtful_by_cause))
            }
            p.hint { a href="/health" { "What each loss means, and what to do" } }
            div #sources data-refresh { (sources(&figures.sources)) }
            div #minutes data-refresh { (table(&minutes)) }
        }
    };
    Frame::new(Place::Overview, "Overview").respond(StatusCode::OK, &visit, content)
}

/// A figure with its name. `field` is its name in the messages of the stream, `format` how a script
/// writes it.
fn card(name: &str, field: &str, format: &str, value: &Markup, hint: &Markup) -> Markup {
    html! {
        div.card {
            dt { (name) }
            dd {
                span.figure data-figure=(field) data-format=(format) { (value) }
                @if !hint.0.is_empty() { " " span.hint { (hint) } }
            }
        }
    }
}

fn cards(figures: &Figures) -> Markup {
    let none = html! {};
    let number = |name: &str, field: &str, count: u64, hint: &Markup| {
        card(name, field, "number", &shown::number(count), hint)
    };
    let last_flush = figures.last_flush_ms.map_or_else(|| html! { "none yet" }, shown::time);
    let series = html! {
        @match figures.series_limit {
            Some(limit) => { "this hour, of at most " (shown::number(limit)) },
            None => "in three hours; not limited",
        }
    };
    let backlog = html! { (shown::seconds(figures.backlog_seconds)) };
    let not_counted = html! {
        span data-figure="unmatched" data-format="number" { (shown::number(figures.unmatched)) }
        " matched no destination, "
        span data-figure="unrouted" data-format="number" { (shown::number(figures.unrouted)) }
        " of unknown sets"
    };
    let state = html! { (figures.publish_state.text()) };
    html! {
        dl.cards {
            (card("Events a second", "events_per_second", "rate", &shown::rate(figures.events_per_second), &none))
            (number("Events", "events", figures.events, &not_counted))
            (number("Counts made", "counts", figures.counts, &none))
            (number("Accepted by CloudWatch", "accepted", figures.accepted, &none))
            (number("Waiting", "pending", figures.pending, &none))
            (card("Oldest epoch", "backlog_seconds", "seconds", &backlog, &none))
            (card("Last flush", "last_flush_ms", "time", &last_flush, &none))
            (card("CloudWatch", "publish_state", "state", &state, &none))
            (number("Dropped", "dropped", figures.dropped, &none))
            (number("In doubt", "in_doubt", figures.in_doubt, &none))
            (number("Series", "series", figures.series, &series))
            (card("Dollars a month", "dollars_a_month", "dollars", &shown::dollars(figures.dollars_a_month),
                &html! { "for as many series in every hour, at list prices" }))
        }
    }
}

fn charts(end_ms: i64, minutes: &[MinutePoint]) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "for the screen")]
    let of = |value: fn(&MinutePoint) -> u64| -> Vec<_> {
        minutes.iter().map(|point| (point.at_ms, value(point) as f64)).collect()
    };
    let backlog: Vec<_> =
        minutes.iter().map(|point| (point.at_ms, point.backlog_seconds)).collect();
    let all = [
        ("Events", "events", of(|point| point.events), 1),
        ("Accepted by CloudWatch", "counts", of(|point| point.accepted), 3),
        ("Dropped or in doubt", "counts", of(|point| point.dropped + point.in_doubt), 2),
        ("Oldest epoch", "seconds", backlog, 4),
    ];
    html! {
        h2 { "Three hours" }
        div.charts {
            @for (title, unit, points, colour) in &all {
                (MinuteChart { title, unit, end_ms, points, colour: *colour }.figure())
            }
        }
    }
}

/// The same numbers, for readers of tables.
fn table(minutes: &[MinutePoint]) -> Markup {
    html! {
        details {
            summary { "The three hours as a table" }
            div.scroll tabindex="0" role="region" aria-label="Three hours by minute" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Minute" }
                            @for name in ["Events", "Accepted", "Dropped", "In doubt", "Oldest epoch, seconds"] {
                                th.number scope="col" { (name) }
                            }
                        }
                    }
                    tbody {
                        @for point in minutes.iter().rev() {
                            (chart::row(point.at_ms, &[
                                shown::number(point.events),
                                shown::number(point.accepted),
                                shown::number(point.dropped),
                                shown::number(point.in_doubt),
                                shown::rate(point.backlog_seconds),
                            ]))
                        }
                    }
                }
            }
        }
    }
}

/// A counter for each value of a label.
fn labels(title: &str, label: &str, field: &str, counts: &BTreeMap<&'static str, u64>) -> Markup {
    html! {
        section.panel {
            h2 { (title) }
            table {
                thead { tr { th scope="col" { (label) } th.number scope="col" { "Number" } } }
                tbody {
                    @for (name, count) in counts {
                        tr {
                            th scope="row" { code { (name) } }
                            td.number {
                                span data-figure={ (field) "." (name) } data-format="number" {
                                    (shown::number(*count))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sources(sources: &[SourceLine]) -> Markup {
    html! {
        section.panel {
            h2 { "Sources" }
            div.scroll tabindex="0" role="region" aria-label="Sources" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Source" }
                            th.number scope="col" { "Requests" }
                            th.number scope="col" { "Events" }
                            th scope="col" { "Last events" }
                            th.number scope="col" { "Lag" }
                        }
                    }
                    tbody {
                        @for source in sources {
                            tr {
                                th scope="row" { (shown::value(&source.name)) }
                                td.number { (shown::number(source.requests)) }
                                td.number { (shown::number(source.events)) }
                                td {
                                    @match source.last_ms {
                                        Some(ms) => (shown::time(ms)),
                                        None => "none yet",
                                    }
                                }
                                td.number {
                                    @if source.last_ms.is_some() { (shown::seconds(source.lag_seconds)) } @else { "–" }
                                }
                            }
                        }
                    }
                }
            }
            p.hint { "Lag: how old the events of its last request were when they arrived." }
        }
    }
}
