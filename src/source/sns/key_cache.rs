//! The keys that are known, and the names that are known to have none; both limited in number.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::certificate::SigningKey;
use super::no_key::{KeyResult, NoKey};
use super::topic::CertificateUrl;

/// Maximum number of known certificates. SNS uses one at a time in each region, for months.
const KNOWN_MAX: usize = 32;
/// Maximum number of names known to have no key.
const MISSING_MAX: usize = 256;
/// Age at which a certificate is refreshed, and the interval of retries while SNS is unreachable.
const FRESH: Duration = Duration::from_hours(24);
const REFRESH_RETRY: Duration = Duration::from_hours(1);
/// How long a failed fetch, or an invalid certificate, is not fetched again.
const AWAY_FOR: Duration = Duration::from_secs(2);
const INVALID_FOR: Duration = Duration::from_mins(1);

/// Keys by the URLs of their certificates.
#[derive(Debug, Default)]
pub(super) struct KeyCache {
    known: HashMap<CertificateUrl, KnownKey>,
    /// Names that were valid before and whose keys are not known: refreshed like known ones.
    valid_before: HashSet<CertificateUrl>,
    /// Names without a key, and until when they are not fetched again.
    missing: HashMap<CertificateUrl, (NoKey, Instant)>,
}

#[derive(Debug)]
struct KnownKey {
    key: Arc<SigningKey>,
    /// When it is refreshed.
    refresh_at: Instant,
    fetched_at: Instant,
}

/// What the cache knows about a URL.
#[derive(Debug)]
pub(super) enum CachedKey {
    Known {
        key: Arc<SigningKey>,
        /// The caller must refresh it.
        is_due: bool,
    },
    /// It was fetched a moment ago without success.
    Missing(NoKey),
    /// It was valid before; its key is not known.
    ValidBefore,
    Unknown,
}

// === impl KeyCache ===

impl KeyCache {
    /// Adds a stored key, which is due to be refreshed.
    pub(super) fn load(&mut self, url: CertificateUrl, key: SigningKey, now: Instant) {
        let known = KnownKey { key: Arc::new(key), refresh_at: now, fetched_at: now };
        self.known.insert(url, known);
    }

    /// Remembers that a certificate was valid before.
    pub(super) fn was_valid(&mut self, url: CertificateUrl) {
        self.valid_before.insert(url);
    }

    pub(super) fn look_up(&mut self, url: &CertificateUrl, now: Instant) -> CachedKey {
        if let Some(known) = self.known.get_mut(url) {
            let is_due = now >= known.refresh_at;
            if is_due {
                known.refresh_at = now + REFRESH_RETRY;
            }
            return CachedKey::Known { key: Arc::clone(&known.key), is_due };
        }
        match self.missing.get(url) {
            Some((no_key, until)) if now < *until => CachedKey::Missing(no_key.clone()),
            _ if self.valid_before.contains(url) => CachedKey::ValidBefore,
            _ => CachedKey::Unknown,
        }
    }

    /// Stores the result of a fetch. If refreshing a known name fails, its key is kept.
    pub(super) fn store(
        &mut self,
        url: &CertificateUrl,
        fetched: KeyResult,
        now: Instant,
    ) -> KeyResult {
        match fetched {
            Ok(key) => {
                self.add(url, Arc::clone(&key), now);
                Ok(key)
            }
            Err(no_key) => match self.known.get(url) {
                Some(known) if matches!(no_key, NoKey::Away(_)) => Ok(Arc::clone(&known.key)),
                _ => {
                    self.add_missing(url, no_key.clone(), now);
                    Err(no_key)
                }
            },
        }
    }

    fn add(&mut self, url: &CertificateUrl, key: Arc<SigningKey>, now: Instant) {
        while self.known.len() >= KNOWN_MAX && !self.known.contains_key(url) {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.fetched_at);
            let Some(oldest) = oldest.map(|(url, _)| url.clone()) else { break };
            self.known.remove(&oldest);
        }
        self.valid_before.remove(url);
        self.missing.remove(url);
        let known = KnownKey { key, refresh_at: now + FRESH, fetched_at: now };
        self.known.insert(url.clone(), known);
    }

    fn add_missing(&mut self, url: &CertificateUrl, no_key: NoKey, now: Instant) {
        let is_away = matches!(no_key, NoKey::Away(_));
        if !is_away {
            self.known.remove(url);
            self.valid_before.remove(url);
        }
        self.missing.retain(|_, (_, until)| now < *until);
        if self.missing.len() >= MISSING_MAX {
            let soonest = self.missing.iter().min_by_key(|(_, (_, until))| *until);
            let soonest = soonest.map(|(url, _)| url.clone());
            soonest.and_then(|url| self.missing.remove(&url));
        }
        let pause = if is_away { AWAY_FOR } else { INVALID_FOR };
        self.missing.insert(url.clone(), (no_key, now + pause));
    }
}

#[cfg(test)]
mod tests {
    use super::super::topic::Topic;
    use super::*;
    use crate::config::TopicArn;

    fn url_of(number: usize) -> CertificateUrl {
        let arn = TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:a").expect("an ARN");
        let path = format!("SimpleNotificationService-{number}.pem");
        let url = format!("https://sns.eu-west-1.amazonaws.com/{path}");
        Topic::new(arn).certificate_url(&url).expect("its address")
    }

    #[tokio::test(start_paused = true)]
    async fn cached_keys_are_limited_to_what_a_few_regions_use() {
        let mut cache = KeyCache::default();
        for number in 0..100 {
            let now = Instant::now() + Duration::from_secs(number);
            let url = url_of(usize::try_from(number).expect("small"));
            cache.store(&url, Ok(Arc::new(SigningKey::eternal())), now).expect("a key");
        }
        for number in 100..1000 {
            let missing = Err(NoKey::Missing(String::new()));
            let _ = cache.store(&url_of(number), missing, Instant::now());
        }
        assert_eq!((cache.known.len(), cache.missing.len()), (KNOWN_MAX, MISSING_MAX));
        assert!(cache.known.contains_key(&url_of(99)));
    }
}
