//! An error of the AWS SDK, said in one line: code, message, and what to do.
//!
//! The SDK's own text is "service error", followed by a dump that may contain the request.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};

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
            Self::Network => NETWORK,
            Self::Other => "",
        })
    }
}

// === impl AwsError ===

impl AwsError {
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
                Self::answered(status, fault.code(), fault.message(), action)
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
                ("no credentials", AwsErrorKind::Credentials, said(&cause.to_string()))
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
mod tests {
    use aws_sdk_cloudwatch::error::ConnectorError;
    use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    type PutError = SdkError<PutMetricDataError, HttpResponse>;

    fn line(error: &PutError) -> String {
        AwsError::of(error, "s3:GetObject").to_string()
    }

    fn answer(status: u16, code: &str, message: &str) -> String {
        let mut fault = ErrorMetadata::builder();
        if !code.is_empty() {
            fault = fault.code(code);
        }
        let fault = PutMetricDataError::generic(fault.message(message).build());
        let response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        line(&SdkError::service_error(fault, response))
    }

    #[test]
    fn answer_is_one_line_with_code_message_and_advice() {
        for (status, code, message, expected) in [
            (403, "AccessDenied", "Access Denied", ": Access Denied; this requires s3:GetObject"),
            (403, "AccessDenied", "", "; this requires s3:GetObject"),
            (400, "ExpiredToken", "It has expired.", ": It has expired; renew the credentials"),
            (404, "NoSuchBucket", "", "; check the name, the account and the region"),
            (404, "NoSuchKey", "", "; check the name, the account and the region"),
            (400, "QueueDoesNotExist", "No", ": No; check the name, the account and the region"),
            (301, "PermanentRedirect", "", "; set AWS_REGION to the region of the bucket"),
            (429, "Odd", "", "; the account's limit of calls is reached"),
            (500, "InternalFailure", "Oops", ": Oops"),
        ] {
            assert_eq!(answer(status, code, message), format!("{status} {code}{expected}"));
        }
        assert_eq!(answer(502, "", ""), "status 502");
        let unknown = answer(403, "InvalidAccessKeyId", "");
        assert!(unknown.ends_with("role of the container or instance"), "{unknown}");
    }

    #[test]
    fn no_value_address_or_token_is_said() {
        let line = answer(
            403,
            "SignatureDoesNotMatch",
            "The signature does not match.\n\nThe canonical string:\nx-amz-security-token:SECRET",
        );
        let expected = "403 SignatureDoesNotMatch: The signature does not match; check the secret \
                        access key and the clock of this host";
        assert_eq!(line, expected);
        let message = "1 validation error detected: Value '{\"subject\":\"hush\"}' at 'entries' \
                       failed to satisfy constraint: a@b.example is wrong";
        let expected = "400 ValidationException: 1 validation error detected: Value '\u{2026}' at \
                        'entries' failed to satisfy constraint: \u{2026} is wrong";
        assert_eq!(answer(400, "ValidationException", message), expected);
        assert!(answer(400, "Odd\n\u{1b}[2J", &"x".repeat(10_000)).len() < 2000);
    }

    #[test]
    fn call_without_an_answer_names_its_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error: PutError = SdkError::dispatch_failure(ConnectorError::io(refused.into()));
        assert_eq!(line(&error), format!("no response: connection refused; {NETWORK}"));
        let error: PutError = SdkError::timeout_error("it took too long");
        assert_eq!(line(&error), format!("no response: it took too long; {NETWORK}"));

        let none = CredentialsError::not_loaded("no providers in chain provided credentials");
        let error: PutError = SdkError::dispatch_failure(ConnectorError::other(none.into(), None));
        let expected = "no credentials: no providers in chain provided credentials; the SDK takes";
        assert!(line(&error).starts_with(expected), "{}", line(&error));

        let fault = ErrorMetadata::builder().code("AccessDenied").message("not yours").build();
        let role = CredentialsError::provider_error(fault);
        let error: PutError = SdkError::dispatch_failure(ConnectorError::other(role.into(), None));
        let expected = "no credentials: AccessDenied: not yours; the role must exist, trust this \
                        process and allow sts:AssumeRole";
        assert_eq!(line(&error), expected);
    }
}
