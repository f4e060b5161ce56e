//! The entities of the SES v2 API as types.
//!
//! Values of these types come from [`read`](super::read), which validates them. Code that counts
//! events relies on that and checks nothing again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::measure::Measure;
use super::target::Target;
use crate::ses::{EventField, EventType, EventTypeSet};

/// The name of the set for events of every set that is not listed. An extension: SES does not allow
/// this name, so it cannot hide a set of an account.
pub(crate) const ANY_CONFIGURATION_SET: &str = "*";

/// The longest dimension name and dimension value that SES allows.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CloudWatchDimensionConfiguration.html>,
/// 2026-11-21.
pub(super) const DIMENSION_LENGTH_MAX: usize = 255;

/// The maximum number of event destinations of a configuration set.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-21.
pub(crate) const EVENT_DESTINATIONS_MAX: usize = 10;

/// The maximum number of dimensions of a CloudWatch destination of SES, and of a set of dimensions.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>, 2026-11-21.
pub(super) const DIMENSIONS_OF_SET_MAX: usize = 10;

/// The dimension value of all values beyond a limit.
pub(crate) const OTHER_VALUES: &str = "__other__";

/// A whole definitions document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Names are unique.
    pub configuration_sets: Vec<ConfigurationSet>,
}

/// A configuration set and where its events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationSet {
    /// `[A-Za-z0-9_-]{1,64}`, or [`ANY_CONFIGURATION_SET`].
    pub name: String,
    /// The CloudWatch namespace of the set's destinations, unless a destination has its own.
    pub namespace: Option<String>,
    pub options: SetOptions,
    /// At most 10; names are unique in the set.
    pub event_destinations: Vec<EventDestination>,
}

/// Options of SES for sending mail, and tags. They are stored and returned, but not used here. The
/// key is the name of the member in the API, such as `TrackingOptions`; values have the shapes of
/// the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOptions(pub BTreeMap<&'static str, Value>);

/// One rule of a configuration set: which event types go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDestination {
    /// `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// A destination that is not enabled receives nothing.
    pub enabled: bool,
    /// Never empty.
    pub matching_event_types: EventTypeSet,
    pub destination: Destination,
}

/// The kind of a destination, with its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    CloudWatch(CloudWatchDestination),
    /// Events are forwarded unchanged.
    Forward(Target),
    /// Accepted, so that output of AWS can be pasted unchanged; receives nothing.
    Pinpoint {
        application_arn: Option<String>,
    },
}

/// How events become metrics. The dimensions of a set go on one metric together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchDestination {
    /// At most 10; names are unique in the destination, those of its event dimensions included.
    /// Empty only if there are event dimensions.
    pub dimensions: Vec<Dimension>,
    pub extensions: DestinationExtensions,
}

/// What SES does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationExtensions {
    /// The namespace of this destination's metrics.
    pub namespace: Option<String>,
    /// SES always drops.
    pub on_invalid_value: OnInvalidValue,
    /// Dimensions whose values are fields of the event.
    pub event_dimensions: Vec<EventDimension>,
    /// The names of the dimensions of each series that an event is counted in; `None`: one series,
    /// with all dimensions. No two sets are equal, and a set has at most 10 names.
    pub dimension_sets: Option<Vec<Vec<String>>>,
    /// Without duplicates, never empty; `None`: [`Measure::Count`] alone.
    pub measures: Option<Vec<Measure>>,
    /// By the name of a dimension: how many of its values stand for themselves in an hour. Others
    /// become [`OTHER_VALUES`].
    pub value_limits: BTreeMap<String, u32>,
    /// By the name of a dimension with a limit: values that always stand for themselves, beside
    /// those of the limit.
    pub keep_values: BTreeMap<String, Vec<String>>,
}

/// A dimension whose value is a field of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDimension {
    pub field: EventField,
    /// As that of a [`Dimension`].
    pub name: String,
    /// The value for events that have the field, but no value; always a valid dimension value.
    pub default: String,
}

/// One dimension of a metric, and the source of its value in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// `[A-Za-z0-9_:.@-]{1,255}`, not starting with a colon. Also the name of the tag or header.
    pub name: String,
    pub source: ValueSource,
    /// The value for events without one; always a valid dimension value.
    pub default: String,
}

/// The source of a dimension value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueSource {
    MessageTag,
    EmailHeader,
    LinkTag,
}

// === impl DestinationExtensions ===

impl DestinationExtensions {
    /// A destination as in SES.
    pub(super) const NONE: Self = Self {
        namespace: None,
        on_invalid_value: OnInvalidValue::Drop,
        event_dimensions: Vec::new(),
        dimension_sets: None,
        measures: None,
        value_limits: BTreeMap::new(),
        keep_values: BTreeMap::new(),
    };
}

// === impl CloudWatchDestination ===

impl CloudWatchDestination {
    /// The names of all dimensions, in the order of the document.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.extensions.event_dimensions.iter().map(|dimension| &*dimension.name);
        self.dimensions.iter().map(|dimension| &*dimension.name).chain(own)
    }

    /// Whether the series are others than SES would write.
    pub(super) fn is_extended(&self) -> bool {
        let DestinationExtensions {
            namespace: _,
            on_invalid_value: _,
            event_dimensions,
            dimension_sets,
            measures,
            value_limits,
            keep_values,
        } = &self.extensions;
        !event_dimensions.is_empty()
            || dimension_sets.is_some()
            || measures.is_some()
            || !value_limits.is_empty()
            || !keep_values.is_empty()
    }

    /// What events add to metrics.
    pub(crate) fn measures(&self) -> &[Measure] {
        self.extensions.measures.as_deref().unwrap_or(&[Measure::Count])
    }

    /// The names of the dimensions of each series.
    pub(crate) fn sets(&self) -> Vec<Vec<&str>> {
        match &self.extensions.dimension_sets {
            None => vec![self.names().collect()],
            Some(sets) => sets.iter().map(|set| set.iter().map(String::as_str).collect()).collect(),
        }
    }

    /// Whether events of a type make a series of a set with any measure.
    pub(crate) fn makes_series(&self, set: &[&str], event_type: EventType) -> bool {
        self.measures().iter().any(|measure| self.measures_in(set, *measure, event_type))
    }

    /// Whether events of a type may have a value of a measure in the series of a set.
    ///
    /// Events that lack a field which the set names make no series of it, because it would hold
    /// defaults alone. A rate needs the events of all its types: of bounces by their class it would
    /// always be 1.
    pub(crate) fn measures_in(
        &self,
        set: &[&str],
        measure: Measure,
        event_type: EventType,
    ) -> bool {
        let has_fields = |event_type| {
            let own = self.extensions.event_dimensions.iter();
            own.filter(|own| set.contains(&&*own.name)).all(|own| own.field.is_of(event_type))
        };
        measure.is_of(event_type)
            && has_fields(event_type)
            && measure.needed_types().iter().all(has_fields)
    }
}

/// How to handle a dimension value that CloudWatch or SES would reject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInvalidValue {
    /// The datum is not sent. This is what SES does.
    #[default]
    Drop,
    /// The default value of the dimension is used instead.
    Default,
    /// Each invalid character becomes `_`, and the value is cut after 255 characters.
    Sanitize,
}

/// Whether a value matches `[A-Za-z0-9_.@-]{1,255}`. SES publishes no other values.
#[must_use]
pub(crate) fn is_dimension_value(value: &[u8]) -> bool {
    (1..=DIMENSION_LENGTH_MAX).contains(&value.len())
        // Without a branch for each byte: nearly all values are valid.
        && value.iter().fold(true, |valid, byte| valid & DIMENSION_VALUE_BYTES[usize::from(*byte)])
}

const DIMENSION_VALUE_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        bytes[byte as usize] = is_dimension_value_byte(byte);
        byte += 1;
    }
    bytes
};

/// Whether a byte is allowed in a dimension value.
#[must_use]
pub(crate) const fn is_dimension_value_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimension_value_has_1_to_255_allowed_bytes() {
        assert!(is_dimension_value(b"a"));
        assert!(is_dimension_value(&[b'x'; 255]));
        assert!(is_dimension_value(b"first.last@example-1.com_A"));
        assert!(!is_dimension_value(b""));
        assert!(!is_dimension_value(&[b'x'; 256]));
        assert!(!is_dimension_value(b"two words"));
        assert!(!is_dimension_value("\u{e9}t\u{e9}".as_bytes()));
    }

    #[test]
    fn dimension_value_may_contain_exactly_66_bytes() {
        let allowed: Vec<u8> = (0..=255).filter(|byte| is_dimension_value_byte(*byte)).collect();
        let expected = b"-.0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        assert_eq!(allowed, expected);
    }
}
