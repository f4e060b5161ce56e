//! The senders: each request is sent until it is acknowledged, and some are sent again after that.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::sleep;

use super::plan::HistoryPlan;
use super::world::{Alive, START_MS, World};
use crate::aggregate::SeriesMinute;
use crate::ses::Minute;
use crate::source::firehose::FirehoseEndpoint;

/// All requests. Cheap to clone; all clones share them.
#[derive(Clone, Debug)]
pub(super) struct SenderRequests(Arc<Mutex<SenderState>>);

#[derive(Debug)]
struct SenderState {
    requests: Vec<SenderRequest>,
    repeats: usize,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct SenderRequest {
    id: String,
    body: Vec<u8>,
    events: Vec<String>,
    /// Unix milliseconds before which the request is not sent.
    not_before_ms: i64,
    /// The counts under every version of the definitions, and those that the later version adds.
    pub always: BTreeMap<SeriesMinute, u64>,
    pub also: BTreeMap<SeriesMinute, u64>,
    pub acknowledged: bool,
    /// The lives of the engine in which it was sent.
    pub lives: BTreeSet<usize>,
    in_flight: usize,
}

/// The maximum age of an event that can be published: two weeks.
const TWO_WEEKS_MS: i64 = 14 * 24 * 3_600_000;

// === impl SenderRequest ===

impl SenderRequest {
    fn new(at: usize, plan: &HistoryPlan, span: Duration, rng: &mut Rng) -> Self {
        let mut request = Self {
            id: format!("id-{at}"),
            body: Vec::new(),
            events: Vec::new(),
            not_before_ms: START_MS + millis(span.mul_f64(rng.f64())),
            always: BTreeMap::new(),
            also: BTreeMap::new(),
            acknowledged: false,
            lives: BTreeSet::new(),
            in_flight: 0,
        };
        for number in 0..rng.usize(1..9) {
            let old = plan.old_events && rng.u8(0..6) == 0;
            let from_ms = if old { START_MS - TWO_WEEKS_MS } else { START_MS - 120_000 };
            let minute = Minute::of_ms(from_ms + rng.i64(0..600_000));
            let metric = if rng.bool() { "Send" } else { "Delivery" };
            let (tag, campaign) = (format!("r{at}"), format!("c{}", rng.u8(0..4)));
            let delivery = format!(r#","delivery":{{"timestamp":"{minute}"}}"#);
            let block = if metric == "Delivery" { &*delivery } else { "" };
            request.events.push(format!(
                r#"{{"eventType":"{metric}","mail":{{"timestamp":"{minute}","messageId":"{tag}-{number}","tags":{{"ses:configuration-set":["sim"],"request":["{tag}"],"campaign":["{campaign}"]}}}}{block}}}"#
            ));
            let count =
                |counts: &mut BTreeMap<_, u64>, namespace: &str, name: &str, value: &str| {
                    let series = SeriesMinute {
                        namespace: namespace.into(),
                        metric,
                        dimensions: vec![(name.to_owned(), value.to_owned())],
                        minute,
                    };
                    *counts.entry(series).or_insert(0) += 1;
                };
            count(&mut request.always, "A", "request", &tag);
            count(&mut request.always, "A", "campaign", &campaign);
            count(&mut request.always, "C", "ses:configuration-set", "sim");
            count(&mut request.also, "B", "request", &tag);
        }
        request
    }

    /// Puts the events into the body of a delivery, sometimes with a truncated one.
    fn seal(&mut self, rng: &mut Rng) {
        if rng.u8(0..4) == 0 {
            let at = rng.usize(0..=self.events.len());
            self.events.insert(at, "{\"eventType\":\"Se".to_owned());
        }
        let record = |event: &String| format!(r#"{{"data":"{}"}}"#, STANDARD.encode(event));
        let records: Vec<_> = self.events.iter().map(record).collect();
        let (id, at_ms, records) = (&self.id, self.not_before_ms, records.join(","));
        let body = format!(r#"{{"requestId":"{id}","timestamp":{at_ms},"records":[{records}]}}"#);
        self.body = body.into_bytes();
    }

    /// The maximum sum of its counts.
    pub(super) fn counts(&self) -> u64 {
        self.always.values().chain(self.also.values()).sum()
    }

    fn request(&self, rng: &mut Rng) -> Request<Body> {
        let mut request = Request::post("/firehose");
        if rng.u8(0..4) > 0 {
            request = request.header("x-amz-firehose-request-id", &self.id);
        }
        let body = if rng.bool() {
            request = request.header("content-encoding", "gzip");
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(&self.body).expect("memory takes it");
            gzip.finish().expect("memory takes it")
        } else {
            self.body.clone()
        };
        request.body(Body::from(body)).expect("its parts are fine")
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("histories are short")
}

// === impl SenderRequests ===

impl SenderRequests {
    pub(super) fn new(plan: &HistoryPlan) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ 0x706f_7374);
        let lives = plan.lives.iter().map(|life| life.lasts + life.pause);
        let span = lives.sum::<Duration>() + plan.trouble;
        let requests = (0..plan.requests).map(|at| SenderRequest::new(at, plan, span, &mut rng));
        let mut requests: Vec<_> = requests.collect();
        for _ in 0..plan.duplicates {
            let from = &requests[rng.usize(0..plan.requests)].events;
            let duplicate = from[rng.usize(0..from.len())].clone();
            requests[rng.usize(0..plan.requests)].events.push(duplicate);
        }
        for request in &mut requests {
            request.seal(&mut rng);
        }
        Self(Arc::new(Mutex::new(SenderState { requests, repeats: plan.repeats })))
    }

    pub(super) fn requests(&self) -> Vec<SenderRequest> {
        self.inner().requests.clone()
    }

    /// Whether everything was acknowledged, and nothing will be sent again.
    pub(super) fn is_done(&self) -> bool {
        let inner = self.inner();
        let answered =
            inner.requests.iter().all(|request| request.acknowledged && request.in_flight == 0);
        answered && inner.repeats == 0
    }

    /// Nothing is in flight any more, because the engine died.
    pub(super) fn all_back(&self) {
        for request in &mut self.inner().requests {
            request.in_flight = 0;
        }
    }

    /// Sends during a life of the engine until it ends.
    pub(super) async fn send(
        self,
        endpoint: FirehoseEndpoint,
        alive: Alive,
        world: World,
        life: usize,
        mut rng: Rng,
    ) {
        let mut thinks = 10..4000;
        loop {
            sleep(Duration::from_millis(rng.u64(thinks))).await;
            thinks = 10..4000;
            let Some((at, request, patience)) = self.take(&world, life, &mut rng) else {
                if self.is_done() {
                    return;
                }
                thinks = 1000..15_000;
                continue;
            };
            let answer = tokio::select! {
                biased;
                answer = endpoint.deliver(request) => Some(answer.status().as_u16()),
                () = sleep(patience) => None,
            };
            if alive.is_dead() {
                return;
            }
            let mut inner = self.inner();
            let request = &mut inner.requests[at];
            request.in_flight -= 1;
            request.acknowledged |= answer == Some(200);
            world.tell(&format!("id-{at} answered {answer:?}"));
            match answer {
                Some(200) => {}
                Some(503) => {
                    world.fault("request refused");
                    thinks = 500..20_000;
                }
                Some(status) => world.violation(|| format!("id-{at} is answered {status}")),
                None => world.fault("sender gave up waiting"),
            }
        }
    }

    /// The next request to send, and how long its sender waits for the response.
    fn take(
        &self,
        world: &World,
        life: usize,
        rng: &mut Rng,
    ) -> Option<(usize, Request<Body>, Duration)> {
        let now_ms = world.now_ms();
        let mut inner = self.inner();
        let SenderState { requests, repeats } = &mut *inner;
        let due = |request: &SenderRequest| request.not_before_ms <= now_ms;
        let again = *repeats > 0 && rng.u8(0..3) == 0;
        let wanted = |request: &SenderRequest| {
            due(request)
                && if again {
                    request.acknowledged || request.in_flight > 0
                } else {
                    !request.acknowledged && request.in_flight == 0
                }
        };
        let mut wanted: Vec<_> = (0..requests.len()).filter(|at| wanted(&requests[*at])).collect();
        if wanted.is_empty() {
            return None;
        }
        let at = wanted.swap_remove(rng.usize(0..wanted.len()));
        if again {
            *repeats -= 1;
            world.fault("request repeated");
        }
        let longest = if rng.bool() { 3000 } else { 90_000 };
        let patience = Duration::from_millis(rng.u64(1..longest));
        let request = requests[at].request(rng);
        requests[at].in_flight += 1;
        requests[at].lives.insert(life);
        world.tell(&format!("id-{at} sent"));
        Some((at, request, patience))
    }

    fn inner(&self) -> MutexGuard<'_, SenderState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
