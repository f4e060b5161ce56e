//! One namespace's share of the epochs: one in flight, and the counts that wait behind it.
//!
//! An epoch in flight takes no more counts. Waiting counts were never sent, so they are combined by
//! series and minute: memory depends on series and minutes, not on the number of events.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff_gate::BackoffGate;
use super::call::PublishBatch;
use super::suspects::Suspects;
use crate::ack::AckShare;
use crate::aggregate::{CountKeeper, Counts, Joined};

/// The queue of a namespace.
#[derive(Debug, Default)]
pub(super) struct NamespaceQueue {
    waiting: WaitingCounts,
    on_its_way: Option<OnItsWay>,
    /// The first merge of the newest epoch with counts of this namespace.
    newest_merge: Option<Instant>,
    pub gate: Arc<BackoffGate>,
    /// The last call was denied.
    pub denied: bool,
    /// The sum of the counts that wait because their calls were rejected without naming a datum.
    pub rejected: u64,
    /// The number of accepted calls when an epoch was postponed last.
    accepted_before: u64,
    /// The number of epochs whose work panicked.
    panics: u32,
    /// Nothing is sent any more: the counts stay until the end, and are reported then.
    is_broken: bool,
}

/// Counts that are published together, and the shares that wait for them.
#[derive(Debug, Default)]
struct WaitingCounts {
    counts: Option<Counts>,
    shares: Vec<AckShare>,
    first_merge: Option<Instant>,
    /// Some that senders keep are of requests that were answered at their merge, which nothing
    /// sends again.
    has_answered: bool,
    /// The sum of the counts that senders keep and CloudWatch may have, of requests whose others
    /// wait here.
    in_doubt: u64,
    /// Datums among the counts that were rejected alone.
    suspects: Suspects,
}

/// An epoch that begins to be published.
#[derive(Debug)]
pub(super) struct BegunEpoch {
    pub batch: Arc<PublishBatch>,
    pub waiters: Vec<AckShare>,
    /// Datums that were rejected alone in an earlier epoch.
    pub suspects: Suspects,
}

/// What an epoch leaves of which CloudWatch rejected some without naming a datum.
#[derive(Debug)]
pub(super) struct Postponed {
    pub waiters: Vec<AckShare>,
    /// Datums that were rejected alone.
    pub suspects: Suspects,
    /// Nothing else is left.
    pub are_all: bool,
}

#[derive(Debug)]
struct OnItsWay {
    batch: Arc<PublishBatch>,
    first_merge: Option<Instant>,
    has_answered: bool,
    /// Some are of requests that wait for them, and are sent again if they are not settled.
    has_waiting: bool,
    /// As in the counts that waited.
    in_doubt: u64,
}

/// Counts that are neither accepted nor dropped when the daemon ends.
#[derive(Debug)]
pub(super) struct LeftCounts {
    pub counts: Counts,
    /// Some that senders keep are lost with the process: their requests will not be sent again.
    pub is_lost: bool,
    /// The sum of counts that are lost, or counted twice when their requests are sent again. The
    /// journal's are neither.
    pub in_doubt: u64,
}

// === impl NamespaceQueue ===

impl NamespaceQueue {
    /// Takes the waiting counts out, to be combined with others and put back.
    pub(super) fn take_waiting(&mut self) -> Option<Counts> {
        self.waiting.counts.take()
    }

    /// Adds counts of a newer epoch, first merged at `first_merge`, to the waiting ones.
    pub(super) fn add(&mut self, mut counts: Counts, first_merge: Option<Instant>) -> Joined {
        let waiting = &mut self.waiting;
        waiting.first_merge = earliest(waiting.first_merge, first_merge);
        let joined = waiting.counts.take().map(|older| counts.join(older));
        waiting.counts = Some(counts);
        self.newest_merge = self.newest_merge.max(first_merge);
        joined.unwrap_or_default()
    }

    /// Records that some of the waiting counts are of requests that were answered at their merge.
    pub(super) fn add_answered(&mut self) {
        self.waiting.has_answered = true;
    }

    /// Makes the requests fail whose counts wait, because nothing is sent any more.
    pub(super) fn abandon(&mut self) -> Vec<AckShare> {
        std::mem::take(&mut self.waiting.shares)
    }

    /// Adds a share. In a broken queue it is dropped, so its request fails.
    pub(super) fn add_share(&mut self, share: AckShare) {
        if !self.is_broken {
            self.waiting.shares.push(share);
        }
    }

    /// Records that the work on an epoch panicked; returns whether the queue is broken now.
    pub(super) fn panicked(&mut self, panics_max: u32) -> bool {
        self.panics += 1;
        self.is_broken |= self.panics >= panics_max;
        if self.is_broken {
            self.waiting.shares.clear();
        }
        self.is_broken
    }

    /// Takes the waiting counts, if nothing is in flight.
    pub(super) fn begin(&mut self) -> Option<BegunEpoch> {
        let idle = self.waiting.counts.is_none() && self.waiting.shares.is_empty();
        if idle || self.is_broken || self.on_its_way.is_some() {
            return None;
        }
        let WaitingCounts { counts, shares, first_merge, has_answered, in_doubt, suspects } =
            std::mem::take(&mut self.waiting);
        let batch = Arc::new(PublishBatch::new(counts.unwrap_or_default()));
        let has_waiting = !shares.is_empty();
        let epoch = Arc::clone(&batch);
        self.on_its_way =
            Some(OnItsWay { batch: epoch, first_merge, has_answered, has_waiting, in_doubt });
        Some(BegunEpoch { batch, waiters: shares, suspects })
    }

    /// Ends the epoch in flight. What is left was certainly not ingested, so it waits again and may
    /// be added up with newer counts. Returns the result of joining their entries.
    pub(super) fn postpone(
        &mut self,
        Postponed { waiters, suspects, are_all }: Postponed,
    ) -> Joined {
        let accepted = self.gate.accepted();
        let is_working = accepted > std::mem::replace(&mut self.accepted_before, accepted);
        let Some(epoch) = self.on_its_way.take() else { return Joined::default() };
        let left = epoch.batch.left();
        self.rejected = left.sum();
        if epoch.has_waiting {
            self.waiting.in_doubt += epoch.in_doubt + epoch.batch.possibly_accepted();
        }
        self.waiting.shares.extend(waiters);
        self.waiting.has_answered |= epoch.has_answered;
        self.waiting.suspects = suspects;
        // If others are accepted, more of them must come, to show whether the suspects are bad.
        let first_merge = epoch.first_merge.filter(|_| !(are_all && is_working));
        self.wait_again(left, first_merge)
    }

    fn wait_again(&mut self, left: Counts, first_merge: Option<Instant>) -> Joined {
        let newer = self.take_waiting();
        let joined = self.add(left, first_merge);
        newer.map_or(joined, |newer| self.add(newer, None))
    }

    /// Ends the epoch in flight. Counts that are neither accepted nor dropped, because the work
    /// failed, wait again. Returns these counts, and the result of joining their entries.
    pub(super) fn end(&mut self) -> (u64, Joined) {
        self.rejected = 0;
        let left = self.on_its_way.take().map(|epoch| (epoch.batch.left(), epoch.first_merge));
        let Some((left, first_merge)) = left.filter(|(left, _)| !left.is_empty()) else {
            return (0, Joined::default());
        };
        let counts = left.sum();
        // Their requests have failed and may be sent again, but these counts are sent as well.
        self.add_answered();
        (counts, self.wait_again(left, first_merge))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.on_its_way.is_none() && self.waiting.counts.is_none() && self.waiting.shares.is_empty()
    }

    /// The first merge of the oldest unsettled epoch.
    pub(super) fn first_merge(&self) -> Option<Instant> {
        let on_its_way = self.on_its_way.as_ref().and_then(|epoch| epoch.first_merge);
        earliest(on_its_way, self.waiting.first_merge)
    }

    /// Whether counts of it are unsettled, or the newest were first merged less than this long ago.
    pub(super) fn is_in_use(&self, recent: Duration) -> bool {
        !self.is_idle() || self.newest_merge.is_some_and(|newest| newest.elapsed() < recent)
    }

    /// All counts that are neither accepted nor dropped.
    pub(super) fn left(&self) -> impl Iterator<Item = LeftCounts> {
        let is_lost = self.waiting.has_answered;
        let before = self.waiting.in_doubt;
        // CloudWatch has none of them, so they are not in doubt if their requests are sent again.
        let waiting = self.waiting.counts.iter().map(move |counts| LeftCounts {
            counts: counts.clone(),
            is_lost,
            in_doubt: before + if is_lost { counts.of(CountKeeper::Sender).sum() } else { 0 },
        });
        waiting.chain(self.on_its_way.iter().map(OnItsWay::left))
    }
}

// === impl OnItsWay ===

impl OnItsWay {
    fn left(&self) -> LeftCounts {
        let counts = self.batch.left();
        let in_doubt = match (self.has_answered, self.has_waiting) {
            (false, _) => self.batch.possibly_accepted(),
            (true, false) => counts.of(CountKeeper::Sender).sum(),
            (true, true) => counts.of(CountKeeper::Sender).sum() + self.batch.accepted(),
        };
        let in_doubt = self.in_doubt + in_doubt;
        LeftCounts { counts, is_lost: self.has_answered, in_doubt }
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aggregate::{Entry, EntryKey, SeriesTable};
    use crate::rules::Layouts;
    use crate::ses::Minute;
    use crate::sink::pack;

    fn counts(table: &Arc<SeriesTable>, series: &[(&[u8], u64)]) -> Counts {
        let entry = |(series, count): &(&[u8], u64)| {
            let id = table.intern(series).expect("there is room");
            Entry { key: EntryKey::new(id, Minute(0)), count: *count }
        };
        Counts::new(Arc::clone(table), series.iter().map(entry).collect())
    }

    fn sums(queue: &NamespaceQueue) -> Vec<u64> {
        queue.left().map(|left| left.counts.sum()).collect()
    }

    fn instants() -> (Instant, Instant, Instant) {
        let first = Instant::now();
        let second = first + Duration::from_millis(1);
        (first, second, second + Duration::from_millis(1))
    }

    #[test]
    fn what_waits_is_coalesced_and_joins_nothing_on_its_way() {
        let (first, second, third) = instants();
        let (table, mut queue) = (Arc::default(), NamespaceQueue::default());
        assert!(queue.is_idle() && queue.begin().is_none());
        assert_eq!(queue.add(counts(&table, &[(b"a", 1)]), Some(first)), Joined::default());
        let BegunEpoch { batch, waiters, .. } = queue.begin().expect("there are counts");
        assert_eq!((batch.len(), waiters.len(), queue.begin().is_none()), (1, 0, true));
        assert_eq!(queue.add(counts(&table, &[(b"a", 2), (b"b", 2)]), Some(second)).entries, 0);
        assert_eq!(queue.add(counts(&table, &[(b"b", 4), (b"c", 4)]), Some(third)).entries, 1);
        assert_eq!((sums(&queue), queue.first_merge()), (vec![12, 1], Some(first)));
        // Its series have no layout, and are dropped.
        pack(&batch, "", &Layouts::default(), 1).unresolved.settle();
        assert_eq!((queue.end(), sums(&queue)), ((0, Joined::default()), vec![12]));
        assert_eq!(queue.first_merge(), Some(second));
    }

    #[test]
    fn what_an_epoch_left_undone_waits_again_under_the_newest_table() {
        let (first, second, _) = instants();
        let (old, new) = (Arc::default(), Arc::default());
        let mut queue = NamespaceQueue::default();
        queue.add(counts(&old, &[(b"a", 1), (b"b", 1)]), Some(first));
        let _ = queue.begin().expect("there are counts");
        queue.add(counts(&new, &[(b"c", 1), (b"b", 1)]), Some(second));
        assert_eq!(queue.end(), (2, Joined { entries: 1, lost: (0, 0) }));
        assert_eq!((sums(&queue), queue.first_merge()), (vec![4], Some(first)));
        let BegunEpoch { batch, .. } = queue.begin().expect("there are counts");
        assert_eq!(batch.len(), 3);
        // No counts are waiting, so all of them are left once more.
        assert_eq!(queue.end().0, 4);
        assert_eq!(queue.take_waiting().map(|counts| counts.sum()), Some(4));
    }
}
