//! A sender like Firehose: it sends each request until it is acknowledged, and some again after
//! that, to whichever daemon is there.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request as HttpRequest;
use axum::response::Response;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::sleep;

use super::request::{Request, Route};
use super::requests::{Requests, RequestsState};
use super::world::{Alive, LifeId, World};
use crate::config::Acknowledge;
use crate::source::firehose::FirehoseEndpoint;

/// Firehose repeats a request for two hours.
const REPEATS_FOR_MS: i64 = 2 * 3_600_000;

/// One connection to a life of a daemon.
pub(super) struct Sender {
    pub requests: Requests,
    pub endpoint: FirehoseEndpoint,
    pub alive: Alive,
    pub world: World,
    pub life: LifeId,
    pub mode: Acknowledge,
    pub rng: Rng,
}

// === impl Sender ===

impl Sender {
    /// Sends until the life ends or everything is acknowledged.
    pub(super) async fn run(mut self) {
        let mut thinks = 10..4000;
        loop {
            sleep(Duration::from_millis(self.rng.u64(thinks))).await;
            thinks = 10..4000;
            let Some((number, request, patience)) = self.take() else {
                if self.requests.is_done() {
                    return;
                }
                thinks = 1000..15_000;
                continue;
            };
            let answer = tokio::select! {
                biased;
                answer = self.endpoint.deliver(request) => Some(answer),
                () = sleep(patience) => None,
            };
            if self.alive.is_dead() {
                return;
            }
            if self.answered(number, answer).await {
                thinks = 500..20_000;
            }
        }
    }

    /// Takes note of a response; returns whether the request was refused.
    async fn answered(&self, number: usize, answer: Option<Response>) -> bool {
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        let says = match answer {
            Some(answer) => to_bytes(answer.into_body(), 1 << 20).await.unwrap_or_default(),
            None => Bytes::default(),
        };
        // `overdue` and `lost` follow a merge, and what is still being processed may be merged.
        let says = String::from_utf8_lossy(&says);
        let may_be_counted = says.contains("counted") || says.contains("still being");
        let mut inner = self.requests.inner();
        let request = &mut inner.requests[number];
        if let Some(deliveries) = request.in_flight.get_mut(&self.life.daemon) {
            *deliveries -= 1;
        }
        self.world.tell(&format!("id-{number} answered {status:?}"));
        match status {
            Some(200) => request.acknowledged(self.life, self.mode),
            Some(503) => {
                if !may_be_counted {
                    request.rejected(self.life, self.mode);
                }
                self.world.fault("request refused");
                return true;
            }
            Some(status) => self.world.violation(|| format!("id-{number} is answered {status}")),
            None => self.world.fault("sender gave up waiting"),
        }
        false
    }

    /// The next request to send, and how long its sender waits for the response.
    fn take(&mut self) -> Option<(usize, HttpRequest<Body>, Duration)> {
        let now_ms = self.world.now_ms();
        let mut inner = self.requests.inner();
        let RequestsState { requests, repeats, .. } = &mut *inner;
        let again = *repeats > 0 && self.rng.u8(0..3) == 0;
        let may_repeat = |request: &Request| {
            let sent_ms = request.first_sent_ms.unwrap_or(now_ms);
            (request.is_acknowledged() || request.is_in_flight())
                && now_ms < sent_ms + REPEATS_FOR_MS
        };
        let is_wanted = |request: &&Request| {
            request.route == Route::Firehose
                && request.not_before_ms <= now_ms
                && if again {
                    may_repeat(request)
                } else {
                    !request.is_acknowledged() && !request.is_in_flight()
                }
        };
        let wanted: Vec<_> =
            requests.iter().filter(is_wanted).map(|request| request.number).collect();
        if wanted.is_empty() {
            if again && now_ms > gives_up_ms(requests) {
                *repeats = 0;
            }
            return None;
        }
        let number = wanted[self.rng.usize(0..wanted.len())];
        if again {
            *repeats -= 1;
            self.world.fault("request repeated");
        }
        let longest = if self.rng.bool() { 3000 } else { 90_000 };
        let patience = Duration::from_millis(self.rng.u64(1..longest));
        let delivery = delivery(&requests[number], &mut self.rng);
        *requests[number].in_flight.entry(self.life.daemon).or_insert(0) += 1;
        inner.offered(number, self.life, self.mode, now_ms);
        drop(inner);
        self.world.tell(&format!("id-{number} sent to {:?}", self.life));
        Some((number, delivery, patience))
    }
}

/// After this time nothing can be repeated.
fn gives_up_ms(requests: &[Request]) -> i64 {
    let firehose = requests.iter().filter(|request| request.route == Route::Firehose);
    firehose.map(|request| request.not_before_ms).max().unwrap_or(0) + REPEATS_FOR_MS
}

fn delivery(request: &Request, rng: &mut Rng) -> HttpRequest<Body> {
    let mut delivery = HttpRequest::post("/firehose");
    if rng.u8(0..4) > 0 {
        delivery = delivery.header("x-amz-firehose-request-id", request.id());
    }
    let body = if rng.bool() {
        delivery = delivery.header("content-encoding", "gzip");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&request.body).expect("memory takes it");
        gzip.finish().expect("memory takes it")
    } else {
        request.body.clone()
    };
    delivery.body(Body::from(body)).expect("its parts are fine")
}
