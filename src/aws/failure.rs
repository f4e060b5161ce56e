//! Why a call to AWS failed.

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a whole call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// A retry of the same call cannot succeed.
    Invalid(String),
    /// A retry may succeed; or the call succeeded and its response was lost.
    Other(String),
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
    /// Describes the SDK's error.
    #[must_use]
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let SdkError::ServiceError(answer) = error else {
            return Self::Other(DisplayErrorContext(error).to_string());
        };
        let (status, fault) = (answer.raw().status().as_u16(), answer.err());
        let code = fault.code().unwrap_or_default();
        let why = format!("{status} {code}: {}", fault.message().unwrap_or_default());
        if INVALID.contains(&code) || status == 413 { Self::Invalid(why) } else { Self::Other(why) }
    }
}
