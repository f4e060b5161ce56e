//! The life of an id.

use std::time::Duration;

use tokio::time::advance;

use super::ticket::AckGuards;
use super::*;
use crate::label::Label;

const LIFE: Duration = Duration::from_mins(1);
const ALMOST: Duration = Duration::from_millis(59_999);

fn id(name: &str) -> RequestId {
    RequestId::new(SourceKind::Sqs, b"source", name.as_bytes())
}

fn new(ledger: &Ledger, name: &str) -> Ticket {
    match ledger.admit(id(name)) {
        Admission::New(ticket) => ticket,
        Admission::Known(waiter) => panic!("{name} is known: {waiter:?}"),
    }
}

fn known(ledger: &Ledger, name: &str) -> Waiter {
    match ledger.admit(id(name)) {
        Admission::Known(waiter) => waiter,
        Admission::New(_) => panic!("{name} is new"),
    }
}

fn settle(guard: Option<AckGuard>) {
    for share in guard.expect("a guard for a waiting caller").split(2) {
        share.settle();
    }
}

#[test]
fn request_ids_differ_by_source_and_id_and_by_their_boundary() {
    let ids = [(&b"a"[..], &b"bc"[..]), (b"ab", b"c"), (b"a", b"b"), (b"", b"abc")];
    let ids: std::collections::HashSet<_> =
        ids.iter().map(|(source, id)| RequestId::new(SourceKind::Sqs, source, id)).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn rejection_reaches_requests_that_joined_and_forgets_the_id() {
    let ledger = Ledger::new(DoneWhen::Settled, LIFE, 10);
    let ticket = new(&ledger, "a");
    let mut joined = known(&ledger, "a");
    let refusal = Refusal::new(RefusalReason::Busy, "later");
    ticket.refuse(refusal.clone());
    assert_eq!(joined.wait(|stage| *stage != Stage::Reading).await, Stage::Refused(refusal));
    drop(new(&ledger, "a"));
    assert!(ledger.is_empty(), "a ticket dropped without a word is a refusal");
}

#[tokio::test]
async fn merged_id_is_settled_by_its_last_share_and_never_forgotten_before() {
    let ledger = Ledger::new(DoneWhen::Settled, LIFE, 10);
    let guard = new(&ledger, "a").merged(false).counts;
    assert_eq!(known(&ledger, "a").stage(), Stage::Merged);
    let mut shares = guard.expect("a guard for a waiting caller").split(2);
    shares.pop().expect("two").settle();
    assert_eq!(known(&ledger, "a").stage(), Stage::Merged);
    shares.pop().expect("one").settle();
    assert_eq!(known(&ledger, "a").stage(), Stage::Settled);
}

#[tokio::test]
async fn guard_dropped_silently_is_lost_and_its_id_stays() {
    let ledger = Ledger::new(DoneWhen::Settled, LIFE, 10);
    drop(new(&ledger, "dropped").merged(false).counts);
    assert_eq!(known(&ledger, "dropped").stage(), Stage::Lost);
    let mut shares =
        new(&ledger, "share").merged(false).counts.expect("a guard for a waiting caller").split(2);
    shares.pop().expect("two").settle();
    drop(shares);
    assert_eq!(known(&ledger, "share").stage(), Stage::Lost);
    let nothing_to_wait_for =
        new(&ledger, "none").merged(false).counts.expect("a guard for a waiting caller").split(0);
    assert!(nothing_to_wait_for.is_empty());
    assert_eq!(known(&ledger, "none").stage(), Stage::Settled);
}

/// No response is sent before the events are forwarded, whatever else is awaited; and an ID is not
/// done before both have ended, in either order.
#[tokio::test]
async fn request_is_not_acknowledged_before_its_events_are_forwarded() {
    for done_when in [DoneWhen::Merged, DoneWhen::Settled] {
        for counts_first in [true, false] {
            let ledger = Ledger::new(done_when, LIFE, 10);
            let AckGuards { counts, forwarding } = new(&ledger, "a").merged(true);
            assert_eq!(counts.is_some(), done_when == DoneWhen::Settled);
            assert_eq!(known(&ledger, "a").stage(), Stage::Forwarding);
            let forwarded = || settle(forwarding);
            let published = || {
                if counts.is_some() {
                    settle(counts);
                }
            };
            if counts_first {
                published();
                assert_eq!(known(&ledger, "a").stage(), Stage::Forwarding);
                forwarded();
            } else {
                forwarded();
                assert_eq!(known(&ledger, "a").stage(), Stage::Merged);
                published();
            }
            let last = known(&ledger, "a").acknowledged(done_when == DoneWhen::Settled).await;
            let settled = done_when == DoneWhen::Settled;
            assert_eq!(last, if settled { Stage::Settled } else { Stage::Merged });
        }
        let ledger = Ledger::new(done_when, LIFE, 10);
        let AckGuards { counts, forwarding } = new(&ledger, "lost").merged(true);
        let mut shares = forwarding.expect("some are forwarded").split(2);
        shares.pop().expect("two").settle();
        drop((shares, counts.map(|counts| counts.split(0))));
        assert_eq!(known(&ledger, "lost").stage(), Stage::Lost);
    }
}

/// A copy under another ID joins, and gets the response of the first.
#[tokio::test(start_paused = true)]
async fn request_with_several_ids_is_known_by_each_of_them() {
    let both = [id("own"), id("shared")];
    let copy = [id("other"), id("shared")];
    let waiter_of = |ledger: &Ledger, ids: &[RequestId]| match ledger.admit_all(ids) {
        Admission::Known(waiter) => waiter,
        Admission::New(_) => panic!("it is new"),
    };
    for holds in [false, true] {
        let kind = if holds { Ledger::holding } else { Ledger::new };
        let ledger = kind(DoneWhen::Settled, LIFE, 10);
        let Admission::New(ticket) = ledger.admit_all(&both) else { panic!("it is known") };
        assert_eq!(waiter_of(&ledger, &copy).stage(), Stage::Reading);
        let joined = waiter_of(&ledger, &copy);
        let refusal = Refusal::new(RefusalReason::Busy, "later");
        ticket.refuse(refusal.clone());
        assert_eq!(joined.stage(), Stage::Refused(refusal));
        assert!(ledger.is_empty(), "a copy leaves no trace");

        let Admission::New(ticket) = ledger.admit_all(&both) else { panic!("it is known") };
        let guard = ticket.merged(false).counts;
        assert_eq!(waiter_of(&ledger, &copy).stage(), Stage::Merged);
        settle(guard);
        // Whichever of its IDs the release names.
        ledger.release(id("shared"));
        advance(ALMOST).await;
        assert_eq!(waiter_of(&ledger, &copy).stage(), Stage::Settled);
        assert_eq!(known(&ledger, "own").stage(), Stage::Settled);
        advance(Duration::from_millis(1)).await;
        assert!(ledger.is_empty());

        let Admission::New(ticket) = ledger.admit_all(&both) else { panic!("it is known") };
        let refusal = Refusal::new(RefusalReason::OverBudget, "too large");
        ticket.refuse(refusal.clone());
        assert_eq!(waiter_of(&ledger, &copy).stage(), Stage::Refused(refusal.clone()));
        assert_eq!(known(&ledger, "own").stage(), Stage::Refused(refusal));
    }
}

#[tokio::test(start_paused = true)]
async fn id_stays_its_full_lifetime_from_when_it_is_done() {
    for done_when in [DoneWhen::Merged, DoneWhen::Settled] {
        let ledger = Ledger::new(done_when, LIFE, 10);
        let guard = new(&ledger, "a").merged(false).counts;
        assert_eq!(guard.is_some(), done_when == DoneWhen::Settled);
        advance(ALMOST).await;
        known(&ledger, "a");
        if guard.is_some() {
            advance(10 * LIFE).await;
            known(&ledger, "a");
            settle(guard);
            advance(ALMOST).await;
            known(&ledger, "a");
        }
        advance(Duration::from_millis(1)).await;
        drop(new(&ledger, "a"));
    }
}

#[tokio::test]
async fn done_ids_above_the_limit_are_evicted_oldest_first_and_pending_ones_stay() {
    let ledger = Ledger::new(DoneWhen::Settled, LIFE, 2);
    let pending = new(&ledger, "pending").merged(false).counts;
    let reading = new(&ledger, "reading");
    for name in ["a", "b", "c"] {
        settle(new(&ledger, name).merged(false).counts);
    }
    assert_eq!((ledger.evicted(EvictionReason::Source), ledger.len()), (1, 4));
    known(&ledger, "pending");
    known(&ledger, "reading");
    known(&ledger, "b");
    drop(new(&ledger, "a"));
    settle(pending);
    drop(reading);
    assert_eq!(ledger.evicted(EvictionReason::Source), 2);
    assert_eq!(ledger.evicted(EvictionReason::Rejected), 0);
    known(&ledger, "pending");
}

#[tokio::test(start_paused = true)]
async fn restored_ids_are_known_in_every_ledger_for_their_remaining_lifetime() {
    let known_for = |name, minutes| (id(name), Duration::from_mins(minutes));
    let restored = RestoredIds::new([known_for("old", 1), known_for("new", 50)]);
    let ledgers = [DoneWhen::Merged, DoneWhen::Settled].map(|done| Ledger::new(done, LIFE, 2));
    for ledger in &ledgers {
        ledger.restore(&restored);
    }
    assert_eq!(known(&ledgers[0], "old").stage(), Stage::Merged);
    assert_eq!(known(&ledgers[1], "old").stage(), Stage::Settled);
    assert_eq!((restored.len(), ledgers[0].len()), (2, 0));
    advance(Duration::from_mins(1)).await;
    for ledger in &ledgers {
        drop(new(ledger, "old"));
        known(ledger, "new");
    }
    assert_eq!(restored.len(), 1);
}

#[test]
fn request_id_is_read_from_its_bytes_and_depends_on_source_and_id() {
    let (one, other) = (id("a"), RequestId::new(SourceKind::Sqs, b"sourc", b"ea"));
    assert_ne!(one, other);
    for id in [one, other] {
        assert_eq!(RequestId::from_bytes(&id.to_bytes()), Some(id));
        let digits = format!("{:032x}", u128::from_le_bytes(id.to_bytes()));
        assert_eq!(format!("{id:?}"), digits);
    }
    assert_eq!(RequestId::from_bytes(&one.to_bytes()[1..]), None);
}

/// Firehose retries on 503, writes the batch to its backup on 400, and would drop it on 413.
#[test]
fn every_refusal_has_its_own_status_and_label() {
    let labels: std::collections::BTreeSet<_> =
        RefusalReason::ALL.iter().map(|one| one.as_str()).collect();
    assert_eq!(labels.len(), RefusalReason::ALL.len());
    assert!(labels.iter().all(|label| label.contains(|letter: char| letter.is_ascii_lowercase())));
    for reason in RefusalReason::ALL.iter().copied() {
        let expected = match reason.as_str() {
            "unauthorized" => 401,
            "forbidden" => 403,
            "bad_request" | "over_budget" | "panic" => 400,
            _ => 503,
        };
        assert_eq!(reason.status(), expected, "{reason:?}");
    }
    let ledger = Ledger::new(DoneWhen::Merged, LIFE, 10);
    assert!(ledger.is_empty());
    let _held = new(&ledger, "a");
    assert!(!ledger.is_empty());
}

#[tokio::test(start_paused = true)]
async fn held_id_is_known_until_its_lifetime_after_the_release() {
    for done_when in [DoneWhen::Merged, DoneWhen::Settled] {
        let ledger = Ledger::holding(done_when, LIFE, 1);
        let ticket = new(&ledger, "a");
        ledger.release(id("a"));
        advance(LIFE * 10).await;
        assert_eq!(known(&ledger, "a").stage(), Stage::Reading, "released while it is worked on");
        let guard = ticket.merged(false).counts;
        if done_when == DoneWhen::Settled {
            ledger.release(id("a"));
            advance(LIFE * 10).await;
            assert_eq!(known(&ledger, "a").stage(), Stage::Merged, "released before it was done");
            settle(guard);
        }
        let done = known(&ledger, "a").stage();
        assert_eq!(
            done,
            if done_when == DoneWhen::Merged { Stage::Merged } else { Stage::Settled }
        );
        // A held ID does not count against the limit of done IDs.
        drop(new(&ledger, "b"));
        advance(LIFE * 10).await;
        assert_eq!(known(&ledger, "a").stage(), done);
        ledger.release(id("a"));
        ledger.release(id("a"));
        advance(ALMOST).await;
        assert_eq!(known(&ledger, "a").stage(), done);
        advance(Duration::from_millis(1)).await;
        drop(new(&ledger, "a"));
        assert!(ledger.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn held_id_whose_counts_are_lost_says_so_until_its_lifetime_ends() {
    let ledger = Ledger::holding(DoneWhen::Settled, LIFE, 1);
    drop(new(&ledger, "a").merged(false).counts);
    ledger.release(id("a"));
    advance(ALMOST).await;
    assert_eq!(known(&ledger, "a").stage(), Stage::Lost);
    advance(Duration::from_millis(1)).await;
    drop(new(&ledger, "a"));
}

/// IDs also expire in a ledger that gets no requests.
#[tokio::test(start_paused = true)]
async fn id_is_forgotten_when_its_lifetime_ends() {
    let ledger = Ledger::new(DoneWhen::Merged, LIFE, 100);
    assert!(new(&ledger, "a").merged(false).counts.is_none());
    advance(LIFE / 2).await;
    assert!(new(&ledger, "b").merged(false).counts.is_none());
    advance(LIFE / 2).await;
    assert_eq!(ledger.len(), 1);
    advance(LIFE / 2).await;
    assert!(ledger.is_empty());
}

/// A message that is hidden may be a copy of one that is counted meanwhile.
#[tokio::test(start_paused = true)]
async fn id_that_is_done_while_a_copy_is_away_is_known_when_the_copy_returns() {
    let ledger = Ledger::new(DoneWhen::Merged, LIFE, 100);
    let away = LIFE * 20;
    ledger.keep_for(away);
    advance(LIFE * 19).await;
    assert!(new(&ledger, "copied").merged(false).counts.is_none());
    advance(LIFE).await;
    // A shorter absence shortens nothing.
    ledger.keep_for(LIFE);
    advance(LIFE / 2).await;
    assert_eq!(ledger.len(), 1, "the copy returns, and is known for the usual time");
    assert!(new(&ledger, "later").merged(false).counts.is_none());
    advance(LIFE / 2 + LIFE / 16).await;
    assert_eq!(ledger.len(), 1, "what is done after the copy returned lives as usual");
}
