//! A document in S3, which says when it has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};

use crate::source::s3::client;

/// No definitions are nearly as long.
const BYTES_MAX: i64 = 16 << 20;

/// An object with a text. Cheap to clone; clones know the same version.
#[derive(Clone, Debug)]
pub struct Remote {
    client: Client,
    bucket: String,
    key: String,
    /// Of the version that was read last.
    etag: Arc<Mutex<Option<String>>>,
}

// === impl Remote ===

impl Remote {
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: &str, key: &str) -> Self {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Self { client: client(sdk), bucket, key, etag: Arc::default() }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The text; `None` when it was read before and has not changed.
    ///
    /// # Errors
    /// What the SDK says; or it is too long, or no text.
    pub async fn read(&self) -> Result<Option<String>, String> {
        let known = self.etag().clone();
        let call = self.client.get_object().bucket(&self.bucket).key(&self.key);
        let answer = match call.set_if_none_match(known).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let status = match &error {
                    SdkError::ServiceError(answer) => answer.raw().status().as_u16(),
                    SdkError::ResponseError(answer) => answer.raw().status().as_u16(),
                    _ => 0,
                };
                let is_known = status == 304;
                return if is_known {
                    Ok(None)
                } else {
                    Err(DisplayErrorContext(error).to_string())
                };
            }
        };
        if answer.content_length().is_none_or(|len| len > BYTES_MAX) {
            return Err(format!("it has more than {BYTES_MAX} bytes"));
        }
        let etag = answer.e_tag().map(str::to_owned);
        let bytes = answer.body.collect().await.map_err(|error| error.to_string())?;
        // A faulty version is not read again either: it would be as faulty.
        *self.etag() = etag;
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| "it is not UTF-8".to_owned())
    }

    fn etag(&self) -> MutexGuard<'_, Option<String>> {
        self.etag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
