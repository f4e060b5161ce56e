//! The plan of a replay: which of the listed objects to read, and in what order.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::layout::{self, HOUR_MS, Span};
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
pub(crate) struct Range {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// A listed object.
#[derive(Clone, Debug)]
pub(crate) struct FoundObjects {
    pub place: ObjectPlace,
    pub bytes: u64,
    /// When it was last written: Unix milliseconds.
    pub written_ms: i64,
}

/// An object to read.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub place: ObjectPlace,
    pub bytes: u64,
    at_ms: i64,
}

/// What is chosen of what was found.
#[derive(Debug)]
pub(crate) struct Plan {
    pub range: Range,
    /// Objects that arrived before this are too old to publish (Unix milliseconds).
    oldest_ms: i64,
    objects_max: usize,
    /// In the order of their times.
    pub chosen: Vec<Chosen>,
    ids: HashSet<RequestId, RandomState>,
    /// Counted by an earlier process.
    known: HashSet<RequestId, RandomState>,
    pub passed_over: PassedOver,
}

/// Objects that are skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedOver {
    /// Counted before.
    pub known: u64,
    /// Outside of the range; does not include folders that were not listed.
    pub outside: u64,
    /// Too old for CloudWatch, by their names.
    pub too_old: u64,
}

/// There are more objects than a plan can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub known: usize,
    pub max: usize,
}

// === impl Range ===

impl Range {
    pub(crate) const ALL: Self = Self { from_ms: i64::MIN, to_ms: i64::MAX };

    #[must_use]
    pub(crate) fn holds(&self, ms: i64) -> bool {
        self.from_ms <= ms && ms < self.to_ms
    }

    /// Whether a folder may hold objects of the range, with a tolerance of one day on both sides.
    #[must_use]
    pub(crate) fn touches(&self, folder: Span) -> bool {
        let (start_ms, end_ms) = (folder.start_ms, folder.start_ms + folder.len_ms);
        self.from_ms < end_ms.saturating_add(layout::DAY_MS)
            && start_ms.saturating_sub(layout::DAY_MS) < self.to_ms
    }
}

// === impl Plan ===

impl Plan {
    /// An empty plan. Without `now_ms` no object is too old.
    #[must_use]
    pub(crate) fn new(
        range: Range,
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
            passed_over: PassedOver::default(),
        }
    }

    /// Adds an object unless it is known, or skips it.
    ///
    /// # Errors
    /// There are too many objects.
    pub(crate) fn offer(&mut self, found: FoundObjects) -> Result<(), TooMany> {
        let FoundObjects { place, bytes, written_ms } = found;
        let said = layout::of_object(&place.key());
        let at_ms = said.map_or(written_ms, |span| span.start_ms);
        if !self.range.holds(at_ms) {
            self.passed_over.outside += 1;
        } else if said.is_some_and(|span| self.is_too_old(span)) {
            self.passed_over.too_old += 1;
        } else {
            let id = place.id();
            if !self.ids.insert(id) {
                return Ok(());
            }
            if self.known.contains(&id) {
                self.passed_over.known += 1;
                return Ok(());
            }
            if self.known.len() + self.chosen.len() >= self.objects_max {
                return Err(TooMany { known: self.known.len(), max: self.objects_max });
            }
            self.chosen.push(Chosen { place, bytes, at_ms });
        }
        Ok(())
    }

    fn is_too_old(&self, span: Span) -> bool {
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

    fn found(path: &str) -> FoundObjects {
        let stamp = ObjectStamp { bytes: 7, written_ns: 0 };
        FoundObjects {
            place: ObjectPlace::File { path: path.into(), stamp },
            bytes: 7,
            written_ms: NOW_MS,
        }
    }

    fn plan(range: Range, known: &[&str]) -> Plan {
        Plan::new(range, Some(NOW_MS), known.iter().map(|path| found(path).place.id()))
    }

    fn keys(plan: &Plan) -> Vec<String> {
        plan.chosen.iter().map(|object| object.place.key().into_owned()).collect()
    }

    #[test]
    fn an_object_is_chosen_once_by_its_time_and_in_its_order() {
        let ms = |text: &str| crate::ses::time::parse_ms(text.as_bytes()).expect("a time");
        let range =
            Range { from_ms: ms("2026-11-17T07:00:00Z"), to_ms: ms("2026-11-17T09:00:00Z") };
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
        assert_eq!(plan.passed_over, PassedOver { known: 1, outside: 3, too_old: 0 });
        assert_eq!(plan.chosen.iter().map(|object| object.bytes).sum::<u64>(), 28);
    }

    #[test]
    fn what_is_surely_too_old_is_passed_over_and_never_without_a_clock() {
        // Two weeks earlier is the fourth, 11:06:40. The tolerance for names is twelve hours and a
        // quarter.
        let names = ["/2026/11/03/22/a", "/2026/11/03/21/a", "/2026/11/02/a", "/2026/11/03/a"];
        let mut plan = plan(Range::ALL, &[]);
        for name in names {
            plan.offer(found(name)).expect("there is room");
        }
        plan.sort();
        assert_eq!(keys(&plan), ["/2026/11/03/a", "/2026/11/03/22/a"]);
        assert_eq!(plan.passed_over.too_old, 2);
        let mut plan = Plan::new(Range::ALL, None, []);
        for name in names {
            plan.offer(found(name)).expect("there is room");
        }
        assert_eq!(plan.chosen.len(), 4);
    }

    #[test]
    fn objects_are_remembered_up_to_a_limit_those_of_before_included() {
        let mut plan = plan(Range::ALL, &["/k1", "/k2"]);
        plan.objects_max = 3;
        plan.offer(found("/k1")).expect("it is known");
        plan.offer(found("/a")).expect("the third");
        plan.offer(found("/a")).expect("the same");
        assert_eq!(plan.offer(found("/b")), Err(TooMany { known: 2, max: 3 }));
    }

    #[test]
    fn folders_up_to_a_day_beside_the_range_are_looked_at() {
        let range = Range { from_ms: 0, to_ms: layout::DAY_MS };
        let day = |at: i64| Span { start_ms: at * layout::DAY_MS, len_ms: layout::DAY_MS };
        let touched: Vec<_> = (-3..5).filter(|at| range.touches(day(*at))).collect();
        assert_eq!(touched, [-1, 0, 1]);
        assert!(Range::ALL.touches(day(0)));
    }
}
