//! `kill -9` under load, repeatedly, with one journal: nothing acknowledged is lost, and no more is
//! counted twice than is reported in doubt.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::app::PATIENCE;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, State};
use crate::support::firehose::{Firehose, body_of, get};
use crate::support::process::Daemon;
use crate::support::traffic::{held_of, send_of};

const EVENTS: u64 = 20;
/// `POSTMETER_CHAOS_ROUNDS` sets another number.
const ROUNDS: usize = 8;

/// Senders that retry until they get 200, and sometimes after that too.
struct Load {
    senders: JoinSet<BTreeMap<String, u64>>,
    to: watch::Sender<Firehose>,
    stop: Arc<AtomicBool>,
    answered: Arc<Notify>,
}

impl Load {
    fn start(firehose: Firehose) -> Self {
        let (to, firehose) = watch::channel(firehose);
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let mut senders = JoinSet::new();
        for sender in 0..4 {
            let (firehose, stop) = (firehose.clone(), Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            senders.spawn(async move {
                let mut sent = BTreeMap::new();
                for at in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let campaign = format!("s{sender}-{at}");
                    deliver(&firehose, &campaign).await;
                    sent.insert(campaign.clone(), EVENTS);
                    answered.notify_one();
                    if at % 3 == 0 {
                        deliver(&firehose, &campaign).await;
                    }
                }
                sent
            });
        }
        Self { senders, to, stop, answered }
    }

    async fn until_answered(&self, requests: usize) {
        for _ in 0..requests {
            timeout(PATIENCE, self.answered.notified()).await.expect("an answer in time");
        }
    }

    /// The responses, once all senders have the one to their last request.
    async fn end(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let heard = timeout(PATIENCE, self.senders.join_all()).await;
        heard.expect("the last answers in time").into_iter().flatten().collect()
    }
}

/// Sends a request under its campaign's name until it gets 200.
async fn deliver(firehose: &watch::Receiver<Firehose>, campaign: &str) {
    let records = vec![send_of(campaign); usize::try_from(EVENTS).expect("few")];
    let body = body_of(campaign, &records);
    loop {
        let to = firehose.borrow().clone();
        match to.try_post(body.clone()).await {
            Ok(reply) if reply.status == 200 => return,
            // The daemon is gone, died meanwhile, or rejected it: retry with the next one.
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

struct Chaos {
    fake: FakeCloudWatch,
    directory: tempfile::TempDir,
    /// Counts in flight at the kills.
    doubt: u64,
}

/// The result of a run.
struct Ended {
    requests: usize,
    /// Events that were counted more than once.
    doubled: u64,
    doubt: u64,
}

impl Chaos {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { fake: FakeCloudWatch::start().await, directory, doubt: 0 }
    }

    fn start(&self) -> Daemon {
        Daemon::start(&[
            ("AWS_ENDPOINT_URL", &self.fake.url()),
            ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
            ("POSTMETER__JOURNAL__DIRECTORY", &self.directory.path().display().to_string()),
            ("POSTMETER__LIMITS__SERIES", "1000000"),
            ("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "100ms"),
            // So that nothing is in doubt for another reason.
            ("POSTMETER__CLOUDWATCH__ATTEMPT_TIMEOUT", "1m"),
        ])
    }

    /// Kills a daemon after some responses, and starts the next.
    async fn kill(&mut self, daemon: Daemon, load: &Load, answers: usize) -> Daemon {
        load.until_answered(answers).await;
        daemon.signal("KILL");
        tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it has ended");
        self.fake.set_mode(None);
        let daemon = self.start();
        self.doubt += crash_doubt(&daemon).await;
        load.to.send_replace(daemon.firehose());
        daemon
    }

    /// Waits until everything is settled, and compares. Nothing is lost.
    async fn end(self, daemon: Daemon, load: Load) -> Ended {
        let sent = load.end().await;
        daemon.signal("TERM");
        let (status, _, stderr) =
            tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
        assert_eq!(status.code(), Some(0), "{stderr:#?}");
        let mut doubled = 0;
        for (campaign, events) in &sent {
            let held = held_of(&self.fake, campaign);
            assert!(held >= *events, "{campaign}: {held} of {events}");
            doubled += held - events;
        }
        Ended { requests: sent.len(), doubled, doubt: self.doubt }
    }
}

async fn crash_doubt(daemon: &Daemon) -> u64 {
    let (_, text) = get(daemon.admin, "/metrics").await;
    let metrics = postmeter::telemetry::read_metrics(&text);
    let doubt = metrics["postmeter_doubtful_counts_total{cause=\"crash\"}"];
    format!("{doubt}").parse().expect("a whole number")
}

fn rounds() -> usize {
    let rounds = std::env::var("POSTMETER_CHAOS_ROUNDS").ok();
    rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

fn say(ended: &Ended) {
    let Ended { requests, doubled, doubt } = ended;
    let line = format!(
        "{} kills, {requests} requests, {doubled} events doubled, {doubt} counts in doubt",
        rounds()
    );
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_duplicate_no_more_than_is_in_doubt() {
    let mut chaos = Chaos::new().await;
    let mut daemon = chaos.start();
    let load = Load::start(daemon.firehose());
    for round in 0..rounds() {
        // In two of three rounds a call is certainly in flight.
        let fault = [Some(Fault::HangAfter), Some(Fault::HangBefore), None][round % 3].clone();
        if let Some(fault) = fault {
            chaos.fake.set_mode(fault);
            let calling = |state: &State| state.in_flight() > 0;
            assert!(chaos.fake.wait_until(calling, PATIENCE).await);
        }
        daemon = chaos.kill(daemon, &load, 1 + round * 7 % 23).await;
    }
    let ended = chaos.end(daemon, load).await;
    say(&ended);
    assert!(ended.doubled <= ended.doubt);
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_without_a_call_in_flight_change_nothing() {
    let mut chaos = Chaos::new().await;
    chaos.fake.pause_listening().await;
    let mut daemon = chaos.start();
    let load = Load::start(daemon.firehose());
    for round in 0..rounds() {
        daemon = chaos.kill(daemon, &load, 1 + round * 7 % 23).await;
    }
    chaos.fake.resume_listening().await;
    let ended = chaos.end(daemon, load).await;
    say(&ended);
    assert_eq!(ended.doubled, 0);
}
