//! What a new event destination would make of the last hour's events: what `postmeter plan` says of
//! them.
//!
//! The events are a uniform sample, so series are those of the sample: at least as many exist.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Console, shown};
use crate::config::Config;
use crate::definitions::{ConfigurationSet, Definitions, Destination, EventDestination};
use crate::offload::offload;
use crate::plan::{DestinationPlan, DimensionPlan, PlanRules, PlanSettings, plan};
use crate::printable::counted;
use crate::sample::SampleSnapshot;

/// Below this span of events there are no dollars: too much is chance.
const DOLLARS_MINUTES_MIN: u64 = 10;
/// A preview waits for another one for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events whose names are suggested, and the number of suggestions.
const SUGGESTING_EVENTS: usize = 500;
const SUGGESTIONS_MAX: usize = 50;
/// Shown values and forms of a dimension.
const SHOWN: usize = 5;
const VALUE_CHARS_MAX: usize = 60;

/// One preview at a time, because each reads the whole sample.
#[derive(Debug)]
pub(super) struct Previews(Semaphore);

/// A plan of the sample, and what it is a sample of.
#[derive(Clone, Debug)]
pub(super) struct Preview {
    sampled: usize,
    seen: u64,
    minutes: u64,
    /// `None`: the sample has no events.
    plan: Option<DestinationPlan>,
}

// === impl Previews ===

impl Default for Previews {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Previews {
    /// Plans a destination of a set, as if it were enabled; `None` if there is no sample, the
    /// destination counts nothing, or too many previews are being made.
    pub(super) async fn make(
        &self,
        console: &Console,
        set: &str,
        destination: &EventDestination,
    ) -> Option<Preview> {
        let Destination::CloudWatch(_) = &destination.destination else { return None };
        let deps = console.deps();
        let sample = Arc::clone(deps.sample.as_ref()?);
        let definitions = alone(&deps.catalog.in_force(), set, destination);
        let compiler = deps.catalog.compiler();
        let providers = compiler.mailbox_providers.clone();
        let rules = PlanRules::new(
            &definitions,
            &compiler.namespace,
            compiler.default_set.as_deref(),
            providers,
        );
        let now_ms = deps.clock.now_ms();
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.0.acquire()).await else { return None };
        let planning = offload(move || {
            let SampleSnapshot { events, seen, minutes } = sample.snapshot(now_ms);
            let planned = plan(&rules, events.iter().map(|event| event.as_bytes()), &settings());
            let plan = (!events.is_empty()).then(|| planned.destinations.into_iter().next());
            Preview { sampled: events.len(), seen, minutes, plan: plan.flatten() }
        });
        planning.await.ok()
    }
}

/// All sets, so that events go where they would, but this destination alone.
fn alone(definitions: &Definitions, name: &str, destination: &EventDestination) -> Definitions {
    let enabled = EventDestination { enabled: true, ..destination.clone() };
    let set = |set: &ConfigurationSet| ConfigurationSet {
        event_destinations: if set.name == name { vec![enabled.clone()] } else { Vec::new() },
        ..set.clone()
    };
    Definitions { configuration_sets: definitions.configuration_sets.iter().map(set).collect() }
}

/// As those of the command.
fn settings() -> PlanSettings {
    let config = Config::default();
    PlanSettings {
        daemons: 1,
        existing_metrics: 0,
        events_a_month: None,
        series_limit: config.limits.series as u64,
        flush_seconds: config.cloudwatch.flush_interval.as_secs_f64(),
    }
}

/// The names of tags, headers and link tags in the sample, the commonest first.
pub(super) async fn names_seen(console: &Console) -> Vec<String> {
    let Some(sample) = console.deps().sample.clone() else { return Vec::new() };
    let now_ms = console.deps().clock.now_ms();
    let counting = offload(move || {
        let mut names: HashMap<String, usize> = HashMap::new();
        for event in sample.snapshot(now_ms).events.iter().take(SUGGESTING_EVENTS) {
            let Ok(event) = serde_json::from_str::<Value>(event) else { continue };
            for name in names_of(&event) {
                *names.entry(name).or_default() += 1;
            }
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|(one, of_one), (other, of_other)| {
            of_other.cmp(of_one).then_with(|| one.cmp(other))
        });
        names.truncate(SUGGESTIONS_MAX);
        names.into_iter().map(|(name, _)| name).collect()
    });
    counting.await.unwrap_or_default()
}

/// The names in an event that can be those of dimensions.
fn names_of(event: &Value) -> impl Iterator<Item = String> {
    let objects = [&event["mail"]["tags"], &event["click"]["linkTags"]];
    let tags = objects.into_iter().filter_map(Value::as_object).flat_map(|tags| tags.keys());
    let headers = event["mail"]["headers"].as_array().into_iter().flatten();
    let headers = headers.filter_map(|header| header["name"].as_str());
    let names = tags.map(String::as_str).chain(headers);
    let is_name = |name: &&str| {
        (1..=255).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:.@-".contains(&byte))
    };
    names.filter(is_name).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

// === impl Preview ===

impl Preview {
    /// The figures, for people.
    pub(super) fn render(&self) -> Markup {
        let Some(plan) = self.plan.as_ref().filter(|plan| plan.events > 0) else {
            return html! {
                p { (self.basis()) }
                p { "None of them matches this destination, so there is nothing to show." }
            };
        };
        let matches = if plan.events == 1 { "matches" } else { "match" };
        html! {
            p { (self.basis()) " " (plan.events) " of them " (matches) "." }
            dl {
                dt { "Series" }
                dd { "at least " (plan.cost.series) }
                dt { "Dollars a month" }
                dd {
                    @if self.minutes >= DOLLARS_MINUTES_MIN {
                        "at least $" (format!("{:.2}", plan.cost.dollars_a_month.at_this_rate))
                        ", if every hour is like this one"
                    } @else {
                        "shown after " (DOLLARS_MINUTES_MIN) " minutes of events"
                    }
                }
                @if plan.lost_at_ses.events > 0 {
                    dt { "Lost at SES" }
                    dd {
                        (counted(plan.lost_at_ses.events, "event")) " ("
                        (percent(plan.lost_at_ses.share)) "), because a value is not valid"
                    }
                }
            }
            @for dimension in &plan.dimensions { (of_dimension(dimension)) }
        }
    }

    /// What the figures are of.
    fn basis(&self) -> String {
        let minutes = match self.minutes {
            1 => "minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        match self.seen {
            0 => "No event has arrived at this task in the last hour.".to_owned(),
            1 => format!("The one event of the last {minutes}, of this task."),
            seen if seen == self.sampled as u64 => {
                format!("All {} of the last {minutes}, of this task.", counted(seen, "event"))
            }
            seen => format!(
                "A sample of {} among {seen} of the last {minutes}, of this task.",
                counted(self.sampled as u64, "event"),
            ),
        }
    }
}

fn of_dimension(dimension: &DimensionPlan) -> Markup {
    let values = if dimension.more_values {
        format!("{} or more values", dimension.values)
    } else {
        counted(dimension.values, "value")
    };
    html! {
        h4 { bdi { (dimension.name) } ": " (values) }
        ul {
            @for value in dimension.commonest.iter().take(SHOWN) {
                li {
                    (shown::beginning(&value.value, VALUE_CHARS_MAX)) ": " (value.count)
                    " (" (percent(value.share)) ")"
                }
            }
            @for default in &dimension.defaults {
                li {
                    "Default for " (default.event_type) ": " (default.count)
                    " (" (percent(default.share)) ")"
                }
            }
            @for invalid in dimension.invalid.iter().take(SHOWN) {
                li.error {
                    "Not valid: " (shown::beginning(&invalid.form, VALUE_CHARS_MAX))
                    " (with " (invalid.with) "): " (invalid.count)
                }
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_names_are_those_that_dimensions_can_have() {
        let event = serde_json::json!({
            "mail": {"tags": {"campaign": ["a"], "two words": ["b"]},
                     "headers": [{"name": "X-Team", "value": "a"}, {"name": "<b>", "value": ""}]},
            "click": {"linkTags": {"genre": ["c"]}},
        });
        let mut names: Vec<_> = names_of(&event).collect();
        names.sort_unstable();
        assert_eq!(names, ["X-Team", "campaign", "genre"]);
        assert_eq!(names_of(&serde_json::json!([])).count(), 0);
    }

    #[test]
    fn preview_says_what_it_is_a_sample_of() {
        let of = |sampled, seen, minutes| Preview { sampled, seen, minutes, plan: None }.basis();
        assert_eq!(of(0, 0, 0), "No event has arrived at this task in the last hour.");
        assert_eq!(of(1, 1, 1), "The one event of the last minute, of this task.");
        let sampled = "A sample of 10 events among 40 of the last 60 minutes, of this task.";
        assert_eq!(of(10, 40, 60), sampled);
        assert_eq!(of(2, 2, 3), "All 2 events of the last 3 minutes, of this task.");
    }
}
