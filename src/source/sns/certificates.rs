//! The keys that messages were signed by: fetched once, bounded in number and in how often.
//!
//! Anybody can post a message that names a certificate of SNS, so a fetch is what a stranger can make us
//! do. One is under way at a time, and few are begun in a minute; what is known is not fetched, however
//! many of the others are asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::certificate::{IssuerUrl, Offered, SigningKey};
use super::topic::{CertificateUrl, Topic};
use super::web::Web;
use crate::clock::Clock;
use crate::telemetry::{CertificateOutcome, Metrics};

/// Certificates that are known at once. SNS has one at a time in each region, for months.
const KNOWN_MAX: usize = 32;
/// Fetches that are begun in a minute.
const FETCHES_MAX: usize = 20;
const FETCHES_SPAN: Duration = Duration::from_mins(1);
/// Messages that wait for a certificate at once; for more it is fetched, and they come again.
const WAITING_MAX: usize = 128;
/// One is fetched anew when it has been known for so long.
const FRESH: Duration = Duration::from_hours(24);
/// After a fetch that failed, and after an answer that was no good, nobody asks again for so long.
const AWAY_FOR: Duration = Duration::from_secs(2);
const NO_GOOD_FOR: Duration = Duration::from_mins(1);
/// For certificate and issuer together.
const FETCH_PATIENCE: Duration = Duration::from_secs(8);
/// A certificate has 2 kB.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// SNS could not be asked.
    Away(String),
    /// SNS was asked and gave none.
    Missing(String),
    /// There is a certificate, and it is no good.
    Wrong(String),
}

type Fetched = Result<Arc<SigningKey>, NoKey>;

/// The keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    web: Web,
    /// Whether chains are checked.
    chain: bool,
    clock: Clock,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    one_at_a_time: Semaphore,
    waiting: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<CertificateUrl, (Arc<SigningKey>, Instant)>,
    /// Those without a key, and until when nobody asks again.
    without: HashMap<CertificateUrl, (NoKey, Instant)>,
    under_way: HashMap<CertificateUrl, watch::Receiver<Option<Fetched>>>,
    /// When the last fetches were begun, the oldest first.
    begun: VecDeque<Instant>,
}

// === impl Certificates ===

impl Certificates {
    #[must_use]
    pub fn new(web: Web, chain: bool, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Shared {
            web,
            chain,
            clock,
            metrics,
            state: Mutex::default(),
            one_at_a_time: Semaphore::new(1),
            waiting: Semaphore::new(WAITING_MAX),
        }))
    }

    /// The key at an address, which is one of the topic's region.
    ///
    /// # Errors
    /// There is none.
    pub async fn key(&self, url: &CertificateUrl, topic: &Topic) -> Fetched {
        let shared = &self.0;
        let known = match self.look_up(url, topic) {
            Looked::Known(key) => Ok(key),
            Looked::Without(no_key) => Err(no_key),
            Looked::UnderWay(mut fetched) => {
                let Ok(_place) = shared.waiting.try_acquire() else {
                    return Err(NoKey::Away("too many messages wait for a certificate".to_owned()));
                };
                let fetched =
                    fetched.wait_for(Option::is_some).await.map(|fetched| fetched.clone());
                if let Ok(Some(fetched)) = fetched {
                    fetched
                } else {
                    self.state().under_way.remove(url);
                    Err(NoKey::Away("fetching the certificate failed".to_owned()))
                }
            }
        };
        let key = known?;
        if key.is_valid_at(shared.clock.now_ms()) {
            Ok(key)
        } else {
            Err(NoKey::Wrong("the certificate is not valid at this time".to_owned()))
        }
    }

    /// Begins to fetch what is not known, if there is room for that.
    fn look_up(&self, url: &CertificateUrl, topic: &Topic) -> Looked {
        let now = Instant::now();
        let mut state = self.state();
        let known = state.known.get(url).cloned();
        if let Some((key, fetched)) = &known
            && now < *fetched + FRESH
        {
            return Looked::Known(Arc::clone(key));
        }
        if let Some((no_key, until)) = state.without.get(url)
            && now < *until
        {
            return Looked::Without(no_key.clone());
        }
        if let Some(fetched) = state.under_way.get(url) {
            return Looked::UnderWay(fetched.clone());
        }
        if !state.may_begin(now) {
            self.0.metrics.sns_certificate(CertificateOutcome::Limited);
            return match known {
                Some((key, _)) => Looked::Known(key),
                None => {
                    Looked::Without(NoKey::Away("too many certificates are asked for".to_owned()))
                }
            };
        }
        let (sender, fetched) = watch::channel(None);
        state.under_way.insert(url.clone(), fetched.clone());
        drop(state);
        let (certificates, url, topic) = (self.clone(), url.clone(), topic.clone());
        tokio::spawn(async move {
            let fetched = certificates.fetch(&url, &topic).await;
            let fetched = certificates.keep(url, fetched);
            sender.send_replace(Some(fetched));
        });
        Looked::UnderWay(fetched)
    }

    async fn fetch(&self, url: &CertificateUrl, topic: &Topic) -> Fetched {
        let shared = &self.0;
        // The semaphore is never closed.
        let _turn = shared.one_at_a_time.acquire().await.ok();
        let fetching = timeout(FETCH_PATIENCE, self.fetch_and_judge(url, topic)).await;
        let fetched = fetching.unwrap_or_else(|_| Err(NoKey::Away("it takes too long".to_owned())));
        let outcome = match &fetched {
            Ok(_) => CertificateOutcome::Fetched,
            Err(NoKey::Away(_) | NoKey::Missing(_)) => CertificateOutcome::Failed,
            Err(NoKey::Wrong(_)) => CertificateOutcome::Wrong,
        };
        shared.metrics.sns_certificate(outcome);
        fetched
    }

    async fn fetch_and_judge(&self, url: &CertificateUrl, topic: &Topic) -> Fetched {
        let Shared { web, chain, clock, .. } = &*self.0;
        let answer = web.get_https(url.host(), url.path(), FILE_BYTES_MAX).await;
        let pem = body_of(answer, url.host(), url.path())?;
        let mut offered = Offered::read(&pem).map_err(|why| NoKey::Wrong(why.to_owned()))?;
        if *chain
            && !offered.has_issuers()
            && let Some(IssuerUrl { host, path }) = offered.issuer_url()
        {
            let answer = web.get_http(&host, &path, FILE_BYTES_MAX).await;
            offered.add_issuer(body_of(answer, &host, &path)?);
        }
        let roots = chain.then(|| web.roots());
        offered.judge(topic, roots, clock.now_ms()).map(Arc::new).map_err(NoKey::Wrong)
    }

    /// Keeps what came of a fetch; gives what is to be made of it: while one that is known cannot be
    /// fetched anew, it stays.
    fn keep(&self, url: CertificateUrl, fetched: Fetched) -> Fetched {
        let now = Instant::now();
        let mut state = self.state();
        state.under_way.remove(&url);
        state.without.retain(|_, (_, until)| now < *until);
        match fetched {
            Ok(key) => {
                while state.known.len() >= KNOWN_MAX && !state.known.contains_key(&url) {
                    let oldest = state.known.iter().min_by_key(|(_, (_, fetched))| *fetched);
                    let Some(oldest) = oldest.map(|(url, _)| url.clone()) else { break };
                    state.known.remove(&oldest);
                }
                state.known.insert(url, (Arc::clone(&key), now));
                Ok(key)
            }
            Err(no_key) => {
                let known = state.known.get(&url).map(|(key, _)| Arc::clone(key));
                if let Some(key) = known.filter(|_| matches!(no_key, NoKey::Away(_))) {
                    // Known for a while longer, so that the next message does not ask again.
                    let (hours, fresh) = (Duration::from_hours(1), Arc::clone(&key));
                    let fetched = (now + hours).checked_sub(FRESH).unwrap_or(now);
                    state.known.insert(url, (fresh, fetched));
                    return Ok(key);
                }
                state.known.remove(&url);
                let pause = if matches!(no_key, NoKey::Away(_)) { AWAY_FOR } else { NO_GOOD_FOR };
                state.without.insert(url, (no_key.clone(), now + pause));
                Err(no_key)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of an address before anything is fetched.
enum Looked {
    Known(Arc<SigningKey>),
    Without(NoKey),
    UnderWay(watch::Receiver<Option<Fetched>>),
}

// === impl State ===

impl State {
    /// Whether another fetch may be begun now, which it is then.
    fn may_begin(&mut self, now: Instant) -> bool {
        while self.begun.front().is_some_and(|begun| *begun + FETCHES_SPAN <= now) {
            self.begun.pop_front();
        }
        let may_begin = self.begun.len() < FETCHES_MAX;
        if may_begin {
            self.begun.push_back(now);
        }
        may_begin
    }
}

/// The body of a good answer.
fn body_of(
    answer: Result<super::web::Answer, String>,
    host: &str,
    path: &str,
) -> Result<Vec<u8>, NoKey> {
    let answer = answer.map_err(NoKey::Away)?;
    if answer.status == 200 {
        return Ok(answer.body.into());
    }
    let why = format!("{host}{path} answered {}", answer.status);
    Err(if answer.status < 500 { NoKey::Missing(why) } else { NoKey::Away(why) })
}

#[cfg(test)]
mod tests {
    use super::super::web::WebEnvironment;
    use super::*;
    use crate::config::TopicArn;

    /// Where nobody answers.
    async fn away() -> (Certificates, Topic) {
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = nobody.local_addr().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        let roots = vec![root.der().clone()];
        let web = Web::new(WebEnvironment::StandIn { https: nobody, http: nobody, roots }).unwrap();
        let metrics = Metrics::new().expect("metrics");
        let arn = TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:a").unwrap();
        (Certificates::new(web, true, Clock::manual(0), metrics), Topic::new(arn))
    }

    fn url_of(topic: &Topic, number: usize) -> CertificateUrl {
        let path = format!("SimpleNotificationService-{number}.pem");
        topic.certificate_url(&format!("https://sns.eu-west-1.amazonaws.com/{path}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_stays_while_it_cannot_be_fetched_anew() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        certificates.keep(url.clone(), Ok(Arc::new(SigningKey::eternal()))).unwrap();
        // How many fetches were begun in the last minute.
        for (hours, begun) in [(23, 0), (2, 1), (0, 1), (2, 1)] {
            tokio::time::advance(Duration::from_hours(hours)).await;
            assert!(certificates.key(&url, &topic).await.is_ok(), "{hours}");
            assert_eq!(certificates.state().begun.len(), begun, "{hours}");
        }
        // SNS says that it has none.
        let missing = NoKey::Missing("it answered 404".to_owned());
        certificates.keep(url.clone(), Err(missing.clone())).unwrap_err();
        assert_eq!(certificates.key(&url, &topic).await.unwrap_err(), missing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_had_is_not_asked_for_at_once_again() {
        let (certificates, topic) = away().await;
        let url = url_of(&topic, 1);
        for (seconds, begun) in [(0, 1), (1, 1), (2, 2)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            let no_key = certificates.key(&url, &topic).await.unwrap_err();
            assert!(matches!(no_key, NoKey::Away(_)), "{no_key:?}");
            assert_eq!(certificates.state().begun.len(), begun);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_known_than_a_few_regions_have() {
        let (certificates, topic) = away().await;
        for number in 0..100 {
            let url = url_of(&topic, number);
            certificates.keep(url, Ok(Arc::new(SigningKey::eternal()))).unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(certificates.state().known.len(), KNOWN_MAX);
        let newest = url_of(&topic, 99);
        assert!(certificates.state().known.contains_key(&newest));
    }

    #[tokio::test(start_paused = true)]
    async fn few_fetches_are_begun_in_a_minute() {
        let mut state = State::default();
        let mut begun = 0;
        for _ in 0..600 {
            begun += u64::from(state.may_begin(Instant::now()));
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        assert_eq!(begun, 5 * 20);
        assert!(state.begun.len() <= FETCHES_MAX);
    }
}
