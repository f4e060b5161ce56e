//! Rejections that name no datum.

use std::sync::OnceLock;

use tokio::time::{sleep, timeout};

use super::*;
use crate::telemetry::Gauges;

/// Runs until all is settled.
async fn settle<S: MetricSink>(publisher: &Publisher<S>) {
    tokio::select! {
        () = publisher.run(std::future::pending()) => {}
        () = publisher.settled() => {}
    }
    assert!(publisher.is_idle() && publisher.left().sum == 0);
}

/// Merges a count of a campaign, for which nobody waits.
fn merge<S: MetricSink>(publisher: &Publisher<S>, namespace: &str, campaign: &str) {
    let aggregator = &publisher.0.aggregator;
    let delta = delta(aggregator.layouts(), &[(namespace, campaign, 1)]);
    let (guard, _) = AckGuard::told();
    aggregator.merge(&delta, || Some(guard)).expect("it fits");
}

/// Publishes 100 counts of a namespace, `c00` to `c99`, until all are settled, and one more of a
/// later request, `late`, if that takes long. Returns the calls, the campaigns accepted of the
/// hundred, and the number of counts given up.
async fn publish_a_hundred(
    late: Duration,
    judge: impl Fn(&SeenCall) -> Result<(), Failure> + Send + Sync + 'static,
) -> (Vec<SeenCall>, Vec<String>, u64) {
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
    let names: Vec<_> = (0..100).map(|at| format!("c{at:02}")).collect();
    let counts: Vec<_> = names.iter().map(|name| ("SES", &**name, 1)).collect();
    let (publisher, metrics) = publisher_of(Judges::new(judge), &ledger, &counts, &SETTINGS);
    let later = async {
        sleep(late).await;
        merge(&publisher, "SES", "late");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = later => {}
        () = settle(&publisher) => {}
    }
    let sink = publisher.sink();
    let mut accepted = sink.accepted();
    accepted.retain(|name| name != "late");
    (sink.calls(), accepted, metrics.dropped.get(DropReason::Refused))
}

const LATE: Duration = Duration::from_mins(1);

/// Rejections that end by themselves cost nothing, whenever they begin and end, and one datum that
/// is always rejected costs only itself.
#[tokio::test(start_paused = true)]
async fn rejections_that_end_give_up_nothing_and_one_that_stays_a_single_datum() {
    for is_one_bad in [false, true] {
        for (first_ms, last_ms) in
            [(0, 0), (0, 100), (0, 900), (0, 20_000), (40, 500), (70, 3000), (20, 1_200_000)]
        {
            // The bad datum is anywhere in its call, also at its end.
            for bad in ["c00", "c49", "c99"] {
                let fault = Duration::from_millis(first_ms)..Duration::from_millis(last_ms);
                let (_, accepted, dropped) = publish_a_hundred(LATE, move |call| {
                    let has_bad = is_one_bad && call.campaigns.iter().any(|name| name == bad);
                    let refused = has_bad || fault.contains(&call.at);
                    if refused { unnamed() } else { Ok(()) }
                })
                .await;
                let case = format!("{is_one_bad} {bad} {first_ms} {last_ms}");
                let expected = (100 - usize::from(is_one_bad), u64::from(is_one_bad));
                assert_eq!((accepted.len(), dropped), expected, "{case}");
                assert_eq!(accepted.iter().any(|name| name == bad), !is_one_bad, "{case}");
            }
        }
    }
}

/// Many datums that are always rejected, side by side or apart, cost no other datum.
#[tokio::test(start_paused = true)]
async fn datums_that_are_always_rejected_cost_only_themselves() {
    for is_bad in [
        (|name: &str| name < "c40") as fn(&str) -> bool,
        |name| name >= "c40" && name != "late",
        |name| name.ends_with('7'),
    ] {
        let (calls, accepted, dropped) = publish_a_hundred(LATE, move |call| {
            if call.campaigns.iter().any(|name| is_bad(name)) { unnamed() } else { Ok(()) }
        })
        .await;
        let bad = (0..100).filter(|at| is_bad(&format!("c{at:02}"))).count();
        assert_eq!((accepted.len(), dropped), (100 - bad, bad as u64));
        assert!(accepted.iter().all(|name| !is_bad(name)), "{accepted:?}");
        assert!(calls.len() < 500, "{}", calls.len());
        // Each was tried alone, another was accepted behind that, and it was tried alone again.
        for bad in (0..100).map(|at| format!("c{at:02}")).filter(|name| is_bad(name)) {
            let tries = calls.iter().enumerate().filter(|(_, call)| call.campaigns == [&*bad]);
            let tries: Vec<_> = tries.map(|(at, _)| at).collect();
            let (first, last) = (tries[0], tries[tries.len() - 1]);
            assert!(calls[first..last].iter().any(|call| call.accepted), "{bad}: {tries:?}");
        }
    }
}

/// While everything is rejected, one datum is tried at a time, with backoff, and nothing is given up.
#[tokio::test(start_paused = true)]
async fn rejection_that_stays_is_probed_with_one_call_at_a_time() {
    for culprit in [Culprit::Unnamed("invalid".into()), Culprit::Other("namespace".into())] {
        let end = Duration::from_hours(3);
        let (calls, accepted, dropped) = publish_a_hundred(2 * end, move |call| {
            if call.at < end { Err(Failure::Invalid(culprit.clone())) } else { Ok(()) }
        })
        .await;
        assert_eq!((accepted.len(), dropped), (100, 0));
        // The whole, its halves down to one datum, and a probe every eleven seconds at most.
        assert!((950..=2300).contains(&calls.len()), "{}", calls.len());
        assert!(calls[20..].iter().all(|call| call.campaigns.len() == 1 || call.at >= end));
        let after = calls.iter().filter(|call| call.at >= end).count();
        assert!((2..=3).contains(&after), "a probe, the rest in one call, and earlier probes");
    }
}

/// A datum alone in its call, rejected without a name, is given up when other calls of its namespace
/// are accepted behind it, and only then.
#[tokio::test(start_paused = true)]
async fn datum_rejected_in_a_call_of_its_own_is_given_up_when_others_are_accepted() {
    for others_end in [Duration::from_secs(1), Duration::from_mins(10)] {
        let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
        let sink = Judges::new(move |call: &SeenCall| {
            let is_refused = call.campaigns == ["a"] || call.at < others_end;
            if is_refused { unnamed() } else { Ok(()) }
        });
        let (publisher, metrics) = publisher_to(sink, &ledger);
        timeout(Duration::from_hours(1), settle(&publisher)).await.expect("it settles");
        let calls = publisher.sink().calls();
        assert_eq!(publisher.sink().accepted(), ["b"]);
        assert_eq!(metrics.dropped.get(DropReason::Refused), 1);
        let accepted_at = calls.iter().position(|call| call.accepted).expect("one was");
        let tries =
            |calls: &[SeenCall]| calls.iter().filter(|call| call.campaigns == ["a"]).count();
        assert!(tries(&calls[..accepted_at]) >= 1 && tries(&calls[accepted_at..]) == 1);
    }
}

/// The only datum of a namespace is tried for ever, at most every eleven seconds, and stops no other
/// namespace. A later call of its namespace shows that it is bad, whenever that comes.
#[tokio::test(start_paused = true)]
async fn lone_datum_is_tried_until_another_call_of_its_namespace_is_accepted() {
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
    let is_bad = |name: &String| name == "bad";
    let sink = Judges::new(
        move |call: &SeenCall| {
            if call.campaigns.iter().any(is_bad) { unnamed() } else { Ok(()) }
        },
    );
    let (publisher, metrics) = publisher_of(sink, &ledger, &[("SES", "bad", 1)], &SETTINGS);
    let later = async {
        sleep(Duration::from_hours(24)).await;
        let tries = publisher.sink().calls().len();
        assert!((24 * 3600 / 11..24 * 3600 / 5).contains(&tries), "{tries}");
        assert_eq!(metrics.dropped.sum(), 0);
        assert!(metrics.render(&Gauges::default()).contains("postmeter_publish_rejected 1\n"));
        merge(&publisher, "Other", "good");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(publisher.sink().accepted(), ["good"]);
        merge(&publisher, "SES", "fine");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = later => {}
        () = settle(&publisher) => {}
    }
    assert_eq!(publisher.sink().accepted(), ["fine", "good"]);
    assert_eq!(metrics.dropped.get(DropReason::Refused), 1);
    assert!(metrics.render(&Gauges::default()).contains("postmeter_publish_rejected 0\n"));
    let id = RequestId::new(SourceKind::Sqs, b"source", b"id");
    let Admission::Known(waiter) = ledger.admit(id) else { panic!("its request is known") };
    assert_eq!(waiter.stage(), Stage::Settled);
}

/// A datum whose neighbors were accepted is given up after an hour without anything else to try.
#[tokio::test(start_paused = true)]
async fn datum_of_an_accepted_call_is_given_up_after_an_hour() {
    // The last two of the first call.
    let bad = OnceLock::new();
    let (calls, accepted, dropped) = publish_a_hundred(Duration::from_hours(9), move |call| {
        let bad = bad.get_or_init(|| call.campaigns[98..].to_vec());
        if call.campaigns.iter().any(|name| bad.contains(name)) { unnamed() } else { Ok(()) }
    })
    .await;
    assert_eq!((accepted.len(), dropped), (98, 2));
    let hour = Duration::from_hours(1);
    let last = calls.last().expect("there are calls").at;
    assert!((hour..hour + Duration::from_mins(1)).contains(&last), "{last:?}");
}

/// What was rejected alone makes its namespace not overdue while others are accepted, because their
/// calls show whether it is bad; and when the daemon ends, what was accepted of its request is in
/// doubt, because the sender sends it again.
#[tokio::test(start_paused = true)]
async fn rejected_datum_of_a_working_namespace_waits_without_an_age() {
    for has_neighbor in [true, false] {
        let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
        let sink = Judges::new(|call: &SeenCall| {
            if call.campaigns.iter().any(|name| name == "a") { unnamed() } else { Ok(()) }
        });
        let counts = [("SES", "a", 1), ("SES", "b", 2)];
        let counts = &counts[..=usize::from(has_neighbor)];
        let (publisher, metrics) = publisher_of(sink, &ledger, counts, &SETTINGS);
        publisher
            .run(async {
                sleep(LATE).await;
                assert_eq!(publisher.first_merge().is_none(), has_neighbor);
                sleep(LATE).await;
                publisher.stop_calls();
            })
            .await;
        let left = publisher.left();
        let in_doubt = if has_neighbor { 2 } else { 0 };
        assert_eq!((left.sum, left.in_doubt), (1, in_doubt));
        assert_eq!(metrics.dropped.sum() + metrics.doubtful.sum(), 0);
    }
}
