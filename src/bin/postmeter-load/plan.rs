//! A pool of parcels, generated in advance so that sending costs little, and sent in turn.
//!
//! Generating an event costs as much as counting it. A parcel is the content of a request without
//! its id; each time it is sent under a new id.

use postmeter::synth::Truth;

use super::series::{Counts, SeriesTable};
use super::traffic::Record;

/// The content of one request.
#[derive(Debug)]
pub(crate) struct Parcel<P> {
    pub content: P,
    /// Events in it, including those of unknown type.
    pub events: u64,
    pub counts: Counts,
}

/// A pool and the order in which it is sent.
#[derive(Debug)]
pub(crate) struct Plan<P> {
    pool: Vec<Parcel<P>>,
    /// Sent after `parcels` of the pool, so that the number of events is exact.
    last: Vec<Parcel<P>>,
    /// Events in the pool before each parcel, and the total.
    before: Vec<u64>,
    /// Total number of parcels from the pool; `None`: unlimited.
    parcels: Option<u64>,
    pub series: SeriesTable,
}

// === impl Parcel ===

impl<P> Parcel<P> {
    pub(crate) fn new(
        content: P,
        records: &[Record],
        truth: &Truth,
        series: &mut SeriesTable,
    ) -> Self {
        let mut truth = truth.clone();
        for record in records {
            record.tell(&mut truth);
        }
        let events = records.iter().map(|record| record.facts.len() as u64).sum();
        Self { content, events, counts: series.counts(truth.series) }
    }
}

// === impl Plan ===

impl<P> Plan<P> {
    /// Generates a pool of `many` parcels, sent in turn without end or until `events` were sent.
    /// `make` generates a parcel of at least one event and at most the given number.
    pub(crate) fn new(
        many: usize,
        events: Option<u64>,
        mut make: impl FnMut(u64, &mut SeriesTable) -> Parcel<P>,
    ) -> Self {
        let mut series = SeriesTable::default();
        let (mut pool, mut before) = (Vec::new(), vec![0]);
        let (mut all, wanted) = (0, events.unwrap_or(u64::MAX));
        while pool.len() < many.max(1) && all < wanted {
            let parcel = make(wanted - all, &mut series);
            all += parcel.events;
            before.push(all);
            pool.push(parcel);
        }
        let mut plan = Self { pool, last: Vec::new(), before, parcels: None, series };
        if let Some(events) = events {
            // As many parcels of the last round as fit, then the rest.
            let (rounds, rest) = (events / all, events % all);
            let fitting = plan.before.partition_point(|before| *before <= rest) - 1;
            plan.parcels = Some(rounds * plan.pool.len() as u64 + fitting as u64);
            let mut missing = rest - plan.before[fitting];
            while missing > 0 {
                let parcel = make(missing, &mut plan.series);
                missing -= parcel.events;
                plan.last.push(parcel);
            }
        }
        plan
    }

    /// The parcel with this index; `None` after the last.
    pub(crate) fn parcel(&self, place: u64) -> Option<&Parcel<P>> {
        match self.parcels {
            Some(parcels) if place >= parcels => {
                self.last.get(usize::try_from(place - parcels).ok()?)
            }
            _ => self.pool.get(self.at(place)),
        }
    }

    /// Events that are sent before the parcel with this index.
    pub(crate) fn events_before(&self, place: u64) -> u64 {
        let from_pool = self.parcels.map_or(place, |parcels| place.min(parcels));
        let all = self.before.last().copied().unwrap_or(0);
        let rounds = from_pool / self.pool.len() as u64 * all + self.before[self.at(from_pool)];
        let last = usize::try_from(place - from_pool).unwrap_or(usize::MAX);
        rounds + self.last.iter().take(last).map(|parcel| parcel.events).sum::<u64>()
    }

    fn at(&self, place: u64) -> usize {
        usize::try_from(place % self.pool.len() as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plan of parcels with 3, 4, 5, 3, … events.
    fn plan(many: usize, events: Option<u64>) -> Plan<u64> {
        let mut made = 0;
        Plan::new(many, events, |events_max, _| {
            let events = (3 + made % 3).min(events_max);
            made += 1;
            Parcel { content: made, events, counts: Counts::default() }
        })
    }

    #[test]
    fn pool_without_an_end_is_sent_in_turn() {
        let plan = plan(3, None);
        let contents: Vec<_> = (0..7).map(|at| plan.parcel(at).unwrap().content).collect();
        assert_eq!(contents, [1, 2, 3, 1, 2, 3, 1]);
        let before: Vec<_> = (0..7).map(|at| plan.events_before(at)).collect();
        assert_eq!(before, [0, 3, 7, 12, 15, 19, 24]);
    }

    /// For every number of events and size of pool, the parcels hold exactly as many.
    #[test]
    fn plan_has_exactly_the_requested_number_of_events() {
        for many in 1..5 {
            for events in 1..60 {
                let plan = plan(many, Some(events));
                let (mut place, mut sent) = (0, 0);
                while let Some(parcel) = plan.parcel(place) {
                    assert_eq!(plan.events_before(place), sent, "{many} {events} {place}");
                    assert!(parcel.events > 0);
                    sent += parcel.events;
                    place += 1;
                }
                assert_eq!(sent, events, "{many} {events}");
                assert_eq!(plan.events_before(place), events);
            }
        }
    }
}
