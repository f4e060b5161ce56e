//! Counts an event in the series of one destination.

use smallvec::SmallVec;

use super::request_values::RequestValues;
use super::tally::Tally;
use crate::aggregate::{Delta, KeyBuilder, SeriesGuard};
use crate::rules::{InvalidValue, LayoutId, MetricRule, SeriesRule, ValueIndex};
use crate::ses::{Event, Minute};

/// Adds values of one event to the counts of a request.
pub(super) struct ValueCounter<'b> {
    pub builder: &'b mut KeyBuilder,
    pub guard: Option<&'b mut SeriesGuard>,
    pub values: Option<&'b mut RequestValues>,
    pub delta: &'b mut Delta,
    pub tally: &'b mut Tally,
    pub minute: Minute,
}

/// What became of a value.
enum Counted {
    Yes,
    /// A dimension has no valid value.
    InvalidValue,
    SeriesLimit,
}

// === impl ValueCounter ===

impl ValueCounter<'_> {
    /// Counts an event in all series of a destination. Returns how many of its values are not
    /// counted because a dimension has no valid value.
    pub(super) fn event(&mut self, metrics: &MetricRule, event: &Event<'_>) -> u64 {
        let before = self.tally.values;
        for series in &metrics.series {
            let count = series.layout(event.event_type).map(|layout| (layout, Ok(None)));
            let measured = series.measured(event.event_type);
            let measured = measured.map(|own| (own.layout, own.rule.value(event).map(Some)));
            // A type that lacks a field of the series makes none.
            for (layout, value) in count.into_iter().chain(measured) {
                self.tally.values.matches += 1;
                let value = match value {
                    Ok(value) => value,
                    Err(reason) => {
                        self.tally.values.no_value(reason);
                        continue;
                    }
                };
                let counted = self.count((metrics, series, layout), value, event);
                *match counted {
                    Counted::Yes => &mut self.tally.values.counts,
                    Counted::InvalidValue => &mut self.tally.values.invalid_value,
                    Counted::SeriesLimit => &mut self.tally.values.series_limit,
                } += 1;
            }
        }
        if let Some(values) = &mut self.values {
            self.tally.limited(values.next());
        }
        self.tally.destination(before);
        self.tally.values.invalid_value - before.invalid_value
    }

    /// Adds a value in a series of a layout; `None`: that of a count.
    fn count(
        &mut self,
        (metrics, series, layout): (&MetricRule, &SeriesRule, LayoutId),
        value: Option<ValueIndex>,
        event: &Event<'_>,
    ) -> Counted {
        let Self { builder, guard, values, delta, minute, .. } = self;
        builder.start(layout);
        // A value that is not counted in the end takes no place.
        if let Some(values) = values
            && metrics.limits_values()
        {
            let resolved = series.dimensions.iter().map(|at| {
                let dimension = &metrics.dimensions[*at];
                let (value, _) = metrics.resolve(dimension, event)?;
                Ok((*at, dimension, value))
            });
            let resolved: Result<SmallVec<[_; 10]>, InvalidValue> = resolved.collect();
            let Ok(resolved) = resolved else { return Counted::InvalidValue };
            for (at, dimension, value) in &resolved {
                let limit = dimension.limit.as_ref();
                builder.push(limit.map_or(value, |limit| values.value(*at, limit, value)));
            }
        } else {
            for at in &series.dimensions {
                let Ok((value, _)) = metrics.resolve(&metrics.dimensions[*at], event) else {
                    return Counted::InvalidValue;
                };
                builder.push(&value);
            }
        }
        if let Some(value) = value {
            builder.push_value(value);
        }
        let key = builder.finish(*minute);
        let admit = |delta: &Delta| guard.as_mut().is_none_or(|guard| guard.admits(key, delta));
        if delta.add_if(key, 1, admit) { Counted::Yes } else { Counted::SeriesLimit }
    }
}
