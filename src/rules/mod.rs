//! Definitions compiled for counting.
//!
//! In flow checked [`Definitions`](crate::definitions::Definitions); out flow a [`RuleSet`], which
//! finds the destinations of an event and the values of their dimensions, and the [`Layouts`] that
//! give the series of a metric their names.

mod delivery_time;
mod layout;
mod measure_rule;
mod metric;
mod metric_rule;
mod rule_set;
mod utc_hour;
mod value_index;
mod value_limiter;

pub use layout::{Layout, LayoutId, Layouts};
pub(crate) use measure_rule::NoValue;
pub use metric::SeriesMetric;
pub(crate) use metric_rule::{
    DimensionLimit, InvalidValue, MetricRule, RuleDimension, SeriesRule, ValueOrigin,
};
pub use rule_set::{Action, RuleSet};
pub(crate) use rule_set::{Route, Rule};
#[cfg(test)]
pub(crate) use utc_hour::SET_BACK_MS;
pub(crate) use utc_hour::{hour_of, is_in_force};
pub use value_index::ValueIndex;
pub(crate) use value_limiter::ValueLimiter;

pub(crate) use crate::definitions::OTHER_VALUES;
