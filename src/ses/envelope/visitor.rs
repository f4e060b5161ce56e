//! What the innermost values of a text are passed to.

use super::path::Path;
use crate::ses::event::Event;

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

/// Receives the innermost values of a text, one after another.
pub trait Visitor {
    /// `raw` holds only the event's bytes as received, for a visitor that keeps them.
    fn event(&mut self, event: &Event<'_>, path: &Path, raw: &[u8]);

    /// `at` is the offset of the outermost value in the text. `raw` holds only the bytes of the
    /// value, for a visitor that keeps them: read as a record they give exactly this value again,
    /// unless it was nested too deep in wrappings or gzip.
    fn non_event(&mut self, other: NonEvent, path: &Path, at: u64, raw: &[u8]);

    /// Whether the visitor uses `raw`; if not, `raw` may hold more than the value.
    fn keeps(&self) -> bool {
        false
    }

    /// Asks whether `bytes` more may be expanded from gzip below the outermost level. `false` means
    /// that the request is beyond its budget: the visitor reports [`Visitor::is_over`] from then on.
    fn expand(&mut self, _bytes: usize) -> bool {
        true
    }

    /// Reports that an unfinished value of a stream takes `bytes` more of memory.
    fn hold(&mut self, _bytes: usize) {}

    /// Whether the request is beyond its budget. Checked between values, list elements and records:
    /// reading then stops and returns normally, and the caller rejects the request.
    fn is_over(&self) -> bool {
        false
    }
}
