//! What is remembered, and which of several concurrent requests may count an event.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;

fn fingerprint(number: usize) -> Fingerprint {
    let mut bytes = [0; Fingerprint::BYTES];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Fingerprint::new(bytes)
}

fn fingerprints(numbers: impl IntoIterator<Item = usize>) -> Vec<Fingerprint> {
    numbers.into_iter().map(fingerprint).collect()
}

fn copies(events_max: usize) -> (Arc<Copies>, Clock) {
    let clock = Clock::manual(1_000_000);
    let settings = CopiesSettings { window: Duration::from_mins(1), events_max };
    (Arc::new(Copies::new(settings, clock.clone())), clock)
}

/// Claims free events and counts them.
fn count(copies: &Arc<Copies>, numbers: impl IntoIterator<Item = usize>) {
    match copies.try_claim(&fingerprints(numbers)) {
        Tried::Claimed(claim) => claim.counted(),
        _ => panic!("the events are claimed"),
    }
}

fn is_known(copies: &Arc<Copies>, number: usize) -> bool {
    matches!(copies.try_claim(&[fingerprint(number)]), Tried::Known(_))
}

#[test]
fn an_event_is_known_for_the_window_from_when_it_was_counted() {
    let (copies, clock) = copies(100);
    count(&copies, [1, 2]);
    clock.set_ms(1_000_000 + 59_999);
    count(&copies, [3]);
    assert!(is_known(&copies, 1) && is_known(&copies, 2));
    clock.set_ms(1_000_000 + 60_000);
    assert!(!is_known(&copies, 1) && !is_known(&copies, 2) && is_known(&copies, 3));
    assert_eq!((copies.len(), copies.forgotten()), (1, 0));
}

#[test]
fn beyond_the_limit_the_oldest_is_forgotten_and_counted() {
    let (copies, _) = copies(3);
    count(&copies, [1, 2]);
    count(&copies, [3, 4]);
    assert_eq!((copies.len(), copies.forgotten()), (3, 1));
    assert!(!is_known(&copies, 1) && is_known(&copies, 2) && is_known(&copies, 4));
    // A larger request is counted anyway, and its last events are remembered.
    count(&copies, 10..20);
    assert_eq!((copies.len(), copies.forgotten()), (3, 11));
    assert!(!is_known(&copies, 16) && is_known(&copies, 17) && is_known(&copies, 19));
}

#[test]
fn a_claim_that_is_dropped_leaves_no_trace() {
    let (copies, _) = copies(100);
    let Tried::Claimed(claim) = copies.try_claim(&fingerprints([1, 2])) else { panic!("free") };
    assert!(matches!(copies.try_claim(&fingerprints([2, 3])), Tried::Held(_)));
    // A failed claim holds nothing.
    assert!(matches!(copies.try_claim(&fingerprints([3])), Tried::Claimed(_)));
    drop(claim);
    assert!(copies.is_empty());
    assert!(copies.table().claimed.is_empty());
    count(&copies, [1, 2, 3]);
    assert!(copies.table().claimed.is_empty());
}

#[test]
fn all_that_is_known_is_named_at_once() {
    let (copies, _) = copies(100);
    copies.restore(vec![(1_000_000, fingerprints([5])), (999_999, fingerprints([1, 2]))]);
    let Tried::Known(known) = copies.try_claim(&fingerprints([0, 1, 5, 7])) else {
        panic!("known")
    };
    assert_eq!(known, Known(fingerprints([1, 5])));
    assert!(copies.table().claimed.is_empty());
}

#[test]
fn a_million_events_take_thirty_megabytes() {
    let (copies, _) = copies(1_000_000);
    for number in 0..1_050_000 {
        copies.table().counted.add(0, &[fingerprint(number)]);
    }
    assert_eq!((copies.len(), copies.forgotten()), (1_000_000, 50_000));
    let bytes = copies.table().counted.bytes();
    assert!(bytes < 30_000_000, "{bytes}");
}

/// Many expired events are removed step by step, but count as unknown at once.
#[test]
fn a_long_pause_holds_up_nobody() {
    let (copies, clock) = copies(100_000);
    count(&copies, 0..25_000);
    clock.set_ms(2_000_000);
    assert!(!is_known(&copies, 50_000));
    assert_eq!(copies.len(), 15_000);
    assert!(!is_known(&copies, 50_000) && !is_known(&copies, 50_000));
    assert_eq!((copies.len(), copies.forgotten()), (0, 0));
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Add(usize),
    Wait(i64),
}

proptest! {
    /// The remembered events are the end of the list of all events.
    #[test]
    fn what_is_remembered_is_the_end_of_what_came(
        most in 1..8_usize,
        changes in prop::collection::vec(
            prop_oneof![3 => (0..12_usize).prop_map(Change::Add), 1 => (0..40_i64).prop_map(Change::Wait)],
            0..60,
        ),
    ) {
        let (mut recent, mut model, mut now_ms) = (RecentEvents::new(most), Vec::new(), 0);
        let mut forgotten = 0;
        for change in changes {
            match change {
                Change::Add(number) => {
                    recent.add(now_ms, &[fingerprint(number)]);
                    if model.iter().all(|(_, one)| *one != number) {
                        model.push((now_ms, number));
                    }
                    if model.len() > most {
                        model.remove(0);
                        forgotten += 1;
                    }
                }
                Change::Wait(ms) => {
                    now_ms += ms;
                    recent.expire(now_ms - 30);
                    model.retain(|(at_ms, _)| *at_ms > now_ms - 30);
                }
            }
            for number in 0..12 {
                let known = model.iter().any(|(_, one)| *one == number);
                prop_assert_eq!(recent.contains(&fingerprint(number)), known);
            }
            prop_assert_eq!((recent.len(), recent.forgotten()), (model.len(), forgotten));
        }
    }
}

/// A request: its events, the duration of its steps, and its end.
#[derive(Clone, Debug)]
struct Request {
    events: Vec<usize>,
    reading: usize,
    merging: usize,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Merged,
    Refused,
    Panicked,
    /// Aborted at whatever step it has reached.
    Aborted(usize),
}

fn request() -> impl Strategy<Value = Request> {
    let end = prop_oneof![
        4 => Just(End::Merged),
        2 => Just(End::Refused),
        1 => Just(End::Panicked),
        1 => (0..12_usize).prop_map(End::Aborted),
    ];
    (prop::collection::vec(0..6_usize, 1..5), 0..4_usize, 0..4_usize, end)
        .prop_map(|(events, reading, merging, end)| Request { events, reading, merging, end })
}

type Sums = Arc<Mutex<BTreeMap<usize, usize>>>;

/// Processes a request as a source does; returns whether it is acknowledged.
async fn work(copies: Arc<Copies>, request: Request, sums: Sums) -> bool {
    let mut left_out = BTreeSet::new();
    let (claim, own) = loop {
        for _ in 0..request.reading {
            yield_now().await;
        }
        let own: BTreeSet<_> =
            request.events.iter().copied().filter(|one| !left_out.contains(one)).collect();
        match copies.claim(&fingerprints(own.iter().copied())).await {
            Ok(claim) => break (claim, own),
            Err(Known(known)) => {
                left_out.extend((0..6).filter(|number| known.contains(&fingerprint(*number))));
            }
        }
    };
    for _ in 0..request.merging {
        yield_now().await;
    }
    match request.end {
        End::Refused => return false,
        End::Panicked => std::panic::panic_any("as told"),
        End::Merged | End::Aborted(_) => {}
    }
    for number in own {
        *sums.lock().expect("sums").entry(number).or_default() += 1;
    }
    claim.counted();
    true
}

async fn history(requests: Vec<Request>) -> Result<(), TestCaseError> {
    let (copies, _) = copies(100);
    let sums = Sums::default();
    let mut tasks = Vec::new();
    for request in &requests {
        let task = tokio::spawn(work(Arc::clone(&copies), request.clone(), Arc::clone(&sums)));
        if let End::Aborted(after) = request.end {
            let abort = task.abort_handle();
            tokio::spawn(async move {
                for _ in 0..after {
                    yield_now().await;
                }
                abort.abort();
            });
        }
        tasks.push(task);
    }
    let mut acknowledged = BTreeSet::new();
    for (task, request) in tasks.into_iter().zip(&requests) {
        let ended = timeout(Duration::from_mins(1), task).await;
        let ended = ended.map_err(|_| TestCaseError::fail("a request waits for ever"))?;
        if ended.unwrap_or(false) {
            acknowledged.extend(&request.events);
        }
    }
    let sums = sums.lock().expect("sums");
    let counted: BTreeSet<_> = sums.keys().copied().collect();
    prop_assert_eq!(&counted, &acknowledged);
    prop_assert!(sums.values().all(|count| *count == 1), "{:?}", sums);
    prop_assert!(copies.table().claimed.is_empty() && copies.table().claims.is_empty());
    prop_assert_eq!(copies.len(), acknowledged.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// However requests with the same events interleave, and whichever are rejected or die: each
    /// event is counted once if any of its requests is acknowledged, and not at all otherwise.
    #[test]
    fn an_event_is_counted_once_whatever_becomes_of_the_requests_with_it(
        requests in prop::collection::vec(request(), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        // The panics are intended.
        runtime.expect("a runtime").block_on(history(requests))?;
    }
}
