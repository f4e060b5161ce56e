//! A message that is rejected before it has any effect.

use std::borrow::Cow;

use crate::ack::RefusalReason;
use crate::telemetry::SnsRejection;

/// A rejected message, and why.
#[derive(Debug)]
pub(super) struct RejectedMessage {
    pub reason: SnsRejection,
    pub why: Cow<'static, str>,
}

// === impl RejectedMessage ===

impl RejectedMessage {
    /// SNS retries after a 503, and after no other status.
    #[must_use]
    pub(super) fn refusal_reason(&self) -> RefusalReason {
        match self.reason {
            SnsRejection::Envelope | SnsRejection::TooLarge => RefusalReason::BadRequest,
            SnsRejection::Credentials => RefusalReason::Unauthorized,
            SnsRejection::Unverified | SnsRejection::Incomplete => RefusalReason::GivenUp,
            SnsRejection::Evicted | SnsRejection::Full => RefusalReason::Busy,
            SnsRejection::Topic
            | SnsRejection::Version
            | SnsRejection::Stale
            | SnsRejection::Future
            | SnsRejection::Certificate
            | SnsRejection::Signature
            | SnsRejection::Subscription => RefusalReason::Forbidden,
        }
    }
}
