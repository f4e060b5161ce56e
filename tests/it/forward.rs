//! Events are forwarded as received: to Firehose, SNS and EventBridge.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postmeter::clock::Clock;
use postmeter::config::{Config, DefinitionsSource, Publish, SqsConfig, TopicArn};
use postmeter::synth::{Generator, Profile};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::app::{PATIENCE, TestApp};
use crate::support::command::{project_file, run, text};
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::fake_sqs::FakeSqs;
use crate::support::fake_targets::{BUS, FakeTargets, Mood, STREAM, TOPIC};
use crate::support::firehose::{body_of, get};
use crate::support::process::Daemon;
use crate::support::traffic::held;

const TYPES: [&str; 10] = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
];

const SERVICES: [&str; 3] = ["firehose", "sns", "event_bridge"];

fn to_firehose() -> (&'static str, Value) {
    ("KinesisFirehoseDestination", json!({ "DeliveryStreamArn": STREAM }))
}

fn to_sns() -> (&'static str, Value) {
    ("SnsDestination", json!({ "TopicArn": TOPIC }))
}

fn to_event_bridge() -> (&'static str, Value) {
    ("EventBridgeDestination", json!({ "EventBusArn": BUS }))
}

/// Definitions that count all events of every set in one series per type, and forward them.
fn definitions(targets: &[(&str, Value)]) -> Value {
    let mut destinations = vec![json!({
        "Name": "count", "Enabled": true, "MatchingEventTypes": TYPES,
        "CloudWatchDestination": {"DimensionConfigurations": [{"DimensionName": "all",
            "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "all"}]}})];
    for (at, (kind, target)) in targets.iter().enumerate() {
        destinations.push(json!({"Name": format!("forward-{at}"), "Enabled": true,
            "MatchingEventTypes": TYPES, *kind: target}));
    }
    let set = json!({"ConfigurationSetName": "*", "EventDestinations": destinations});
    json!({ "ConfigurationSets": [set] })
}

/// A folder with definitions and dead letters.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(targets: &[(&str, Value)]) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        place.define(targets);
        place
    }

    fn define(&self, targets: &[(&str, Value)]) {
        std::fs::write(self.definitions(), definitions(targets).to_string()).expect("written");
    }

    fn definitions(&self) -> PathBuf {
        self.folder.path().join("definitions.json")
    }

    fn letters_directory(&self) -> PathBuf {
        self.folder.path().join("letters")
    }

    /// A daemon that forwards to the fake and keeps counts in memory.
    async fn app(&self, fake: &FakeTargets, change: impl FnOnce(&mut Config)) -> TestApp {
        TestApp::start_at(&fake.url(), Clock::System, |config| {
            config.cloudwatch.publish = Publish::Memory;
            config.definitions = Some(DefinitionsSource::Path(self.definitions()));
            config.dead_letters.directory = Some(self.letters_directory());
            change(config);
        })
        .await
    }

    fn letters(&self) -> Vec<Value> {
        let files = std::fs::read_dir(self.letters_directory()).expect("it is there");
        let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect()
    }

    /// The events in dead letters, sorted.
    fn events_in_letters(&self) -> Vec<String> {
        let letters = self.letters();
        let events = letters.iter().map(|letter| {
            let data = STANDARD.decode(letter["eventData"].as_str().expect("text"));
            String::from_utf8(data.expect("base64")).expect("text")
        });
        sorted(events)
    }
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts
}

/// Events that all have a configuration set; no two are the same.
fn events(seed: u64, events: usize) -> Vec<String> {
    let sets = vec!["prod".to_owned()];
    let start_ms = Clock::System.now_ms() - 600_000;
    let profile = Profile { seed, start_ms, configuration_sets: sets, ..Profile::default() };
    Generator::new(profile).take(events).map(|event| event.json).collect()
}

/// Asserts that a service accepted these events; shows only how many differ.
#[track_caller]
fn assert_taken(fake: &FakeTargets, service: &str, expected: &[String]) {
    let taken = fake.taken(service);
    let (all, distinct): (_, BTreeSet<_>) = (taken.len(), taken.iter().collect());
    let wanted: BTreeSet<_> = expected.iter().collect();
    let missing = wanted.difference(&distinct).count();
    let others = distinct.difference(&wanted).count();
    let told = (all, distinct.len(), missing, others);
    assert_eq!(
        told,
        (expected.len(), wanted.len(), 0, 0),
        "{service}: all, distinct, missing, others"
    );
}

fn lines(events: &[String]) -> Vec<String> {
    sorted(events.iter().map(|event| format!("{event}\n")))
}

async fn forwards(app: &TestApp, outcome: &str) -> u64 {
    app.metric(&format!("postmeter_forwards_total{{outcome=\"{outcome}\"}}")).await
}

/// The sum of all counts.
async fn counted(app: &TestApp) -> u64 {
    let (status, lines) = get(app.admin, "/series").await;
    assert_eq!(status, 200);
    let count = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["Counts"][0].as_u64().expect("a number")
    };
    lines.lines().map(count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_byte_for_byte_at_each_destination_and_is_counted_once() {
    let fake = FakeTargets::start().await;
    let role = "arn:aws:iam::111122223333:role/put-records";
    let mut firehose = to_firehose();
    firehose.1["IamRoleArn"] = json!(role);
    let place = Place::new(&[firehose, to_sns(), to_event_bridge()]);
    let app = place.app(&fake, |_| {}).await;
    let all = events(1, 3000);
    for (number, records) in all.chunks(750).enumerate() {
        // Several in a record, white space around them, gzip or not.
        let records: Vec<_> =
            records.chunks(7).map(|events| format!(" {}\n", events.join("\n "))).collect();
        let (id, stream) = (number.to_string(), app.firehose());
        let reply = if number % 2 == 0 {
            stream.deliver(&id, &records).await
        } else {
            stream.deliver_gzip(&id, &records).await
        };
        assert_eq!(reply.status, 200, "{}", reply.body);
        // Nothing is waiting after the response, and a retry forwards nothing again.
        assert_eq!(app.metric("postmeter_forward_waiting_events").await, 0);
        assert_eq!(stream.deliver(&id, &records).await.status, 200);
    }
    let why = place.letters().first().map(|letter| letter["errorMessage"].clone());
    assert_eq!(why, None);
    assert_taken(&fake, "firehose", &lines(&all));
    assert_taken(&fake, "sns", &lines(&all));
    assert_taken(&fake, "event_bridge", &sorted(all.iter().cloned()));
    assert_eq!(fake.state().faults, [""; 0]);
    assert_eq!((forwards(&app, "sent").await, counted(&app).await), (9000, 3000));

    // With the names that SES uses.
    let mut types = BTreeSet::new();
    for taken in &fake.state().taken {
        let event: Value = serde_json::from_slice(&taken.bytes).expect("JSON");
        match taken.service {
            "firehose" => {
                assert_eq!(
                    (taken.target.as_str(), taken.access_key.as_str()),
                    ("events", "put-records")
                );
            }
            "sns" => {
                assert_eq!((taken.target.as_str(), taken.access_key.as_str()), (TOPIC, "AKID"));
                assert_eq!(taken.beside, "Amazon SES Email Event Notification");
            }
            _ => {
                assert_eq!(taken.target, BUS);
                let beside = &taken.beside;
                types.insert(format!("{} {}", event["eventType"], beside["type"]));
                assert_eq!(beside["source"], "postmeter.ses");
                let identity = &event["mail"]["sourceArn"];
                let expected = if identity.is_null() { Value::Null } else { json!([identity]) };
                assert_eq!(beside["resources"], expected);
                assert!(beside["time"].is_number(), "{beside}");
            }
        }
    }
    assert_eq!(types.len(), 10, "{types:?}");
    assert!(types.contains(r#""Rendering Failure" "Email Rendering Failed""#), "{types:?}");
    app.stop().await;
    assert!(place.letters().is_empty());
}

/// Failed entries are retried; accepted ones in the same call are not.
#[tokio::test(flavor = "multi_thread")]
async fn failed_entries_of_a_call_alone_are_sent_again() {
    let fake = FakeTargets::start().await;
    for service in SERVICES {
        fake.set(service, Mood::Fails(30));
    }
    let place = Place::new(&[to_firehose(), to_sns(), to_event_bridge()]);
    let app = place.app(&fake, |_| {}).await;
    let all = events(2, 2000);
    let stream = app.firehose();
    for (number, records) in all.chunks(500).enumerate() {
        assert_eq!(stream.deliver(&number.to_string(), records).await.status, 200);
    }
    assert_taken(&fake, "firehose", &lines(&all));
    assert_taken(&fake, "sns", &lines(&all));
    assert_taken(&fake, "event_bridge", &sorted(all.iter().cloned()));
    assert_eq!(fake.state().faults, [""; 0]);
    let repeats = app.metric("postmeter_forward_repeats_total").await;
    assert!(repeats > 1000, "{repeats}");
    assert_eq!((forwards(&app, "sent").await, counted(&app).await), (6000, 2000));
    println!(
        "3 x 2,000 events, 30 of 100 entries fail: {repeats} sent again, {:?}",
        fake.state().calls
    );
    app.stop().await;
}

/// The response waits for the forwarding, also that to a retry. Then the event is a dead letter,
/// which is not counted again. Other targets are not affected.
#[tokio::test(flavor = "multi_thread")]
async fn response_waits_for_its_events_until_they_are_dead_letters() {
    let fake = FakeTargets::start().await;
    fake.set("sns", Mood::Down);
    let place = Place::new(&[to_firehose(), to_sns()]);
    let app = place.app(&fake, |config| config.forward_patience = Duration::from_secs(2)).await;
    let all = events(3, 50);
    let (stream, records) = (app.firehose(), all.clone());
    let first = tokio::spawn(async move { stream.deliver("1", &records).await });
    fake.until_taken("firehose", 50).await;
    let (stream, records) = (app.firehose(), all.clone());
    let repeat = tokio::spawn(async move { stream.deliver("1", &records).await });
    app.until_metric("postmeter_in_flight_requests", |requests| requests > 0).await;
    assert!(!first.is_finished() && !repeat.is_finished());
    assert_eq!(app.metric("postmeter_forward_waiting_events").await, 50);
    for answer in [first, repeat] {
        assert_eq!(answer.await.expect("no panic").status, 200);
    }
    assert_eq!(forwards(&app, "late").await, 50);
    assert_eq!((forwards(&app, "sent").await, counted(&app).await), (50, 50));
    app.stop().await;

    assert!(place.events_in_letters() == sorted(all.into_iter()), "other events in letters");
    let letters = place.letters();
    assert!(letters.iter().all(|letter| letter["destination"] == TOPIC), "{letters:?}");
    assert!(letters[0]["errorMessage"].as_str().expect("text").contains("500"), "{letters:?}");
    let files = std::fs::read_dir(place.letters_directory()).expect("it is there");
    let files: Vec<_> = files.map(|file| file.unwrap().path().display().to_string()).collect();
    let definitions = project_file("config/definitions.json").display().to_string();
    let mut count = vec!["count", "--definitions", &definitions, "--summary", "/dev/stdout"];
    count.extend(files.iter().map(String::as_str));
    let output = run(&count);
    let summary: Value = serde_json::from_str(text(&output.stdout)).expect("JSON");
    assert_eq!((&summary["events"], &summary["foreign"]), (&json!(0), &json!(50)));
}

/// An event that a service rejects does not affect others, whether the entry or the whole call is
/// rejected.
#[tokio::test(flavor = "multi_thread")]
async fn event_that_is_rejected_permanently_does_not_affect_others() {
    let fake = FakeTargets::start().await;
    let place = Place::new(&[to_sns(), to_event_bridge()]);
    let app = place.app(&fake, |_| {}).await;
    let stream = app.firehose();
    let mut all = events(4, 100);
    all[37] = all[37].replacen('{', r#"{"poison":1,"#, 1);
    let others = || all.iter().filter(|event| !event.contains("poison")).cloned();
    for (number, mood) in [Mood::Refuses("poison"), Mood::RefusesWith("poison")].iter().enumerate()
    {
        fake.set("sns", *mood);
        fake.set("event_bridge", *mood);
        assert_eq!(stream.deliver(&number.to_string(), &all).await.status, 200);
        assert_taken(&fake, "sns", &lines(&others().collect::<Vec<_>>()));
        assert_taken(&fake, "event_bridge", &sorted(others()));
        assert_eq!(forwards(&app, "refused").await, 2 * (number as u64 + 1));
        fake.state().taken.clear();
    }
    app.stop().await;
    assert!(place.events_in_letters() == vec![all[37].clone(); 4], "other events");
}

/// A full queue accepts nothing: requests for it are rejected before they are counted. Requests for
/// other targets are not, and a request larger than the queue is accepted when it is alone.
#[tokio::test(flavor = "multi_thread")]
async fn full_queue_rejects_requests_for_it_and_no_others() {
    let fake = FakeTargets::start().await;
    fake.set("sns", Mood::Hangs);
    let place = Place::new(&[to_sns()]);
    let app = place
        .app(&fake, |config| {
            config.limits.forward_bytes = 20_000;
            config.forward_patience = Duration::from_secs(4);
        })
        .await;
    let (large, small) = (events(5, 40), events(6, 1));
    assert!(large.iter().map(String::len).sum::<usize>() > 20_000);
    let (stream, records) = (app.firehose(), large.clone());
    let held = tokio::spawn(async move { stream.deliver("large", &records).await });
    app.until_metric("postmeter_forward_waiting_events", |events| events == 40).await;
    let refused = app.firehose().deliver("small", &small).await;
    let error = refused.assert_by_the_letter("small").expect("it is refused");
    assert_eq!((refused.status, error.contains("limits.forward_bytes")), (503, true), "{error}");
    assert_eq!(counted(&app).await, 40);
    // This event is not forwarded.
    let unrouted = small[0].replace("ses:configuration-set", "x");
    assert_eq!(app.firehose().deliver("other", &[unrouted]).await.status, 200);

    fake.set("sns", Mood::Takes);
    assert_eq!(held.await.expect("no panic").status, 200);
    assert_eq!(app.firehose().deliver("small", &small).await.status, 200);
    assert_eq!(counted(&app).await, 41);
    // At first the service accepted all of them without responding: at least once.
    let taken: BTreeSet<_> = fake.taken("sns").into_iter().collect();
    let expected: BTreeSet<_> = lines(&[large, small].concat()).into_iter().collect();
    let letters: BTreeSet<_> =
        place.events_in_letters().iter().map(|event| format!("{event}\n")).collect();
    assert!(&taken | &letters == expected, "other events");
    app.stop().await;
}

/// At the end, events that cannot be forwarded any more are kept, and the response is sent.
#[tokio::test(flavor = "multi_thread")]
async fn events_waiting_at_the_end_are_kept() {
    let fake = FakeTargets::start().await;
    fake.set("firehose", Mood::Down);
    let place = Place::new(&[to_firehose()]);
    let mut app = place
        .app(&fake, |config| {
            config.forward_patience = Duration::from_secs(50);
            config.shutdown.grace = Duration::from_secs(1);
        })
        .await;
    let all = events(7, 1200);
    let (stream, records) = (app.firehose(), all.clone());
    let held = tokio::spawn(async move { stream.deliver("1", &records).await });
    app.until_metric("postmeter_forward_waiting_events", |events| events == 1200).await;
    app.signal();
    assert_eq!(held.await.expect("no panic").status, 200);
    timeout(PATIENCE, app.stop()).await.expect("it ends");
    assert!(place.events_in_letters() == sorted(all.into_iter()), "other events in letters");
}

/// A message is deleted only after its event was accepted.
#[tokio::test(flavor = "multi_thread")]
async fn message_is_deleted_when_its_event_is_forwarded() {
    let (fake, sqs) = (FakeTargets::start().await, FakeSqs::start().await);
    fake.set("event_bridge", Mood::Down);
    let place = Place::new(&[to_event_bridge()]);
    let app = place
        .app(&fake, |config| {
            config.sqs = vec![SqsConfig { queue_url: sqs.url(), ..SqsConfig::default() }];
        })
        .await;
    let all = events(8, 20);
    sqs.send(all.iter().cloned());
    app.until_metric("postmeter_forward_waiting_events", |events| events == 20).await;
    assert_eq!(sqs.queue().deleted, 0);
    fake.set("event_bridge", Mood::Takes);
    sqs.until_empty().await;
    assert_taken(&fake, "event_bridge", &sorted(all.into_iter()));
    assert_eq!(counted(&app).await, 20);
    app.stop().await;
}

/// New definitions forward to new targets; events in flight go to their old ones.
#[tokio::test(flavor = "multi_thread")]
async fn new_definitions_forward_elsewhere() {
    let fake = FakeTargets::start().await;
    let place = Place::new(&[to_sns()]);
    let app = place.app(&fake, |_| {}).await;
    let (before, after) = (events(9, 20), events(10, 20));
    assert_eq!(app.firehose().deliver("1", &before).await.status, 200);
    place.define(&[to_firehose()]);
    app.catalog.reload().await.expect("they are sound");
    assert_eq!(app.firehose().deliver("2", &after).await.status, 200);
    assert_taken(&fake, "sns", &lines(&before));
    assert_taken(&fake, "firehose", &lines(&after));
    place.define(&[]);
    app.catalog.reload().await.expect("they are sound");
    assert_eq!(app.firehose().deliver("3", &after).await.status, 200);
    assert_eq!((forwards(&app, "sent").await, counted(&app).await), (40, 60));
    app.stop().await;
}

/// A topic that feeds the daemon would return its own events, and each would be counted again.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_forward_to_their_own_source_are_rejected() {
    let fake = FakeTargets::start().await;
    let place = Place::new(&[to_firehose()]);
    let topic = TopicArn::parse(TOPIC).expect("an ARN");
    let app = place.app(&fake, |config| config.sns.topics = vec![topic]).await;
    place.define(&[to_sns()]);
    let refused = app.catalog.reload().await.expect_err("it is a circle");
    assert!(refused.to_string().contains("this would loop events back"), "{refused}");
    let all = events(11, 5);
    assert_eq!(app.firehose().deliver("1", &all).await.status, 200);
    assert_taken(&fake, "firehose", &lines(&all));
    assert_taken(&fake, "sns", &[]);
    app.stop().await;
}

/// With a journal a request is known after a crash, but not before its events were forwarded.
#[tokio::test(flavor = "multi_thread")]
async fn crash_loses_no_waiting_event_and_counts_it_once() {
    let (fake, cloudwatch) = (FakeTargets::start().await, FakeCloudWatch::start().await);
    fake.set("sns", Mood::Down);
    let place = Place::new(&[to_sns()]);
    let (definitions, folder) = (place.definitions(), place.folder.path().join("journal"));
    let (targets, metrics) = (fake.url(), cloudwatch.url());
    let variables = [
        ("AWS_ENDPOINT_URL", targets.as_str()),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", metrics.as_str()),
        ("POSTMETER__DEFINITIONS", definitions.to_str().expect("text")),
        ("POSTMETER__FIREHOSE__ACKNOWLEDGE", "journaled"),
        ("POSTMETER__JOURNAL__DIRECTORY", folder.to_str().expect("text")),
    ];
    let all = events(12, 30);
    for _ in 0..3 {
        let daemon = Daemon::start(&variables);
        let (stream, records) = (daemon.firehose(), all.clone());
        let unanswered = tokio::spawn(async move { stream.try_post(body_of("1", &records)).await });
        daemon.until_metric("postmeter_forward_waiting_events", |events| events == 30).await;
        daemon.kill().await;
        assert!(unanswered.await.expect("no panic").is_err());
    }
    fake.set("sns", Mood::Takes);
    for _ in 0..2 {
        let daemon = Daemon::start(&variables);
        assert_eq!(daemon.firehose().deliver("1", &all).await.status, 200);
        daemon.end().await;
    }
    assert_taken(&fake, "sns", &lines(&all));
    assert_eq!(held(&cloudwatch).values().sum::<u64>(), 30);
}
