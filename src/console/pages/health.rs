//! Whether this task is well, what each loss means, and the configuration in force.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use crate::console::Console;
use crate::console::layout::{Frame, Place};
use crate::console::live::CLIENTS_MAX;
use crate::console::shown;
use crate::console::visit::Visit;
use crate::label::Label;
use crate::telemetry::{DoubtCause, DropReason, Metrics, TaskName, ValueClass};

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/health", get(page))
}

/// A counter of loss: its name, its number, what it means and what to do.
struct LossLine {
    name: String,
    count: u64,
    meaning: &'static str,
    advice: &'static str,
}

async fn page(State(console): State<Console>, Extension(visit): Extension<Visit>) -> Response {
    let deps = console.deps();
    let is_ready = (deps.is_ready)();
    let content = html! {
        p.hint { "Every figure is that of this task, since its start." }
        section.panel {
            h2 { "Readiness" }
            p.state.(if is_ready { "on" } else { "off" }) {
                @if is_ready { "Ready: it accepts requests." } @else { "Not ready: it is ending, or a task has failed." }
            }
        }
        (tasks(&deps.metrics))
        (losses(&deps.metrics))
        section.panel {
            h2 { "Configuration in force" }
            p.hint { "Secrets are not shown. At most " (CLIENTS_MAX) " pages follow the figures at once." }
            div.scroll tabindex="0" role="region" aria-label="Configuration in force" {
                table {
                    thead {
                        tr { th scope="col" { "Key" } th scope="col" { "Value" } th scope="col" { "Set" } }
                    }
                    tbody {
                        @for setting in &deps.settings {
                            tr {
                                th scope="row" { code { (setting.path) } }
                                td { code { (shown::value(&setting.value)) } }
                                td { @if setting.is_default { "default" } @else { "set" } }
                            }
                        }
                    }
                }
            }
        }
    };
    Frame::new(Place::Health, "Health").respond(StatusCode::OK, &visit, content)
}

fn tasks(metrics: &Metrics) -> Markup {
    html! {
        section.panel {
            h2 { "Long-lived tasks" }
            p.hint { "A task that fails ends the daemon: it drains and exits with code 1." }
            ul.tasks {
                @for task in TaskName::ALL {
                    li {
                        code { (task.as_str()) } ": "
                        @match metrics.tasks_failed.get(*task) {
                            0 => "no failure",
                            failed => strong { (shown::number(failed)) " failed" },
                        }
                    }
                }
            }
        }
    }
}

fn losses(metrics: &Metrics) -> Markup {
    let lines = not_events(metrics).into_iter().chain(dropped(metrics)).chain(in_doubt(metrics));
    html! {
        section.panel {
            h2 { "What was not counted" }
            div.scroll tabindex="0" role="region" aria-label="What was not counted" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Counter" }
                            th.number scope="col" { "Number" }
                            th scope="col" { "Meaning" }
                            th scope="col" { "What to do" }
                        }
                    }
                    tbody {
                        @for line in lines {
                            tr {
                                th scope="row" { code { (line.name) } }
                                td.number { (shown::number(line.count)) }
                                td { (line.meaning) }
                                td { (line.advice) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn not_events(metrics: &Metrics) -> Vec<LossLine> {
    let text = |class| match class {
        ValueClass::Event => None,
        ValueClass::UnknownType => Some((
            "An event of a type that this version does not know",
            "Look for a newer version; explain the event to see its type",
        )),
        ValueClass::Malformed => Some((
            "Not JSON, not Base64, or truncated",
            "Keep such values with dead_letters.directory and look at one with Explain",
        )),
        ValueClass::Foreign => {
            Some(("JSON that is not an SES event", "Check what else writes to this source"))
        }
        ValueClass::Control => {
            Some(("A message about an SNS subscription", "Nothing: it holds no event"))
        }
        ValueClass::Notice => {
            Some(("A notice of SES that it may publish to a topic", "Nothing: it holds no event"))
        }
    };
    let line = |class: &ValueClass| {
        let (meaning, advice) = text(*class)?;
        let name = format!("values {}", class.as_str());
        Some(LossLine { name, count: metrics.values.get(*class), meaning, advice })
    };
    ValueClass::ALL.iter().filter_map(line).collect()
}

fn dropped(metrics: &Metrics) -> Vec<LossLine> {
    let text = |reason| match reason {
        DropReason::InvalidValue => (
            "A dimension has a value that SES and CloudWatch do not accept",
            "Send tags of A-Z a-z 0-9 _ . @ -, or set OnInvalidValue",
        ),
        DropReason::SeriesLimit => (
            "The hour has as many series as limits.series allows",
            "Remove dimensions with many values, or raise the limit and its costs",
        ),
        DropReason::TooOld => (
            "The event is older than the two weeks that CloudWatch accepts",
            "Deliver events sooner; nothing can publish these",
        ),
        DropReason::TooNew => (
            "The event is dated more than two hours ahead",
            "Check the clock of the sender and of this host",
        ),
        DropReason::Refused => (
            "CloudWatch rejected the datum itself",
            "The log names the datum; fix the namespace or the dimension",
        ),
        DropReason::Ambiguous => (
            "The outcome of a call is unknown, and cloudwatch.ambiguous is drop",
            "Set cloudwatch.ambiguous to retry to send such calls again",
        ),
    };
    let line = |reason: &DropReason| {
        let (meaning, advice) = text(*reason);
        let name = format!("dropped {}", reason.as_str());
        LossLine { name, count: metrics.dropped.get(*reason), meaning, advice }
    };
    DropReason::ALL.iter().map(line).collect()
}

fn in_doubt(metrics: &Metrics) -> Vec<LossLine> {
    let text = |cause| match cause {
        DoubtCause::Ambiguous => (
            "A call got no clear response: CloudWatch may have these counts once or twice",
            "Compare with the archive by postmeter count for the minutes that the log names",
        ),
        DoubtCause::Crash => (
            "A call was in flight when an earlier process crashed",
            "As above; the journal says which counts",
        ),
        DoubtCause::Shutdown => (
            "A call was in flight at the end of the grace period",
            "Raise shutdown.grace if this happens at every deployment",
        ),
        DoubtCause::SetAside => (
            "They are in a file of the journal that was set aside",
            "See the guide on the journal; the file is kept",
        ),
    };
    let line = |cause: &DoubtCause| {
        let (meaning, advice) = text(*cause);
        let name = format!("in doubt {}", cause.as_str());
        LossLine { name, count: metrics.doubtful.get(*cause), meaning, advice }
    };
    DoubtCause::ALL.iter().map(line).collect()
}
