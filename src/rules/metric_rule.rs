//! How a CloudWatch destination counts: the values of its dimensions, and the metrics that get them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::layout::{Layout, LayoutId, Layouts};
use super::measure_rule::MeasureRule;
use super::metric::SeriesMetric;
use super::value_limiter::ValueLimiter;
use crate::definitions::{
    CloudWatchDestination, DestinationExtensions, Measure, OnInvalidValue, ValueSource,
    is_dimension_value,
};
use crate::ses::{Event, EventType, EventTypeSet, Interest, Slot, ValueKind, is_blank};

/// How a CloudWatch destination counts.
#[derive(Debug)]
pub struct MetricRule {
    pub namespace: Arc<str>,
    /// Sorted by name.
    pub dimensions: Vec<RuleDimension>,
    /// One for each set of dimensions.
    pub series: Vec<SeriesRule>,
    /// Those that are not counts.
    measures: Vec<MeasureRule>,
    counts: bool,
    /// The definition names its sets or its measures.
    pub(super) makes_several: bool,
    on_invalid_value: OnInvalidValue,
}

/// One series of each metric of a destination.
#[derive(Debug)]
pub struct SeriesRule {
    /// Indexes of dimensions of the [`MetricRule`], sorted by name.
    pub dimensions: Vec<usize>,
    /// Those of counts, by event type; `None` for types that are not counted.
    layouts: [Option<LayoutId>; EventType::ALL.len()],
    /// Those of other measures.
    measured: Vec<MeasuredSeries>,
}

/// A series of a measure that is not a count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasuredSeries {
    pub rule: MeasureRule,
    pub layout: LayoutId,
}

#[derive(Debug)]
pub struct RuleDimension {
    pub name: String,
    pub source: ValueKind,
    pub default: String,
    pub(crate) limit: Option<DimensionLimit>,
    slot: Option<Slot>,
}

/// A limit on the values of a dimension.
#[derive(Debug)]
pub(crate) struct DimensionLimit {
    /// How many values stand for themselves in an hour, beside those that are kept.
    pub max: usize,
    kept: HashSet<Box<[u8]>, RandomState>,
    pub limiter: Arc<ValueLimiter>,
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

/// The name, source and default of each dimension.
pub(super) fn dimensions_of(
    destination: &CloudWatchDestination,
) -> impl Iterator<Item = (&str, ValueKind, &str)> {
    let of_ses = destination.dimensions.iter().map(|dimension| {
        let source = match dimension.source {
            ValueSource::MessageTag => ValueKind::MessageTag,
            ValueSource::EmailHeader => ValueKind::EmailHeader,
            ValueSource::LinkTag => ValueKind::LinkTag,
        };
        (&*dimension.name, source, &*dimension.default)
    });
    let own = destination.extensions.event_dimensions.iter().map(|dimension| {
        (&*dimension.name, ValueKind::Field(dimension.field), &*dimension.default)
    });
    of_ses.chain(own)
}

// === impl MetricRule ===

impl MetricRule {
    pub(super) fn new(
        destination: &CloudWatchDestination,
        namespace: &str,
        event_types: EventTypeSet,
        interest: &Interest,
        layouts: &Layouts,
    ) -> Self {
        let namespace: Arc<str> = namespace.into();
        let mut dimensions: Vec<_> = dimensions_of(destination)
            .map(|(name, source, default)| RuleDimension {
                name: name.to_owned(),
                source,
                default: default.to_owned(),
                limit: None,
                slot: interest.slot(source, name),
            })
            .collect();
        dimensions.sort_by(|a, b| a.name.cmp(&b.name));
        let counts = destination.measures().contains(&Measure::Count);
        let measured = destination.measures().iter().filter(|own| **own != Measure::Count);
        let measured: Vec<_> = measured.map(|own| MeasureRule::new(*own, interest)).collect();
        let series = destination.sets().into_iter().map(|set| {
            let is_of_set = |at: &usize| set.contains(&&*dimensions[*at].name);
            let indexes: Vec<usize> = (0..dimensions.len()).filter(is_of_set).collect();
            let layout = |measure, event_type| {
                let is_made = event_types.contains(event_type)
                    && destination.measures_in(&set, measure, event_type);
                is_made.then(|| {
                    let names = indexes.iter().map(|at| dimensions[*at].name.clone());
                    layouts.id(Layout {
                        namespace: Arc::clone(&namespace),
                        metric: SeriesMetric::of(measure, event_type),
                        dimensions: names.collect(),
                    })
                })
            };
            let of_counts =
                EventType::ALL.map(|own| if counts { layout(Measure::Count, own) } else { None });
            let measured = measured.iter().filter_map(|rule| {
                // Every type of the measure has the same layout.
                let layout = rule.measure.types().iter().find_map(|own| layout(rule.measure, own));
                layout.map(|layout| MeasuredSeries { rule: *rule, layout })
            });
            let measured = measured.collect();
            SeriesRule { dimensions: indexes, layouts: of_counts, measured }
        });
        let series = series.collect();
        let DestinationExtensions { on_invalid_value, dimension_sets, measures, .. } =
            &destination.extensions;
        let makes_several = dimension_sets.is_some() || measures.is_some();
        let on_invalid_value = *on_invalid_value;
        Self {
            namespace,
            dimensions,
            series,
            measures: measured,
            counts,
            makes_several,
            on_invalid_value,
        }
    }

    /// Limits the values of its dimensions. `names`: its configuration set and its own name.
    pub(super) fn limit(
        &mut self,
        destination: &CloudWatchDestination,
        [set, own]: [&str; 2],
        layouts: &Layouts,
    ) {
        let DestinationExtensions { value_limits, keep_values, .. } = &destination.extensions;
        for RuleDimension { name, limit, .. } in &mut self.dimensions {
            let Some(max) = value_limits.get(name) else { continue };
            let kept = keep_values.get(name).into_iter().flatten();
            *limit = Some(DimensionLimit {
                // Checked definitions have small limits.
                max: usize::try_from(*max).unwrap_or(usize::MAX),
                kept: kept.map(|value| value.clone().into_bytes().into()).collect(),
                limiter: layouts.limiters.limiter([set, own, name]),
            });
        }
    }

    /// Whether some dimension has a limit on its values.
    pub(crate) fn limits_values(&self) -> bool {
        self.dimensions.iter().any(|dimension| dimension.limit.is_some())
    }

    /// Whether events are counted.
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }

    /// The measures that are not counts, of which events of a type may have a value.
    pub(crate) fn measures(&self, event_type: EventType) -> impl Iterator<Item = &MeasureRule> {
        self.measures.iter().filter(move |rule| rule.measure.is_of(event_type))
    }

    /// Whether there are measures that are not counts.
    pub(crate) fn has_measures(&self) -> bool {
        !self.measures.is_empty()
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
        let text = dimension.text(event);
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
            // A field never costs a count.
            Some(text) if matches!(dimension.source, ValueKind::Field(_)) => {
                Ok((Cow::Owned(sanitize(text)), ValueOrigin::Sanitized))
            }
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

// === impl RuleDimension ===

impl RuleDimension {
    /// The text of an event that the value is made of.
    fn text<'a>(&self, event: &Event<'a>) -> Option<&'a [u8]> {
        // Only Click events have link tags.
        match self.source {
            ValueKind::LinkTag if event.event_type != EventType::Click => None,
            _ => self.slot.and_then(|slot| event.get(slot)),
        }
    }

    /// The text for which SES would not send the datum. SES knows no fields as dimensions.
    pub(crate) fn invalid_at_ses<'a>(&self, event: &Event<'a>) -> Option<InvalidValue<'a>> {
        if matches!(self.source, ValueKind::Field(_)) {
            return None;
        }
        let text = self.text(event)?;
        (!is_blank(text) && !is_dimension_value(text)).then_some(InvalidValue(text))
    }
}

// === impl DimensionLimit ===

impl DimensionLimit {
    /// Whether a value always stands for itself.
    pub(crate) fn keeps(&self, value: &[u8]) -> bool {
        self.kept.contains(value)
    }
}

// === impl SeriesRule ===

impl SeriesRule {
    /// The layout of the counts of an event type; `None` for a type that is not counted: the
    /// destination does not match it or count, or the type lacks a field of the set.
    #[must_use]
    pub fn layout(&self, event_type: EventType) -> Option<LayoutId> {
        self.layouts[event_type as usize]
    }

    /// The series of other measures, of which events of a type may have a value.
    pub(crate) fn measured(&self, event_type: EventType) -> impl Iterator<Item = &MeasuredSeries> {
        self.measured.iter().filter(move |measured| measured.rule.measure.is_of(event_type))
    }
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
