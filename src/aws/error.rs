//! An error of the AWS SDK, said in one line: code, message, and what to do.
//!
//! The SDK's own text is "service error", followed by a dump that may contain the request.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};

use super::bucket_region::bucket_region;
use crate::printable::shown;

const CREDENTIALS: &str = "the SDK takes credentials from AWS_ACCESS_KEY_ID and \
    AWS_SECRET_ACCESS_KEY, the profile AWS_PROFILE, or the role of the container or instance";
const NETWORK: &str = "check the network, the endpoint and the region";

/// A longer message is cut at the next space.
const MESSAGE_BYTES_MAX: usize = 300;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The caller lacks a permission.
    Denied,
    /// There are no credentials, or AWS does not know them.
    Credentials,
    /// The role cannot be assumed.
    Role,
    Expired,
    /// The signature is wrong, or its time.
    Signature,
    NotFound,
    Throttled,
    /// The bucket is in another region.
    OtherRegion,
    /// The service failed, or a proxy before it.
    Unavailable,
    /// There was no connection, or no response.
    Network,
    Other,
}

/// A failed call. Its text is one line without recipients, values and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// `None`: there was no response.
    pub status: Option<u16>,
    pub kind: AwsErrorKind,
    /// The code, or what failed if there was no response.
    code: String,
    message: String,
    advice: Cow<'static, str>,
}

/// Why one entry of a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EntryError {
    code: String,
    message: String,
}

// === impl AwsErrorKind ===

impl AwsErrorKind {
    /// By the error code of any service, otherwise by the status.
    /// <https://github.com/awslabs/aws-sdk-rust>, retry classifiers of the SDK; read 2026-11-21.
    pub fn of(status: u16, code: &str) -> Self {
        match code {
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "LimitExceeded"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
            | "SlowDown" => Self::Throttled,
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "KMSAccessDeniedException"
            | "NotAuthorized"
            | "NotAuthorizedException"
            | "OptInRequired" => Self::Denied,
            "ExpiredToken" | "ExpiredTokenException" => Self::Expired,
            "UnrecognizedClientException"
            | "UnrecognizedClient"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Self::Credentials,
            "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "RequestExpired"
            | "RequestTimeTooSkewed" => Self::Signature,
            "NoSuchBucket"
            | "NoSuchKey"
            | "NoSuchVersion"
            | "NotFound"
            | "NotFoundException"
            | "ResourceNotFoundException"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue" => Self::NotFound,
            "PermanentRedirect" | "AuthorizationHeaderMalformed" => Self::OtherRegion,
            _ => match status {
                301 | 307 => Self::OtherRegion,
                401 | 403 => Self::Denied,
                404 => Self::NotFound,
                429 => Self::Throttled,
                500.. => Self::Unavailable,
                _ => Self::Other,
            },
        }
    }

    /// Whether the caller is rejected, whatever it asks for.
    pub(crate) fn is_of_caller(self) -> bool {
        matches!(
            self,
            Self::Denied | Self::Credentials | Self::Role | Self::Expired | Self::Signature
        )
    }

    /// What to do about it. `action`: the permission that the call requires.
    fn advice(self, action: &str) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Denied => return Cow::Owned(format!("this requires {action}")),
            Self::Credentials => CREDENTIALS,
            Self::Role => "the role must exist, trust this process and allow sts:AssumeRole",
            Self::Expired => "renew the credentials",
            Self::Signature => "check the secret access key and the clock of this host",
            Self::NotFound => "check the name, the account and the region",
            Self::Throttled => "the account's limit of calls is reached",
            Self::OtherRegion => "set AWS_REGION to the region of the bucket",
            Self::Unavailable => "the service, or a proxy before it, has a fault; try again later",
            Self::Network => NETWORK,
            Self::Other => "",
        })
    }
}

// === impl AwsError ===

impl AwsError {
    /// A call that got no response.
    #[cfg(test)]
    pub(crate) fn unreachable(message: &str) -> Self {
        Self {
            status: None,
            kind: AwsErrorKind::Network,
            code: "no connection".to_owned(),
            message: message.to_owned(),
            advice: Cow::Borrowed(NETWORK),
        }
    }

    /// Describes the SDK's error. `action`: the permission that the call requires, such as
    /// `s3:GetObject`.
    #[must_use]
    pub fn of<E>(error: &SdkError<E, HttpResponse>, action: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let (status, fault) = (answer.raw().status().as_u16(), answer.err());
                let said = Self::answered(status, fault.code(), fault.message(), action);
                match bucket_region(error).map(|region| shown(&region)) {
                    Some(region) if said.kind == AwsErrorKind::OtherRegion => {
                        said.advise(format!("the bucket is in {region}; set AWS_REGION={region}"))
                    }
                    _ => said,
                }
            }
            SdkError::ResponseError(answer) => {
                let why = innermost(error).to_string();
                Self::answered(answer.raw().status().as_u16(), None, Some(&why), action)
            }
            SdkError::ConstructionFailure(_) => {
                Self::unanswered("invalid request", AwsErrorKind::Other, error)
            }
            _ => Self::unanswered("no response", AwsErrorKind::Network, error),
        }
    }

    /// Describes a response.
    #[must_use]
    pub fn answered(status: u16, code: Option<&str>, message: Option<&str>, action: &str) -> Self {
        let code = code.unwrap_or_default();
        let kind = AwsErrorKind::of(status, code);
        Self {
            status: Some(status),
            kind,
            code: shown(code),
            message: said(message.unwrap_or_default()),
            advice: kind.advice(action),
        }
    }

    /// Describes a call without a response. Credentials are found before it is sent.
    fn unanswered(what: &str, kind: AwsErrorKind, error: &(dyn Error + 'static)) -> Self {
        let cause = innermost(error);
        let is_without_credentials = causes(error).any(<dyn Error>::is::<CredentialsError>);
        let (what, kind, message) = match cause.downcast_ref::<ErrorMetadata>() {
            // A response of STS.
            Some(fault) => {
                let code = fault.code().unwrap_or_default();
                let message = EntryError::new(code, fault.message()).to_string();
                ("no credentials", AwsErrorKind::Role, message)
            }
            None if is_without_credentials => {
                // Its message says the same, with a list of places that follows on other lines.
                let is_absent = causes(error).any(|cause| {
                    let cause = cause.downcast_ref::<CredentialsError>();
                    matches!(cause, Some(CredentialsError::CredentialsNotLoaded(_)))
                });
                let message = if is_absent { String::new() } else { said(&cause.to_string()) };
                ("no credentials", AwsErrorKind::Credentials, message)
            }
            None => (what, kind, said(&cause.to_string())),
        };
        let advice = kind.advice("");
        Self { status: None, kind, code: what.to_owned(), message, advice }
    }

    /// Replaces the advice by a more precise one.
    #[must_use]
    pub(crate) fn advise(self, advice: impl Into<Cow<'static, str>>) -> Self {
        Self { advice: advice.into(), ..self }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message, advice, .. } = self;
        match (status, code.as_str()) {
            (Some(status), "") => write!(f, "status {status}")?,
            (Some(status), code) => write!(f, "{status} {code}")?,
            (None, code) => f.write_str(code)?,
        }
        if !message.is_empty() {
            write!(f, ": {message}")?;
        }
        if !advice.is_empty() {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl Error for AwsError {}

// === impl EntryError ===

impl EntryError {
    #[must_use]
    pub fn new(code: &str, message: Option<&str>) -> Self {
        Self { code: shown(code), message: said(message.unwrap_or_default()) }
    }
}

/// A message that may be logged: its first line, because the canonical request of a wrong signature
/// follows with its token; without the values that a validation error quotes; without addresses.
fn said(message: &str) -> String {
    let message = match (message.find("alue '"), message.rfind("' at ")) {
        (Some(from), Some(to)) if from + 6 <= to => {
            Cow::Owned(format!("{}\u{2026}{}", &message[..from + 6], &message[to..]))
        }
        _ => Cow::Borrowed(message),
    };
    let line = message.trim().lines().next().unwrap_or_default();
    let mut out = String::new();
    for word in line.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        if out.len() >= MESSAGE_BYTES_MAX {
            out.push('\u{2026}');
            break;
        }
        let word = if word.contains('@') { "\u{2026}" } else { word };
        for character in word.chars().take(MESSAGE_BYTES_MAX) {
            match character {
                // They need no escape here, and messages are full of them.
                '\'' | '"' => out.push(character),
                _ => out.extend(character.escape_debug()),
            }
        }
    }
    out.truncate(out.trim_end_matches('.').len());
    out
}

fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// An error and its causes.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn Error + 'static) = *error;
        error.source()
    })
}

#[cfg(test)]
mod tests;
