//! All requests of a history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::cloud::without_value;
use super::plan::HistoryPlan;
use super::request::Request;
use super::world::{LifeId, World};
use crate::config::Acknowledge;

/// All requests. Cheap to clone; all clones share them.
#[derive(Clone, Debug)]
pub(super) struct Requests(Arc<Mutex<RequestsState>>);

#[derive(Debug)]
pub(super) struct RequestsState {
    pub requests: Vec<Request>,
    /// How often a request is still sent again after its response.
    pub repeats: usize,
    /// The requests that each life was offered in each hour.
    offers: BTreeMap<(LifeId, i64), BTreeSet<usize>>,
}

/// A request that was offered is merged within this time, or rejected.
const MERGED_WITHIN_MS: i64 = 6 * 60_000;
const HOUR_MS: i64 = 3_600_000;

// === impl Requests ===

impl Requests {
    pub(super) fn new(plan: &HistoryPlan) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ 0x706f_7374);
        let mut requests: Vec<_> =
            (0..plan.requests).map(|number| Request::new(number, plan, &mut rng)).collect();
        for _ in 0..plan.duplicates {
            let from = &requests[rng.usize(0..plan.requests)].events;
            let duplicate = from[rng.usize(0..from.len())].clone();
            requests[rng.usize(0..plan.requests)].events.push(duplicate);
        }
        for request in &mut requests {
            request.seal(&mut rng);
        }
        let (repeats, offers) = (plan.repeats, BTreeMap::new());
        Self(Arc::new(Mutex::new(RequestsState { requests, repeats, offers })))
    }

    pub(super) fn list(&self) -> Vec<Request> {
        self.inner().requests.clone()
    }

    /// Whether everything was acknowledged, and nothing will be sent again.
    pub(super) fn is_done(&self) -> bool {
        let inner = self.inner();
        let is_done = |request: &Request| {
            (request.is_acknowledged() || request.is_expired) && !request.is_in_flight()
        };
        inner.repeats == 0 && inner.requests.iter().all(is_done)
    }

    /// Nothing is in flight to a daemon any more, because it died.
    pub(super) fn all_back(&self, daemon: usize) {
        for request in &mut self.inner().requests {
            request.in_flight.remove(&daemon);
        }
    }

    /// A delivery of a request begins.
    pub(super) fn offered(&self, number: usize, life: LifeId, mode: Acknowledge, world: &World) {
        self.inner().offered(number, life, mode, world.now_ms());
    }

    pub(super) fn acknowledged(&self, number: usize, life: LifeId, mode: Acknowledge) {
        self.inner().requests[number].acknowledged(life, mode);
    }

    pub(super) fn expired(&self, number: usize) {
        self.inner().requests[number].is_expired = true;
    }

    /// The maximum number of distinct series that a life was offered in an hour; in all hours if its
    /// clock jumps, because hours are those of that clock.
    pub(super) fn series_offered(&self, life: LifeId, clocks_jump: bool) -> usize {
        let inner = self.inner();
        let series = |numbers: &BTreeSet<usize>| {
            let requests = numbers.iter().map(|number| &inner.requests[*number]);
            let all = requests.flat_map(|request| request.always.keys().chain(request.also.keys()));
            let named = all.map(|series| (&series.namespace, series.metric, without_value(series)));
            named.collect::<BTreeSet<_>>().len()
        };
        let hours = inner.offers.range((life, i64::MIN)..=(life, i64::MAX));
        if clocks_jump {
            return series(&hours.flat_map(|(_, numbers)| numbers).copied().collect());
        }
        hours.map(|(_, numbers)| series(numbers)).max().unwrap_or(0)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, RequestsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl RequestsState ===

impl RequestsState {
    pub(super) fn offered(&mut self, number: usize, life: LifeId, mode: Acknowledge, now_ms: i64) {
        let request = &mut self.requests[number];
        request.offered(life, mode);
        request.first_sent_ms.get_or_insert(now_ms);
        for ms in [now_ms, now_ms + MERGED_WITHIN_MS] {
            self.offers.entry((life, ms.div_euclid(HOUR_MS))).or_default().insert(number);
        }
    }
}
