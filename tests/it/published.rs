//! The mode `published`: a response waits until its counts are settled.

use std::time::Duration;

use postmeter::config::Acknowledge;
use tokio::time::{Instant, sleep, timeout};

use crate::publish::outage;
use crate::support::app::{PATIENCE, TestApp};
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, Hold};
use crate::support::traffic::{Traffic, assert_held, held_of, send_of};

/// The settle deadline: the default of 45 s if the outage is long enough to show it.
fn settle_deadline() -> Duration {
    Duration::from_secs(if outage() > Duration::from_mins(1) { 45 } else { 1 })
}

async fn published(fake: &FakeCloudWatch, settle_deadline: Duration) -> TestApp {
    TestApp::start(fake, |config| {
        config.firehose.acknowledge = Acknowledge::Published;
        config.cloudwatch.settle_deadline = settle_deadline;
    })
    .await
}

#[tokio::test]
async fn response_comes_when_its_counts_are_accepted_and_not_before() {
    let fake = FakeCloudWatch::start().await;
    let hold = Hold::new();
    fake.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let app = published(&fake, PATIENCE).await;
    let firehose = app.firehose();
    let mut delivery = tokio::spawn(async move { firehose.deliver("a", &[send_of("a")]).await });
    assert!(fake.wait_until(|state| state.in_flight() == 1, PATIENCE).await);
    let early = timeout(Duration::from_millis(300), &mut delivery).await;
    assert!(early.is_err(), "answered while CloudWatch held its answer");
    hold.release();
    let reply = delivery.await.expect("it ends");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(held_of(&fake, "a"), 1);
}

/// A request with counts in one namespace does not wait for another that is denied.
#[tokio::test]
async fn response_waits_only_for_the_namespaces_that_its_request_wrote_to() {
    let fake = FakeCloudWatch::start().await;
    fake.set_mode_for("Mail/Reputation", Fault::AccessDenied403);
    let app = TestApp::start(&fake, |config| {
        config.firehose.acknowledge = Acknowledge::Published;
        config.cloudwatch.settle_deadline = Duration::from_secs(2);
        let path = "config/examples/extensions.json".into();
        config.definitions = Some(postmeter::config::DefinitionsSource::Path(path));
    })
    .await;
    let event = |kind: &str| send_of("a").replace("prod", "newsletter").replace("Send", kind);
    let refused = app.firehose().deliver("bounce", &[event("Bounce")]).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    // The epoch of the denied namespace is old by now, so nothing more of it is taken; others go on.
    let late = app.firehose().deliver("late", &[event("Bounce")]).await;
    assert!(late.status == 503 && late.body.contains("behind"), "{}", late.body);
    let both = app.firehose().deliver("both", &[event("Send"), event("Bounce")]).await;
    assert!(both.status == 503 && both.body.contains("behind"), "{}", both.body);
    assert_eq!(app.firehose().deliver("send", &[event("Send")]).await.status, 200);
    fake.set_mode_for("Mail/Reputation", None);
    app.settled().await;
    let both = app.firehose();
    assert_eq!(both.deliver("send", &[event("Send")]).await.status, 200);
    assert_eq!(both.deliver("bounce", &[event("Bounce")]).await.status, 200);
    assert_eq!((fake.total_in("Mail/Reputation"), fake.total_in("Mail/Newsletter")), (1, 1));

    fake.set_mode_for("Mail/Reputation", Fault::AccessDenied403);
    let firehose = app.firehose();
    let slow = tokio::spawn({
        let (firehose, event) = (firehose.clone(), event("Bounce"));
        async move { firehose.deliver("second bounce", &[event]).await.status }
    });
    let before = fake.calls().len();
    assert!(fake.wait_until(|state| state.calls().len() > before, PATIENCE).await);
    let started = Instant::now();
    assert_eq!(firehose.deliver("second send", &[event("Send")]).await.status, 200);
    assert!(!slow.is_finished(), "the other answer still waits, {:?} later", started.elapsed());
    fake.set_mode_for("Mail/Reputation", None);
    assert_eq!(slow.await.expect("it ends"), 200);
}

/// While CloudWatch is unavailable, a merged request gets 503 at the deadline, a retry joins it,
/// and new ones are rejected before the merge. Afterwards everything merged is published once.
#[tokio::test]
async fn outage_stops_the_intake_and_duplicates_nothing() {
    let fake = FakeCloudWatch::start().await;
    let deadline = settle_deadline();
    let app = published(&fake, deadline).await;
    let mut traffic = Traffic::new(80);
    let firehose = app.firehose();
    assert_eq!(firehose.deliver("before", &traffic.records(100)).await.status, 200);
    fake.pause_listening().await;
    let away = Instant::now();

    let merged = traffic.records(100);
    let reply = firehose.deliver("merged", &merged).await;
    assert_eq!(reply.status, 503);
    let says = reply.assert_by_the_letter("merged").expect("it says why");
    assert!(says.contains("still publishing"), "{says}");
    assert_eq!(app.metric("postmeter_overdue_requests_total").await, 1);
    assert!(away.elapsed() >= deadline);

    let refused = traffic.records_not_counted(100);
    let mut refusals = 0;
    loop {
        let reply = firehose.deliver("refused", &refused).await;
        assert_eq!(reply.status, 503);
        let says = reply.assert_by_the_letter("refused").expect("it says why");
        assert!(says.contains("behind"), "{says}");
        refusals += 1;
        if away.elapsed() > outage() {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    let joined = tokio::spawn({
        let (firehose, merged) = (firehose.clone(), merged.clone());
        async move { firehose.deliver("merged", &merged).await.status }
    });
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"behind\"}").await, refusals);
    fake.resume_listening().await;
    app.settled().await;
    // A retry, waiting or new, is told that all is settled.
    let joined = joined.await.expect("it ends");
    assert!(joined == 200 || joined == 503, "{joined}");
    assert_eq!(firehose.deliver("merged", &merged).await.status, 200);
    assert_eq!(firehose.deliver("after", &traffic.records(100)).await.status, 200);
    app.settled().await;
    assert_held(&fake, &traffic.sums());
    assert_eq!(app.doubtful().await, 0);
}

/// Many requests, one fault after another: every request that got 200 is counted once, also if its
/// sender retried until then.
#[tokio::test]
async fn senders_that_retry_until_they_get_200_are_counted_once() {
    let fake = FakeCloudWatch::start().await;
    fake.set_random(81, vec![(0.4, Fault::Throttle), (0.2, Fault::AccessDenied403)]);
    let app = published(&fake, Duration::from_secs(1)).await;
    let mut traffic = Traffic::new(81);
    let senders: Vec<_> = (0..30)
        .map(|at| {
            let (firehose, records) = (app.firehose(), traffic.records(20));
            tokio::spawn(async move {
                let repeat = async {
                    while firehose.deliver(&format!("r{at}"), &records).await.status != 200 {
                        sleep(Duration::from_millis(100)).await;
                    }
                };
                timeout(PATIENCE, repeat).await
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("no panic").expect("answered in time");
    }
    assert_held(&fake, &traffic.sums());
    assert_eq!(app.doubtful().await, 0);
}

/// Processing continues when the connection closes: the request of a disconnected sender is
/// counted, and a retry is acknowledged.
#[tokio::test]
async fn sender_that_disconnects_while_it_waits_is_counted_once() {
    let fake = FakeCloudWatch::start().await;
    let hold = Hold::new();
    fake.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let app = published(&fake, PATIENCE).await;
    let firehose = app.firehose();
    let delivery = tokio::spawn(async move { firehose.deliver("a", &[send_of("a")]).await });
    assert!(fake.wait_until(|state| state.in_flight() == 1, PATIENCE).await);
    delivery.abort();
    let repeat = tokio::spawn({
        let firehose = app.firehose();
        async move { firehose.deliver("a", &[send_of("a")]).await.status }
    });
    hold.release();
    assert_eq!(repeat.await.expect("it ends"), 200);
    app.settled().await;
    assert_eq!(held_of(&fake, "a"), 1);
}
