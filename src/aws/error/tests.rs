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
        (409, "Conflict", "Oops", ": Oops"),
        (
            500,
            "InternalFailure",
            "Oops",
            ": Oops; the service, or a proxy before it, has a \
         fault; try again later",
        ),
    ] {
        assert_eq!(answer(status, code, message), format!("{status} {code}{expected}"));
    }
    let expected = "status 502; the service, or a proxy before it, has a fault; try again later";
    assert_eq!(answer(502, "", ""), expected);
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
    let expected = "no credentials; the SDK takes credentials from AWS_ACCESS_KEY_ID and";
    assert!(line(&error).starts_with(expected), "{}", line(&error));

    let fault = ErrorMetadata::builder().code("AccessDenied").message("not yours").build();
    let role = CredentialsError::provider_error(fault);
    let error: PutError = SdkError::dispatch_failure(ConnectorError::other(role.into(), None));
    let expected = "no credentials: AccessDenied: not yours; the role must exist, trust this \
                    process and allow sts:AssumeRole";
    assert_eq!(line(&error), expected);
}
