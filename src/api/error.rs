//! Errors of the API.

use axum::http::StatusCode;

use crate::catalog::{ChangeError, DefinitionsError};
use crate::definitions::{DOCUMENT_BYTES_MAX, RequestFault};
use crate::telemetry::ApiRejection;

/// An error of the API, formatted according to the API version of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub kind: ErrorKind,
    pub message: String,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    AlreadyExists(ApiResource),
    NotFound(ApiResource),
    BadRequest(RequestMember),
    /// The body is not JSON, or a value has the wrong type.
    Serialization,
    LimitExceeded,
    TooManyRequests,
    ConcurrentModification,
    /// The key may only read.
    AccessDenied,
    /// There is no signature.
    Unsigned,
    /// The signature is incomplete.
    IncompleteSignature,
    UnknownKey,
    WrongSignature,
    UnknownOperation,
    TooLarge,
    /// Too many headers, parameters or path segments.
    TooMany,
    /// A change by GET, or another method that changes nothing.
    Method,
    /// Sent by a web page or for another host, where no signature is required.
    CrossSite,
    /// The body arrives below the minimum rate.
    SlowBody,
    /// The body lost its place to another one.
    Displaced,
    /// Nothing is wrong with the request.
    Internal,
}

/// The kind of object that exists or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiResource {
    ConfigurationSet,
    EventDestination,
    TrackingOptions,
}

/// The part of a request that is wrong, as far as version 1 distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestMember {
    CloudWatch,
    Firehose,
    Sns,
    Set,
    Tracking,
    Other,
}

// === impl ErrorKind ===

impl ErrorKind {
    /// Whether the caller is unknown, or known and not allowed to do this.
    pub(crate) const fn is_denial(self) -> bool {
        matches!(
            self,
            Self::AccessDenied
                | Self::Unsigned
                | Self::IncompleteSignature
                | Self::UnknownKey
                | Self::WrongSignature
                | Self::CrossSite
        )
    }

    /// The label of `postmeter_ses_api_rejected_total`.
    pub(crate) const fn reason(self) -> ApiRejection {
        match self {
            Self::AlreadyExists(_)
            | Self::NotFound(_)
            | Self::BadRequest(_)
            | Self::Serialization => ApiRejection::Invalid,
            Self::UnknownOperation => ApiRejection::UnknownOperation,
            Self::LimitExceeded => ApiRejection::Limit,
            Self::TooManyRequests => ApiRejection::Rate,
            Self::ConcurrentModification => ApiRejection::Conflict,
            Self::AccessDenied => ApiRejection::ReadOnly,
            Self::Unsigned => ApiRejection::Unsigned,
            Self::IncompleteSignature => ApiRejection::IncompleteSignature,
            Self::UnknownKey => ApiRejection::UnknownKey,
            Self::WrongSignature => ApiRejection::WrongSignature,
            Self::TooLarge => ApiRejection::TooLarge,
            Self::TooMany => ApiRejection::TooMany,
            Self::Method => ApiRejection::Method,
            Self::CrossSite => ApiRejection::CrossSite,
            Self::SlowBody => ApiRejection::SlowBody,
            Self::Displaced => ApiRejection::Displaced,
            Self::Internal => ApiRejection::Internal,
        }
    }
}

// === impl ApiError ===

impl ApiError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest(RequestMember::Other), message)
    }

    /// A value has the wrong type.
    pub(crate) fn ill_typed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Serialization, message)
    }

    /// A list that needs an element is empty.
    pub(crate) fn empty_list(member: &str) -> Self {
        Self::bad_request(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member \
             must have length greater than or equal to 1"
        ))
    }

    /// A required member is missing.
    pub(crate) fn missing(member: &str) -> Self {
        Self::bad_request(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
             Member must not be null"
        ))
    }

    /// A word of a list is unknown.
    pub(crate) fn not_among(member: &str, known: &[&str]) -> Self {
        Self::bad_request(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must satisfy enum value set: [{}]]",
            known.join(", ")
        ))
    }

    /// As in version 2.
    pub(crate) const fn v2_code(&self) -> (StatusCode, &'static str) {
        match self.kind {
            ErrorKind::AlreadyExists(_) => (StatusCode::BAD_REQUEST, "AlreadyExistsException"),
            ErrorKind::NotFound(_) => (StatusCode::NOT_FOUND, "NotFoundException"),
            ErrorKind::BadRequest(_) | ErrorKind::TooMany => {
                (StatusCode::BAD_REQUEST, "BadRequestException")
            }
            ErrorKind::Serialization => (StatusCode::BAD_REQUEST, "SerializationException"),
            ErrorKind::LimitExceeded => (StatusCode::BAD_REQUEST, "LimitExceededException"),
            ErrorKind::TooManyRequests | ErrorKind::Displaced => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException")
            }
            // As the model of the API has it.
            ErrorKind::ConcurrentModification => {
                (StatusCode::INTERNAL_SERVER_ERROR, "ConcurrentModificationException")
            }
            ErrorKind::AccessDenied | ErrorKind::CrossSite => {
                (StatusCode::FORBIDDEN, "AccessDeniedException")
            }
            ErrorKind::Unsigned => (StatusCode::FORBIDDEN, "MissingAuthenticationTokenException"),
            ErrorKind::IncompleteSignature => {
                (StatusCode::BAD_REQUEST, "IncompleteSignatureException")
            }
            ErrorKind::UnknownKey => (StatusCode::FORBIDDEN, "UnrecognizedClientException"),
            ErrorKind::WrongSignature => (StatusCode::FORBIDDEN, "InvalidSignatureException"),
            ErrorKind::UnknownOperation => (StatusCode::NOT_FOUND, "UnknownOperationException"),
            ErrorKind::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException")
            }
            ErrorKind::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException"),
            ErrorKind::SlowBody => (StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        }
    }

    /// As in version 1.
    pub(crate) const fn v1_code(&self) -> (StatusCode, &'static str) {
        use ApiResource::{ConfigurationSet, EventDestination, TrackingOptions};
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self.kind {
            ErrorKind::AlreadyExists(ConfigurationSet) => (BAD, "ConfigurationSetAlreadyExists"),
            ErrorKind::AlreadyExists(EventDestination) => (BAD, "EventDestinationAlreadyExists"),
            ErrorKind::AlreadyExists(TrackingOptions) => {
                (BAD, "TrackingOptionsAlreadyExistsException")
            }
            ErrorKind::NotFound(TrackingOptions) => (BAD, "TrackingOptionsDoesNotExistException"),
            ErrorKind::NotFound(ConfigurationSet) => (BAD, "ConfigurationSetDoesNotExist"),
            ErrorKind::NotFound(EventDestination) => (BAD, "EventDestinationDoesNotExist"),
            ErrorKind::BadRequest(RequestMember::CloudWatch) => {
                (BAD, "InvalidCloudWatchDestination")
            }
            ErrorKind::BadRequest(RequestMember::Firehose) => (BAD, "InvalidFirehoseDestination"),
            ErrorKind::BadRequest(RequestMember::Sns) => (BAD, "InvalidSNSDestination"),
            ErrorKind::BadRequest(RequestMember::Set) => (BAD, "InvalidConfigurationSet"),
            ErrorKind::BadRequest(RequestMember::Tracking) => (BAD, "InvalidTrackingOptions"),
            ErrorKind::BadRequest(RequestMember::Other) | ErrorKind::TooMany => {
                (BAD, "ValidationError")
            }
            ErrorKind::Serialization => (BAD, "MalformedInput"),
            ErrorKind::LimitExceeded => (BAD, "LimitExceeded"),
            ErrorKind::TooManyRequests | ErrorKind::Displaced => (BAD, "Throttling"),
            ErrorKind::ConcurrentModification => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
            }
            ErrorKind::AccessDenied | ErrorKind::CrossSite => {
                (StatusCode::FORBIDDEN, "AccessDenied")
            }
            ErrorKind::Unsigned => (StatusCode::FORBIDDEN, "MissingAuthenticationToken"),
            ErrorKind::IncompleteSignature => (BAD, "IncompleteSignature"),
            ErrorKind::UnknownKey => (StatusCode::FORBIDDEN, "InvalidClientTokenId"),
            ErrorKind::WrongSignature => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
            ErrorKind::UnknownOperation => (BAD, "InvalidAction"),
            ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
            ErrorKind::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            ErrorKind::SlowBody => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        }
    }
}

impl From<RequestFault> for ApiError {
    fn from(fault: RequestFault) -> Self {
        let RequestFault { path, words, is_ill_typed } = fault;
        if is_ill_typed {
            return Self::ill_typed(words);
        }
        let member = if path.contains("CloudWatchDestination") {
            RequestMember::CloudWatch
        } else if path.contains("KinesisFirehoseDestination") {
            RequestMember::Firehose
        } else if path.contains("SnsDestination") {
            RequestMember::Sns
        } else if path.starts_with("ConfigurationSetName") {
            RequestMember::Set
        } else if path.starts_with("TrackingOptions") {
            RequestMember::Tracking
        } else {
            RequestMember::Other
        };
        Self::new(ErrorKind::BadRequest(member), words)
    }
}

impl From<ChangeError<Self>> for ApiError {
    fn from(error: ChangeError<Self>) -> Self {
        match error {
            ChangeError::Refused(error) => error,
            ChangeError::Conflict => {
                let message = "The definitions are being changed by another client; retry.";
                Self::new(ErrorKind::ConcurrentModification, message)
            }
            ChangeError::Unfit(DefinitionsError::Faulty(findings)) => {
                let first = findings.iter().find(|finding| finding.is_error());
                Self::bad_request(first.map_or_else(String::new, |fault| {
                    format!("{}: {}; {}", fault.path, fault.what, fault.fix)
                }))
            }
            ChangeError::Unfit(
                DefinitionsError::Unfit(why) | DefinitionsError::Unreadable(why),
            ) => Self::bad_request(why),
            ChangeError::TooLarge => {
                let message =
                    format!("The definitions would be larger than {DOCUMENT_BYTES_MAX} bytes.");
                Self::new(ErrorKind::LimitExceeded, message)
            }
            ChangeError::Faulty => {
                let message = "The stored definitions have errors, listed in postmeter's log; they \
                               are not overwritten. Fix them first.";
                Self::new(ErrorKind::Internal, message)
            }
            ChangeError::Failed(why) => {
                tracing::error!(why, "definitions not changed");
                let message = "The definitions could not be stored; see postmeter's log.";
                Self::new(ErrorKind::Internal, message)
            }
        }
    }
}
