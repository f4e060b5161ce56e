//! Definitions compiled for a plan. They count as they do elsewhere, but each destination has series
//! of its own, so that the plan can say what each one makes.

use std::sync::Arc;

use crate::definitions::{CloudWatchDestination, Definitions, Destination};
use crate::pipeline::{Batch, Times};
use crate::rules::{Layouts, RuleSet};
use crate::ses::{EventTypeSet, MailboxProviders};

/// Stands in a namespace before the number of the destination. No namespace has it.
const BEFORE_NUMBER: char = '\u{1}';

/// The arrival of events without a time, in Unix milliseconds. No event is that old.
pub(super) const NO_TIME_MS: i64 = 0;

/// Definitions compiled for a plan.
#[derive(Debug)]
pub(crate) struct PlanRules {
    rules: Arc<RuleSet>,
    pub(super) layouts: Layouts,
    /// Those that are enabled.
    pub(super) destinations: Vec<PlannedDestination>,
    /// The number of CloudWatch destinations that are off.
    pub(super) disabled: usize,
}

/// A CloudWatch destination that is enabled.
#[derive(Debug)]
pub(super) struct PlannedDestination {
    pub configuration_set: String,
    pub name: String,
    pub namespace: String,
    /// The namespace under which it is counted for the plan.
    pub counted_as: String,
    pub event_types: EventTypeSet,
    pub cloudwatch: CloudWatchDestination,
}

// === impl PlanRules ===

impl PlanRules {
    /// Compiles definitions. `namespace` is the default namespace, `default_set` the configuration
    /// set of events without one.
    #[must_use]
    pub(crate) fn new(
        definitions: &Definitions,
        namespace: &str,
        default_set: Option<&str>,
        mailbox_providers: Option<Arc<MailboxProviders>>,
    ) -> Self {
        let mut definitions = definitions.clone();
        let mut destinations: Vec<PlannedDestination> = Vec::new();
        let mut disabled = 0;
        for set in &mut definitions.configuration_sets {
            for destination in &mut set.event_destinations {
                let Destination::CloudWatch(cloudwatch) = &mut destination.destination else {
                    continue;
                };
                if !destination.enabled {
                    disabled += 1;
                    continue;
                }
                let own = cloudwatch.extensions.namespace.as_deref();
                let namespace = own.or(set.namespace.as_deref()).unwrap_or(namespace).to_owned();
                let counted_as = format!("{namespace}{BEFORE_NUMBER}{}", destinations.len());
                cloudwatch.extensions.namespace = Some(counted_as.clone());
                destinations.push(PlannedDestination {
                    configuration_set: set.name.clone(),
                    name: destination.name.clone(),
                    namespace,
                    counted_as,
                    event_types: destination.matching_event_types,
                    cloudwatch: cloudwatch.clone(),
                });
            }
        }
        let layouts = Layouts::default();
        let rules = RuleSet::new(&definitions, namespace, default_set, &layouts);
        let rules = Arc::new(rules.with_mailbox_providers(mailbox_providers));
        Self { rules, layouts, destinations, disabled }
    }

    /// The rules to count with.
    #[must_use]
    pub(crate) fn rules(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules)
    }

    /// The times to count with: events without a time are told apart from all others.
    #[must_use]
    pub(crate) fn times() -> Times {
        Times { arrival_ms: NO_TIME_MS, use_arrival: false }
    }

    /// An empty batch for the events of a plan.
    #[must_use]
    pub(super) fn batch(&self) -> Batch {
        Batch::new(self.rules(), Self::times()).surveying()
    }

    /// The number of the destination that was counted under a namespace.
    #[must_use]
    pub(super) fn number_of(&self, counted_as: &str) -> Option<usize> {
        let number = counted_as.rsplit_once(BEFORE_NUMBER)?.1.parse().ok()?;
        self.destinations.get(number).map(|_| number)
    }
}
