//! Buckets in S3, through the AWS SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use tokio_util::io::SyncIoBridge;

use super::denials::Denials;
use super::notification::Object;
use super::object_store::{ObjectDownload, ObjectOpening, ObjectStore};
use crate::aws::{AwsError, AwsErrorKind, S3Clients};
use crate::printable::shown;

/// The buckets that a queue's messages or a replay name.
#[derive(Debug)]
pub(crate) struct Buckets {
    clients: S3Clients,
    /// The account that must own the buckets; S3 rejects others. `None`: any account.
    owner: Option<String>,
    denials: Denials,
}

// === impl Buckets ===

impl Buckets {
    #[must_use]
    pub(crate) fn new(clients: S3Clients, owner: Option<String>) -> Self {
        Self { clients, owner, denials: Denials::default() }
    }

    async fn get(
        &self,
        client: &Client,
        object: &Object,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let call = client.get_object().bucket(&object.bucket).key(&object.key);
        let call = call.set_version_id(object.version.clone());
        let call = call.set_expected_bucket_owner(self.owner.clone());
        let etag = object.etag.as_ref().filter(|_| object.version.is_none());
        call.set_if_match(etag.map(|etag| format!("\"{etag}\""))).send().await
    }

    async fn download(&self, object: &Object) -> Result<Option<ObjectDownload>, AwsError> {
        let mut client = self.clients.of(&object.bucket, object.region.as_deref());
        let mut sent = self.get(&client, object).await;
        if let Err(error) = &sent
            && let Some(elsewhere) = self.clients.elsewhere(&object.bucket, &client, error)
        {
            client = elsewhere;
            sent = self.get(&client, object).await;
        }
        let response = match sent {
            Ok(response) => response,
            Err(SdkError::ServiceError(response))
                if matches!(response.raw().status().as_u16(), 404 | 412) =>
            {
                return Ok(None);
            }
            Err(error) => {
                let error = why(&error, self.owner.as_deref());
                if error.status == Some(403) && self.denials.allow(&object.bucket) {
                    let bucket = shown(&object.bucket);
                    tracing::error!(bucket, why = %error, "S3 denies reading from a bucket");
                }
                return Err(error);
            }
        };
        let len = response.content_length().and_then(|len| u64::try_from(len).ok()).unwrap_or(0);
        let body = SyncIoBridge::new(response.body.into_async_read());
        Ok(Some(ObjectDownload { body: Box::new(body), left: len }))
    }
}

impl ObjectStore for Buckets {
    fn open<'s>(&'s self, object: &'s Object) -> ObjectOpening<'s> {
        Box::pin(self.download(object))
    }
}

/// Why an object cannot be read, with what is known about its bucket.
fn why(error: &SdkError<GetObjectError>, owner: Option<&str>) -> AwsError {
    let said = AwsError::of(error, "s3:GetObject");
    if said.status != Some(403) || said.kind != AwsErrorKind::Denied {
        return said;
    }
    let owner = owner.map_or_else(String::new, |owner| {
        format!(", and the bucket must belong to account {owner} (sqs.bucket_owner)")
    });
    said.advise(format!(
        "this requires s3:GetObject{owner}; Requester Pays buckets are not supported"
    ))
}
