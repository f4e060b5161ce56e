//! Why a call with several entries failed as a whole.

use std::time::Duration;

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{BuildError, ProvideErrorMetadata, SdkError};

use super::AwsError;

/// Why a whole call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// A retry of the same call cannot succeed.
    #[error(transparent)]
    Invalid(AwsError),
    /// An entry cannot be built.
    #[error(transparent)]
    Entry(#[from] BuildError),
    /// A retry may succeed; or the call succeeded and its response was lost.
    #[error(transparent)]
    Other(AwsError),
    /// The response does not tell which entries were accepted.
    #[error("the response has {answers} results for {sent} entries")]
    Results { answers: usize, sent: usize },
    #[error("no response within {0:?}")]
    Timeout(Duration),
    #[error("shutting down")]
    ShuttingDown,
}

/// Error codes that mean that the request itself is invalid.
const INVALID: &[&str] = &[
    // Firehose
    "InvalidArgumentException",
    "ValidationException",
    // SNS
    "InvalidParameter",
    "InvalidParameterValue",
    "BatchRequestTooLong",
    "TooManyEntriesInBatchRequest",
    "ValidationError",
];

// === impl CallFailure ===

impl CallFailure {
    /// Describes the SDK's error. `action`: the permission that the call requires.
    #[must_use]
    pub fn of<E>(error: &SdkError<E, HttpResponse>, action: &str) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let said = AwsError::of(error, action);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let is_invalid = code.is_some_and(|code| INVALID.contains(&code));
        if is_invalid || said.status == Some(413) { Self::Invalid(said) } else { Self::Other(said) }
    }

    /// Whether a retry of the same call cannot succeed.
    #[must_use]
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::Entry(_))
    }
}
