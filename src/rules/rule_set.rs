//! Definitions compiled for counting: immutable, replaced as a whole on a reload.
//!
//! [`RuleSet::route`] finds the destinations of an event; [`MetricRule::resolve`] returns the values
//! of its dimensions. Both the counting path and `explain` use them.

use std::collections::HashMap;
use std::sync::Arc;

use fearless_simd::Level;
use foldhash::fast::RandomState;

use super::layout::Layouts;
use super::measure_rule::field_of;
use super::metric_rule::{MetricRule, dimensions_of};
use crate::definitions::{ANY_CONFIGURATION_SET, Definitions, Destination, Target};
use crate::ses::{
    Event, EventType, EventTypeSet, Interest, InterestBuilder, MailboxProviders, ValueKind,
    is_blank,
};

/// Compiled definitions.
#[derive(Debug)]
pub struct RuleSet {
    interest: Interest,
    sets: HashMap<Box<[u8]>, SetRules, RandomState>,
    default_set: Option<String>,
    /// The distinct targets to which events are forwarded.
    targets: Vec<Arc<Target>>,
}

/// The rules of one configuration set: its enabled destinations.
#[derive(Debug, Default)]
pub struct SetRules {
    pub name: String,
    pub rules: Vec<Rule>,
    /// The names of its other destinations, which receive nothing.
    pub disabled: Vec<String>,
}

/// One enabled event destination.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub event_types: EventTypeSet,
    pub action: Action,
}

/// What a destination does with an event.
#[derive(Debug)]
pub enum Action {
    Count(MetricRule),
    /// Forward it to the target with this index in [`RuleSet::targets`].
    Forward(usize),
    /// Do nothing: such a destination receives nothing.
    Nothing,
}

/// The route of an event.
#[derive(Clone, Copy, Debug)]
pub enum Route<'r> {
    /// Its configuration set is unknown, or it names none and there is no default.
    Unrouted,
    Set(&'r SetRules),
}

// === impl RuleSet ===

impl RuleSet {
    /// Compiles definitions. `namespace` is the default namespace.
    #[must_use]
    pub fn new(
        definitions: &Definitions,
        namespace: &str,
        default_set: Option<&str>,
        layouts: &Layouts,
    ) -> Self {
        let mut wanted = InterestBuilder::default();
        let destinations =
            definitions.configuration_sets.iter().flat_map(|set| &set.event_destinations);
        for destination in destinations.filter(|destination| destination.enabled) {
            if let Destination::CloudWatch(cloudwatch) = &destination.destination {
                for (name, source, _) in dimensions_of(cloudwatch) {
                    wanted.want(source, name);
                }
                let measured = cloudwatch.measures().iter();
                for field in measured.filter_map(|measure| field_of(*measure)) {
                    wanted.want(ValueKind::Field(field), field.name());
                }
            }
        }
        let interest = wanted.build();
        let mut targets = Vec::new();
        let sets = definitions.configuration_sets.iter().map(|set| {
            let (enabled, disabled): (Vec<_>, Vec<_>) =
                set.event_destinations.iter().partition(|destination| destination.enabled);
            let rules = enabled
                .into_iter()
                .map(|destination| Rule {
                    name: destination.name.clone(),
                    event_types: destination.matching_event_types,
                    action: match &destination.destination {
                        Destination::CloudWatch(cloudwatch) => {
                            let own = cloudwatch.extensions.namespace.as_deref();
                            let namespace = own.or(set.namespace.as_deref()).unwrap_or(namespace);
                            let types = destination.matching_event_types;
                            let mut metrics =
                                MetricRule::new(cloudwatch, namespace, types, &interest, layouts);
                            metrics.limit(cloudwatch, [&set.name, &destination.name], layouts);
                            Action::Count(metrics)
                        }
                        Destination::Forward(target) => {
                            Action::Forward(place_of(&mut targets, target))
                        }
                        Destination::Pinpoint { .. } => Action::Nothing,
                    },
                })
                .collect();
            let disabled = disabled.into_iter().map(|destination| destination.name.clone());
            let rules = SetRules { name: set.name.clone(), rules, disabled: disabled.collect() };
            (set.name.clone().into_bytes().into_boxed_slice(), rules)
        });
        let sets = sets.collect();
        let default_set = default_set.filter(|name| !is_blank(name.as_bytes())).map(str::to_owned);
        Self { interest, sets, default_set, targets }
    }

    /// Also reads the fields that identify duplicates of an event, because the caller removes them.
    #[must_use]
    pub fn without_duplicates(self) -> Self {
        Self { interest: self.interest.with_identity(), ..self }
    }

    /// Also reads events that were forwarded to `EventBridge` with this `source`.
    #[must_use]
    pub(crate) fn with_forward_source(self, source: &str) -> Self {
        Self { interest: self.interest.with_forward_source(source), ..self }
    }

    /// Tells recipients apart by other mailbox providers; `None`: the built-in ones.
    #[must_use]
    pub(crate) fn with_mailbox_providers(self, providers: Option<Arc<MailboxProviders>>) -> Self {
        Self { interest: self.interest.with_mailbox_providers(providers), ..self }
    }

    /// Reads events with other SIMD instructions than the best ones of the machine.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { interest: self.interest.with_level(level), ..self }
    }

    /// The targets to which events are forwarded.
    #[must_use]
    pub fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// Whether an event can make other than one value in a destination.
    #[must_use]
    pub(crate) fn makes_several_values(&self) -> bool {
        let rules = self.sets.values().flat_map(|set| &set.rules);
        rules.into_iter().any(|rule| match &rule.action {
            Action::Count(metrics) => metrics.makes_several,
            Action::Forward(_) | Action::Nothing => false,
        })
    }

    /// Whether some dimension has a limit on its values.
    #[must_use]
    pub(crate) fn limits_values(&self) -> bool {
        let rules = self.sets.values().flat_map(|set| &set.rules);
        rules.into_iter().any(|rule| match &rule.action {
            Action::Count(metrics) => metrics.limits_values(),
            Action::Forward(_) | Action::Nothing => false,
        })
    }

    /// The fields of an event that these rules need.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// The configuration set of an event, or the default; `None` if there is neither.
    #[must_use]
    pub fn configuration_set<'a>(&'a self, event: &Event<'a>) -> Option<&'a [u8]> {
        event
            .get(self.interest.configuration_set())
            .filter(|name| !is_blank(name))
            .or_else(|| self.default_set.as_ref().map(String::as_bytes))
    }

    #[must_use]
    pub fn route<'a>(&'a self, event: &Event<'a>) -> Route<'a> {
        let set = self.configuration_set(event).and_then(|name| {
            self.sets.get(name).or_else(|| self.sets.get(ANY_CONFIGURATION_SET.as_bytes()))
        });
        set.map_or(Route::Unrouted, Route::Set)
    }
}

/// The index of a target in the list of known targets.
fn place_of(targets: &mut Vec<Arc<Target>>, target: &Target) -> usize {
    let known = targets.iter().position(|known| **known == *target);
    known.unwrap_or_else(|| {
        targets.push(Arc::new(target.clone()));
        targets.len() - 1
    })
}

// === impl SetRules ===

impl SetRules {
    /// The enabled destinations that receive events of this type.
    pub(crate) fn matching(&self, event_type: EventType) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.event_types.contains(event_type))
    }
}

#[cfg(test)]
mod tests;
