//! The region of a bucket, as S3 names it.

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};

use super::AwsErrorKind;

/// The region of a bucket, where S3 names it because a call went to another region.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>, 2026-11-30.
pub(crate) fn bucket_region<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> Option<String> {
    let SdkError::ServiceError(answer) = error else { return None };
    let code = answer.err().code().unwrap_or_default();
    if AwsErrorKind::of(answer.raw().status().as_u16(), code) != AwsErrorKind::OtherRegion {
        return None;
    }
    if let Some(region) = answer.raw().headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    // "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    let (_, region) = answer.err().message()?.split_once("expecting '")?;
    Some(region.split_once('\'')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::error::ErrorMetadata;
    use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;
    use crate::aws::AwsError;

    #[test]
    fn region_of_the_bucket_is_named() {
        let fails = |status: u16, code: &str, message: &str, header: Option<&'static str>| {
            let fault = ErrorMetadata::builder().code(code).message(message).build();
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::empty());
            if let Some(region) = header {
                response.headers_mut().insert("x-amz-bucket-region", region);
            }
            SdkError::service_error(PutMetricDataError::generic(fault), response)
        };
        let malformed = "The authorization header is malformed; the region 'us-east-1' is wrong; \
                         expecting 'eu-west-1'";
        for error in [
            fails(301, "PermanentRedirect", "", Some("eu-west-1")),
            fails(400, "AuthorizationHeaderMalformed", malformed, None),
            fails(400, "AuthorizationHeaderMalformed", "", Some("eu-west-1")),
        ] {
            assert_eq!(bucket_region(&error).as_deref(), Some("eu-west-1"));
            let line = AwsError::of(&error, "s3:GetObject").to_string();
            let expected = "; the bucket is in eu-west-1; set AWS_REGION=eu-west-1";
            assert!(line.ends_with(expected), "{line}");
        }
        for error in [
            fails(301, "PermanentRedirect", "", None),
            fails(403, "AccessDenied", malformed, Some("eu-west-1")),
        ] {
            assert_eq!(bucket_region(&error), None);
        }
    }
}
