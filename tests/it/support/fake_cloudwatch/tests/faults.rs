//! Each fault does what its name says.

use std::time::Duration;

use tokio::time::timeout;

use super::super::{Fault, Hold, Outcome, State};
use super::{Caller, call_of, datum, dimension};
use postmeter::put_metric_data::PutMetricData;

/// More than enough for an expected event.
const SOON: Duration = Duration::from_secs(5);
/// Enough for a response to arrive, in tests of one that does not.
const A_WHILE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn scripted_refusals_say_what_they_are_and_ingest_nothing() {
    let caller = Caller::new().await;
    let refusals = [
        (Fault::Throttle, 400, "Throttling;Sender"),
        (Fault::TooManyRequests429, 429, "TooManyRequestsException;Sender"),
        (Fault::ServiceUnavailable503, 503, "ServiceUnavailable;Receiver"),
        (Fault::Http500Before, 500, "InternalServiceError;Receiver"),
        (Fault::AccessDenied403, 403, "AccessDenied;Sender"),
        (Fault::ExpiredToken403, 403, "ExpiredToken;Sender"),
        (Fault::RefuseAll("no".to_owned()), 400, "InvalidParameterValue;Sender"),
        (Fault::TooLarge413, 413, "RequestEntityTooLarge;Sender"),
        (Fault::RequestTimeout408, 408, ""),
    ];
    caller.fake.script(refusals.iter().map(|(fault, ..)| fault.clone()).collect());
    let call = call_of(vec![datum(1.0)]);
    for (fault, status, code) in refusals {
        let told = caller.put(&call).await.unwrap();
        assert_eq!((told.status, told.code.as_str()), (status, code), "{fault:?}");
    }
    assert!(caller.fake.totals().is_empty());
    assert_eq!(caller.status(&call).await, 200, "the script is used up");
    assert_eq!(caller.fake.total_in("Mail"), 1);
}

#[tokio::test]
async fn poisoned_values_are_named_or_not_and_only_their_calls_refused() {
    let caller = Caller::new().await;
    let mut bad = datum(1.0);
    bad.dimensions.push(dimension("tag", "poison"));
    let mixed = call_of(vec![datum(1.0), bad, datum(1.0)]);

    caller.fake.set_mode(Fault::RefuseNamed("poison".to_owned()));
    let message = "The value poison for parameter MetricData.member.2.Dimensions.member.2.Value \
                   is invalid.";
    assert_eq!(caller.put(&mixed).await.unwrap().message, message);
    assert_eq!(caller.status(&call_of(vec![datum(1.0)])).await, 200);

    caller.fake.set_mode(Fault::RefuseUnnamed("poison".to_owned()));
    assert_eq!(caller.put(&mixed).await.unwrap().message, "The request is invalid.");
    assert_eq!(caller.status(&call_of(vec![datum(1.0)])).await, 200);
    assert_eq!(caller.fake.total_in("Mail"), 2);

    caller.fake.set_mode(None);
    assert_eq!(caller.status(&mixed).await, 200);
}

#[tokio::test]
async fn an_ingested_call_can_be_answered_with_an_error_late_or_never() {
    let caller = Caller::new().await;
    let call = call_of(vec![datum(1.0)]);
    let late = Fault::TimeoutAfter(Duration::from_millis(50));
    caller.fake.script(vec![Fault::Http500After, late, Fault::HangAfter, Fault::ResetAfter]);

    assert_eq!(caller.put(&call).await.unwrap().code, "InternalServiceError;Receiver");
    assert_eq!(caller.fake.total_in("Mail"), 1);
    assert_eq!(caller.status(&call).await, 200);
    assert_eq!(caller.fake.total_in("Mail"), 2);
    assert!(timeout(A_WHILE, caller.put(&call)).await.is_err());
    assert_eq!(caller.fake.total_in("Mail"), 3);
    assert!(caller.put(&call).await.is_err());
    assert_eq!(caller.fake.total_in("Mail"), 4);

    let settled = |state: &State| state.in_flight() == 0;
    assert!(caller.fake.wait_until(settled, SOON).await, "a client that left is noticed");
    for call in &caller.fake.calls()[2..] {
        assert_eq!((&call.outcome, call.ingested), (&Outcome::Unanswered, true));
    }
}

#[tokio::test]
async fn a_call_lost_before_the_judgement_is_not_ingested() {
    let caller = Caller::new().await;
    let call = call_of(vec![datum(1.0)]);
    let slow = Fault::Delay(Duration::from_mins(1));
    caller.fake.script(vec![Fault::HangBefore, slow, Fault::ResetBefore]);
    assert!(timeout(A_WHILE, caller.put(&call)).await.is_err());
    assert!(timeout(A_WHILE, caller.put(&call)).await.is_err());
    let error = caller.put(&call).await.unwrap_err();
    assert!(!error.is_connect());
    assert!(is_reset(&error), "{error:?}");
    let settled = |state: &State| state.in_flight() == 0;
    assert!(caller.fake.wait_until(settled, SOON).await);
    assert!(caller.fake.totals().is_empty());
    assert!(caller.fake.calls().iter().all(|call| call.outcome == Outcome::Unanswered));
}

fn is_reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset)
        || error.source().is_some_and(is_reset)
}

#[tokio::test]
async fn a_short_delay_ends_well() {
    let caller = Caller::new().await;
    let delay = Duration::from_millis(20);
    caller.fake.script(vec![Fault::Delay(delay)]);
    let call = call_of(vec![datum(1.0)]);
    assert_eq!((caller.status(&call).await, caller.status(&call).await), (200, 200));
    let calls = caller.fake.calls();
    assert!(calls[1].when - calls[0].when >= delay);
    assert_eq!(caller.fake.total_in("Mail"), 2);
}

#[tokio::test]
async fn held_calls_wait_side_by_side_until_released() {
    let caller = Caller::new().await;
    let hold = Hold::new();
    caller.fake.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let call = call_of(vec![datum(1.0)]);
    let release = async {
        let both = |state: &State| state.calls().len() == 2;
        assert!(caller.fake.wait_until(both, SOON).await);
        assert_eq!(caller.fake.in_flight(), 2);
        assert!(caller.fake.totals().is_empty());
        assert!(caller.fake.calls().iter().all(|call| call.outcome == Outcome::InFlight));
        hold.release();
    };
    let (one, other, ()) = tokio::join!(caller.status(&call), caller.status(&call), release);
    assert_eq!((one, other), (200, 200));
    assert_eq!(caller.status(&call).await, 200, "released for good");
    assert_eq!((caller.fake.total_in("Mail"), caller.fake.max_in_flight()), (3, 2));
}

#[tokio::test]
async fn a_mode_can_be_one_namespaces_and_a_script_goes_first() {
    let caller = Caller::new().await;
    let mail = call_of(vec![datum(1.0)]);
    let other = PutMetricData { namespace: Some("Other".into()), ..call_of(vec![datum(1.0)]) };
    caller.fake.set_mode_for("Mail", Fault::Throttle);
    caller.fake.script(vec![Fault::TooManyRequests429, Fault::Accept]);
    assert_eq!(caller.status(&mail).await, 429);
    assert_eq!(caller.status(&mail).await, 200);
    assert_eq!(caller.status(&mail).await, 400);
    assert_eq!(caller.status(&other).await, 200);
    caller.fake.set_mode(Fault::ServiceUnavailable503);
    assert_eq!((caller.status(&mail).await, caller.status(&other).await), (400, 503));
    caller.fake.set_mode_for("Mail", None);
    caller.fake.set_mode(None);
    assert_eq!((caller.status(&mail).await, caller.status(&other).await), (200, 200));
}

#[tokio::test]
async fn a_random_mix_repeats_with_its_seed() {
    let caller = Caller::new().await;
    let call = call_of(vec![datum(1.0)]);
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        caller.fake.set_random(seed, vec![(0.3, Fault::Throttle), (0.2, Fault::Http500After)]);
        let mut statuses = Vec::new();
        for _ in 0..100 {
            statuses.push(caller.status(&call).await);
        }
        for (status, least) in [(200, 30), (400, 15), (500, 5)] {
            let seen = statuses.iter().filter(|&&seen| seen == status).count();
            assert!(seen >= least, "{status}: {seen}");
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    caller.fake.set_random(0, vec![]);
    assert_eq!(caller.status(&call).await, 200);
}

#[tokio::test]
async fn connections_are_refused_while_paused_and_served_at_the_same_port_after() {
    let caller = Caller::new().await;
    let call = call_of(vec![datum(1.0)]);
    assert_eq!(caller.status(&call).await, 200);
    let url = caller.fake.url();

    caller.fake.pause_listening().await;
    let error = caller.put(&call).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");

    caller.fake.resume_listening().await;
    assert_eq!(caller.fake.url(), url);
    assert_eq!(caller.status(&call).await, 200);
    assert_eq!(caller.fake.total_in("Mail"), 2);
}

#[tokio::test]
async fn nothing_listens_once_the_handle_is_gone() {
    let Caller { fake, client } = Caller::new().await;
    let url = fake.url();
    drop(fake);
    tokio::task::yield_now().await;
    let get = || client.get(url.parse().unwrap());
    let refused = async {
        while get().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(SOON, refused).await.is_ok());
}

#[tokio::test]
async fn waiting_for_what_does_not_come_ends() {
    let caller = Caller::new().await;
    let never = |state: &State| state.total_in("Mail") > 0;
    assert!(!caller.fake.wait_until(never, Duration::from_millis(20)).await);
}
