//! The invariants: what was acknowledged, what the cloud holds, and what was reported in doubt.
//!
//! The bounds of each series come from the requests and from the cloud's own record. The engine's
//! counters are judged by them, and never excuse a difference of one series.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::Accounts;
use super::cloud::{Cloud, TWO_WEEKS_MS};
use super::plan::HistoryPlan;
use super::request::Request;
use super::target::SharedTarget;
use super::world::World;
use crate::aggregate::SeriesMinute;
use crate::config::{Acknowledge, Ambiguous, Config};
use crate::telemetry::DoubtCause;

/// How often a series may be counted, and how often it must be.
#[derive(Clone, Copy, Debug, Default)]
struct Expected {
    /// By each request once.
    once: u64,
    most: u64,
    least: u64,
}

/// An event older than CloudWatch takes, less this, may be dropped.
const AGE_MARGIN_MS: i64 = 2 * 60_000;

/// Judges a finished history: everything was acknowledged, and nothing is pending.
pub(super) fn judge(
    plan: &HistoryPlan,
    world: &World,
    cloud: &Cloud,
    requests: &[Request],
    accounts: &Accounts,
) {
    let expected = expected(requests, accounts);
    if accounts.corrupt > 0 && !plan.disk_rots {
        world.violation(|| format!("{} bytes of intact journals unread", accounts.corrupt));
    }
    if accounts.contradictions > 0 && !plan.disk_rots {
        let records = accounts.contradictions;
        world.violation(|| format!("{records} records of intact journals contradict others"));
    }
    // What a damaged journal held is unknown, as its metrics say.
    let may_be_damaged = accounts.corrupt > 0 || plan.disk_rots && accounts.torn > 0;
    if !may_be_damaged {
        for (series, expected) in &expected {
            judge_series(plan, world, cloud, series, *expected, accounts.lives);
        }
        judge_sums(plan, world, cloud, requests, &expected, accounts);
        // A life may count an event under another request, or a request once more.
        if plan.duplicates == 0 && accounts.evicted == 0 {
            judge_lives(world, cloud, requests);
        }
    }
    if let Some((stranger, _)) = cloud.series().find(|(series, _)| !expected.contains_key(series)) {
        world.violation(|| format!("counted but never sent: {stranger:?}"));
    }
    judge_doubt(plan, world, cloud, accounts);
}

/// Every event of an acknowledged request was forwarded, or given up by name.
pub(super) fn judge_forwards(
    world: &World,
    target: &SharedTarget,
    requests: &[Request],
    accounts: &Accounts,
) {
    let acknowledged = requests.iter().filter(|request| request.is_acknowledged());
    let events = acknowledged.flat_map(|request| &request.events);
    let whole = events.filter(|event| event.ends_with('}'));
    let missing = whole.filter(|event| !target.has(event)).count() as u64;
    let named = accounts.unforwarded;
    if missing > named {
        world.violation(|| format!("{missing} events were not forwarded, {named} were given up"));
    }
}

fn expected<'r>(
    requests: &'r [Request],
    accounts: &Accounts,
) -> BTreeMap<&'r SeriesMinute, Expected> {
    let mut expected: BTreeMap<&SeriesMinute, Expected> = BTreeMap::new();
    for request in requests {
        let copies = request.copies(accounts.evicted > 0);
        let is_kept = request.is_kept(&accounts.lost_lives);
        let always = request.always.iter().map(|(series, count)| (series, *count, is_kept));
        let also = request.also.iter().map(|(series, count)| (series, *count, false));
        for (series, count, must) in always.chain(also) {
            let of = expected.entry(series).or_default();
            of.once += count;
            of.most += count * copies;
            of.least += if must { count } else { 0 };
        }
    }
    expected
}

/// A series has neither more nor less than its requests and the cloud's record explain.
fn judge_series(
    plan: &HistoryPlan,
    world: &World,
    cloud: &Cloud,
    series: &SeriesMinute,
    Expected { most, least, .. }: Expected,
    lives: u64,
) {
    let record = cloud.record(series);
    let repeats = any(plan, |config| config.cloudwatch.ambiguous == Ambiguous::Retry);
    let drops = any(plan, |config| config.cloudwatch.ambiguous == Ambiguous::Drop);
    let most = most + if repeats { record.untold } else { 0 };
    if record.held > most {
        world.violation(|| format!("{series:?} is counted {} times, at most {most}", record.held));
    }
    let age_ms = world.now_ms() - series.minute.start_seconds() * 1000;
    // A call that the journal names may not have been sent before the end of a life.
    let may_drop_unsent = drops
        && lives > plan.daemons.len() as u64
        && any(plan, |config| config.has(Acknowledge::Journaled));
    if age_ms > TWO_WEEKS_MS - AGE_MARGIN_MS || is_limited(plan) || may_drop_unsent {
        return;
    }
    let least =
        least.saturating_sub(record.blamed).saturating_sub(if drops { record.unknown } else { 0 });
    if record.held < least {
        world
            .violation(|| format!("{series:?} is counted {} times, at least {least}", record.held));
    }
}

/// A life publishes what was delivered to it, and what its journal has of earlier lives: only the
/// requests of sources that use the journal.
fn judge_lives(world: &World, cloud: &Cloud, requests: &[Request]) {
    for (life, series, held) in cloud.by_life() {
        let count = |request: &Request| {
            let [always, also] = [&request.always, &request.also];
            let once = always.get(series).into_iter().chain(also.get(series)).sum::<u64>();
            once * (1 + request.late)
        };
        let known = requests.iter().filter(|request| request.is_known_to(life));
        let most = known.map(count).sum::<u64>() + cloud.record(series).untold;
        if held > most {
            world.violation(|| format!("{life:?} counts {series:?} {held} times, at most {most}"));
        }
    }
}

fn any(plan: &HistoryPlan, is: impl Fn(&Config) -> bool) -> bool {
    plan.all_settings().any(|settings| is(&settings.config))
}

/// Whether counts may be dropped for the limit of series.
fn is_limited(plan: &HistoryPlan) -> bool {
    any(plan, |config| config.limits.series < Config::default().limits.series)
}

/// All differences together are named by the engine.
fn judge_sums(
    plan: &HistoryPlan,
    world: &World,
    cloud: &Cloud,
    requests: &[Request],
    expected: &BTreeMap<&SeriesMinute, Expected>,
    accounts: &Accounts,
) {
    let (mut over, mut missing) = (0, 0);
    let also: BTreeSet<_> = requests.iter().flat_map(|request| request.also.keys()).collect();
    for (series, of) in expected {
        let held = cloud.record(series).held;
        over += held.saturating_sub(of.once);
        if !also.contains(series) {
            missing += of.once.saturating_sub(held);
        }
    }
    let are_forgotten = accounts.evicted > 0;
    let copies =
        |request: &Request| request.copies(are_forgotten).saturating_sub(1) * request.counts();
    let again: u64 = requests.iter().map(copies).sum();
    let expired = requests.iter().filter(|request| request.is_expired);
    let expired: u64 = expired.map(Request::counts).sum();
    let doubt: u64 = accounts.doubtful.values().sum();
    if over > doubt + again {
        world.violation(|| format!("{over} counts too many, {doubt} in doubt, {again} sent again"));
    }
    let Accounts { dropped, lost, .. } = *accounts;
    // Those above the limit of series are named at the merge, which may not follow the write to the
    // journal.
    let may_be_nameless = is_limited(plan) && accounts.crashes > 0;
    if missing > dropped + lost + expired && !may_be_nameless {
        world.violation(|| format!("{missing} counts missing, {dropped} dropped, {lost} lost"));
    }
    if doubt + again + dropped + lost + expired == 0 && plan.duplicates == 0 {
        for request in requests {
            // The later definitions count all of it, the earlier ones nothing.
            let held = request.also.keys().map(|series| cloud.record(series).held);
            let held: Vec<_> = held.collect();
            if !held.iter().all(|held| *held == 0) && !request.also.values().eq(&held) {
                world.violation(|| format!("counted by two versions of the definitions: {held:?}"));
            }
        }
    }
    let always_drops = !any(plan, |config| config.cloudwatch.ambiguous == Ambiguous::Retry);
    if always_drops && plan.daemons.len() == 1 && plan.is_all_journaled() && over > 0 {
        world.violation(|| format!("{over} counts too many, although none is repeated in doubt"));
    }
}

/// Doubt and rejections are reported exactly when there were some.
fn judge_doubt(plan: &HistoryPlan, world: &World, cloud: &Cloud, accounts: &Accounts) {
    let Accounts { refused, crashes, lives, .. } = *accounts;
    if refused > cloud.blamed {
        let blamed = cloud.blamed;
        world.violation(|| format!("{refused} counts dropped as refused, {blamed} were blamed"));
    }
    let (ambiguous, unknown) = (accounts.doubt(DoubtCause::Ambiguous), cloud.unknown_counts);
    if ambiguous != unknown && (crashes == 0 || ambiguous > unknown) {
        world.violation(|| format!("{ambiguous} in doubt, {unknown} not answered"));
    }
    let crash = accounts.doubt(DoubtCause::Crash);
    if crash > 0 && crashes == 0 && lives == plan.daemons.len() as u64 {
        world.violation(|| format!("{crash} in doubt without a crash"));
    }
}
