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

fn filter(events_max: usize) -> (Arc<DuplicateFilter>, Clock) {
    let clock = Clock::manual(1_000_000);
    let settings = DedupeSettings { window: Duration::from_mins(1), events_max };
    (Arc::new(DuplicateFilter::new(settings, &clock)), clock)
}

/// Reserves free events and counts them.
fn count(filter: &Arc<DuplicateFilter>, numbers: impl IntoIterator<Item = usize>) {
    match filter.try_reserve(&fingerprints(numbers)) {
        ReservationAttempt::Reserved(reservation) => reservation.counted(),
        _ => panic!("the events are reserved"),
    }
}

fn is_known(filter: &Arc<DuplicateFilter>, number: usize) -> bool {
    matches!(filter.try_reserve(&[fingerprint(number)]), ReservationAttempt::Duplicates(_))
}

#[test]
fn an_event_is_known_for_the_window_from_when_it_was_counted() {
    let (filter, clock) = filter(100);
    count(&filter, [1, 2]);
    clock.set_ms(1_000_000 + 59_999);
    count(&filter, [3]);
    assert!(is_known(&filter, 1) && is_known(&filter, 2));
    clock.set_ms(1_000_000 + 60_000);
    assert!(!is_known(&filter, 1) && !is_known(&filter, 2) && is_known(&filter, 3));
    assert_eq!((filter.len(), filter.forgotten()), (1, 0));
}

#[test]
fn beyond_the_limit_the_oldest_is_forgotten_and_counted() {
    let (filter, _) = filter(3);
    count(&filter, [1, 2]);
    count(&filter, [3, 4]);
    assert_eq!((filter.len(), filter.forgotten()), (3, 1));
    assert!(!is_known(&filter, 1) && is_known(&filter, 2) && is_known(&filter, 4));
    // A larger request is counted anyway, and its last events are remembered.
    count(&filter, 10..20);
    assert_eq!((filter.len(), filter.forgotten()), (3, 11));
    assert!(!is_known(&filter, 16) && is_known(&filter, 17) && is_known(&filter, 19));
}

#[test]
fn a_reservation_that_is_dropped_leaves_no_trace() {
    let (filter, _) = filter(100);
    let ReservationAttempt::Reserved(reservation) = filter.try_reserve(&fingerprints([1, 2]))
    else {
        panic!("free")
    };
    assert!(matches!(filter.try_reserve(&fingerprints([2, 3])), ReservationAttempt::Held(_)));
    // A failed reservation holds nothing.
    assert!(matches!(filter.try_reserve(&fingerprints([3])), ReservationAttempt::Reserved(_)));
    drop(reservation);
    assert!(filter.is_empty());
    assert!(filter.table().reserved.is_empty());
    count(&filter, [1, 2, 3]);
    assert!(filter.table().reserved.is_empty());
}

#[test]
fn all_duplicates_are_named_at_once() {
    let (filter, _) = filter(100);
    filter.restore(vec![(1_000_000, fingerprints([5])), (999_999, fingerprints([1, 2]))]);
    let ReservationAttempt::Duplicates(known) = filter.try_reserve(&fingerprints([0, 1, 5, 7]))
    else {
        panic!("known")
    };
    assert_eq!(known, Duplicates(fingerprints([1, 5])));
    assert!(filter.table().reserved.is_empty());
}

#[test]
fn a_million_events_take_thirty_megabytes() {
    let (filter, _) = filter(1_000_000);
    for number in 0..1_050_000 {
        filter.table().counted.add(0, &[fingerprint(number)]);
    }
    assert_eq!((filter.len(), filter.forgotten()), (1_000_000, 50_000));
    let bytes = filter.table().counted.bytes();
    assert!(bytes < 30_000_000, "{bytes}");
}

/// Many expired events are removed step by step, but count as unknown at once.
#[test]
fn a_long_pause_holds_up_nobody() {
    let (filter, clock) = filter(100_000);
    count(&filter, 0..25_000);
    clock.set_ms(2_000_000);
    assert!(!is_known(&filter, 50_000));
    assert_eq!(filter.len(), 15_000);
    assert!(!is_known(&filter, 50_000) && !is_known(&filter, 50_000));
    assert_eq!((filter.len(), filter.forgotten()), (0, 0));
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
async fn work(filter: Arc<DuplicateFilter>, request: Request, sums: Sums) -> bool {
    let mut left_out = BTreeSet::new();
    let (reservation, own) = loop {
        for _ in 0..request.reading {
            yield_now().await;
        }
        let own: BTreeSet<_> =
            request.events.iter().copied().filter(|one| !left_out.contains(one)).collect();
        match filter.reserve(&fingerprints(own.iter().copied())).await {
            Ok(reservation) => break (reservation, own),
            Err(Duplicates(known)) => {
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
    reservation.counted();
    true
}

async fn history(requests: Vec<Request>) -> Result<(), TestCaseError> {
    let (filter, _) = filter(100);
    let sums = Sums::default();
    let mut tasks = Vec::new();
    for request in &requests {
        let task = tokio::spawn(work(Arc::clone(&filter), request.clone(), Arc::clone(&sums)));
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
    prop_assert!(filter.table().reserved.is_empty() && filter.table().reservations.is_empty());
    prop_assert_eq!(filter.len(), acknowledged.len());
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
