//! What the clients of all targets have in common: the limits of a call, and its outcome.

use super::forwards::RawEvent;
use crate::aws::CallLimits;

/// The result of forwarding one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    Taken,
    /// Not accepted; a retry may succeed.
    Again(String),
    /// Rejected permanently.
    Refused(String),
}

/// The limits of a kind of target.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallShape {
    pub limits: CallLimits,
    /// Maximum size of an event.
    pub event_bytes: usize,
}

/// The event followed by a newline, as SES writes it.
pub(super) fn line(event: &RawEvent) -> Vec<u8> {
    let mut line = Vec::with_capacity(event.bytes.len() + 1);
    line.extend_from_slice(&event.bytes);
    line.push(b'\n');
    line
}
