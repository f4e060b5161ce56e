//! The SES API: every acknowledged change is in use and stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hyper::Method;
use postmeter::app::Environment;
use postmeter::aws::AwsEnvironment;
use postmeter::config::{ApiAuth, Config, DefinitionsSource, Publish};
use postmeter::definitions::{DOCUMENT_BYTES_MAX, read, to_document};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::app::{PATIENCE, TestApp};
use crate::support::fake_s3::{FakeS3, Fault};
use crate::support::firehose::{get, post};
use crate::support::process::Daemon;
use crate::support::ses_client::{SesClient, counts_by};
use crate::support::traffic::send_of;

/// The API on a free port, without authentication, with changes stored in a file.
fn open_to_all(config: &mut Config, definitions: DefinitionsSource) {
    config.definitions = Some(definitions);
    config.definitions_interval = Duration::from_millis(50);
    config.ses_api.listen = Some(([127, 0, 0, 1], 0).into());
    config.ses_api.auth = ApiAuth::None;
    config.ses_api.requests_per_second = 10_000;
}

async fn app_at(path: &Path) -> (TestApp, SesClient) {
    let source = DefinitionsSource::Path(path.to_owned());
    let app = TestApp::in_memory(|config| open_to_all(config, source)).await;
    let client = SesClient::new(app.ses_api.expect("it listens"));
    (app, client)
}

/// The counts of `/series` by their dimensions.
async fn series(app: &TestApp) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in get(app.admin, "/series").await.1.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let dimensions = line["Dimensions"].as_array().expect("a list").iter().map(|one| {
            format!("{}={}", one["Name"].as_str().unwrap(), one["Value"].as_str().unwrap())
        });
        let name = dimensions.collect::<Vec<_>>().join(",");
        *counts.entry(name).or_default() += line["Counts"][0].as_u64().expect("a count");
    }
    counts
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn change_is_in_force_for_requests_after_its_response() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let (app, ses) = app_at(&path).await;
    assert!(!path.exists(), "it begins empty, and nothing is written before a change");
    let firehose = app.firehose();
    let mut id = 0;
    let mut post = async || {
        id += 1;
        assert_eq!(firehose.deliver(&id.to_string(), &[send_of("spring")]).await.status, 200);
    };
    post().await;
    ses.create_set("prod").await;
    post().await;
    ses.create("prod", "d", &counts_by(&["campaign"])).await;
    post().await;
    assert_eq!(series(&app).await, counts(&[("campaign=spring", 1)]));

    let mut disabled = counts_by(&["campaign"]);
    disabled["Enabled"] = json!(false);
    ses.update("prod", "d", &disabled).await;
    post().await;
    assert_eq!(series(&app).await, counts(&[("campaign=spring", 1)]), "it stops at once");

    ses.update("prod", "d", &counts_by(&["campaign", "genre"])).await;
    post().await;
    let both = counts(&[("campaign=spring", 1), ("campaign=spring,genre=none", 1)]);
    assert_eq!(series(&app).await, both, "counts of the old rules stay");
    ses.delete_set("prod").await;
    post().await;
    assert_eq!(series(&app).await, both);
    assert_eq!(app.metric("postmeter_events_total{routing=\"unrouted\"}").await, 2);
    assert_eq!(app.metric("postmeter_events_total{routing=\"unmatched\"}").await, 2);
    assert_eq!(app.metric("postmeter_ses_api_requests_total{outcome=\"answered\"}").await, 5);
}

#[tokio::test]
async fn acknowledged_change_survives_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let variables = [
        ("POSTMETER__DEFINITIONS", path.to_str().expect("text")),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__SES_API__LISTEN", "127.0.0.1:0"),
        ("POSTMETER__SES_API__AUTH", "none"),
        ("POSTMETER__SES_API__REQUESTS_PER_SECOND", "10000"),
    ];
    let mut expected = Vec::new();
    for round in 0..4 {
        let daemon = Daemon::start(&variables);
        let ses = SesClient::new(daemon.ses_api.expect("it listens"));
        if round == 0 {
            ses.create_set("prod").await;
        }
        assert_eq!(ses.destinations("prod").await, json!(expected), "round {round}");
        let name = format!("d{round}");
        let mut definition = counts_by(&["campaign"]);
        ses.create("prod", &name, &definition).await;
        // Right after the response, and in the middle of another change.
        let killing = tokio::spawn(async move { daemon.kill().await });
        let body = json!({ "ConfigurationSetName": format!("other{round}") });
        let other = ses_attempt(&ses, &body);
        let _ = timeout(PATIENCE, other).await;
        killing.await.expect("it ends");
        definition["Name"] = json!(name);
        expected.push(definition);
        // Complete, whatever was in progress.
        let text = std::fs::read_to_string(&path).expect("a file");
        let reading = read("d", &text);
        assert!(reading.definitions.is_some(), "{:?}", reading.findings);
    }
}

/// A change whose response may never arrive.
async fn ses_attempt(ses: &SesClient, body: &Value) {
    let asked = ses.try_ask(Method::POST, "/v2/email/configuration-sets", body);
    let _ = asked.await;
}

#[tokio::test]
async fn file_edited_by_hand_is_loaded_and_never_overwritten_when_invalid() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let (app, ses) = app_at(&path).await;
    ses.create_set("prod").await;
    ses.create("prod", "d", &counts_by(&["campaign"])).await;

    let text = std::fs::read_to_string(&path).expect("a file");
    let edited = text.replace("\"prod\"", "\"prod\",\n\"Namespace\": \"Mine\"");
    std::fs::write(&path, &edited).expect("it is written");
    // The change first loads what was edited by hand.
    ses.create_set("second").await;
    let text = std::fs::read_to_string(&path).expect("a file");
    assert!(text.contains("\"Namespace\": \"Mine\""), "{text}");
    assert!(text.contains("second"), "{text}");

    let faulty = text.replace("\"SEND\"", "\"SENT\"");
    std::fs::write(&path, &faulty).expect("it is written");
    let create = json!({ "ConfigurationSetName": "third" });
    for _ in 0..2 {
        let (status, error, body) =
            ses.ask(Method::POST, "/v2/email/configuration-sets", &create).await;
        assert_eq!((status, error.as_str()), (500, "InternalFailure"), "{body}");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), faulty, "it is kept");
    assert_eq!(ses.sets().await, json!(["prod", "second"]), "the old rules go on");
    let firehose = app.firehose();
    assert_eq!(firehose.deliver("1", &[send_of("spring")]).await.status, 200);
    assert_eq!(series(&app).await, counts(&[("campaign=spring", 1)]));

    std::fs::write(&path, &text).expect("it is mended");
    ses.create_set("third").await;
    assert_eq!(ses.sets().await, json!(["prod", "second", "third"]));

    // A manual edit is detected without a change, too.
    std::fs::write(&path, r#"{"ConfigurationSets": []}"#).expect("it is written");
    let seen = async {
        while ses.sets().await != json!([]) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("it is seen");
    std::fs::remove_file(&path).expect("it is there");
    let (status, ..) = ses.ask(Method::POST, "/v2/email/configuration-sets", &create).await;
    assert_eq!(status, 500, "a file that is gone is no empty one");
}

/// A daemon whose definitions are an object in S3, and a client of its SES API.
async fn start_with_object(s3: &FakeS3) -> (TestApp, SesClient) {
    let around =
        Environment { aws: AwsEnvironment::Endpoint { url: s3.url() }, ..Environment::default() };
    let app = TestApp::start_in(around, |config| {
        config.cloudwatch.publish = Publish::Memory;
        let (bucket, key) = ("mail".to_owned(), "defs.json".to_owned());
        open_to_all(config, DefinitionsSource::S3 { bucket, key });
    })
    .await;
    let client = SesClient::new(app.ses_api.expect("it listens"));
    (app, client)
}

#[tokio::test]
async fn definitions_in_another_region_are_read_and_changed_there() {
    let s3 = FakeS3::start().await;
    s3.set_region("ap-southeast-2");
    let (app, client) = start_with_object(&s3).await;
    client.create_set("prod").await;
    client.create("prod", "d", &counts_by(&["campaign"])).await;
    assert_eq!(app.firehose().deliver("1", &[send_of("spring")]).await.status, 200);
    assert_eq!(series(&app).await, counts(&[("campaign=spring", 1)]));
    let signed = s3.headers("authorization");
    let elsewhere = signed.iter().filter(|signed| !signed.contains("/ap-southeast-2/s3/")).count();
    assert_eq!(elsewhere, 1, "only the first call goes elsewhere: {signed:?}");
}

#[tokio::test]
async fn daemons_share_an_object_in_s3_and_one_that_loses_a_race_says_so() {
    let s3 = FakeS3::start().await;
    let (_first, one) = start_with_object(&s3).await;
    let (second, two) = start_with_object(&s3).await;
    one.create_set("prod").await;
    one.create("prod", "d", &counts_by(&["campaign"])).await;
    let shared = async {
        while two.sets().await != json!(["prod"])
            || two.destinations("prod").await.as_array().is_none_or(Vec::is_empty)
        {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, shared).await.expect("the other sees it");
    assert_eq!(second.firehose().deliver("1", &[send_of("spring")]).await.status, 200);
    assert_eq!(series(&second).await, counts(&[("campaign=spring", 1)]));

    // While S3 is unavailable nothing changes, and afterwards it does.
    s3.set_fault("defs.json", Some(Fault::Denied));
    let body = json!({ "ConfigurationSetName": "later" });
    let path = "/v2/email/configuration-sets";
    assert_eq!(one.ask(Method::POST, path, &body).await.0, 500);
    assert_eq!(one.sets().await, json!(["prod"]));
    s3.set_fault("defs.json", None);
    one.create_set("later").await;
    one.delete_set("later").await;

    // Both create sets as fast as they can: each acknowledged set exists, and the client that lost
    // a race was told to retry.
    let mut lost = 0;
    let mut answered = Vec::new();
    for round in 0..40 {
        let body = |by| json!({ "ConfigurationSetName": format!("{by}-{round}") });
        let (a, b) = (body("a"), body("b"));
        let path = "/v2/email/configuration-sets";
        let (first, other) =
            tokio::join!(one.ask(Method::POST, path, &a), two.ask(Method::POST, path, &b));
        for ((status, error, answer), body) in [(first, a), (other, b)] {
            match (status, error.as_str()) {
                (200, _) => answered.push(body["ConfigurationSetName"].clone()),
                (500, "ConcurrentModificationException") => lost += 1,
                _ => panic!("{status} {error} {answer}"),
            }
        }
    }
    println!("{} sets created by two daemons, {lost} races lost", answered.len());
    let stored: Value = serde_json::from_str(&s3.text("defs.json")).expect("JSON");
    let stored = stored["ConfigurationSets"].as_array().expect("a list");
    let names: Vec<&Value> = stored.iter().map(|set| &set["ConfigurationSetName"]).collect();
    assert_eq!(names.len(), 1 + answered.len());
    assert!(answered.iter().all(|name| names.contains(&name)));
}

/// Events of one campaign each, so that the series show which rules counted them.
const EVENTS: u8 = 20;

/// `POSTMETER_CHANGES` changes of definitions under load: 100 by default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_changes_under_load_lose_nothing_and_mix_nothing() {
    let changes: u64 = std::env::var("POSTMETER_CHANGES")
        .map_or(100, |changes| changes.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let (app, ses) = app_at(&folder.path().join("definitions.json")).await;
    ses.create_set("prod").await;
    ses.create("prod", "d", &counts_by(&["campaign"])).await;

    let ended = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let (firehose, ended, sent) = (app.firehose(), Arc::clone(&ended), Arc::clone(&sent));
        senders.spawn(async move {
            for request in 0_u64.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let campaign = format!("s{sender}-{request}");
                let records = vec![send_of(&campaign); usize::from(EVENTS)];
                assert_eq!(firehose.deliver(&campaign, &records).await.status, 200);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let shapes: [&[&str]; 2] = [&["campaign", "genre"], &["campaign"]];
    let probe = app.firehose();
    let mut took = Histogram::<u64>::new(3).expect("bounds");
    let begun = Instant::now();
    for change in 0..changes {
        let definition = counts_by(shapes[usize::from(change % 2 == 1)]);
        let asked = Instant::now();
        ses.update("prod", "d", &definition).await;
        took.record(u64::try_from(asked.elapsed().as_micros()).expect("short")).expect("it fits");
        let campaign = format!("p{change}");
        let records = vec![send_of(&campaign); usize::from(EVENTS)];
        assert_eq!(probe.deliver(&campaign, &records).await.status, 200);
    }
    let millis = u64::try_from(begun.elapsed().as_millis()).expect("short");
    ended.store(true, Ordering::Relaxed);
    while let Some(sender) = senders.join_next().await {
        sender.expect("it does not panic");
    }
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "{changes} changes in {millis} ms, p50 {} us, p99 {} us; {} requests/s beside them",
        took.value_at_quantile(0.5),
        took.value_at_quantile(0.99),
        sent * 1000 / millis
    );

    let counted = series(&app).await;
    // A request is counted completely by one version: it has one series, with all its events.
    assert!(
        counted.values().all(|count| *count == u64::from(EVENTS)),
        "a mixture, or something lost"
    );
    assert_eq!(counted.len() as u64, sent + changes);
    for change in 0..changes {
        let plain = format!("campaign=p{change}");
        let expected = if change % 2 == 1 { plain } else { format!("{plain},genre=none") };
        assert_eq!(counted.get(&expected), Some(&u64::from(EVENTS)), "change {change}");
    }
}

/// The same in version 1 of the API: a form in, the body out.
async fn form(app: &TestApp, fields: &[(&str, &str)]) -> (u16, String) {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
    let body = pairs.collect::<Vec<_>>().join("&");
    let reply = post(app.ses_api.expect("it listens"), "/", &[], body).await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn both_versions_see_the_same_and_have_their_own_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let (app, ses) = app_at(&folder.path().join("definitions.json")).await;
    ses.create_set("prod").await;
    let set = ("ConfigurationSetName", "prod");
    let mut create = vec![
        ("Action", "CreateConfigurationSetEventDestination"),
        set,
        ("EventDestination.Name", "d"),
        ("EventDestination.Enabled", "true"),
        ("EventDestination.MatchingEventTypes.member.1", "renderingFailure"),
        ("EventDestination.MatchingEventTypes.member.2", "send"),
    ];
    let dimension = |member: &str| {
        format!("EventDestination.CloudWatchDestination.DimensionConfigurations.member.1.{member}")
    };
    let (name, source, default) = (
        dimension("DimensionName"),
        dimension("DimensionValueSource"),
        dimension("DefaultDimensionValue"),
    );
    create.extend([(&*name, "campaign"), (&*source, "messageTag"), (&*default, "none")]);
    assert_eq!(form(&app, &create).await.0, 200);
    let mut expected = counts_by(&["campaign"]);
    expected["Name"] = json!("d");
    expected["MatchingEventTypes"] = json!(["RENDERING_FAILURE", "SEND"]);
    assert_eq!(ses.destinations("prod").await, json!([expected]));

    let describe = [
        ("Action", "DescribeConfigurationSet"),
        set,
        ("ConfigurationSetAttributeNames.member.1", "eventDestinations"),
    ];
    let (status, body) = form(&app, &describe).await;
    assert_eq!(status, 200);
    for part in [
        "<DescribeConfigurationSetResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">",
        "<ConfigurationSet><Name>prod</Name></ConfigurationSet>",
        "<MatchingEventTypes><member>renderingFailure</member><member>send</member></MatchingEventTypes>",
        "<DimensionValueSource>messageTag</DimensionValueSource>",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }

    let path = "/v2/email/configuration-sets/prod/event-destinations";
    let again = json!({ "EventDestinationName": "d", "EventDestination": counts_by(&["a"]) });
    let (status, error, _) = ses.ask(Method::POST, path, &again).await;
    assert_eq!((status, error.as_str()), (400, "AlreadyExistsException"));
    let (status, body) = form(&app, &create).await;
    assert!(status == 400 && body.contains("<Code>EventDestinationAlreadyExists</Code>"), "{body}");
    create[4].1 = "deliveryDelay";
    let (status, body) = form(&app, &create).await;
    assert!(status == 400 && body.contains("enum value set: [send, reject, "), "{body}");
    create[4].1 = "bounce";
    create[2].1 = "two words";
    let (status, body) = form(&app, &create).await;
    assert!(status == 400 && body.contains("<Code>ValidationError</Code>"), "{body}");
    let (status, body) = form(&app, &[("Action", "SendEmail")]).await;
    assert!(status == 400 && body.contains("<Code>InvalidAction</Code>"), "{body}");
    let (status, error, _) = ses.ask(Method::GET, "/v2/email/contact-lists", &Value::Null).await;
    assert_eq!((status, error.as_str()), (404, "UnknownOperationException"));

    let delete =
        [("Action", "DeleteConfigurationSetEventDestination"), set, ("EventDestinationName", "d")];
    assert_eq!(form(&app, &delete).await.0, 200);
    assert_eq!(ses.destinations("prod").await, json!([]));
    let (status, body) = form(&app, &delete).await;
    assert!(status == 400 && body.contains("<Code>EventDestinationDoesNotExist</Code>"), "{body}");
}

#[tokio::test]
async fn extensions_survive_an_update() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let (app, ses) = app_at(&path).await;
    let ours = "/postmeter/v1/configuration-sets";
    ses.create_set("prod").await;
    ses.create("prod", "d", &counts_by(&["campaign"])).await;
    let at = format!("{ours}/prod/event-destinations/d");
    let extensions = json!({ "Namespace": "Mine", "OnInvalidValue": "SANITIZE" });
    assert_eq!(ses.ask(Method::PUT, &at, &extensions).await.0, 200);
    assert_eq!(ses.ask(Method::GET, &at, &Value::Null).await.2, extensions);
    let shown = ses.destinations("prod").await.to_string();
    assert!(!shown.contains("Mine") && !shown.contains("SANITIZE"), "{shown}");

    ses.update("prod", "d", &counts_by(&["genre"])).await;
    assert_eq!(ses.ask(Method::GET, &at, &Value::Null).await.2, extensions, "it outlives it");
    let (status, error, body) = ses.ask(Method::PUT, &at, &json!({ "namespace": "x" })).await;
    assert_eq!((status, error.as_str()), (400, "BadRequestException"), "{body}");

    // The set for all other sets exists only through its extension, and SES clients do not see it.
    let every = format!("{ours}/%2A");
    assert_eq!(ses.ask(Method::GET, &every, &Value::Null).await.0, 404);
    assert_eq!(ses.ask(Method::PUT, &every, &json!({ "Namespace": "Rest" })).await.0, 200);
    ses.create("%2A", "all", &counts_by(&["campaign"])).await;
    assert_eq!(ses.sets().await, json!(["prod"]));
    let event = send_of("spring").replace("\"prod\"", "\"unheard-of\"");
    assert_eq!(app.firehose().deliver("1", &[event]).await.status, 200);
    let line = get(app.admin, "/series").await.1;
    assert!(line.contains("\"Namespace\":\"Rest\""), "{line}");
}

#[tokio::test]
async fn hostile_requests_are_rejected_briefly_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let (app, ses) = app_at(&path).await;
    let create = "/v2/email/configuration-sets";
    let long = "x".repeat(1_000_000);
    for name in ["../../etc/passwd", "a/b", "a\u{0}b", "a\nb", "", "*", "caf\u{e9}", &long] {
        let body = json!({ "ConfigurationSetName": name });
        let (status, error, body) = ses.ask(Method::POST, create, &body).await;
        assert_eq!((status, error.as_str()), (400, "BadRequestException"), "{body}");
        assert!(body.to_string().len() < 400, "{body}");
    }
    for path in ["/../../etc/passwd", "/%2e%2e%2f", "/a%00b", "/%0d%0a", "/%ff"] {
        let (status, _, body) =
            ses.ask(Method::GET, &format!("{create}{path}"), &Value::Null).await;
        assert!(matches!(status, 400 | 404), "{path}: {status} {body}");
        assert!(body.to_string().len() < 400, "{body}");
    }
    let api = app.ses_api.expect("it listens");
    let deep = "[".repeat(100_000);
    let twice = "{\"ConfigurationSetName\":\"a\",\"ConfigurationSetName\":\"b\"}";
    for body in ["{", "[]", "7", "\u{feff}", "\"x\"", deep.as_str(), twice] {
        let reply = post(api, create, &[], body.to_owned()).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert!(reply.body.len() < 400, "{}", reply.body);
    }
    let form = "Action=CreateConfigurationSet&ConfigurationSet.Name=page";
    let reply = post(api, "/", &[("origin", "https://example.com")], form).await;
    assert_eq!(reply.status, 403, "{}", reply.body);
    let reply = post(api, create, &[], vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(reply.status, 413, "{}", reply.body);
    assert!(!path.exists(), "nothing is stored");
}

#[tokio::test]
async fn definitions_too_long_to_be_read_again_are_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let value = "v".repeat(256);
    let tags: Vec<Value> =
        (0..50).map(|key| json!({ "Key": format!("{key:0128}"), "Value": value })).collect();
    let set = |name: String| json!({ "ConfigurationSetName": name, "Tags": tags });
    let document = |sets: usize| {
        let sets: Vec<Value> = (0..sets).map(|number| set(format!("s{number:04}"))).collect();
        json!({ "ConfigurationSets": sets }).to_string()
    };
    let written = |text: &str| {
        let definitions = read("d", text).definitions.expect("it is sound");
        to_document(&definitions).expect("JSON").len()
    };
    let each = written(&document(2)) - written(&document(1));
    let fitting = DOCUMENT_BYTES_MAX / each - 1;
    std::fs::write(&path, document(fitting)).expect("a file");
    let (_app, ses) = app_at(&path).await;
    let mut refused = None;
    for number in 0..9 {
        let body = set(format!("more{number}"));
        let answer = ses.ask(Method::POST, "/v2/email/configuration-sets", &body).await;
        if answer.0 != 200 {
            refused = Some(answer);
            break;
        }
    }
    let (status, error, body) = refused.expect("there is an end");
    assert_eq!((status, error.as_str()), (400, "LimitExceededException"), "{body}");
    let text = std::fs::read_to_string(&path).expect("a file");
    let definitions = read("d", &text).definitions.expect("it is read again");
    assert!(definitions.configuration_sets.len() > fitting, "{}", text.len());
}

#[tokio::test]
async fn requests_above_the_rate_are_throttled_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = DefinitionsSource::Path(folder.path().join("definitions.json"));
    let app = TestApp::in_memory(|config| {
        open_to_all(config, source);
        config.ses_api.requests_per_second = 2;
    })
    .await;
    let ses = SesClient::new(app.ses_api.expect("it listens"));
    let mut throttled = 0;
    for _ in 0..40 {
        let path = "/v2/email/configuration-sets";
        let (status, error, _) = ses.ask(Method::GET, path, &Value::Null).await;
        if status == 429 {
            assert_eq!(error, "TooManyRequestsException");
            throttled += 1;
        }
    }
    assert!((1..40).contains(&throttled), "{throttled}");
    let metric = "postmeter_ses_api_requests_total{outcome=\"throttled\"}";
    assert_eq!(app.metric(metric).await, throttled);
}

/// As many as a program sends at once, and none of them is told to retry.
#[tokio::test]
async fn changes_at_once_wait_for_their_turn_and_too_many_are_throttled() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = DefinitionsSource::Path(folder.path().join("definitions.json"));
    let app = TestApp::in_memory(|config| {
        open_to_all(config, source);
        // 200 at once, and 100 in the next five seconds.
        config.ses_api.requests_per_second = Config::default().ses_api.requests_per_second;
    })
    .await;
    let api = app.ses_api.expect("it listens");
    let at_once = async |name: &'static str, count: usize| {
        let mut changes = JoinSet::new();
        for at in 0..count {
            changes.spawn(async move {
                let body = json!({ "ConfigurationSetName": format!("{name}-{at}") });
                let path = "/v2/email/configuration-sets";
                SesClient::new(api).ask(Method::POST, path, &body).await.0
            });
        }
        let mut statuses = BTreeMap::<u16, usize>::new();
        while let Some(status) = changes.join_next().await {
            *statuses.entry(status.expect("no panic")).or_default() += 1;
        }
        statuses
    };
    assert_eq!(at_once("first", 210).await, BTreeMap::from([(200, 210)]));
    let flood = at_once("flood", 400).await;
    assert!(flood[&200] > 0 && flood[&429] > 0, "{flood:?}");
    assert_eq!(flood.len(), 2, "{flood:?}");
}

#[tokio::test]
async fn requests_without_a_key_learn_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let source = DefinitionsSource::Path(path.clone());
    let app = TestApp::in_memory(|config| {
        open_to_all(config, source);
        config.ses_api.auth = ApiAuth::SigV4;
    })
    .await;
    let ses = SesClient::new(app.ses_api.expect("it listens"));
    for (method, path) in [
        (Method::GET, "/v2/email/configuration-sets"),
        (Method::POST, "/v2/email/configuration-sets"),
        (Method::PUT, "/postmeter/v1/configuration-sets/*"),
        (Method::GET, "/anything"),
    ] {
        let (status, error, _) = ses.ask(method, path, &json!({})).await;
        assert_eq!((status, error.as_str()), (403, "MissingAuthenticationTokenException"));
    }
    assert!(!path.exists());
    assert_eq!(app.metric("postmeter_ses_api_requests_total{outcome=\"denied\"}").await, 4);
}
