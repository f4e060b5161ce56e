//! MeteredBatch objects as they arrive.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use tokio::sync::Semaphore;
use tokio_util::io::SyncIoBridge;

use super::notification::Object;
use crate::aws::CONNECT_TIMEOUT;
use crate::backoff::Backoff;
use crate::intake::{MeteredBatch, ReadError, read_stream};
use crate::telemetry::{Metrics, ObjectOutcome};

/// Objects that are read at once. Each is a thread, and less than a megabyte.
const AT_ONCE: usize = 16;
/// Times that an object is read, should it break off.
const TRIES: usize = 3;
/// Until the answer begins.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A body that knows how long it is to be: one that breaks off fails, and never as gzip does that
/// was torn before it was stored.
struct Download<R> {
    body: R,
    left: u64,
}

/// A client with timeouts.
#[must_use]
pub fn client(sdk: &SdkConfig) -> Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    // What stands in for S3 has one host name for all buckets.
    let is_elsewhere =
        sdk.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let config = aws_sdk_s3::config::Builder::from(sdk)
        .timeout_config(timeouts.build())
        .force_path_style(is_elsewhere)
        .build();
    Client::from_conf(config)
}

// === impl Objects ===

impl Objects {
    #[must_use]
    pub fn new(sdk: &SdkConfig, metrics: Arc<Metrics>) -> Self {
        Self::with(client(sdk), AT_ONCE, metrics)
    }

    /// As [`Objects::new`], so many objects at once.
    #[must_use]
    pub fn with(client: Client, at_once: usize, metrics: Arc<Metrics>) -> Self {
        Self { client, places: Arc::new(Semaphore::new(at_once)), metrics }
    }

    /// Reads an object of at most `bytes_max` bytes after gzip. `fresh` begins a reading, for each try.
    /// `None`: it is not there any more.
    ///
    /// # Errors
    /// Says why it cannot be read, or not to its end; or it is beyond its budget.
    pub async fn read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        fresh: impl Fn() -> MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        // The semaphore is never closed, and without a place the work would only be slower.
        let _place = self.places.acquire().await.ok();
        let mut backoff = Backoff::default();
        for left in (0..TRIES).rev() {
            let error = match self.try_read(object, bytes_max, fresh()).await {
                Ok(Some(reading)) => {
                    self.metrics.s3_objects(ObjectOutcome::Read, 1);
                    return Ok(Some(reading));
                }
                Ok(None) => {
                    self.metrics.s3_objects(ObjectOutcome::Missing, 1);
                    return Ok(None);
                }
                Err(error) => error,
            };
            if left == 0 || matches!(error, ReadError::Refused(_)) {
                self.metrics.s3_objects(ObjectOutcome::Failed, 1);
                return Err(error.of(&object.url()));
            }
            tokio::time::sleep(backoff.pause()).await;
        }
        Err(ReadError::Failed("it was not tried".to_owned()))
    }

    async fn try_read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        reading: MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        match self.open(object).await.map_err(ReadError::Failed)? {
            Some(body) => read_stream(body, bytes_max, reading).await.map(Some),
            None => Ok(None),
        }
    }

    /// `None`: it is not there any more, or holds something else by now.
    async fn open(&self, object: &Object) -> Result<Option<impl Read + Send + 'static>, String> {
        let call = self.client.get_object().bucket(&object.bucket).key(&object.key);
        let call = call.set_version_id(object.version.clone());
        let etag = object.etag.as_ref().filter(|_| object.version.is_none());
        let call = call.set_if_match(etag.map(|etag| format!("\"{etag}\"")));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(answer))
                if matches!(answer.raw().status().as_u16(), 404 | 412) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(DisplayErrorContext(error).to_string()),
        };
        let len = answer.content_length().and_then(|len| u64::try_from(len).ok()).unwrap_or(0);
        self.metrics.s3_bytes.add(len);
        Ok(Some(Download { body: SyncIoBridge::new(answer.body.into_async_read()), left: len }))
    }
}

// === impl Download ===

impl<R: Read> Read for Download<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(into).map_err(io::Error::other)?;
        if read == 0 && self.left > 0 && !into.is_empty() {
            return Err(io::Error::other(format!("{} bytes are missing", self.left)));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_breaks_off_is_an_error_whatever_broke_it() {
        let read = |bytes: &[u8], left| {
            let mut all = Vec::new();
            Download { body: bytes, left }.read_to_end(&mut all).map(|_| all)
        };
        assert_eq!(read(b"whole", 5).expect("it is whole"), b"whole");
        let error = read(b"cut", 5).expect_err("two bytes are missing");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::Other, "2 bytes are missing")
        );
    }
}
