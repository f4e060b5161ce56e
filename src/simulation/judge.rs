//! The invariants: what was acknowledged, what the cloud holds, and what was reported in doubt.

use std::collections::{BTreeMap, BTreeSet};

use super::cloud::{Cloud, CloudLink};
use super::plan::HistoryPlan;
use super::sender::SenderRequest;
use super::world::World;
use crate::aggregate::SeriesMinute;
use crate::app::{Ended, Engine};
use crate::config::{Acknowledge, Ambiguous};
use crate::telemetry::{DoubtCause, DropReason, Metrics};

/// The engine's own metrics, summed over all its lives.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    doubtful_ambiguous: u64,
    doubtful_crash: u64,
    dropped: u64,
    /// Those that CloudWatch rejected.
    refused: u64,
    /// Counts that were lost with a process without a journal.
    lost: u64,
    crashes: u64,
    lives: u64,
    /// Nothing could be in doubt at the last crash.
    quiet: bool,
}

// === impl Accounts ===

impl Accounts {
    /// A life of the engine begins.
    pub(super) fn open(&mut self, engine: &Engine<CloudLink>, world: &World) {
        let doubtful = engine.metrics.doubtful.get(DoubtCause::Crash);
        if self.quiet && doubtful > 0 {
            world.violation(|| format!("{doubtful} counts in doubt after a quiet crash"));
        }
        self.quiet = false;
    }

    pub(super) fn crashed(&mut self, plan: &HistoryPlan, pending: u64, quiet: bool) {
        self.crashes += 1;
        self.quiet = quiet;
        if plan.acknowledge() == Acknowledge::Merged {
            self.lost += pending;
        }
    }

    pub(super) fn stopped(&mut self, plan: &HistoryPlan, ended: &Ended) {
        self.quiet = false;
        if plan.acknowledge() != Acknowledge::Journaled {
            self.lost += ended.counts;
        }
    }

    /// A life of the engine has ended.
    pub(super) fn close(&mut self, metrics: &Metrics) {
        self.lives += 1;
        self.doubtful_ambiguous += metrics.doubtful.get(DoubtCause::Ambiguous);
        self.doubtful_crash += metrics.doubtful.get(DoubtCause::Crash);
        self.dropped += metrics.dropped.sum();
        self.refused += metrics.dropped.get(DropReason::Refused);
    }
}

/// Judges a finished history: everything was acknowledged, and nothing is pending.
pub(super) fn judge(
    plan: &HistoryPlan,
    world: &World,
    cloud: &Cloud,
    requests: &[SenderRequest],
    accounts: &Accounts,
) {
    let (over, missing) = differences(world, cloud, requests);
    let Accounts { doubtful_ambiguous, doubtful_crash, dropped, lost, crashes, lives, .. } =
        *accounts;
    // Without a journal a new life knows no IDs, so a retry of a request from an earlier life is
    // counted again.
    let again: u64 = match plan.acknowledge() {
        Acknowledge::Journaled => 0,
        _ => requests
            .iter()
            .map(|request| (request.lives.len() as u64).saturating_sub(1) * request.counts())
            .sum(),
    };
    let doubt = doubtful_ambiguous + doubtful_crash;
    if over > doubt + again {
        world.violation(|| format!("{over} counts too many, {doubt} in doubt, {again} sent again"));
    }
    if missing > dropped + lost {
        world.violation(|| format!("{missing} counts missing, {dropped} dropped, {lost} lost"));
    }
    let (refused, blamed) = (accounts.refused, cloud.blamed);
    if refused > blamed {
        world.violation(|| format!("{refused} counts dropped as refused, {blamed} were blamed"));
    }
    if doubt + again + dropped + lost == 0 && plan.duplicates == 0 {
        for request in requests {
            // The later definitions count all of it, the earlier ones nothing.
            let held: Vec<_> = request.also.keys().map(|series| cloud.held(series)).collect();
            if !held.iter().all(|held| *held == 0) && !request.also.values().eq(&held) {
                world.violation(|| format!("counted by two versions of the definitions: {held:?}"));
            }
        }
    }
    // Doubt is reported exactly when there was some.
    let drops = plan.config.cloudwatch.ambiguous == Ambiguous::Drop;
    if drops && plan.acknowledge() == Acknowledge::Journaled && over > 0 {
        world.violation(|| format!("{over} counts too many, although none is repeated in doubt"));
    }
    let unknown = cloud.unknown_counts;
    if doubtful_ambiguous != unknown && (crashes == 0 || doubtful_ambiguous > unknown) {
        world.violation(|| format!("{doubtful_ambiguous} in doubt, {unknown} not answered"));
    }
    if doubtful_crash > 0 && (crashes == 0 && lives == 1) {
        world.violation(|| format!("{doubtful_crash} in doubt without a crash"));
    }
}

/// The counts that CloudWatch has too many, and those that it lacks.
fn differences(world: &World, cloud: &Cloud, requests: &[SenderRequest]) -> (u64, u64) {
    let held = |series: &SeriesMinute| cloud.held(series);
    let mut expected: BTreeMap<&SeriesMinute, u64> = BTreeMap::new();
    let (mut over, mut missing) = (0, 0);
    for request in requests {
        for (series, count) in &request.always {
            *expected.entry(series).or_insert(0) += count;
        }
        over += request
            .also
            .iter()
            .map(|(series, count)| held(series).saturating_sub(*count))
            .sum::<u64>();
    }
    for (series, count) in &expected {
        over += held(series).saturating_sub(*count);
        missing += count.saturating_sub(held(series));
    }
    let known: BTreeSet<_> = expected
        .keys()
        .copied()
        .chain(requests.iter().flat_map(|request| request.also.keys()))
        .collect();
    if let Some(stranger) = cloud.ingested.keys().find(|series| !known.contains(series)) {
        world.violation(|| format!("counted but never sent: {stranger:?}"));
    }
    (over, missing)
}
