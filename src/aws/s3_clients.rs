//! S3 clients for each region.
//!
//! A notification names the region of its bucket; others do not know it. S3 rejects a call to
//! another region and names the right one, which is remembered for the bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::CONNECT_TIMEOUT;
use super::bucket_region::bucket_region;
use crate::printable::shown;

/// Timeout until the response starts.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum number of clients for other regions.
const OTHER_REGIONS_MAX: usize = 40;

/// Maximum number of buckets whose region is remembered. Others cost a rejected call each time.
const BUCKETS_MAX: usize = 1_000;

/// Clients by region. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct S3Clients(Arc<SharedClients>);

#[derive(Debug)]
struct SharedClients {
    first: Client,
    /// Creates clients for other regions.
    sdk: SdkConfig,
    others: Mutex<HashMap<String, Client>>,
    /// The regions that S3 named, by bucket.
    regions: Mutex<HashMap<String, String>>,
}

/// A client with timeouts, for the region of `sdk` or another one.
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

// === impl S3Clients ===

impl S3Clients {
    #[must_use]
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self(Arc::new(SharedClients {
            first: client_in(sdk, None),
            sdk: sdk.clone(),
            others: Mutex::default(),
            regions: Mutex::default(),
        }))
    }

    /// The client for a bucket: for the region that S3 has named, else for the given one; the first
    /// client if that is not the name of a region, as with `MinIO` and Ceph.
    pub(crate) fn of(&self, bucket: &str, region: Option<&str>) -> Client {
        let regions = self.0.regions.lock().unwrap_or_else(PoisonError::into_inner);
        match regions.get(bucket).map(String::as_str).or(region) {
            Some(region) if is_region(region) => self.0.client_in(region),
            _ => self.0.first.clone(),
        }
    }

    /// The client of the region that S3 names in an error, if `used` is of another one.
    pub(crate) fn elsewhere<E: ProvideErrorMetadata>(
        &self,
        bucket: &str,
        used: &Client,
        error: &SdkError<E>,
    ) -> Option<Client> {
        let region = bucket_region(error).filter(|region| is_region(region))?;
        if used.config().region().is_some_and(|used| used.as_ref() == region) {
            return None;
        }
        let mut regions = self.0.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if regions.len() >= BUCKETS_MAX {
            regions.clear();
        }
        if regions.insert(bucket.to_owned(), region.clone()).as_ref() != Some(&region) {
            let bucket = shown(bucket);
            tracing::info!(bucket, region, "the bucket is in another region; reading it there");
        }
        Some(self.0.client_in(&region))
    }
}

// === impl SharedClients ===

impl SharedClients {
    fn client_in(&self, region: &str) -> Client {
        if self.first.config().region().is_some_and(|first| first.as_ref() == region) {
            return self.first.clone();
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = others.get(region) {
            return client.clone();
        }
        if others.len() >= OTHER_REGIONS_MAX {
            return self.first.clone();
        }
        let client = client_in(&self.sdk, Some(region.to_owned()));
        others.insert(region.to_owned(), client.clone());
        client
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
        let clients = S3Clients::new(&sdk);
        let of = |text: Option<&str>| clients.of("mail", text).config().region().cloned();
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
        assert_eq!(clients.0.others.lock().unwrap().len(), OTHER_REGIONS_MAX);
    }
}
