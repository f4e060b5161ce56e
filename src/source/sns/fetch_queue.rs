//! New certificates to fetch: in which order, and how many per minute.
//!
//! Anyone can invent names of certificates. So the order is one that invented names cannot exhaust:
//! first names for peers without recent failed fetches, then those that most messages name.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::no_key::KeyResult;
use super::sketch::Sketch;
use super::topic::{CertificateUrl, Topic};
use crate::http::PeerGroup;
use crate::rate_limiter::RateLimiter;

/// Interval of fetches of new names, and how many are allowed at once after a pause.
const FETCH_EVERY: Duration = Duration::from_secs(3);
const FETCHES_AT_ONCE: u32 = 10;
/// Maximum number of new names waiting to be fetched.
const PENDING_MAX: usize = 64;

/// The new names that are being fetched or waiting for it.
#[derive(Debug)]
pub(super) struct FetchQueue {
    pending: HashMap<CertificateUrl, PendingFetch>,
    next_order: u64,
    fetches: RateLimiter,
    is_running: bool,
    /// How often names were requested, and how many fetches for a peer failed.
    requests: Sketch,
    failures: Sketch,
}

/// A new name to fetch.
#[derive(Debug)]
pub(super) struct PendingFetch {
    topic: Arc<Topic>,
    group: PeerGroup,
    times: u32,
    order: u64,
    has_begun: bool,
    /// Tells the waiting messages the result.
    pub result: watch::Sender<Option<KeyResult>>,
}

/// The priority of a new name.
type FetchRank = (u32, Reverse<u32>, u64);

// === impl FetchQueue ===

impl FetchQueue {
    #[must_use]
    pub(super) fn new(now: Instant) -> Self {
        Self {
            pending: HashMap::new(),
            next_order: 0,
            fetches: RateLimiter::new(FETCH_EVERY, FETCHES_AT_ONCE),
            is_running: false,
            requests: Sketch::new(now),
            failures: Sketch::new(now),
        }
    }

    /// Queues a new name; `None` when the queue is full of names with higher priority.
    pub(super) fn request(
        &mut self,
        url: &CertificateUrl,
        topic: &Arc<Topic>,
        group: PeerGroup,
        now: Instant,
    ) -> Option<watch::Receiver<Option<KeyResult>>> {
        let times = self.requests.add(url, now);
        let failures = self.failures.get(&group, now);
        if let Some(pending) = self.pending.get_mut(url) {
            pending.times = times;
            // A peer with fewer failed fetches that requests the same name improves its priority.
            if failures < self.failures.get(&pending.group, now) {
                pending.group = group;
            }
            return Some(pending.result.subscribe());
        }
        let order = self.next_order;
        if self.pending.len() >= PENDING_MAX {
            let last = self.ranked(now).max()?;
            if (failures, Reverse(times), order) >= last.0 {
                return None;
            }
            self.pending.remove(&last.1);
        }
        self.next_order += 1;
        let (result, receiver) = watch::channel(None);
        let (topic, has_begun) = (Arc::clone(topic), false);
        let pending = PendingFetch { topic, group, times, order, has_begun, result };
        self.pending.insert(url.clone(), pending);
        Some(receiver)
    }

    /// Waiting names with their priorities.
    fn ranked(&mut self, now: Instant) -> impl Iterator<Item = (FetchRank, CertificateUrl)> {
        let Self { pending, failures, .. } = self;
        pending.iter().filter(|(_, pending)| !pending.has_begun).map(move |(url, pending)| {
            let failures = failures.get(&pending.group, now);
            ((failures, Reverse(pending.times), pending.order), url.clone())
        })
    }

    /// Whether the caller must start a task that fetches.
    pub(super) fn start(&mut self) -> bool {
        !std::mem::replace(&mut self.is_running, true)
    }

    /// When the next fetch is allowed.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        self.fetches.next_at(now)
    }

    /// Takes the next name to fetch; `None` when none is left, which ends the task.
    pub(super) fn begin(&mut self, now: Instant) -> Option<(CertificateUrl, Arc<Topic>)> {
        let Some((_, url)) = self.ranked(now).min() else {
            self.is_running = false;
            return None;
        };
        self.fetches.take(now);
        let pending = self.pending.get_mut(&url)?;
        pending.has_begun = true;
        let topic = Arc::clone(&pending.topic);
        Some((url, topic))
    }

    /// Ends the fetch of a name, successful or not.
    pub(super) fn end(
        &mut self,
        url: &CertificateUrl,
        has_key: bool,
        now: Instant,
    ) -> Option<PendingFetch> {
        let pending = self.pending.remove(url)?;
        if !has_key {
            self.failures.add(&pending.group, now);
        }
        Some(pending)
    }

    /// Allows no fetch for most of an hour.
    #[cfg(test)]
    pub(super) fn exhaust(&mut self) {
        for _ in 0..1000 {
            self.fetches.take(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::TopicArn;

    fn url_of(topic: &Topic, number: usize) -> CertificateUrl {
        let path = format!("SimpleNotificationService-{number}.pem");
        let url = format!("https://sns.eu-west-1.amazonaws.com/{path}");
        topic.certificate_url(&url).expect("its address")
    }

    fn peer(number: u32) -> PeerGroup {
        PeerGroup::of(Ipv4Addr::from_bits(number).into())
    }

    /// Fetches without success for a while, as fast as the budget allows; returns the names in
    /// order.
    fn fetch_for(queue: &mut FetchQueue, time: Duration, now: &mut Instant) -> Vec<CertificateUrl> {
        let (mut fetched, end) = (Vec::new(), *now + time);
        loop {
            *now = queue.next_at(*now);
            if *now > end {
                return fetched;
            }
            let Some((url, _)) = queue.begin(*now) else { return fetched };
            queue.end(&url, false, *now);
            fetched.push(url);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn genuine_name_is_fetched_soon_while_strangers_request_thousands() {
        let arn = TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:a").expect("an ARN");
        let topic = Arc::new(Topic::new(arn));
        let mut now = Instant::now();
        // One attacker, attackers with forty addresses, and all clients behind one load balancer.
        for (peers, own) in [(1, 99), (40, 99), (1, 1)] {
            let mut queue = FetchQueue::new(now);
            let (genuine, mut invented) = (url_of(&topic, 0), 1);
            let mut flood = |queue: &mut FetchQueue, now| {
                for at in 0..2000_u32 {
                    queue.request(&url_of(&topic, invented), &topic, peer(1 + at % peers), now);
                    invented += 1;
                }
            };
            flood(&mut queue, now);
            let before = fetch_for(&mut queue, Duration::from_mins(2), &mut now);
            assert!((40..=51).contains(&before.len()), "{} in two minutes", before.len());
            let (mut seconds, mut is_fetched) = (0, false);
            while !is_fetched {
                flood(&mut queue, now);
                // Ten genuine messages per second.
                for _ in 0..10 {
                    queue.request(&genuine, &topic, peer(own), now);
                }
                let fetched = fetch_for(&mut queue, Duration::from_secs(1), &mut now);
                is_fetched = fetched.contains(&genuine);
                now += Duration::from_secs(1);
                seconds += 1;
                assert!(seconds < 20, "{peers} peers, own {own}");
                assert!(queue.pending.len() <= PENDING_MAX);
            }
        }
    }
}
