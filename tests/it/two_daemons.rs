//! Two daemons on one queue, and senders that retry with either of them, through kills, SIGTERM and
//! a CloudWatch that throttles, fails and is slow: nothing is lost, and what is doubled is named or
//! within the bounds that the documentation states.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::app::PATIENCE;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, Outcome, State};
use crate::support::fake_s3::{FakeS3, notification};
use crate::support::fake_sqs::FakeSqs;
use crate::support::firehose::{Firehose, body_of};
use crate::support::process::Daemon;
use crate::support::traffic::{held, send_of};

/// `POSTMETER_CHAOS_ROUNDS` sets another number.
const ROUNDS: u64 = 4;
/// `POSTMETER_SEED` sets another one.
const SEED: u64 = 19;
const MESSAGES: u64 = 60;
/// Events of a request to the Firehose endpoint.
const EVENTS: u64 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// The endpoints of the two daemons; `None` while one is down.
type Endpoints = [watch::Receiver<Option<Firehose>>; 2];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// The events of each campaign.
type Campaigns = BTreeMap<String, u64>;

/// What a sender has delivered.
#[derive(Default)]
struct Delivered {
    sent: Campaigns,
    /// Events of requests that more than one daemon may have counted.
    both: u64,
}

/// Delivers requests, each until a daemon answers 200.
async fn deliver_until(
    stop: Arc<AtomicBool>,
    endpoints: Endpoints,
    sender: u64,
    seed: u64,
) -> Delivered {
    let mut rng = fastrand::Rng::with_seed(seed ^ sender);
    let mut delivered = Delivered::default();
    for at in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let campaign = format!("f{sender}-{at}");
        let records = vec![send_of(&campaign); usize::try_from(EVENTS).expect("few")];
        let body = body_of(&campaign, &records);
        let mut takers = BTreeSet::new();
        loop {
            let slot = rng.usize(..2);
            let endpoint = endpoints[slot].borrow().clone();
            let reply = match endpoint {
                Some(endpoint) => endpoint.try_post(body.clone()).await.map(|reply| reply.status),
                None => Ok(503),
            };
            if !reply.as_ref().is_ok_and(|status| *status != 200) {
                // It has counted the request, or its response was lost.
                takers.insert(slot);
            }
            if reply == Ok(200) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        delivered.both += (takers.len() as u64 - 1) * EVENTS;
        delivered.sent.insert(campaign, EVENTS);
        tokio::time::sleep(PAUSE).await;
    }
    delivered
}

/// A place for one daemon after another, with the directory of their journals.
struct Slot {
    journal: tempfile::TempDir,
    daemon: Option<Daemon>,
    endpoint: watch::Sender<Option<Firehose>>,
}

struct Fleet {
    cloudwatch: FakeCloudWatch,
    sqs: FakeSqs,
    slots: [Slot; 2],
    /// Counts in doubt by the logs of the daemons that have ended.
    named: u64,
    /// Counts that CloudWatch had at a kill although their messages were still in the queue.
    undeleted: u64,
}

impl Fleet {
    async fn start() -> Self {
        let slots = [(); 2].map(|()| Slot {
            journal: tempfile::tempdir().expect("a directory"),
            daemon: None,
            endpoint: watch::Sender::new(None),
        });
        let (cloudwatch, sqs) = (FakeCloudWatch::start().await, FakeSqs::start().await);
        let mut fleet = Self { cloudwatch, sqs, slots, named: 0, undeleted: 0 };
        for at in 0..2 {
            fleet.open(at);
        }
        fleet
    }

    /// Starts the daemon of a slot: a `published` queue beside a `journaled` endpoint.
    fn open(&mut self, at: usize) {
        let (url, queue_url) = (self.cloudwatch.url(), self.sqs.url());
        let slot = &mut self.slots[at];
        let daemon = Daemon::start(&[
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &*url),
            ("POSTMETER__SQS__0__QUEUE_URL", &*queue_url),
            ("POSTMETER__SQS__0__VISIBILITY", "2s"),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", slot.journal.path().to_str().expect("text")),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
            ("POSTMETER__SHUTDOWN__GRACE", "5s"),
        ]);
        slot.endpoint.send_replace(Some(daemon.firehose()));
        slot.daemon = Some(daemon);
    }

    /// Ends the daemon of a slot by a signal, and adds up what it named.
    async fn close(&mut self, at: usize, signal: &str) {
        let slot = &mut self.slots[at];
        slot.endpoint.send_replace(None);
        let daemon = slot.daemon.take().expect("it runs");
        daemon.signal(signal);
        let ended = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
        let (status, _, stderr) = ended;
        self.named += stderr.iter().map(|line| doubt_in(line)).sum::<u64>();
        if signal == "KILL" {
            self.killed().await;
        } else {
            assert_eq!(status.code(), Some(0), "{stderr:#?}");
        }
    }

    /// Adds the counts that a killed daemon may have published without deleting their messages.
    async fn killed(&mut self) {
        let (died, bodies) = (Instant::now(), self.sqs.queue().bodies());
        // A call that it had sent may still be accepted.
        let over = |state: &State| {
            let mut earlier = state.calls().iter().filter(|call| call.when <= died);
            earlier.all(|call| call.outcome != Outcome::InFlight)
        };
        assert!(self.cloudwatch.wait_until(over, PATIENCE).await);
        let held = held_by_campaign(&self.cloudwatch);
        let campaigns = bodies.iter().map(|body| campaign_of(body));
        self.undeleted += campaigns.filter_map(|campaign| held.get(campaign)).sum::<u64>();
    }
}

/// The counts that a line of the log names as in doubt.
fn doubt_in(line: &str) -> u64 {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return 0 };
    let message = line["message"].as_str().unwrap_or_default();
    let is_doubt =
        message.starts_with("counts in doubt") || message == "outcome of PutMetricData unknown";
    if is_doubt { line["counts"].as_u64().expect("a number") } else { 0 }
}

fn campaign_of(body: &str) -> &str {
    let (_, rest) = body.split_once("\"campaign\":[\"").expect("a campaign");
    rest.split_once('"').expect("its end").0
}

fn held_by_campaign(cloudwatch: &FakeCloudWatch) -> Campaigns {
    let mut campaigns = Campaigns::new();
    for (series, sum) in held(cloudwatch) {
        for (name, value) in series.dimensions {
            if name == "campaign" {
                *campaigns.entry(value).or_default() += sum;
            }
        }
    }
    campaigns
}

/// Asserts that nothing is missing; returns the counts too many.
fn doubled(held: &Campaigns, sent: &Campaigns) -> u64 {
    let mut doubled = 0;
    for (campaign, events) in sent {
        let held = held.get(campaign).copied().unwrap_or(0);
        assert!(held >= *events, "{campaign}: {held} of {events}");
        doubled += held - events;
    }
    doubled
}

/// The counts in doubt that were named.
async fn run(faults: &[Option<Fault>]) -> u64 {
    let (rounds, seed) = (number("POSTMETER_CHAOS_ROUNDS", ROUNDS), number("POSTMETER_SEED", SEED));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut fleet = Fleet::start().await;
    let (stop, mut senders) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for sender in 0..2 {
        let endpoints = fleet.slots.each_ref().map(|slot| slot.endpoint.subscribe());
        senders.spawn(deliver_until(Arc::clone(&stop), endpoints, sender, seed));
    }
    let (mut messages, mut kills) = (Campaigns::new(), 0);
    for round in 0..rounds {
        fleet.cloudwatch.set_mode(faults[rng.usize(..faults.len())].clone());
        let campaigns: Vec<_> = (0..MESSAGES).map(|at| format!("q{round}-{at}")).collect();
        fleet.sqs.send(campaigns.iter().map(|campaign| send_of(campaign)));
        messages.extend(campaigns.into_iter().map(|campaign| (campaign, 1)));
        // Both take some, and the signal comes at a random moment of their work on them.
        let given = fleet.sqs.queue().given + rng.u64(..MESSAGES);
        let taken = fleet.sqs.until("taken", |queue| queue.given > given);
        // In an outage neither takes any.
        let _ = timeout(Duration::from_secs(3), taken).await;
        let (at, is_killed) = (rng.usize(..2), rng.bool());
        kills += u64::from(is_killed);
        fleet.close(at, if is_killed { "KILL" } else { "TERM" }).await;
        fleet.open(at);
    }
    fleet.cloudwatch.set_mode(None);
    fleet.sqs.until_empty().await;
    stop.store(true, Ordering::Relaxed);
    let delivered = timeout(PATIENCE, senders.join_all()).await.expect("the last answers in time");
    for at in 0..2 {
        fleet.close(at, "TERM").await;
    }
    let held = held_by_campaign(&fleet.cloudwatch);
    let (both, requests): (u64, usize) = delivered
        .iter()
        .fold((0, 0), |(both, requests), each| (both + each.both, requests + each.sent.len()));
    let of_queue = doubled(&held, &messages);
    let of_senders: u64 = delivered.iter().map(|each| doubled(&held, &each.sent)).sum();
    let Fleet { named, undeleted, .. } = fleet;
    let line = format!(
        "seed {seed}: {kills} kills, {} SIGTERM; {} messages, {of_queue} doubled; {requests} \
         requests, {of_senders} events doubled; named in doubt {named}, accepted but not deleted \
         at a kill {undeleted}, taken by both daemons {both}",
        rounds - kills,
        messages.len(),
    );
    writeln!(std::io::stderr(), "{line}").expect("stderr");
    assert!(of_queue + of_senders <= named + undeleted + both, "{line}");
    named
}

const SLOW: Option<Fault> = Some(Fault::Delay(Duration::from_millis(300)));

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_double_no_more_than_the_documented_bounds() {
    run(&[None, Some(Fault::Throttle), SLOW]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_name_what_they_double_when_responses_are_lost() {
    let late = Some(Fault::TimeoutAfter(Duration::from_millis(1500)));
    let named = run(&[SLOW, late, Some(Fault::Http500After)]).await;
    assert!(named > 0, "responses were lost");
}

/// The limits of several daemons, as the page "what is exact with what" states them: a daemon knows
/// its own requests alone, so what is sent twice and reaches both is counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_twice_and_reaches_both_daemons_is_counted_twice() {
    let (cloudwatch, s3) = (FakeCloudWatch::start().await, FakeS3::start().await);
    let envelope = |campaign: &str| {
        let message = send_of(campaign);
        serde_json::json!({
            "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:000000000000:ses",
            "MessageId": "one", "Message": message,
        })
        .to_string()
    };
    let object = s3.put("object", send_of("object").into_bytes());
    let (url, s3_url) = (cloudwatch.url(), s3.url());
    for _ in 0..2 {
        // Each daemon gets one of two copies: this queue has its own, as if the other's were hidden.
        let sqs = FakeSqs::start().await;
        let queue_url = sqs.url();
        let daemon = Daemon::start(&[
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &*url),
            ("AWS_ENDPOINT_URL_S3", &*s3_url),
            ("POSTMETER__SQS__0__QUEUE_URL", &*queue_url),
        ]);
        sqs.send([
            send_of("message"),
            envelope("sns"),
            envelope("sns"),
            notification(std::slice::from_ref(&object)),
            notification(std::slice::from_ref(&object)),
        ]);
        let request = [send_of("request")];
        for _ in 0..2 {
            assert_eq!(daemon.firehose().deliver("r", &request).await.status, 200);
        }
        sqs.until_empty().await;
        daemon.end().await;
    }
    let held = held_by_campaign(&cloudwatch);
    // Twice by two daemons, and once by each of them.
    for campaign in ["message", "sns", "object", "request"] {
        assert_eq!(held.get(campaign), Some(&2), "{campaign}");
    }
}
