//! Hostile requests to the SES API: their cost, that other clients are served meanwhile, and that
//! web pages can neither change nor read anything.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use postmeter::config::{AccessKey, ApiAuth, ApiKey, Config, DefinitionsSource};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::app::TestApp;
use crate::support::firehose::try_send;
use crate::support::process::Daemon;
use crate::support::raw::{End, Raw};
use crate::support::signed::Signer;

const FULL: Signer = Signer { id: "AKIDFULL", secret: "the-secret-of-the-full-key" };
const READER: Signer = Signer { id: "AKIDREAD", secret: "the-secret-of-the-reading-key" };
const SETS: &str = "/v2/email/configuration-sets";
const MIB: u64 = 1 << 20;

/// A daemon that knows both keys, with definitions in its own folder.
fn daemon(requests_per_second: &str) -> (Daemon, SocketAddr, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let (full, reader) =
        (format!("{}:{}", FULL.id, FULL.secret), format!("{}:{}", READER.id, READER.secret));
    let daemon = Daemon::start(&[
        ("POSTMETER__DEFINITIONS", path.to_str().expect("text")),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__SES_API__LISTEN", "127.0.0.1:0"),
        ("POSTMETER__SES_API__ACCESS_KEYS", &full),
        ("POSTMETER__SES_API__READ_ONLY_ACCESS_KEYS", &reader),
        ("POSTMETER__SES_API__REQUESTS_PER_SECOND", requests_per_second),
    ]);
    let api = daemon.ses_api.expect("it listens");
    (daemon, api, folder)
}

/// Creates a set and deletes it.
async fn change(api: SocketAddr, name: &str) {
    let body = json!({ "ConfigurationSetName": name }).to_string();
    let created = FULL.send(api, "POST", SETS, &body).await.expect("an answer");
    assert_eq!(created.status, 200, "{name}: {}", created.body);
    let path = format!("{SETS}/{name}");
    let deleted = FULL.send(api, "DELETE", &path, "").await.expect("an answer");
    assert_eq!(deleted.status, 200, "{name}: {}", deleted.body);
}

/// Headers that claim a key and these signed headers, with an invalid signature.
fn claim(id: &str, signed_headers: &str, more: &str, body_bytes: usize) -> String {
    let now = now();
    format!(
        "POST {SETS} HTTP/1.1\r\nHost: x\r\nX-Amz-Date: {now}\r\nContent-Length: {body_bytes}\r\n\
         {more}Authorization: AWS4-HMAC-SHA256 \
         Credential={id}/{}/eu-west-1/ses/aws4_request, SignedHeaders={signed_headers}, \
         Signature={:064}\r\n\r\n",
        &now[..8],
        0
    )
}

/// The current time, as a client writes it.
fn now() -> String {
    let headers = FULL.headers(([127, 0, 0, 1], 1).into(), "GET", "/", b"");
    let date = headers.into_iter().find(|(name, _)| name == "x-amz-date");
    date.expect("a date").1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_signed_headers_are_rejected_and_cost_no_more_than_their_head() {
    let (daemon, api, _folder) = daemon("20");
    let before = daemon.memory();
    let long = format!("A: {}\r\n", "x".repeat(20_000));
    let repeated = ["a;".repeat(10_000), "host;x-amz-date".to_owned()].concat();
    let mut distinct = (0..25_000).fold(String::new(), |mut names, at| {
        write!(names, "{};", radix_name(at)).expect("memory");
        names
    });
    distinct.push_str("zhost");
    let in_other_letters: Vec<String> = (0..32).map(|bits| letters("aaaaa", bits)).collect();
    for (what, signed_headers, more) in [
        ("one name 10,000 times", &repeated, &*long),
        ("one name in 32 spellings", &in_other_letters.join(";"), &*long.replace('A', "aaaaa")),
        ("25,000 names", &distinct, ""),
        ("51 names", &(0..51).map(radix_name).collect::<Vec<_>>().join(";"), ""),
        ("names that are not sent", &"a;b;host;x-amz-date".to_owned(), ""),
        ("names that are not sorted", &"x-amz-date;host".to_owned(), ""),
        ("no name", &String::new(), ""),
        ("empty names", &";".repeat(30_000), ""),
    ] {
        for round in 0..10 {
            let mut raw = Raw::connect(api).await;
            raw.send(claim(FULL.id, signed_headers, more, 0).as_bytes()).await;
            let status = raw.status().await;
            assert!(matches!(status, Some(400 | 403)), "{what}, {round}: {status:?}");
        }
    }
    change(api, "honest").await;
    if let (Some(before), Some(after)) = (before, daemon.memory()) {
        let grown = after.peak.saturating_sub(before.now);
        println!("many signed headers: {} KiB more", grown >> 10);
        assert!(grown < 30 * MIB, "{} KiB", grown >> 10);
    }
    daemon.signal("TERM");
    let (_, _, stderr) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    assert!(!stderr.iter().any(|line| line.contains("panicked")), "{stderr:#?}");
}

/// A name of three letters for each number up to 26³, in order.
fn radix_name(number: u32) -> String {
    let letter = |at: u32| char::from(b'a' + u8::try_from(number / at % 36 % 26).expect("small"));
    let digit = char::from_digit(number % 36, 36).expect("a digit");
    format!("{}{}{digit}", letter(36 * 26), letter(36))
}

/// A word whose letters are upper case where a bit is set.
fn letters(word: &str, bits: u32) -> String {
    let spell = |(at, letter): (usize, char)| {
        if bits >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
    };
    word.chars().enumerate().map(spell).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_under_a_known_key_id_leave_full_keys_served() {
    let (daemon, api, _folder) = daemon("20");
    let before = daemon.memory();
    for id in [FULL.id, READER.id] {
        let mut slow = Vec::new();
        for _ in 0..64 {
            let mut raw = Raw::connect(api).await;
            raw.send(claim(id, "host;x-amz-date", "", 1 << 20).as_bytes()).await;
            raw.send(&vec![b'{'; 100 << 10]).await;
            slow.push(raw);
        }
        for at in 0..8 {
            change(api, &format!("beside-{at}")).await;
        }
        for raw in slow {
            let end = raw.end().await;
            assert!(matches!(end, End::Answered(408 | 429) | End::Closed), "{end:?}");
        }
    }
    // Each closed connection is replaced by another.
    let ended = Arc::new(AtomicBool::new(false));
    let mut slow = JoinSet::new();
    for _ in 0..64 {
        let ended = Arc::clone(&ended);
        slow.spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                let mut raw = Raw::connect(api).await;
                raw.send(claim(FULL.id, "host;x-amz-date", "", 5000).as_bytes()).await;
                raw.send(b"{").await;
                raw.end().await;
            }
        });
    }
    for at in 0..8 {
        change(api, &format!("renewed-{at}")).await;
    }
    ended.store(true, Ordering::Relaxed);
    slow.join_all().await;
    let displaced = "postmeter_ses_api_rejected_total{reason=\"displaced\"}";
    assert!(daemon.metric(displaced).await >= 64);
    let slow = "postmeter_ses_api_rejected_total{reason=\"slow_body\"}";
    assert!(daemon.metric(slow).await >= 32);
    if let (Some(before), Some(after)) = (before, daemon.memory()) {
        let grown = after.peak.saturating_sub(before.now);
        println!("slow bodies: {} KiB more", grown >> 10);
        assert!(grown < 64 * MIB, "{} KiB", grown >> 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_of_a_reading_key_leaves_changes_of_full_keys() {
    let (daemon, api, _folder) = daemon("2");
    let (ended, throttled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut flood = JoinSet::new();
    for at in 0..16 {
        let (ended, throttled) = (Arc::clone(&ended), Arc::clone(&throttled));
        flood.spawn(async move {
            let body = if at % 2 == 0 { String::new() } else { " ".repeat(1 << 20) };
            while !ended.load(Ordering::Relaxed) {
                let path = "/v2/email/list-configuration-sets";
                let Some(reply) = READER.send(api, "POST", path, &body).await else { continue };
                assert!(matches!(reply.status, 200 | 429), "{}", reply.body);
                throttled.fetch_add(u64::from(reply.status == 429), Ordering::Relaxed);
            }
        });
    }
    while throttled.load(Ordering::Relaxed) < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The 20 that may come at once.
    for at in 0..10 {
        change(api, &format!("beside-{at}")).await;
    }
    ended.store(true, Ordering::Relaxed);
    flood.join_all().await;
    let rejected = daemon.metric("postmeter_ses_api_rejected_total{reason=\"rate\"}").await;
    assert!(rejected >= throttled.load(Ordering::Relaxed), "{rejected}");
}

/// A daemon in this process, with definitions in an existing file.
async fn app(auth: ApiAuth) -> (TestApp, SocketAddr, PathBuf, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let document = json!({ "ConfigurationSets": [{ "ConfigurationSetName": "prod" }] });
    std::fs::write(&path, document.to_string()).expect("a file");
    let definitions = DefinitionsSource::Path(path.clone());
    let app = TestApp::in_memory(|config: &mut Config| {
        let key = |signer: Signer| ApiKey {
            id: signer.id.to_owned(),
            secret: AccessKey::new(signer.secret),
        };
        config.definitions = Some(definitions);
        config.ses_api.listen = Some(([127, 0, 0, 1], 0).into());
        config.ses_api.auth = auth;
        if auth == ApiAuth::SigV4 {
            config.ses_api.access_keys = vec![key(FULL)];
            config.ses_api.read_only_access_keys = vec![key(READER)];
        }
        config.ses_api.requests_per_second = 10_000;
    })
    .await;
    let api = app.ses_api.expect("it listens");
    (app, api, path, folder)
}

/// Requests that change something, in forms that a page can make a browser send, and others.
fn changes() -> Vec<(&'static str, String, &'static str)> {
    let delete = "Action=DeleteConfigurationSet&ConfigurationSetName=prod&Version=2010-12-01";
    let create = r#"{"ConfigurationSetName":"page"}"#;
    vec![
        ("GET", format!("/?{delete}"), ""),
        ("POST", format!("/?{delete}"), ""),
        ("POST", "/".to_owned(), delete),
        ("POST", SETS.to_owned(), create),
        ("DELETE", format!("{SETS}/prod"), ""),
        ("PUT", format!("{SETS}/prod/sending"), r#"{"SendingEnabled":false}"#),
        ("PUT", "/postmeter/v1/configuration-sets/prod".to_owned(), r#"{"Namespace":"Mine"}"#),
    ]
}

#[tokio::test]
async fn changes_by_get_are_rejected_for_every_signer() {
    for auth in [ApiAuth::SigV4, ApiAuth::None] {
        let (app, api, path, _folder) = app(auth).await;
        let before = std::fs::read_to_string(&path).expect("a file");
        let send = async |method: &str, path: &str| match auth {
            ApiAuth::SigV4 => FULL.send(api, method, path, "").await.expect("an answer"),
            ApiAuth::None => try_send(api, method, path, &[], "").await.expect("an answer"),
        };
        let destination = "EventDestination.Name=d&EventDestination.SNSDestination.TopicARN=x";
        let queries = [
            "Action=DeleteConfigurationSet&ConfigurationSetName=prod",
            "Action=CreateConfigurationSet&ConfigurationSet.Name=page",
            "Action=UpdateConfigurationSetSendingEnabled&ConfigurationSetName=prod&Enabled=false",
            "Action=DeleteConfigurationSetTrackingOptions&ConfigurationSetName=prod",
        ];
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"] {
            for query in queries {
                let reply = send(method, &format!("/?{query}")).await;
                assert_eq!(reply.status, 405, "{method} {query}: {}", reply.body);
                assert_eq!(reply.headers["allow"], "POST");
                let has_code = reply.body.contains("<Code>MethodNotAllowed</Code>");
                assert!(method == "HEAD" || has_code, "{}", reply.body);
            }
        }
        let action = "Action=CreateConfigurationSetEventDestination&ConfigurationSetName=prod";
        let reply = send("GET", &format!("/?{action}&{destination}")).await;
        assert!(matches!(reply.status, 400 | 405), "{}", reply.body);
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            for (_, path, _) in changes().into_iter().skip(3) {
                send(method, &path).await;
            }
        }
        let read = send("GET", "/?Action=ListConfigurationSets").await;
        assert!(read.status == 200 && read.body.contains("<Name>prod</Name>"), "{}", read.body);
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), before);
        let rejected = app.metric("postmeter_ses_api_rejected_total{reason=\"method\"}").await;
        assert!(rejected >= 24, "{rejected}");
    }
}

#[tokio::test]
async fn web_pages_and_other_hosts_neither_change_nor_read_without_keys() {
    let (app, api, path, _folder) = app(ApiAuth::None).await;
    let before = std::fs::read_to_string(&path).expect("a file");
    let host = api.to_string();
    let rebound = format!("rebound.example.com:{}", api.port());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let page = ("referer", "https://page.example.com/");
    // What browsers send: for a form, an image, a script, a fetch, an old browser, a rebound name.
    let headers: [&[(&str, &str)]; 9] = [
        &[("host", &host), ("origin", "https://page.example.com"), form],
        &[("host", &host), ("origin", "null"), form],
        &[("host", &host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
        &[("host", &host), ("sec-fetch-site", "same-site"), form],
        &[("host", &host), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image"), page],
        &[("host", &host), page, form],
        &[("host", &host), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
        &[("host", &rebound), ("sec-fetch-site", "same-origin")],
        &[("host", "10.0.0.1:8128")],
    ];
    let mut rejected = 0;
    let reads = [
        ("GET", SETS.to_owned(), ""),
        ("GET", "/?Action=ListConfigurationSets".to_owned(), ""),
        ("POST", "/".to_owned(), "Action=ListConfigurationSets"),
        ("GET", "/postmeter/v1/configuration-sets/prod".to_owned(), ""),
    ];
    for headers in headers {
        for (method, path, body) in changes().into_iter().chain(reads.clone()) {
            let reply = try_send(api, method, &path, headers, body).await.expect("an answer");
            let twice = headers.iter().filter(|(name, _)| *name == "sec-fetch-site").count() > 1;
            let expected = if twice { 400 } else { 403 };
            assert_eq!(reply.status, expected, "{method} {path} {headers:?}: {}", reply.body);
            assert!(!reply.body.contains("prod"), "{}", reply.body);
            rejected += u64::from(!twice);
        }
    }
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), before);
    let metric = "postmeter_ses_api_rejected_total{reason=\"cross_site\"}";
    assert_eq!(app.metric(metric).await, rejected);
    // What a browser sends for a typed URL, and what local programs send.
    for headers in [&[("sec-fetch-site", "none")][..], &[], &[("host", "localhost")]] {
        let reply = try_send(api, "GET", SETS, headers, "").await.expect("an answer");
        assert_eq!(reply.status, 200, "{headers:?}: {}", reply.body);
    }
}

#[tokio::test]
async fn long_queries_forms_and_paths_are_rejected() {
    let (_app, api, ..) = app(ApiAuth::SigV4).await;
    let query = format!("/?Action=ListConfigurationSets{}", "&a=b".repeat(10_000));
    let path = format!("{SETS}{}", "/x".repeat(10_000));
    for path in [query, path] {
        let reply = FULL.send(api, "GET", &path, "").await.expect("an answer");
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
    let form = format!("Action=ListConfigurationSets{}", "&a=b".repeat(500));
    let reply = FULL.send(api, "POST", "/", &form).await.expect("an answer");
    assert!(reply.status == 400 && reply.body.contains("more than 500"), "{}", reply.body);
    let form = format!("Action=ListConfigurationSets{}", "&a=b".repeat(499));
    let reply = FULL.send(api, "POST", "/", &form).await.expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    for headers in [[("host", "a"), ("host", "b")], [("x-amz-date", "a"), ("x-amz-date", "b")]] {
        let reply = try_send(api, "GET", SETS, &headers, "").await.expect("an answer");
        assert_eq!(reply.status, 400, "{headers:?}: {}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_and_every_rejected_request_is_one_line_of_the_audit_log() {
    let (daemon, api, _folder) = daemon("20");
    let long = "x".repeat(10_000);
    let send = async |signer: Signer, method: &str, path: &str, body: &str| {
        signer.send(api, method, path, body).await.expect("an answer").status
    };
    let definition = json!({
        "EventDestinationName": "campaigns",
        "EventDestination": {
            "MatchingEventTypes": ["SEND"],
            "SnsDestination": { "TopicArn": "arn:aws:sns:eu-west-1:111122223333:mail" },
        },
    });
    let create = r#"{"ConfigurationSetName":"prod"}"#;
    assert_eq!(send(FULL, "POST", SETS, create).await, 200);
    let destinations = format!("{SETS}/prod/event-destinations");
    assert_eq!(send(FULL, "POST", &destinations, &definition.to_string()).await, 200);
    assert_eq!(send(FULL, "POST", SETS, create).await, 400);
    assert_eq!(send(FULL, "GET", &format!("{SETS}/absent"), "").await, 404);
    assert_eq!(send(FULL, "GET", SETS, "").await, 200);
    assert_eq!(send(READER, "DELETE", &format!("{SETS}/{long}"), "").await, 403);
    let mut rejected = 0;
    for stranger in [
        Signer { id: "AKIDNONE", secret: "x" },
        Signer { id: FULL.id, secret: "not-the-secret" },
        Signer { id: "AKID\"\\forged\"", secret: "x" },
    ] {
        for _ in 0..50 {
            assert_eq!(send(stranger, "POST", SETS, create).await, 403);
            rejected += 1;
        }
    }
    // One more log line about unknown callers, with the number of suppressed ones.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(send(Signer { id: "AKIDLAST", secret: "x" }, "POST", SETS, create).await, 403);
    daemon.signal("TERM");
    let (_, _, stderr) = tokio::task::spawn_blocking(|| daemon.wait()).await.expect("it ends");
    let lines: Vec<Value> = stderr
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["peer"].is_string())
        .collect();
    for line in &lines {
        let text = line.to_string();
        assert!(text.len() < 700, "{text}");
        assert!(line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{text}");
        for secret in [FULL.secret, READER.secret, "Signature", "SEND", "111122223333"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let (strangers, known): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line["verified"] == json!(false));
    let fields = |line: &Value| {
        ["level", "key", "operation", "configuration_set", "destination", "outcome"]
            .map(|name| line[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    let found: Vec<String> = known.iter().map(|line| fields(line)).collect();
    let cut = format!("{}\u{2026}", &long[..60]);
    let expected = [
        "INFO AKIDFULL CreateConfigurationSet prod - done".to_owned(),
        "INFO AKIDFULL CreateConfigurationSetEventDestination prod campaigns done".to_owned(),
        "WARN AKIDFULL CreateConfigurationSet prod - AlreadyExistsException".to_owned(),
        "INFO AKIDFULL GetConfigurationSet absent - NotFoundException".to_owned(),
        format!("WARN AKIDREAD DeleteConfigurationSet {cut} - AccessDeniedException"),
    ];
    assert_eq!(found, expected);
    let suppressed: u64 = strangers.iter().map(|line| line["suppressed"].as_u64().unwrap()).sum();
    println!("{} lines of strangers, {suppressed} left out", strangers.len());
    assert_eq!(strangers.len() as u64 + suppressed, rejected + 1);
    assert!(strangers.len() < 100, "{}", strangers.len());
    assert_eq!(
        fields(strangers[0]),
        format!("WARN AKIDNONE POST {SETS} - - UnrecognizedClientException")
    );
    assert_eq!(strangers.last().unwrap()["key"], "AKIDLAST");
}
