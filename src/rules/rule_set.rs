//! Definitions compiled for counting: immutable, replaced as a whole on a reload.
//!
//! [`RuleSet::route`] finds the destinations of an event; [`MetricRule::resolve`] returns the values
//! of its dimensions. Both the counting path and `explain` use them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::layout::{Layout, LayoutId, Layouts};
use crate::definitions::{
    ANY_CONFIGURATION_SET, CloudWatchDestination, Definitions, Destination, OnInvalidValue, Target,
    ValueSource, is_dimension_value,
};
use crate::ses::{Event, EventType, EventTypeSet, Interest, InterestBuilder, Slot, ValueKind};

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

/// How a CloudWatch destination counts.
#[derive(Debug)]
pub struct MetricRule {
    pub namespace: Arc<str>,
    /// Sorted by name.
    pub dimensions: Vec<RuleDimension>,
    on_invalid_value: OnInvalidValue,
    layouts: [Option<LayoutId>; EventType::ALL.len()],
}

#[derive(Debug)]
pub struct RuleDimension {
    pub name: String,
    pub source: ValueSource,
    pub default: String,
    slot: Option<Slot>,
}

/// The origin of a dimension value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueOrigin {
    Event,
    DefaultForMissing,
    DefaultForBlank,
    DefaultForInvalid,
    Sanitized,
}

/// A dimension value, or the text that is not valid as one.
pub(crate) type Resolved<'a> = Result<(Cow<'a, [u8]>, ValueOrigin), InvalidValue<'a>>;

/// A text that is not a valid dimension value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidValue<'a>(pub &'a [u8]);

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
                for dimension in &cloudwatch.dimensions {
                    wanted.want(value_kind(dimension.source), &dimension.name);
                }
            }
        }
        let interest = wanted.build();
        let mut targets = Vec::new();
        let sets = definitions.configuration_sets.iter().map(|set| {
            let enabled = set.event_destinations.iter().filter(|destination| destination.enabled);
            let rules = enabled
                .map(|destination| Rule {
                    name: destination.name.clone(),
                    event_types: destination.matching_event_types,
                    action: match &destination.destination {
                        Destination::CloudWatch(cloudwatch) => {
                            let own = cloudwatch.namespace.as_deref();
                            let namespace = own.or(set.namespace.as_deref()).unwrap_or(namespace);
                            let types = destination.matching_event_types;
                            let metrics =
                                MetricRule::new(cloudwatch, namespace, types, &interest, layouts);
                            Action::Count(metrics)
                        }
                        Destination::Forward(target) => {
                            Action::Forward(place_of(&mut targets, target))
                        }
                        Destination::Pinpoint { .. } => Action::Nothing,
                    },
                })
                .collect();
            let rules = SetRules { name: set.name.clone(), rules };
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

    /// The targets to which events are forwarded.
    #[must_use]
    pub fn targets(&self) -> &[Arc<Target>] {
        &self.targets
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

fn value_kind(source: ValueSource) -> ValueKind {
    match source {
        ValueSource::MessageTag => ValueKind::MessageTag,
        ValueSource::EmailHeader => ValueKind::EmailHeader,
        ValueSource::LinkTag => ValueKind::LinkTag,
    }
}

// === impl SetRules ===

impl SetRules {
    /// The enabled destinations that receive events of this type.
    pub(crate) fn matching(&self, event_type: EventType) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.event_types.contains(event_type))
    }
}

// === impl MetricRule ===

impl MetricRule {
    fn new(
        destination: &CloudWatchDestination,
        namespace: &str,
        event_types: EventTypeSet,
        interest: &Interest,
        layouts: &Layouts,
    ) -> Self {
        let namespace: Arc<str> = namespace.into();
        let mut dimensions: Vec<_> = destination
            .dimensions
            .iter()
            .map(|dimension| RuleDimension {
                name: dimension.name.clone(),
                source: dimension.source,
                default: dimension.default.clone(),
                slot: interest.slot(value_kind(dimension.source), &dimension.name),
            })
            .collect();
        dimensions.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<_> = dimensions.iter().map(|dimension| dimension.name.clone()).collect();
        let layouts = EventType::ALL.map(|metric| {
            event_types.contains(metric).then(|| {
                let namespace = Arc::clone(&namespace);
                layouts.id(Layout { namespace, metric, dimensions: names.clone() })
            })
        });
        let on_invalid_value = destination.on_invalid_value;
        Self { namespace, dimensions, on_invalid_value, layouts }
    }

    /// The layout of the series of an event type; `None` for a type that the destination does not
    /// match.
    #[must_use]
    pub fn layout(&self, event_type: EventType) -> Option<LayoutId> {
        self.layouts[event_type as usize]
    }

    /// The value of one dimension for an event.
    ///
    /// # Errors
    /// The invalid text for which SES would drop the datum.
    pub(crate) fn resolve<'a>(
        &'a self,
        dimension: &'a RuleDimension,
        event: &Event<'a>,
    ) -> Resolved<'a> {
        // Only Click events have link tags.
        let text = match dimension.source {
            ValueSource::LinkTag if event.event_type != EventType::Click => None,
            _ => dimension.slot.and_then(|slot| event.get(slot)),
        };
        let default = |origin| {
            let default = dimension.default.as_bytes();
            if is_dimension_value(default) {
                Ok((Cow::Borrowed(default), origin))
            } else {
                Err(InvalidValue(default))
            }
        };
        match text {
            Some(text) if is_dimension_value(text) => Ok((Cow::Borrowed(text), ValueOrigin::Event)),
            None => default(ValueOrigin::DefaultForMissing),
            Some(text) if is_blank(text) => default(ValueOrigin::DefaultForBlank),
            Some(text) => match self.on_invalid_value {
                OnInvalidValue::Drop => Err(InvalidValue(text)),
                OnInvalidValue::Default => default(ValueOrigin::DefaultForInvalid),
                OnInvalidValue::Sanitize => {
                    Ok((Cow::Owned(sanitize(text)), ValueOrigin::Sanitized))
                }
            },
        }
    }
}

/// Empty, or only JSON white space.
fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Replaces each invalid character by `_` and cuts after 255 characters.
fn sanitize(text: &[u8]) -> Vec<u8> {
    text.iter()
        .filter(|byte| !is_continuation(**byte))
        .map(|byte| if is_dimension_value(&[*byte]) { *byte } else { b'_' })
        .take(255)
        .collect()
}

/// The second and later bytes of a UTF-8 character, or of a lone surrogate, as our texts encode it.
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests;
