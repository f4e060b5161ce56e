//! Why a call was not answered as it should be.

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a whole call was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// No repeat of the same can help.
    Invalid(String),
    /// A repeat may help; or it was taken, and the answer is lost.
    Other(String),
}

/// Codes of answers that say that the request itself is at fault.
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
    /// Tells what the SDK says.
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
