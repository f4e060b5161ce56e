//! Reading objects as they arrive.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use tokio::sync::Semaphore;
use tokio_util::io::SyncIoBridge;

use super::denials::Denials;
use super::notification::Object;
use crate::aws::{AwsError, CONNECT_TIMEOUT};
use crate::backoff::Backoff;
use crate::intake::{MeteredBatch, ReadError, read_stream};
use crate::printable::shown;
use crate::telemetry::{Metrics, ObjectOutcome};

/// Maximum number of objects read at once. Each takes a thread, and less than a megabyte.
const AT_ONCE: usize = 16;
/// Attempts to read an object whose download breaks off.
const TRIES: usize = 3;
/// Timeout until the response starts.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum number of clients for other regions.
const OTHER_REGIONS_MAX: usize = 40;

/// Reads objects. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    clients: Arc<RegionalClients>,
    /// The account that must own the buckets; S3 rejects others. `None`: any account.
    owner: Option<String>,
    places: Arc<Semaphore>,
    denials: Arc<Denials>,
    metrics: Arc<Metrics>,
}

/// A client for each region that notifications name.
#[derive(Debug)]
struct RegionalClients {
    first: Client,
    /// Creates clients for other regions; `None`: there are none.
    sdk: Option<SdkConfig>,
    others: Mutex<HashMap<String, Client>>,
}

/// A body with a known length. A download that breaks off is an error, and is never mistaken for
/// gzip that was truncated before it was stored.
struct ObjectDownload<R> {
    body: R,
    left: u64,
}

/// A client with timeouts.
#[must_use]
pub(crate) fn client(sdk: &SdkConfig) -> Client {
    client_in(sdk, None)
}

/// As [`client`], for another region.
fn client_in(sdk: &SdkConfig, region: Option<String>) -> Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    // A replacement for S3 has one host name for all buckets.
    let is_elsewhere =
        sdk.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let mut config = aws_sdk_s3::config::Builder::from(sdk)
        .timeout_config(timeouts.build())
        .force_path_style(is_elsewhere);
    if let Some(region) = region {
        config = config.region(Region::new(region));
    }
    Client::from_conf(config.build())
}

/// Whether a text is a region name: `eu-west-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = &parts[..] else { return false };
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= 32
        && (2..=4).contains(&first.len())
        && is_word(first)
        && !middle.is_empty()
        && middle.iter().all(|word| !word.is_empty() && is_word(word))
        && last.len() == 1
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

// === impl RegionalClients ===

impl RegionalClients {
    /// The client for a region; the first client if the text is not a region, as with `MinIO` and
    /// Ceph.
    fn of(&self, region: Option<&str>) -> Client {
        let first = || self.first.clone();
        let Some((sdk, region)) = self.sdk.as_ref().zip(region.filter(|text| is_region(text)))
        else {
            return first();
        };
        if self.first.config().region().is_some_and(|first| first.as_ref() == region) {
            return first();
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = others.get(region) {
            return client.clone();
        }
        if others.len() >= OTHER_REGIONS_MAX {
            return first();
        }
        let client = client_in(sdk, Some(region.to_owned()));
        others.insert(region.to_owned(), client.clone());
        client
    }
}

// === impl Objects ===

impl Objects {
    #[must_use]
    pub(crate) fn new(sdk: &SdkConfig, owner: Option<String>, metrics: Arc<Metrics>) -> Self {
        let clients = RegionalClients {
            first: client(sdk),
            sdk: Some(sdk.clone()),
            others: Mutex::default(),
        };
        Self {
            clients: Arc::new(clients),
            owner,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            denials: Arc::default(),
            metrics,
        }
    }

    /// As [`Objects::new`], but with `at_once` concurrent reads, only this client, and any bucket
    /// owner.
    #[must_use]
    pub(crate) fn with(client: Client, at_once: usize, metrics: Arc<Metrics>) -> Self {
        let clients = RegionalClients { first: client, sdk: None, others: Mutex::default() };
        let places = Arc::new(Semaphore::new(at_once));
        let (clients, denials) = (Arc::new(clients), Arc::default());
        Self { clients, owner: None, places, denials, metrics }
    }

    /// Reads an object of at most `bytes_max` decompressed bytes. `fresh` creates an empty batch
    /// for each attempt. `None`: it no longer exists.
    ///
    /// # Errors
    /// The object cannot be read completely, or exceeds its budget.
    pub(crate) async fn read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        fresh: impl Fn() -> MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        // The semaphore is never closed; even without a permit the work would only be slower.
        let _place = self.places.acquire().await.ok();
        let mut backoff = Backoff::default();
        for left in (0..TRIES).rev() {
            let error = match self.try_read(object, bytes_max, fresh()).await {
                Ok(Some(reading)) => {
                    self.metrics.s3_objects.add(ObjectOutcome::Read, 1);
                    return Ok(Some(reading));
                }
                Ok(None) => {
                    self.metrics.s3_objects.add(ObjectOutcome::Missing, 1);
                    return Ok(None);
                }
                Err(error) => error,
            };
            if left == 0 || matches!(error, ReadError::Refused(_)) {
                self.metrics.s3_objects.add(ObjectOutcome::Failed, 1);
                return Err(error.of(&object.shown()));
            }
            tokio::time::sleep(backoff.pause()).await;
        }
        Err(ReadError::Failed("the read was not attempted".to_owned()))
    }

    async fn try_read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        reading: MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        match self.open(object).await.map_err(|error| ReadError::Failed(error.to_string()))? {
            Some(body) => read_stream(body, bytes_max, reading).await.map(Some),
            None => Ok(None),
        }
    }

    /// `None`: it no longer exists, or its content has changed.
    async fn open(&self, object: &Object) -> Result<Option<impl Read + Send + 'static>, AwsError> {
        let client = self.clients.of(object.region.as_deref());
        let call = client.get_object().bucket(&object.bucket).key(&object.key);
        let call = call.set_version_id(object.version.clone());
        let call = call.set_expected_bucket_owner(self.owner.clone());
        let etag = object.etag.as_ref().filter(|_| object.version.is_none());
        let call = call.set_if_match(etag.map(|etag| format!("\"{etag}\"")));
        let response = match call.send().await {
            Ok(response) => response,
            Err(SdkError::ServiceError(response))
                if matches!(response.raw().status().as_u16(), 404 | 412) =>
            {
                return Ok(None);
            }
            Err(error) => {
                let region = client.config().region().map(AsRef::as_ref);
                let error = why(&error, region.unwrap_or_default(), self.owner.as_deref());
                if error.status == Some(403) && self.denials.allow(&object.bucket) {
                    let bucket = shown(&object.bucket);
                    tracing::error!(bucket, why = %error, "S3 denies reading from a bucket");
                }
                return Err(error);
            }
        };
        let len = response.content_length().and_then(|len| u64::try_from(len).ok()).unwrap_or(0);
        self.metrics.s3_bytes.add(len);
        Ok(Some(ObjectDownload {
            body: SyncIoBridge::new(response.body.into_async_read()),
            left: len,
        }))
    }
}

/// Why an object cannot be read, with what is known about its bucket.
fn why(error: &SdkError<GetObjectError>, region: &str, owner: Option<&str>) -> AwsError {
    let said = AwsError::of(error, "s3:GetObject");
    let headers = error.raw_response().map(aws_sdk_s3::config::http::HttpResponse::headers);
    let own_region = headers.and_then(|headers| headers.get("x-amz-bucket-region"));
    match (said.status, own_region.filter(|own| *own != region)) {
        (Some(_), Some(own)) => {
            said.advise(format!("the bucket is in {}, not in {region}", shown(own)))
        }
        (Some(301), None) => said.advise(format!("the bucket is not in {region}")),
        (Some(403), None) => {
            let owner = owner.map_or_else(String::new, |owner| {
                format!(", and the bucket must belong to account {owner} (sqs.bucket_owner)")
            });
            said.advise(format!(
                "this requires s3:GetObject{owner}; Requester Pays buckets are not supported"
            ))
        }
        _ => said,
    }
}

// === impl ObjectDownload ===

impl<R: Read> Read for ObjectDownload<R> {
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
    fn regions_are_distinguished_from_other_texts() {
        for region in
            ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "eusc-de-east-1", "us-isob-east-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for text in [
            "",
            "eu",
            "eu-1",
            "eu--1",
            "default",
            "zonegroup1",
            "eu-west-1.evil.example",
            "eu-west-1/",
            "eu-west-",
            "eu-west-x",
            "EU-west-1",
            "e\u{fc}-west-1",
            "aaaaa-west-1",
            "eu-west-11",
            &format!("eu-{}-1", "a".repeat(40)),
        ] {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn clients_are_created_once_per_region_and_limited() {
        let region = |text: &str| Region::new(text.to_owned());
        let sdk = SdkConfig::builder()
            .region(region("eu-west-1"))
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        let objects = Objects::new(&sdk, None, Metrics::new().expect("metrics"));
        let of = |text: Option<&str>| objects.clients.of(text).config().region().cloned();
        for (text, expected) in [
            (None, "eu-west-1"),
            (Some("default"), "eu-west-1"),
            (Some("us-east-1"), "us-east-1"),
            (Some("us-east-1"), "us-east-1"),
        ] {
            assert_eq!(of(text), Some(region(expected)));
        }
        for letter in 'a'..='z' {
            of(Some(&format!("{letter}{letter}-west-1")));
            of(Some(&format!("{letter}{letter}-east-1")));
        }
        assert_eq!(objects.clients.others.lock().unwrap().len(), OTHER_REGIONS_MAX);
    }

    #[test]
    fn body_that_breaks_off_is_an_error_whatever_the_cause() {
        let read = |bytes: &[u8], left| {
            let mut all = Vec::new();
            ObjectDownload { body: bytes, left }.read_to_end(&mut all).map(|_| all)
        };
        assert_eq!(read(b"whole", 5).expect("it is whole"), b"whole");
        let error = read(b"cut", 5).expect_err("two bytes are missing");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::Other, "2 bytes are missing")
        );
    }
}
