//! A response of CloudWatch.

use std::convert::Infallible;

use hyper::Response;
use minicbor::Encoder;
use minicbor::encode::Error;

/// A response before it is encoded as HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutResponse {
    pub status: u16,
    /// The code of the query protocol, which the SDK prefers to `__type`. Empty: no error code.
    pub code: &'static str,
    pub message: String,
}

// === impl PutResponse ===

impl PutResponse {
    #[must_use]
    pub fn accepted() -> Self {
        Self::bare(200)
    }

    #[must_use]
    pub fn error(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The response of a proxy or load balancer: a status and nothing else.
    #[must_use]
    pub fn bare(status: u16) -> Self {
        Self { status, code: "", message: String::new() }
    }

    #[must_use]
    pub fn too_large(bytes: usize) -> Self {
        let max = crate::limits::CALL_BYTES_MAX;
        let message = format!("Request size {bytes} exceeded {max} bytes");
        Self::error(413, "RequestEntityTooLarge", message)
    }

    pub fn into_http<B: From<Vec<u8>> + Default>(self) -> Response<B> {
        let mut response = Response::builder()
            .status(self.status)
            .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
        if self.status != 200 {
            if self.code.is_empty() {
                return response.body(B::default()).unwrap_or_default();
            }
            let fault = if self.status < 500 { "Sender" } else { "Receiver" };
            response = response.header("x-amzn-query-error", format!("{};{fault}", self.code));
        }
        response
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("content-type", "application/cbor")
            // Encoding into memory cannot fail.
            .body(self.body().unwrap_or_default().into())
            .unwrap_or_default()
    }

    fn body(&self) -> Result<Vec<u8>, Error<Infallible>> {
        let mut body = Encoder::new(Vec::new());
        if self.status == 200 {
            body.map(0)?;
        } else {
            let shape = format!("com.amazonaws.cloudwatch#{}", shape(self.code));
            body.map(2)?.str("__type")?.str(&shape)?.str("message")?.str(&self.message)?;
        }
        Ok(body.into_writer())
    }
}

/// The modeled errors have different names as shapes and as codes of the query protocol.
fn shape(code: &str) -> &str {
    match code {
        "InvalidParameterValue" => "InvalidParameterValueException",
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "MissingParameter" => "MissingRequiredParameterException",
        "InternalServiceError" => "InternalServiceFault",
        other => other,
    }
}
