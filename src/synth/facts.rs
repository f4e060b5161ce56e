//! The facts of an event, known by its writer: the ground truth for checking counts.

use std::collections::BTreeMap;

use crate::ses::EventType;

/// The meaning of a tag or header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// The decoded text.
    Text(String),
    /// Text with at least one lone surrogate, which UTF-8 cannot represent: an invalid value. Each
    /// lone surrogate is one U+FFFD here.
    Broken(String),
}

/// The facts of one event. Absent values (a missing key, `null`, an empty array, a value of another
/// type) are not listed; blank values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `None`: the value counts as `unknown_type`.
    pub event_type: Option<EventType>,
    /// The tag `ses:configuration-set` unless it is absent or blank.
    pub configuration_set: Option<String>,
    /// The timestamp of the event in Unix milliseconds: from the block, else from the mail.
    pub time_ms: i64,
    /// First value of each message tag.
    pub tags: BTreeMap<String, FactValue>,
    /// Headers in order, repeated ones included.
    pub headers: Vec<(String, FactValue)>,
    /// First value of each link tag; only Click events have any.
    pub link_tags: BTreeMap<String, FactValue>,
    /// The fields of the event by name, such as `bounce_class`, without those that have no value.
    pub fields: BTreeMap<&'static str, FactValue>,
}

// === impl FactValue ===

impl FactValue {
    /// The text, with U+FFFD for each lone surrogate.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Broken(text) => text,
        }
    }

    /// Empty, or only JSON white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.text().bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }
}

impl From<&str> for FactValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

// === impl Facts ===

impl Facts {
    /// An event with only its time known.
    pub(super) fn new(event_type: Option<EventType>, time_ms: i64) -> Self {
        Self {
            event_type,
            configuration_set: None,
            time_ms,
            tags: BTreeMap::new(),
            headers: Vec::new(),
            link_tags: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }
}
