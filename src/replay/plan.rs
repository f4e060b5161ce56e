//! The plan of a replay: which of the listed objects to read, and in what order.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::layout::{self, HOUR_MS, TimeSpan};
use super::object::ObjectPlace;
use crate::ack::RequestId;
use crate::aggregate::Line;
use crate::limits::DATUM_AGE_MAX;
use crate::ses::Minute;

/// Maximum number of objects in a plan and in the state: each takes a few hundred bytes of memory.
pub(super) const OBJECTS_MAX: usize = 500_000;

/// How far an object's records may be after the time in its name: a stream buffers at most 900 s,
/// and it may name folders in a time zone up to twelve hours behind UTC.
const NAME_LAG_MS: i64 = 900_000 + 12 * HOUR_MS;

/// The chosen times: from the first (inclusive) to the second (exclusive), in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// A listed object.
#[derive(Clone, Debug)]
pub(crate) struct FoundObject {
    pub place: ObjectPlace,
    pub bytes: u64,
    /// When it was last written: Unix milliseconds.
    pub written_ms: i64,
}

/// An object to read.
#[derive(Debug)]
pub(crate) struct ChosenObject {
    pub place: ObjectPlace,
    pub bytes: u64,
    at_ms: i64,
}

/// What is chosen of what was found.
#[derive(Debug)]
pub(crate) struct ReplayPlan {
    pub range: TimeRange,
    /// Objects that arrived before this are too old to publish (Unix milliseconds).
    oldest_ms: i64,
    objects_max: usize,
    /// In the order of their times.
    pub chosen: Vec<ChosenObject>,
    ids: HashSet<RequestId, RandomState>,
    /// Counted by an earlier process.
    known: HashSet<RequestId, RandomState>,
    pub skipped: SkippedObjects,
}

/// Objects that are skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SkippedObjects {
    /// Counted before.
    pub known: u64,
    /// Outside of the range; does not include folders that were not listed.
    pub outside: u64,
    /// Too old for CloudWatch, by their names.
    pub too_old: u64,
}

/// There are more objects than a plan can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {max} objects, {known} of them recorded in the state: split the replay with --from \
     and --to, each part with its own --state"
)]
pub(crate) struct TooManyObjects {
    pub known: usize,
    pub max: usize,
}

// === impl TimeRange ===

impl TimeRange {
    pub(crate) const ALL: Self = Self { from_ms: i64::MIN, to_ms: i64::MAX };

    #[must_use]
    pub(crate) fn holds(&self, ms: i64) -> bool {
        self.from_ms <= ms && ms < self.to_ms
    }

    /// Whether a folder may hold objects of the range, with a tolerance of one day on both sides.
    #[must_use]
    pub(crate) fn touches(&self, folder: TimeSpan) -> bool {
        let (start_ms, end_ms) = (folder.start_ms, folder.start_ms + folder.len_ms);
        self.from_ms < end_ms.saturating_add(layout::DAY_MS)
            && start_ms.saturating_sub(layout::DAY_MS) < self.to_ms
    }
}

// === impl ReplayPlan ===

impl ReplayPlan {
    /// An empty plan. Without `now_ms` no object is too old.
    #[must_use]
    pub(crate) fn new(
        range: TimeRange,
        now_ms: Option<i64>,
        known: impl IntoIterator<Item = RequestId>,
    ) -> Self {
        Self {
            range,
            oldest_ms: now_ms.map_or(i64::MIN, oldest_ms),
            objects_max: OBJECTS_MAX,
            chosen: Vec::new(),
            ids: HashSet::default(),
            known: known.into_iter().collect(),
            skipped: SkippedObjects::default(),
        }
    }

    /// Adds an object unless it is known, or skips it.
    ///
    /// # Errors
    /// There are too many objects.
    pub(crate) fn offer(&mut self, found: FoundObject) -> Result<(), TooManyObjects> {
        let FoundObject { place, bytes, written_ms } = found;
        let said = layout::of_object(&place.key());
        let at_ms = said.map_or(written_ms, |span| span.start_ms);
        if !self.range.holds(at_ms) {
            self.skipped.outside += 1;
        } else if said.is_some_and(|span| self.is_too_old(span)) {
            self.skipped.too_old += 1;
        } else {
            let id = place.id();
            if !self.ids.insert(id) {
                return Ok(());
            }
            if self.known.contains(&id) {
                self.skipped.known += 1;
                return Ok(());
            }
            if self.known.len() + self.chosen.len() >= self.objects_max {
                return Err(TooManyObjects { known: self.known.len(), max: self.objects_max });
            }
            self.chosen.push(ChosenObject { place, bytes, at_ms });
        }
        Ok(())
    }

    fn is_too_old(&self, span: TimeSpan) -> bool {
        span.start_ms + span.len_ms + NAME_LAG_MS < self.oldest_ms
    }

    /// Sorts the objects by time. Objects of the same minutes are then read together, and their
    /// counts are added up before they are published.
    pub(crate) fn sort(&mut self) {
        self.chosen.sort_by(|a, b| (a.at_ms, a.place.key()).cmp(&(b.at_ms, b.place.key())));
        // No longer needed.
        self.ids = HashSet::default();
        self.known = HashSet::default();
    }
}

/// The oldest time that CloudWatch still accepts (Unix milliseconds).
fn oldest_ms(now_ms: i64) -> i64 {
    now_ms.saturating_sub(i64::try_from(DATUM_AGE_MAX.as_millis()).unwrap_or(i64::MAX))
}

/// The sum of counts that are too old for CloudWatch.
#[must_use]
pub(crate) fn counts_too_old(lines: &[Line], now_ms: i64) -> u64 {
    let oldest = Minute::of_ms(oldest_ms(now_ms));
    lines.iter().filter(|line| line.series.minute < oldest).map(|line| line.count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::object::ObjectStamp;

    const NOW_MS: i64 = 1_795_000_000_000; // 2026-11-18T11:06:40Z

    fn found(path: &str) -> FoundObject {
        let stamp = ObjectStamp { bytes: 7, written_ns: 0 };
        FoundObject {
            place: ObjectPlace::File { path: path.into(), stamp },
            bytes: 7,
            written_ms: NOW_MS,
        }
    }

    fn plan(range: TimeRange, known: &[&str]) -> ReplayPlan {
        ReplayPlan::new(range, Some(NOW_MS), known.iter().map(|path| found(path).place.id()))
    }

    fn keys(plan: &ReplayPlan) -> Vec<String> {
        plan.chosen.iter().map(|object| object.place.key().into_owned()).collect()
    }

    #[test]
    fn object_is_chosen_once_by_its_time_and_in_its_order() {
        let ms = |text: &str| crate::ses::time::parse_ms(text.as_bytes()).expect("a time");
        let range =
            TimeRange { from_ms: ms("2026-11-17T07:00:00Z"), to_ms: ms("2026-11-17T09:00:00Z") };
        let mut plan = plan(range, &["/a/2026/11/17/08/known"]);
        for path in [
            "/a/2026/11/17/08/b",
            "/a/2026/11/17/07/a",
            "/a/2026/11/17/08/known",
            "/a/2026/11/17/06/a",
            "/a/2026/11/17/09/a",
            "/a/2026/11/17/08/a",
            "/a/2026/11/17/08/b",
            "/a/undated",
            "/a/2026/11/17/09/m-1-2026-11-17-08-59-59-x",
        ] {
            plan.offer(found(path)).expect("there is room");
        }
        plan.sort();
        assert_eq!(
            keys(&plan),
            [
                "/a/2026/11/17/07/a",
                "/a/2026/11/17/08/a",
                "/a/2026/11/17/08/b",
                "/a/2026/11/17/09/m-1-2026-11-17-08-59-59-x",
            ]
        );
        assert_eq!(plan.skipped, SkippedObjects { known: 1, outside: 3, too_old: 0 });
        assert_eq!(plan.chosen.iter().map(|object| object.bytes).sum::<u64>(), 28);
    }

    #[test]
    fn objects_certainly_too_old_are_skipped_but_never_without_a_clock() {
        // Two weeks earlier is the fourth, 11:06:40. The tolerance for names is twelve hours and a
        // quarter.
        let names = ["/2026/11/03/22/a", "/2026/11/03/21/a", "/2026/11/02/a", "/2026/11/03/a"];
        let mut plan = plan(TimeRange::ALL, &[]);
        for name in names {
            plan.offer(found(name)).expect("there is room");
        }
        plan.sort();
        assert_eq!(keys(&plan), ["/2026/11/03/a", "/2026/11/03/22/a"]);
        assert_eq!(plan.skipped.too_old, 2);
        let mut plan = ReplayPlan::new(TimeRange::ALL, None, []);
        for name in names {
            plan.offer(found(name)).expect("there is room");
        }
        assert_eq!(plan.chosen.len(), 4);
    }

    #[test]
    fn objects_are_remembered_up_to_a_limit_that_includes_earlier_runs() {
        let mut plan = plan(TimeRange::ALL, &["/k1", "/k2"]);
        plan.objects_max = 3;
        plan.offer(found("/k1")).expect("it is known");
        plan.offer(found("/a")).expect("the third");
        plan.offer(found("/a")).expect("the same");
        assert_eq!(plan.offer(found("/b")), Err(TooManyObjects { known: 2, max: 3 }));
    }

    #[test]
    fn folders_up_to_a_day_outside_the_range_are_listed() {
        let range = TimeRange { from_ms: 0, to_ms: layout::DAY_MS };
        let day = |at: i64| TimeSpan { start_ms: at * layout::DAY_MS, len_ms: layout::DAY_MS };
        let touched: Vec<_> = (-3..5).filter(|at| range.touches(day(*at))).collect();
        assert_eq!(touched, [-1, 0, 1]);
        assert!(TimeRange::ALL.touches(day(0)));
    }
}
