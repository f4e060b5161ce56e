//! The entities of the SES v2 API as types.
//!
//! Values of these types come from [`read`](super::read), which validates them. Code that counts
//! events relies on that and checks nothing again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::target::Target;
use crate::ses::EventTypeSet;

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

/// How events become metrics. All dimensions go on one metric together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchDestination {
    /// An extension: the namespace of this destination's metrics.
    pub namespace: Option<String>,
    /// An extension; SES always drops.
    pub on_invalid_value: OnInvalidValue,
    /// 1 to 10; names are unique in the destination.
    pub dimensions: Vec<Dimension>,
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
        && value.iter().all(|byte| DIMENSION_VALUE_BYTES[usize::from(*byte)])
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
