//! What all daemons of a history share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::accounts::Accounts;
use super::cloud::Cloud;
use super::plan::HistoryPlan;
use super::queue::SharedQueue;
use super::requests::Requests;
use super::target::SharedTarget;
use super::world::World;

/// What all daemons of a history share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Scene {
    pub plan: Arc<HistoryPlan>,
    pub world: World,
    pub cloud: Arc<Mutex<Cloud>>,
    pub requests: Requests,
    pub queues: Vec<SharedQueue>,
    pub target: SharedTarget,
    /// The number of entries (series and minutes) in all requests.
    pub distinct: u64,
    accounts: Arc<Mutex<Accounts>>,
}

// === impl Scene ===

impl Scene {
    pub(super) fn new(plan: &HistoryPlan, told: bool) -> Self {
        let requests = Requests::new(plan);
        let list = requests.list();
        let keys = list.iter().flat_map(|request| request.always.keys().chain(request.also.keys()));
        Self {
            plan: Arc::new(plan.clone()),
            world: World::new(told, plan.start_ms),
            cloud: Arc::new(Mutex::new(Cloud::new(plan.seed ^ 0x636c_6f75))),
            queues: SharedQueue::all(plan, &list),
            target: SharedTarget::new(plan.seed ^ 0x7461_7267),
            distinct: keys.collect::<BTreeSet<_>>().len() as u64,
            requests,
            accounts: Arc::default(),
        }
    }

    /// Whether everything that was sent is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.requests.is_done() && self.queues.iter().all(SharedQueue::is_empty)
    }

    pub(super) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
