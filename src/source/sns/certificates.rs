//! The signing keys of messages: fetched and cached, with limits on their number and on fetches.
//!
//! Anyone can post a message that names a certificate at SNS, so an attacker can make the daemon
//! fetch certificates. New certificates are fetched one at a time and few per minute, see
//! [`FetchQueue`]. A certificate that was valid before is refreshed independently of that, and its
//! key is used meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::certificate::{CertificateFile, SigningKey};
use super::certificate_fetcher::{CertificateFetcher, FetchedCertificate};
use super::certificate_store::{CertificateStore, StoredCertificate};
use super::fetch_queue::FetchQueue;
use super::key_cache::{CachedKey, KeyCache};
use super::no_key::{KeyResult, NoKey};
use super::topic::{CertificateUrl, Topic};
use crate::http::PeerGroup;
use crate::offload::offload;
use crate::telemetry::{CertificateOutcome, LogLimiter};

/// Maximum number of messages waiting for a certificate. Above it messages are rejected
/// temporarily, and the certificate is fetched anyway.
const WAITING_MAX: usize = 128;
/// How long a message waits for a certificate.
const KEY_PATIENCE: Duration = Duration::from_secs(8);

/// The signing keys. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Certificates(Arc<CertificatesShared>);

#[derive(Debug)]
struct CertificatesShared {
    fetcher: CertificateFetcher,
    /// Where valid certificates are stored, if anywhere.
    store: Option<CertificateStore>,
    state: Mutex<CertificatesState>,
    one_refresh: Semaphore,
    waiting: Semaphore,
    warnings: LogLimiter,
}

#[derive(Debug)]
struct CertificatesState {
    cache: KeyCache,
    queue: FetchQueue,
    /// Names that were valid before and are being fetched for waiting messages.
    refreshing: HashMap<CertificateUrl, watch::Receiver<Option<KeyResult>>>,
}

/// A key, or what to wait for.
enum KeyLookup {
    Known(Arc<SigningKey>),
    Missing(NoKey),
    Fetching(watch::Receiver<Option<KeyResult>>),
}

// === impl Certificates ===

impl Certificates {
    /// Also loads the stored certificates.
    #[must_use]
    pub(super) fn new(
        fetcher: CertificateFetcher,
        store: Option<CertificateStore>,
        topics: &[Arc<Topic>],
    ) -> Self {
        let warnings = LogLimiter::new(Duration::from_secs(10), Arc::clone(&fetcher.metrics));
        let certificates = Self(Arc::new(CertificatesShared {
            fetcher,
            store,
            state: Mutex::new(CertificatesState {
                cache: KeyCache::default(),
                queue: FetchQueue::new(Instant::now()),
                refreshing: HashMap::new(),
            }),
            one_refresh: Semaphore::new(1),
            waiting: Semaphore::new(WAITING_MAX),
            warnings,
        }));
        certificates.load(topics);
        certificates
    }

    fn load(&self, topics: &[Arc<Topic>]) {
        let CertificatesShared { fetcher, store: Some(store), .. } = &*self.0 else { return };
        let stored = match store.load(topics) {
            Ok(stored) => stored,
            Err(error) => {
                return tracing::warn!(%error, "reading the saved SNS certificates failed");
            }
        };
        let now = Instant::now();
        let mut state = self.state();
        for StoredCertificate { url, topic, pem } in stored {
            let file = CertificateFile::read(&pem);
            match file.and_then(|file| fetcher.verify(&file, &topic)) {
                Ok(key) if fetcher.chain => {
                    fetcher.metrics.sns_certificates.increment(CertificateOutcome::Loaded);
                    state.cache.load(url, key, now);
                }
                // Without a chain only a connection to SNS proves whose certificate it is.
                Ok(_) => state.cache.was_valid(url),
                Err(error) => {
                    fetcher.metrics.sns_certificates.increment(CertificateOutcome::Wrong);
                    tracing::info!(path = url.path(), why = %error, "saved SNS certificate removed");
                    store.remove(&url);
                }
            }
        }
    }

    /// The key at a URL of the topic's region, for a message of a peer.
    ///
    /// # Errors
    /// There is no key.
    pub(super) async fn key(
        &self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
        group: PeerGroup,
    ) -> KeyResult {
        let shared = &self.0;
        let key = match self.look_up(url, topic, group) {
            KeyLookup::Known(key) => key,
            KeyLookup::Missing(no_key) => return Err(no_key),
            KeyLookup::Fetching(mut result) => {
                let Ok(_place) = shared.waiting.try_acquire() else {
                    return Err(NoKey::Away(
                        "too many messages are waiting for a certificate".to_owned(),
                    ));
                };
                let fetched = timeout(KEY_PATIENCE, result.wait_for(Option::is_some)).await;
                match fetched.map(|fetched| fetched.map(|fetched| fetched.clone())) {
                    Ok(Ok(Some(fetched))) => fetched?,
                    Ok(_) => return Err(too_many()),
                    Err(_) => return Err(NoKey::Away("it has not been fetched yet".to_owned())),
                }
            }
        };
        if key.is_valid_at(shared.fetcher.clock.now_ms()) {
            Ok(key)
        } else {
            Err(NoKey::Wrong("the certificate is not valid now".to_owned()))
        }
    }

    /// Looks up a URL; starts to fetch it if it is unknown or due.
    fn look_up(&self, url: &CertificateUrl, topic: &Arc<Topic>, group: PeerGroup) -> KeyLookup {
        let now = Instant::now();
        let mut state = self.state();
        let was_valid = match state.cache.look_up(url, now) {
            CachedKey::Known { key, is_due } => {
                drop(state);
                if is_due {
                    self.refresh(url, topic, None);
                }
                return KeyLookup::Known(key);
            }
            CachedKey::Missing(no_key) => return KeyLookup::Missing(no_key),
            CachedKey::ValidBefore => true,
            CachedKey::Unknown => false,
        };
        if let Some(result) = state.refreshing.get(url) {
            return KeyLookup::Fetching(result.clone());
        }
        if was_valid {
            let (sender, result) = watch::channel(None);
            state.refreshing.insert(url.clone(), result.clone());
            drop(state);
            self.refresh(url, topic, Some(sender));
            return KeyLookup::Fetching(result);
        }
        let Some(result) = state.queue.request(url, topic, group, now) else {
            self.0.fetcher.metrics.sns_certificates.increment(CertificateOutcome::Limited);
            return KeyLookup::Missing(too_many());
        };
        if state.queue.start() {
            tokio::spawn(self.clone().fetch_pending());
        }
        KeyLookup::Fetching(result)
    }

    /// Fetches a name that was valid before.
    fn refresh(
        &self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
        sender: Option<watch::Sender<Option<KeyResult>>>,
    ) {
        let (certificates, url, topic) = (self.clone(), url.clone(), Arc::clone(topic));
        tokio::spawn(async move {
            // The semaphore is never closed.
            let turn = certificates.0.one_refresh.acquire().await.ok();
            let fetched = certificates.0.fetcher.fetch(&url, &topic).await;
            drop(turn);
            let fetched = certificates.store(&url, fetched).await;
            certificates.state().refreshing.remove(&url);
            if let Some(sender) = sender {
                sender.send_replace(Some(fetched));
            }
        });
    }

    /// Fetches new names until none is left.
    async fn fetch_pending(self) {
        loop {
            let turn = self.state().queue.next_at(Instant::now());
            sleep_until(turn).await;
            let Some((url, topic)) = self.state().queue.begin(Instant::now()) else { return };
            let fetched = self.0.fetcher.fetch(&url, &topic).await;
            let fetched = self.store(&url, fetched).await;
            let pending = self.state().queue.end(&url, fetched.is_ok(), Instant::now());
            if let Some(pending) = pending {
                pending.result.send_replace(Some(fetched));
            }
        }
    }

    /// Stores the result of a fetch and returns it for the waiting messages.
    async fn store(
        &self,
        url: &CertificateUrl,
        fetched: Result<FetchedCertificate, NoKey>,
    ) -> KeyResult {
        let (fetched, pem) = match fetched {
            Ok(FetchedCertificate { key, pem }) => (Ok(Arc::new(key)), Some(pem)),
            Err(no_key) => (Err(no_key), None),
        };
        let is_gone = matches!(fetched, Err(NoKey::Missing(_) | NoKey::Wrong(_)));
        let fetched = self.state().cache.store(url, fetched, Instant::now());
        let Some(store) = self.0.store.clone() else { return fetched };
        let (url, work_url) = (url, url.clone());
        let storing = offload(move || match pem {
            Some(pem) => store.save(&work_url, &pem),
            None if is_gone => {
                store.remove(&work_url);
                Ok(())
            }
            None => Ok(()),
        });
        if let Ok(Err(error)) = storing.await
            && self.0.warnings.allow()
        {
            tracing::warn!(%error, path = url.path(), "saving an SNS certificate failed");
        }
        fetched
    }

    fn state(&self) -> MutexGuard<'_, CertificatesState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> NoKey {
    NoKey::Away("too many certificates are being fetched".to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::sleep;

    use super::super::certificate_fetcher::FETCH_PATIENCE;
    use super::super::web::{Web, WebEnvironment};
    use super::*;
    use crate::clock::Clock;
    use crate::config::TopicArn;
    use crate::telemetry::Metrics;

    /// Certificates when SNS is unreachable.
    async fn away() -> (Certificates, Arc<Topic>) {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = closed.local_addr().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        let roots = vec![root.der().clone()];
        let web = Web::new(WebEnvironment::StandIn { https: closed, http: closed, roots }).unwrap();
        let metrics = Metrics::new().expect("metrics");
        let arn = TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:a").unwrap();
        let topic = Arc::new(Topic::new(arn));
        let fetcher = CertificateFetcher { web, chain: true, clock: Clock::manual(0), metrics };
        (Certificates::new(fetcher, None, &[Arc::clone(&topic)]), topic)
    }

    fn url_of(topic: &Topic, number: usize) -> CertificateUrl {
        let path = format!("SimpleNotificationService-{number}.pem");
        topic.certificate_url(&format!("https://sns.eu-west-1.amazonaws.com/{path}")).unwrap()
    }

    fn peer(number: u32) -> PeerGroup {
        PeerGroup::of(Ipv4Addr::from_bits(number).into())
    }

    fn failed(certificates: &Certificates) -> u64 {
        let name = "postmeter_sns_certificates_total{outcome=\"failed\"} ";
        let text = certificates.0.fetcher.metrics.render(&crate::telemetry::Gauges::default());
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.parse().expect("a number")
    }

    #[tokio::test(start_paused = true)]
    async fn known_key_stays_while_it_cannot_be_refreshed_and_no_message_waits_for_that() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        let eternal = Ok(Arc::new(SigningKey::eternal()));
        certificates.state().cache.store(&url, eternal, Instant::now()).unwrap();
        // Requests of attackers do not delay it.
        for number in 100..1000 {
            certificates.look_up(&url_of(&topic, number), &topic, peer(2));
        }
        for hours in [23, 2, 0, 2] {
            tokio::time::advance(Duration::from_hours(hours)).await;
            let begun = Instant::now();
            assert!(certificates.key(&url, &topic, peer(1)).await.is_ok(), "{hours}");
            assert_eq!(begun, Instant::now(), "at once");
            // The fetch fails meanwhile.
            sleep(FETCH_PATIENCE * 2).await;
        }
        // SNS responds that there is none.
        let missing = NoKey::Missing("it answered 404".to_owned());
        let now = Instant::now();
        certificates.state().cache.store(&url, Err(missing.clone()), now).unwrap_err();
        assert_eq!(certificates.key(&url, &topic, peer(1)).await.unwrap_err(), missing);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_fetch_is_not_repeated_at_once() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        for (seconds, fetches) in [(0, 1), (1, 1), (2, 2)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            let no_key = certificates.key(&url, &topic, peer(1)).await.unwrap_err();
            assert!(matches!(no_key, NoKey::Away(_)), "{no_key:?}");
            assert_eq!(failed(&certificates), fetches);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn name_that_was_valid_before_is_fetched_beside_those_of_strangers() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        certificates.state().cache.was_valid(url.clone());
        certificates.state().queue.exhaust();
        for number in 100..1000 {
            certificates.look_up(&url_of(&topic, number), &topic, peer(2));
        }
        assert!(certificates.key(&url, &topic, peer(2)).await.is_err());
        assert_eq!(failed(&certificates), 1);
        sleep(Duration::from_secs(10)).await;
        let cached = certificates.state().cache.look_up(&url, Instant::now());
        assert!(matches!(cached, CachedKey::ValidBefore), "SNS was away: {cached:?}");
    }
}
