//! A history: daemons live by turns until everything is settled, and are judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::Instant;

use super::daemon::Daemon;
use super::judge::{judge, judge_forwards};
use super::life::millis;
use super::plan::HistoryPlan;
use super::scene::Scene;
use super::start::{deps, open};
use crate::clock::Clock;
use crate::limits::FIREHOSE_ID_LIFE;
use crate::offload::pauses;
use crate::telemetry::Metrics;

/// The report of a history without violations.
#[derive(Debug)]
pub(super) struct HistoryReport {
    pub lives: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub requests: u64,
    /// The counts that CloudWatch holds.
    pub counts: u64,
    /// The counts that were named in doubt, by cause.
    pub doubtful: BTreeMap<&'static str, u64>,
    pub dropped: u64,
    /// A hash of everything that happened.
    pub trace: u64,
}

/// Runs a history and judges it.
///
/// # Errors
/// The first violated invariant.
pub(super) fn live(plan: &HistoryPlan, told: bool) -> Result<HistoryReport, String> {
    fastrand::seed(plan.seed);
    pauses::set_longest(plan.pause);
    let scene = Scene::new(plan, told);
    scene.world.tell(&format!("{plan:?}"));
    let mut rng = Rng::with_seed(plan.seed ^ 0x6c69_6665);
    let daemons = 0..plan.daemons.len();
    let mut daemons: Vec<_> =
        daemons.map(|number| Daemon::new(&scene, number, rng.fork())).collect();
    if let [only] = &mut daemons[..] {
        only.run_until(i64::MAX);
    } else {
        take_turns(plan, &mut daemons);
    }
    let is_violated = scene.world.is_violated();
    for daemon in daemons.iter().filter(|_| !is_violated) {
        restored_nothing(&scene, daemon);
    }
    let (cloud, accounts) = (scene.cloud(), scene.accounts());
    let requests = scene.requests.list();
    judge(plan, &scene.world, &cloud, &requests, &accounts);
    if plan.forwards {
        judge_forwards(&scene.world, &scene.target, &requests, &accounts);
    }
    let (violation, faults, trace) = scene.world.end();
    match violation {
        Some(what) => Err(what),
        None => Ok(HistoryReport {
            lives: accounts.lives,
            faults,
            requests: plan.requests as u64,
            counts: cloud.held(),
            doubtful: accounts.doubtful.clone(),
            dropped: accounts.dropped,
            trace,
        }),
    }
}

fn take_turns(plan: &HistoryPlan, daemons: &mut [Daemon]) {
    let mut now_ms = plan.start_ms;
    while daemons.iter().any(|daemon| daemon.over_ms().is_none()) {
        now_ms += millis(plan.turn);
        for daemon in &mut *daemons {
            daemon.run_until(now_ms);
        }
    }
}

/// After its last life, a daemon's journal holds nothing to publish.
fn restored_nothing(scene: &Scene, daemon: &Daemon) {
    let (plan, world) = (&scene.plan, &scene.world);
    let settings = &plan.daemons[daemon.number].last;
    let Some(now_ms) = daemon.over_ms().filter(|_| settings.is_journaled()) else { return };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let opened = runtime.expect("a runtime needs nothing").block_on(async {
        let (start, ahead_ms) = (Instant::now(), Arc::new(AtomicI64::new(0)));
        let clock = Clock::Virtual { start, start_ms: now_ms, ahead_ms };
        let metrics = Metrics::new().expect("the bounds are valid");
        open(daemon.disk.mounted(), &deps(settings, &metrics, clock), settings.log_bytes).await
    });
    world.set_clock(Clock::manual(now_ms));
    match opened {
        Ok(opened) => {
            let counts: u64 = opened.outstanding.iter().map(|(_, count)| count).sum();
            if counts > 0 || opened.doubtful > 0 {
                let doubtful = opened.doubtful;
                world.violation(|| format!("{counts} counts, {doubtful} in doubt, stay"));
            }
            let is_alone = plan.daemons.len() == 1
                && plan.queues == 0
                && !plan.disk_rots
                && !plan.clocks_jump
                && plan.is_all_journaled();
            let all = opened.ids.len() == plan.requests;
            if is_alone && !all && now_ms - plan.start_ms < millis(FIREHOSE_ID_LIFE) {
                world.violation(|| format!("{} ids stay", opened.ids.len()));
            }
        }
        Err(error) => world.violation(|| format!("the journal is lost: {error}")),
    }
}
