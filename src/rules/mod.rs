//! Definitions compiled for counting.
//!
//! In flow checked [`Definitions`](crate::definitions::Definitions); out flow a [`RuleSet`], which
//! finds the destinations of an event and the values of their dimensions, and the [`Layouts`] that
//! give the series of a metric their names.

mod layout;
mod rule_set;

pub use layout::{Layout, LayoutId, Layouts};
pub use rule_set::{Action, RuleSet};
pub(crate) use rule_set::{InvalidValue, MetricRule, Route, Rule, RuleDimension, ValueOrigin};
