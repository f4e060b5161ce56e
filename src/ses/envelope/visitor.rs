//! What the innermost values of a text are passed to.

use super::compression::Compression;
use super::path::Path;
use crate::ses::event::Event;
use crate::ses::event::event_type::EventType;

/// What an innermost value is, if not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NonEvent {
    /// An event of an unknown type, or without a `mail` object.
    UnknownType,
    /// Not JSON, not Base64, or truncated.
    Malformed,
    /// JSON that is not an event.
    Foreign,
    /// An SNS subscription message.
    Control,
    /// The text that SES sends to validate an SNS topic.
    Notice,
}

/// Why an innermost value is not an event. Costs nothing until a visitor makes a message of it.
#[derive(Clone, Copy, Debug)]
pub enum NonEventReason<'r> {
    /// Its `eventType` has this name, which is not one of the ten.
    UnknownEventType(&'r [u8]),
    /// Its `notificationType` has this name, which is not one of the three.
    UnknownNotificationType(&'r [u8]),
    /// Its type is known, but it has no `mail` object.
    WithoutMail(EventType),
    /// Not JSON. Holds the text from the first byte of the value to behind the fault.
    NotJson(&'r [u8]),
    /// A text in a compression that is not read.
    Compressed(Compression),
    /// What should be Base64 is not, or is absent.
    NotBase64,
    /// A gzip stream is truncated or damaged; what could be decompressed was read.
    TornGzip,
    /// A list is still open at the end of its text.
    OpenList,
    /// A wrapping inside of as many as are removed.
    TooDeep,
    /// An envelope of `EventBridge` whose `source` or `detail` is not that of a sending event.
    OtherDetail,
    /// JSON without a meaning. Holds exactly the value.
    Foreign(&'r [u8]),
    Control,
    Notice,
}

// === impl NonEventReason ===

impl NonEventReason<'_> {
    /// What the value is.
    #[must_use]
    pub fn kind(self) -> NonEvent {
        match self {
            Self::UnknownEventType(_) | Self::UnknownNotificationType(_) | Self::WithoutMail(_) => {
                NonEvent::UnknownType
            }
            Self::NotJson(_)
            | Self::Compressed(_)
            | Self::NotBase64
            | Self::TornGzip
            | Self::OpenList => NonEvent::Malformed,
            Self::TooDeep | Self::OtherDetail | Self::Foreign(_) => NonEvent::Foreign,
            Self::Control => NonEvent::Control,
            Self::Notice => NonEvent::Notice,
        }
    }
}

/// Receives the innermost values of a text, one after another.
pub trait Visitor {
    /// `at` is the offset of the outermost value in the text. `raw` holds exactly the event's bytes as
    /// received.
    fn event(&mut self, event: &Event<'_>, path: &Path, at: u64, raw: &[u8]);

    /// `at` as for an event. `raw` holds only the bytes of the
    /// value, for a visitor that keeps them: read as a record they give exactly this value again,
    /// unless it was nested too deep in wrappings or gzip.
    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, raw: &[u8]);

    /// Whether the visitor uses `raw` of what is not an event; if not, it may hold more than the value.
    fn keeps(&self) -> bool {
        false
    }

    /// Asks whether `bytes` more may be expanded from gzip below the outermost level. `false` means
    /// that the request is beyond its budget: the visitor reports [`Visitor::is_over`] from then on.
    fn expand(&mut self, _bytes: usize) -> bool {
        true
    }

    /// Reports that a text ends without a newline behind a fault, so that this many bytes of it, from
    /// the fault on, were not read.
    fn lost(&mut self, _bytes: u64) {}

    /// Reports that an unfinished value of a stream takes `bytes` more of memory.
    fn hold(&mut self, _bytes: usize) {}

    /// Whether the request is beyond its budget. Checked between values, list elements and records:
    /// reading then stops and returns normally, and the caller rejects the request.
    fn is_over(&self) -> bool {
        false
    }
}
