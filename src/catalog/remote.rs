//! A document in S3, which can report changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};

use super::error::{DocumentError, WriteError};
use crate::aws::{AwsError, S3Clients};
use crate::definitions::{DOCUMENT_BYTES_MAX, EMPTY_DOCUMENT};

/// An object with a text. Cheap to clone; clones share the known version.
#[derive(Clone, Debug)]
pub struct Remote {
    clients: S3Clients,
    bucket: String,
    key: String,
    /// Whether to start with an empty document if there is no object.
    may_be_absent: bool,
    seen: Arc<Mutex<ObjectVersion>>,
}

/// The version that was read or written last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum ObjectVersion {
    #[default]
    Nothing,
    /// There was no object.
    Absent,
    Version(String),
}

// === impl Remote ===

impl Remote {
    /// An object; with `may_be_absent`, it need not exist yet.
    #[must_use]
    pub(crate) fn new(clients: S3Clients, bucket: &str, key: &str, may_be_absent: bool) -> Self {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Self { clients, bucket, key, may_be_absent, seen: Arc::default() }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// See [`Document::read`](super::Document::read). An object that has disappeared is an error.
    pub async fn read(&self) -> Result<Option<String>, DocumentError> {
        let seen = self.seen().clone();
        let known =
            if let ObjectVersion::Version(etag) = &seen { Some(etag.clone()) } else { None };
        let client = self.client();
        let mut sent = self.get(&client, known.clone()).await;
        if let Err(error) = &sent
            && let Some(elsewhere) = self.clients.elsewhere(&self.bucket, &client, error)
        {
            sent = self.get(&elsewhere, known).await;
        }
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                return match status(&error) {
                    304 => Ok(None),
                    404 if self.may_be_absent && seen == ObjectVersion::Absent => Ok(None),
                    404 if self.may_be_absent && seen == ObjectVersion::Nothing => {
                        *self.seen() = ObjectVersion::Absent;
                        Ok(Some(EMPTY_DOCUMENT.to_owned()))
                    }
                    _ => Err(AwsError::of(&error, "s3:GetObject").into()),
                };
            }
        };
        let len = answer.content_length().and_then(|len| usize::try_from(len).ok());
        if len.is_none_or(|len| len > DOCUMENT_BYTES_MAX) {
            return Err(DocumentError::TooLarge);
        }
        let etag = answer.e_tag().map(str::to_owned);
        let bytes = answer.body.collect().await?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| DocumentError::NotText)?;
        // An invalid version is not read again either, because it cannot become valid.
        *self.seen() = etag.map_or(ObjectVersion::Nothing, ObjectVersion::Version);
        Ok(Some(text))
    }

    /// Replaces the version that was read last.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>, 2026-11-22.
    ///
    /// # Errors
    /// Another client replaced it; or the error of the SDK, after which the outcome may be unknown.
    pub async fn write(&self, text: String) -> Result<(), WriteError> {
        // The read before it has found the region of the bucket.
        let call = self.client().put_object().bucket(&self.bucket).key(&self.key);
        let call = match self.seen().clone() {
            ObjectVersion::Version(etag) => call.if_match(etag),
            ObjectVersion::Absent => call.if_none_match("*"),
            // Without a version, a change by another client could be overwritten.
            ObjectVersion::Nothing => return Err(WriteError::Conflict),
        };
        let call = call.content_type("application/json").body(text.into_bytes().into());
        match call.send().await {
            Ok(answer) => {
                // Without a version, the next read determines it.
                *self.seen() = answer.e_tag.map_or(ObjectVersion::Nothing, ObjectVersion::Version);
                Ok(())
            }
            // 404: it was deleted meanwhile.
            Err(error) if matches!(status(&error), 404 | 409 | 412) => Err(WriteError::Conflict),
            Err(error) => Err(WriteError::Failed(AwsError::of(&error, "s3:PutObject").to_string())),
        }
    }

    async fn get(
        &self,
        client: &Client,
        known: Option<String>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let call = client.get_object().bucket(&self.bucket).key(&self.key);
        call.set_if_none_match(known).send().await
    }

    /// The client for the region of the bucket, as far as it is known.
    fn client(&self) -> Client {
        self.clients.of(&self.bucket, None)
    }

    fn seen(&self) -> MutexGuard<'_, ObjectVersion> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status of a response; 0 if there is none.
fn status<E>(error: &SdkError<E>) -> u16 {
    match error {
        SdkError::ServiceError(answer) => answer.raw().status().as_u16(),
        SdkError::ResponseError(answer) => answer.raw().status().as_u16(),
        _ => 0,
    }
}
