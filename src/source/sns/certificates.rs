//! The signing keys of messages: fetched and cached, with limits on their number and on fetches.
//!
//! Anyone can post a message that names a certificate at SNS, so an attacker can make the daemon
//! fetch certificates. New certificates are fetched one at a time and few per minute, in an order
//! that invented names cannot exhaust: first for peers without recent failed fetches, then by the
//! number of messages that wait. A certificate that was valid before is refreshed independently of
//! that, and its key is used meanwhile.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::certificate::{IssuerUrl, Offered, SigningKey};
use super::certificate_store::{CertificateStore, KeptCertificate};
use super::door::PeerGroup;
use super::sketch::Sketch;
use super::topic::{CertificateUrl, Topic};
use super::web::{Web, WebError};
use crate::clock::Clock;
use crate::http::ClientResponse;
use crate::offload::offload;
use crate::rate_limiter::RateLimiter;
use crate::telemetry::{CertificateOutcome, LogLimiter, Metrics};

/// Maximum number of known certificates. SNS uses one at a time in each region, for months.
const KNOWN_MAX: usize = 32;
/// Interval of fetches of new names, and how many are allowed at once after a pause.
const FETCH_EVERY: Duration = Duration::from_secs(3);
const FETCHES_AT_ONCE: u32 = 10;
/// Maximum number of new names waiting to be fetched.
const ASKED_MAX: usize = 64;
/// Maximum number of names known to have no key.
const WITHOUT_MAX: usize = 256;
/// Maximum number of messages waiting for a certificate. Above it messages are rejected
/// temporarily, and the certificate is fetched anyway.
const WAITING_MAX: usize = 128;
/// How long a message waits for a certificate.
const KEY_PATIENCE: Duration = Duration::from_secs(8);
/// Age at which a certificate is refreshed, and the interval of retries while SNS is unreachable.
const FRESH: Duration = Duration::from_hours(24);
const AGAIN_EVERY: Duration = Duration::from_hours(1);
/// How long a failed fetch, or an invalid certificate, is not fetched again.
const AWAY_FOR: Duration = Duration::from_secs(2);
const NO_GOOD_FOR: Duration = Duration::from_mins(1);
/// Timeout for a certificate and its issuer together.
const FETCH_PATIENCE: Duration = Duration::from_secs(8);
/// A certificate has 2 kB.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// SNS could not be reached.
    Away(String),
    /// SNS responded without a certificate.
    Missing(String),
    /// The certificate is not valid for SNS.
    Wrong(String),
}

type Fetched = Result<Arc<SigningKey>, NoKey>;

/// What is needed to fetch and verify certificates.
#[derive(Debug)]
pub(super) struct CertificateParts {
    pub web: Web,
    /// Whether chains are verified.
    pub chain: bool,
    /// Where valid certificates are stored, if anywhere.
    pub store: Option<CertificateStore>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

/// The signing keys. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Certificates(Arc<CertificatesShared>);

#[derive(Debug)]
struct CertificatesShared {
    parts: CertificateParts,
    state: Mutex<CertificatesState>,
    one_refresh: Semaphore,
    waiting: Semaphore,
    warnings: LogLimiter,
}

#[derive(Debug)]
struct CertificatesState {
    known: HashMap<CertificateUrl, KnownCertificate>,
    /// Names that were valid before and whose keys are not known: refreshed like known ones.
    held: HashSet<CertificateUrl>,
    /// Names without a key, and until when they are not fetched again.
    without: HashMap<CertificateUrl, (NoKey, Instant)>,
    /// New names that are being fetched or waiting for it.
    asked: HashMap<CertificateUrl, PendingFetch>,
    asked_before: u64,
    /// Names that were valid before and are being fetched for waiting messages.
    again: HashMap<CertificateUrl, watch::Receiver<Option<Fetched>>>,
    fetches: RateLimiter,
    is_fetching: bool,
    /// How often names were requested, and how many fetches for a peer failed.
    askings: Sketch,
    in_vain: Sketch,
}

#[derive(Debug)]
struct KnownCertificate {
    key: Arc<SigningKey>,
    /// When it is refreshed.
    fetch_at: Instant,
    fetched_at: Instant,
}

/// A new name to fetch.
#[derive(Debug)]
struct PendingFetch {
    topic: Arc<Topic>,
    group: PeerGroup,
    times: u32,
    order: u64,
    is_begun: bool,
    fetched: watch::Sender<Option<Fetched>>,
}

// === impl Certificates ===

impl Certificates {
    /// Also loads the stored certificates.
    #[must_use]
    pub(super) fn new(parts: CertificateParts, topics: &[Arc<Topic>]) -> Self {
        let warnings = LogLimiter::new(Duration::from_secs(10), Arc::clone(&parts.metrics));
        let certificates = Self(Arc::new(CertificatesShared {
            parts,
            state: Mutex::new(CertificatesState::new(Instant::now())),
            one_refresh: Semaphore::new(1),
            waiting: Semaphore::new(WAITING_MAX),
            warnings,
        }));
        certificates.load(topics);
        certificates
    }

    fn load(&self, topics: &[Arc<Topic>]) {
        let CertificateParts { web, chain, store: Some(store), clock, metrics } = &self.0.parts
        else {
            return;
        };
        let files = match store.load(topics) {
            Ok(files) => files,
            Err(error) => {
                return tracing::warn!(%error, "reading the saved SNS certificates failed");
            }
        };
        let now = Instant::now();
        let mut state = self.state();
        for KeptCertificate { url, topic, pem } in files {
            let offered = Offered::read(&pem);
            // Without a chain, the connection to SNS was the proof of whose certificate it is.
            let roots = chain.then(|| web.roots());
            match offered.and_then(|offered| offered.judge(&topic, roots, clock.now_ms())) {
                Ok(key) if *chain => {
                    metrics.sns_certificates.increment(CertificateOutcome::Loaded);
                    let key = Arc::new(key);
                    state
                        .known
                        .insert(url, KnownCertificate { key, fetch_at: now, fetched_at: now });
                }
                Ok(_) => _ = state.held.insert(url),
                Err(error) => {
                    metrics.sns_certificates.increment(CertificateOutcome::Wrong);
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
    ) -> Fetched {
        let shared = &self.0;
        let key = match self.look_up(url, topic, group) {
            Looked::Known(key) => key,
            Looked::Without(no_key) => return Err(no_key),
            Looked::UnderWay(mut fetched) => {
                let Ok(_place) = shared.waiting.try_acquire() else {
                    return Err(NoKey::Away(
                        "too many messages are waiting for a certificate".to_owned(),
                    ));
                };
                let fetched = timeout(KEY_PATIENCE, fetched.wait_for(Option::is_some)).await;
                match fetched.map(|fetched| fetched.map(|fetched| fetched.clone())) {
                    Ok(Ok(Some(fetched))) => fetched?,
                    Ok(_) => {
                        let why = "too many certificates are being fetched";
                        return Err(NoKey::Away(why.to_owned()));
                    }
                    Err(_) => return Err(NoKey::Away("it has not been fetched yet".to_owned())),
                }
            }
        };
        if key.is_valid_at(shared.parts.clock.now_ms()) {
            Ok(key)
        } else {
            Err(NoKey::Wrong("the certificate is not valid now".to_owned()))
        }
    }

    /// Looks up a URL; starts to fetch it if it is unknown or expired.
    fn look_up(&self, url: &CertificateUrl, topic: &Arc<Topic>, group: PeerGroup) -> Looked {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(known) = state.known.get_mut(url) {
            let key = Arc::clone(&known.key);
            if now >= known.fetch_at {
                known.fetch_at = now + AGAIN_EVERY;
                drop(state);
                self.fetch_again(url, topic, None);
            }
            return Looked::Known(key);
        }
        if let Some((no_key, until)) = state.without.get(url)
            && now < *until
        {
            return Looked::Without(no_key.clone());
        }
        if let Some(fetched) = state.again.get(url) {
            return Looked::UnderWay(fetched.clone());
        }
        if state.held.contains(url) {
            let (sender, fetched) = watch::channel(None);
            state.again.insert(url.clone(), fetched.clone());
            drop(state);
            self.fetch_again(url, topic, Some(sender));
            return Looked::UnderWay(fetched);
        }
        let Some(fetched) = state.ask(url, topic, group, now) else {
            self.0.parts.metrics.sns_certificates.increment(CertificateOutcome::Limited);
            let why = "too many certificates are being fetched";
            return Looked::Without(NoKey::Away(why.to_owned()));
        };
        if !std::mem::replace(&mut state.is_fetching, true) {
            tokio::spawn(self.clone().fetch_asked());
        }
        Looked::UnderWay(fetched)
    }

    /// Fetches a name that was valid before.
    fn fetch_again(
        &self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
        sender: Option<watch::Sender<Option<Fetched>>>,
    ) {
        let (certificates, url, topic) = (self.clone(), url.clone(), Arc::clone(topic));
        tokio::spawn(async move {
            // The semaphore is never closed.
            let turn = certificates.0.one_refresh.acquire().await.ok();
            let fetched = certificates.fetch(&url, &topic).await;
            drop(turn);
            let fetched = certificates.keep(&url, fetched).await;
            certificates.state().again.remove(&url);
            if let Some(sender) = sender {
                sender.send_replace(Some(fetched));
            }
        });
    }

    /// Fetches new names until none is left.
    async fn fetch_asked(self) {
        loop {
            let turn = self.state().fetches.next_at(Instant::now());
            sleep_until(turn).await;
            let Some((url, topic)) = self.state().begin(Instant::now()) else { return };
            let fetched = self.fetch(&url, &topic).await;
            let fetched = self.keep(&url, fetched).await;
            let asked = self.state().end(&url, fetched.is_ok(), Instant::now());
            if let Some(asked) = asked {
                asked.fetched.send_replace(Some(fetched));
            }
        }
    }

    async fn fetch(
        &self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
    ) -> Result<(SigningKey, Vec<u8>), NoKey> {
        let away = |why: &str| Err(NoKey::Away(why.to_owned()));
        let (certificates, url, topic) = (self.clone(), url.clone(), Arc::clone(topic));
        // A separate task, so that a panic in the certificate parser does not stop later fetches.
        let fetching = tokio::spawn(async move {
            timeout(FETCH_PATIENCE, certificates.fetch_and_judge(&url, &topic)).await
        });
        let fetched = match fetching.await {
            Ok(fetched) => fetched.unwrap_or_else(|_| away("fetching it took too long")),
            Err(_) => away("reading it panicked"),
        };
        let outcome = match &fetched {
            Ok(_) => CertificateOutcome::Fetched,
            Err(NoKey::Away(_) | NoKey::Missing(_)) => CertificateOutcome::Failed,
            Err(NoKey::Wrong(_)) => CertificateOutcome::Wrong,
        };
        self.0.parts.metrics.sns_certificates.increment(outcome);
        fetched
    }

    async fn fetch_and_judge(
        &self,
        url: &CertificateUrl,
        topic: &Topic,
    ) -> Result<(SigningKey, Vec<u8>), NoKey> {
        let CertificateParts { web, chain, clock, .. } = &self.0.parts;
        let answer = web.get_https(url.host(), url.path(), FILE_BYTES_MAX).await;
        let pem = body_of(answer, url.host(), url.path())?;
        let mut offered = Offered::read(&pem).map_err(|error| NoKey::Wrong(error.to_string()))?;
        if *chain
            && !offered.has_issuers()
            && let Some(IssuerUrl { host, path }) = offered.issuer_url()
        {
            let answer = web.get_http(&host, &path, FILE_BYTES_MAX).await;
            offered.add_issuer(body_of(answer, &host, &path)?);
        }
        let roots = chain.then(|| web.roots());
        let key = offered.judge(topic, roots, clock.now_ms());
        let key = key.map_err(|error| NoKey::Wrong(error.to_string()))?;
        Ok((key, offered.to_pem()))
    }

    /// Stores the result of a fetch and returns it for the waiting messages.
    async fn keep(
        &self,
        url: &CertificateUrl,
        fetched: Result<(SigningKey, Vec<u8>), NoKey>,
    ) -> Fetched {
        let (fetched, pem) = match fetched {
            Ok((key, pem)) => (Ok(Arc::new(key)), Some(pem)),
            Err(no_key) => (Err(no_key), None),
        };
        let is_gone = matches!(fetched, Err(NoKey::Missing(_) | NoKey::Wrong(_)));
        let fetched = self.state().keep(url, fetched, Instant::now());
        let Some(store) = self.0.parts.store.clone() else { return fetched };
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

/// What is known about a URL before anything is fetched.
enum Looked {
    Known(Arc<SigningKey>),
    Without(NoKey),
    UnderWay(watch::Receiver<Option<Fetched>>),
}

/// The priority of a new name.
type Rank = (u32, Reverse<u32>, u64);

// === impl State ===

impl CertificatesState {
    fn new(now: Instant) -> Self {
        Self {
            known: HashMap::new(),
            held: HashSet::new(),
            without: HashMap::new(),
            asked: HashMap::new(),
            asked_before: 0,
            again: HashMap::new(),
            fetches: RateLimiter::new(FETCH_EVERY, FETCHES_AT_ONCE),
            is_fetching: false,
            askings: Sketch::new(now),
            in_vain: Sketch::new(now),
        }
    }

    /// Queues a new name; `None` when the queue is full of names with higher priority.
    fn ask(
        &mut self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
        group: PeerGroup,
        now: Instant,
    ) -> Option<watch::Receiver<Option<Fetched>>> {
        let times = self.askings.add(url, now);
        let in_vain = self.in_vain.get(&group, now);
        if let Some(asked) = self.asked.get_mut(url) {
            asked.times = times;
            // A peer with fewer failed fetches that requests the same name improves its priority.
            if in_vain < self.in_vain.get(&asked.group, now) {
                asked.group = group;
            }
            return Some(asked.fetched.subscribe());
        }
        let order = self.asked_before;
        if self.asked.len() >= ASKED_MAX {
            let last = self.ranked(now).max()?;
            if (in_vain, Reverse(times), order) >= last.0 {
                return None;
            }
            self.asked.remove(&last.1);
        }
        self.asked_before += 1;
        let (sender, fetched) = watch::channel(None);
        let (topic, is_begun) = (Arc::clone(topic), false);
        let asked = PendingFetch { topic, group, times, order, is_begun, fetched: sender };
        self.asked.insert(url.clone(), asked);
        Some(fetched)
    }

    /// Waiting names with their priorities.
    fn ranked(&mut self, now: Instant) -> impl Iterator<Item = (Rank, CertificateUrl)> {
        let Self { asked, in_vain, .. } = self;
        asked.iter().filter(|(_, asked)| !asked.is_begun).map(move |(url, asked)| {
            let in_vain = in_vain.get(&asked.group, now);
            ((in_vain, Reverse(asked.times), asked.order), url.clone())
        })
    }

    /// Takes the next name to fetch; `None` when none is left.
    fn begin(&mut self, now: Instant) -> Option<(CertificateUrl, Arc<Topic>)> {
        let Some((_, url)) = self.ranked(now).min() else {
            self.is_fetching = false;
            return None;
        };
        self.fetches.take(now);
        let asked = self.asked.get_mut(&url)?;
        asked.is_begun = true;
        let topic = Arc::clone(&asked.topic);
        Some((url, topic))
    }

    /// Ends the fetch of a name, successful or not.
    fn end(&mut self, url: &CertificateUrl, is_good: bool, now: Instant) -> Option<PendingFetch> {
        let asked = self.asked.remove(url)?;
        if !is_good {
            self.in_vain.add(&asked.group, now);
        }
        Some(asked)
    }

    /// Stores the result of a fetch. If refreshing a known name fails, its key is kept.
    fn keep(&mut self, url: &CertificateUrl, fetched: Fetched, now: Instant) -> Fetched {
        match fetched {
            Ok(key) => {
                while self.known.len() >= KNOWN_MAX && !self.known.contains_key(url) {
                    let oldest = self.known.iter().min_by_key(|(_, known)| known.fetched_at);
                    let Some(oldest) = oldest.map(|(url, _)| url.clone()) else { break };
                    self.known.remove(&oldest);
                }
                self.held.remove(url);
                self.without.remove(url);
                let known = KnownCertificate {
                    key: Arc::clone(&key),
                    fetch_at: now + FRESH,
                    fetched_at: now,
                };
                self.known.insert(url.clone(), known);
                Ok(key)
            }
            Err(no_key) => {
                let is_away = matches!(no_key, NoKey::Away(_));
                if is_away && let Some(known) = self.known.get(url) {
                    return Ok(Arc::clone(&known.key));
                }
                if !is_away {
                    self.known.remove(url);
                    self.held.remove(url);
                }
                self.without.retain(|_, (_, until)| now < *until);
                if self.without.len() >= WITHOUT_MAX {
                    let soonest = self.without.iter().min_by_key(|(_, (_, until))| *until);
                    let soonest = soonest.map(|(url, _)| url.clone());
                    soonest.and_then(|url| self.without.remove(&url));
                }
                let pause = if is_away { AWAY_FOR } else { NO_GOOD_FOR };
                self.without.insert(url.clone(), (no_key.clone(), now + pause));
                Err(no_key)
            }
        }
    }
}

/// The body of a successful response.
fn body_of(
    answer: Result<ClientResponse, WebError>,
    host: &str,
    path: &str,
) -> Result<Vec<u8>, NoKey> {
    let answer = answer.map_err(|error| NoKey::Away(error.to_string()))?;
    let status = answer.status.as_u16();
    if status == 200 {
        return Ok(answer.body.into());
    }
    let why = format!("{host}{path} responded with status {status}");
    Err(if status < 500 { NoKey::Missing(why) } else { NoKey::Away(why) })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::sleep;

    use super::super::web::WebEnvironment;
    use super::*;
    use crate::config::TopicArn;

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
        let (chain, store, clock) = (true, None, Clock::manual(0));
        let parts = CertificateParts { web, chain, store, clock, metrics };
        (Certificates::new(parts, &[Arc::clone(&topic)]), topic)
    }

    fn url_of(topic: &Topic, number: usize) -> CertificateUrl {
        let path = format!("SimpleNotificationService-{number}.pem");
        topic.certificate_url(&format!("https://sns.eu-west-1.amazonaws.com/{path}")).unwrap()
    }

    fn peer(number: u32) -> PeerGroup {
        PeerGroup::of(Ipv4Addr::from_bits(number).into())
    }

    fn eternal() -> Arc<SigningKey> {
        Arc::new(SigningKey::eternal())
    }

    fn failed(certificates: &Certificates) -> u64 {
        let name = "postmeter_sns_certificates_total{outcome=\"failed\"} ";
        let text = certificates.0.parts.metrics.render(&crate::telemetry::Gauges::default());
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.parse().expect("a number")
    }

    #[tokio::test(start_paused = true)]
    async fn known_key_stays_while_it_cannot_be_fetched_anew_and_nobody_waits_for_that() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        certificates.state().keep(&url, Ok(eternal()), Instant::now()).unwrap();
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
        certificates.state().keep(&url, Err(missing.clone()), Instant::now()).unwrap_err();
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
    async fn name_that_once_held_is_fetched_beside_those_of_strangers() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        certificates.state().held.insert(url.clone());
        for _ in 0..1000 {
            certificates.state().fetches.take(Instant::now());
        }
        for number in 100..1000 {
            certificates.look_up(&url_of(&topic, number), &topic, peer(2));
        }
        assert!(certificates.key(&url, &topic, peer(2)).await.is_err());
        assert_eq!(failed(&certificates), 1);
        assert!(certificates.state().held.contains(&url), "SNS was away");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_keys_are_known_than_a_few_regions_have() {
        let (certificates, topic) = away().await;
        let mut state = certificates.state();
        for number in 0..100 {
            let now = Instant::now() + Duration::from_secs(number);
            let url = url_of(&topic, usize::try_from(number).unwrap());
            state.keep(&url, Ok(eternal()), now).unwrap();
        }
        for number in 100..1000 {
            let missing = Err(NoKey::Missing(String::new()));
            let _ = state.keep(&url_of(&topic, number), missing, Instant::now());
        }
        assert_eq!((state.known.len(), state.without.len()), (KNOWN_MAX, WITHOUT_MAX));
        assert!(state.known.contains_key(&url_of(&topic, 99)));
    }

    /// Fetches without success for a while, as fast as the budget allows; returns the names in
    /// order.
    fn fetch_for(
        state: &mut CertificatesState,
        time: Duration,
        now: &mut Instant,
    ) -> Vec<CertificateUrl> {
        let (mut fetched, end) = (Vec::new(), *now + time);
        loop {
            *now = state.fetches.next_at(*now);
            if *now > end {
                return fetched;
            }
            let Some((url, _)) = state.begin(*now) else { return fetched };
            state.end(&url, false, *now);
            fetched.push(url);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn true_name_is_fetched_soon_while_strangers_ask_for_thousands() {
        let (_, topic) = away().await;
        let mut now = Instant::now();
        // One attacker, attackers with forty addresses, and all clients behind one load balancer.
        for (peers, own) in [(1, 99), (40, 99), (1, 1)] {
            let mut state = CertificatesState::new(now);
            let (truth, mut made_up) = (url_of(&topic, 0), 1);
            let mut flood = |state: &mut CertificatesState, now| {
                for at in 0..2000_u32 {
                    state.ask(&url_of(&topic, made_up), &topic, peer(1 + at % peers), now);
                    made_up += 1;
                }
            };
            flood(&mut state, now);
            let before = fetch_for(&mut state, Duration::from_mins(2), &mut now);
            assert!((40..=51).contains(&before.len()), "{} in two minutes", before.len());
            let (mut seconds, mut is_fetched) = (0, false);
            while !is_fetched {
                flood(&mut state, now);
                // Ten genuine messages per second.
                for _ in 0..10 {
                    state.ask(&truth, &topic, peer(own), now);
                }
                let fetched = fetch_for(&mut state, Duration::from_secs(1), &mut now);
                is_fetched = fetched.contains(&truth);
                now += Duration::from_secs(1);
                seconds += 1;
                assert!(seconds < 20, "{peers} peers, own {own}");
                assert!(state.asked.len() <= ASKED_MAX);
            }
        }
    }
}
