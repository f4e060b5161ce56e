//! The SNS endpoint: which messages are accepted or rejected, and what an unknown sender can cause.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postmeter::app::Environment;
use postmeter::aws::AwsEnvironment;
use postmeter::clock::Clock;
use postmeter::config::{AccessKey, Acknowledge, Config, Publish, SignatureVersion, TopicArn};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::app::{PATIENCE, TestApp};
use crate::support::command::project_file;
use crate::support::fake_cloudwatch::{FakeCloudWatch, Fault, Hold};
use crate::support::fake_sns::{
    Answer, CERTIFICATE, FakeSns, HOST, TOPIC, confirmation, notification, time_of,
};
use crate::support::firehose::{Reply, post, try_post};
use crate::support::raw::{End, Raw};
use crate::support::traffic::{Traffic, assert_held, held_of, send_of};

fn topics(config: &mut Config) {
    config.sns.topics = vec![TopicArn::parse(TOPIC).expect("an ARN")];
}

async fn start(
    sns: &FakeSns,
    cloudwatch: &FakeCloudWatch,
    change: impl FnOnce(&mut Config),
) -> TestApp {
    let aws = AwsEnvironment::Endpoint { url: cloudwatch.url() };
    let around =
        Environment { clock: Clock::System, aws, web: sns.web(), ..Environment::default() };
    TestApp::start_in(around, |config| {
        topics(config);
        change(config);
    })
    .await
}

/// Counts into memory, at a given time.
async fn start_at(around: Environment, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_in(around, |config| {
        topics(config);
        config.cloudwatch.publish = Publish::Memory;
        change(config);
    })
    .await
}

async fn in_memory(sns: &FakeSns, change: impl FnOnce(&mut Config)) -> TestApp {
    start_at(Environment { web: sns.web(), ..Environment::default() }, change).await
}

/// Posts as SNS does.
async fn deliver(app: &TestApp, message: &Value) -> Reply {
    try_deliver(app, message).await.expect("an answer")
}

async fn try_deliver(app: &TestApp, message: &Value) -> Result<Reply, String> {
    let headers =
        [("content-type", "text/plain; charset=UTF-8"), ("x-amz-sns-message-type", "Notification")];
    try_post(app.http, "/sns", &headers, message.to_string()).await
}

async fn refused(app: &TestApp, reason: &str) -> u64 {
    app.metric(&format!("postmeter_sns_refused_total{{reason=\"{reason}\"}}")).await
}

async fn events(app: &TestApp) -> u64 {
    app.metric("postmeter_values_total{kind=\"event\"}").await
}

async fn subscriptions(app: &TestApp, outcome: &str) -> u64 {
    app.metric(&format!("postmeter_sns_subscriptions_total{{outcome=\"{outcome}\"}}")).await
}

// === accepted messages ===

#[tokio::test(flavor = "multi_thread")]
async fn signed_notifications_are_counted_and_their_certificate_is_fetched_once() {
    let (sns, cloudwatch) = (FakeSns::start().await, FakeCloudWatch::start().await);
    let app = start(&sns, &cloudwatch, |_| {}).await;
    let mut traffic = Traffic::new(401);
    let mut posts: JoinSet<Reply> = JoinSet::new();
    for (at, record) in traffic.records(100).into_iter().enumerate() {
        // Fewer than the slow ones of one peer that have a place.
        if posts.len() == 50 {
            let reply = posts.join_next().await.expect("there are some").expect("it is answered");
            assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        }
        let (http, message) = (app.http, sns.notification(&format!("m-{at}"), &record).to_string());
        posts.spawn(async move { post(http, "/sns", &[], message).await });
    }
    for reply in posts.join_all().await {
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    }
    app.settled().await;
    assert_held(&cloudwatch, &traffic.sums());
    assert_eq!(sns.asked(), [CERTIFICATE]);
    assert_eq!(sns.http.received().len(), 1, "its issuer");
    let fetched = "postmeter_sns_certificates_total{outcome=\"fetched\"}";
    assert_eq!(app.metric(fetched).await, 1);
    app.stop().await;
}

/// Signed with OpenSSL, because AWS-LC cannot create signatures of version 1. 2027-01-01T12:00Z.
#[tokio::test]
async fn version_1_signatures_are_accepted_for_their_message_only() {
    const NOW_MS: i64 = 1_798_804_800_000;
    let fixture = |name: &str| {
        std::fs::read(project_file(Path::new("tests/fixtures/sns").join(name).to_str().unwrap()))
            .expect("the fixture is there")
    };
    let sns = FakeSns::start().await;
    sns.answer("/SimpleNotificationService-01.pem", 200, fixture("leaf.pem"));
    let root = CertificateDer::from_pem_slice(&fixture("root.pem")).expect("a certificate");
    let web = sns.web_with(&[root, sns.authority().root.der().clone()]);
    let around = Environment { clock: Clock::manual(NOW_MS), web, ..Environment::default() };
    let app = start_at(around, |_| {}).await;
    for name in ["notification-v1.json", "notification-v1-subject.json"] {
        let message: Value = serde_json::from_slice(&fixture(name)).expect("JSON");
        for (member, other) in [
            ("Message", send_of("a")),
            ("Subject", "Another".to_owned()),
            ("MessageId", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf326".to_owned()),
            ("Timestamp", "2027-01-01T12:00:00.656Z".to_owned()),
            ("SignatureVersion", "2".to_owned()),
        ] {
            let mut altered = message.clone();
            altered[member] = other.into();
            assert_eq!(deliver(&app, &altered).await.status, 403, "{name}: {member}");
        }
        assert_eq!(deliver(&app, &message).await.status, 200, "{name}");
    }
    assert_eq!((events(&app).await, refused(&app, "signature").await), (2, 10));
    app.stop().await;
}

/// SNS retries under the same ID when it is not sure of the delivery.
#[tokio::test(flavor = "multi_thread")]
async fn retries_are_counted_once_even_concurrently() {
    let (sns, cloudwatch) = (FakeSns::start().await, FakeCloudWatch::start().await);
    let app = start(&sns, &cloudwatch, |_| {}).await;
    let message = sns.notification("m-1", &send_of("a")).to_string();
    let mut posts = JoinSet::new();
    for _ in 0..20 {
        let (http, message) = (app.http, message.clone());
        posts.spawn(async move { post(http, "/sns", &[], message).await.status });
    }
    assert!(posts.join_all().await.iter().all(|status| *status == 200));
    app.settled().await;
    assert_eq!(held_of(&cloudwatch, "a"), 1);
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"repeated\"}").await, 19);
    app.stop().await;
}

/// With a journal, acknowledged messages are known after a restart in place.
#[tokio::test(flavor = "multi_thread")]
async fn journaled_message_is_known_after_a_restart() {
    let (sns, cloudwatch) = (FakeSns::start().await, FakeCloudWatch::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let journaled = |config: &mut Config| {
        config.sns.acknowledge = Acknowledge::Journaled;
        config.journal.directory = Some(folder.path().to_owned());
    };
    let message = sns.notification("m-1", &send_of("a"));
    for life in 0..3 {
        let app = start(&sns, &cloudwatch, journaled).await;
        assert_eq!(deliver(&app, &message).await.status, 200);
        let another = sns.notification(&format!("life-{life}"), &send_of("b"));
        assert_eq!(deliver(&app, &another).await.status, 200);
        app.settled().await;
        app.stop().await;
    }
    assert_eq!((held_of(&cloudwatch, "a"), held_of(&cloudwatch, "b")), (1, 3));
}

/// Unreadable content is data: counted, kept, and acknowledged with 200.
#[tokio::test]
async fn message_without_an_event_is_counted_and_kept() {
    let sns = FakeSns::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let app = in_memory(&sns, |config| {
        config.dead_letters.directory = Some(folder.path().to_owned());
    })
    .await;
    let texts =
        ["no JSON", "{}", "Successfully validated SNS topic for Amazon SES event publishing."];
    for (at, text) in texts.into_iter().enumerate() {
        assert_eq!(deliver(&app, &sns.notification(&format!("m-{at}"), text)).await.status, 200);
    }
    for kind in ["malformed", "foreign", "notice"] {
        let name = format!("postmeter_values_total{{kind=\"{kind}\"}}");
        assert_eq!(app.metric(&name).await, 1, "{kind}");
    }
    app.stop().await;
    let files = std::fs::read_dir(folder.path()).expect("it is there").flatten();
    let letters: String =
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(letters.contains(TOPIC) && letters.contains("m-0"), "topic and message: {letters}");
}

// === rejected messages ===

/// None of these is counted, and none of them causes a fetch except of SNS's own certificate.
#[tokio::test(flavor = "multi_thread")]
async fn message_that_is_not_from_sns_is_rejected_before_anything_is_fetched_for_it() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |_| {}).await;
    let good = || notification("m-1", &send_of("a"));
    let set = |name: &str, value: &str| {
        let mut message = good();
        message[name] = value.into();
        sns.signer.sign(message)
    };
    let name = &CERTIFICATE[1..];
    let mut cases = vec![("topic", set("TopicArn", "arn:aws:sns:us-east-1:123456789012:other"))];
    for minutes in [61, 24 * 60] {
        let then = time_of(Clock::System.now_ms() - minutes * 60_000);
        cases.push(("stale", set("Timestamp", &then)));
    }
    let ahead = time_of(Clock::System.now_ms() + 6 * 60_000);
    cases.push(("future", set("Timestamp", &ahead)));
    for url in [
        format!("https://{HOST}.s3.amazonaws.com/{name}"),
        format!("https://s3.amazonaws.com/{HOST}/{name}"),
        format!("https://sns.s3.amazonaws.com/{name}"),
        format!("https://sns-us-east-1.s3.us-east-1.amazonaws.com/{name}"),
        format!("https://{HOST}@evil.example/{name}"),
        format!("https://{HOST}.evil.example/{name}"),
        format!("https://evil.example/{name}"),
        format!("https://sns.eu-west-1.amazonaws.com/{name}"),
        format!("http://{HOST}/{name}"),
        format!("https://{HOST}:8443/{name}"),
        format!("https://{HOST}/{name}?x=y"),
        format!("https://{HOST}/other.pem"),
        format!("https://{HOST}/../{name}"),
        format!("http://{}/{name}", sns.http.address),
    ] {
        cases.push(("certificate", set("SigningCertURL", &url)));
    }
    for (reason, message) in &cases {
        let before = refused(&app, reason).await;
        let reply = deliver(&app, message).await;
        assert_eq!((reply.status, reply.body.as_str()), (403, ""), "{message}");
        assert_eq!(refused(&app, reason).await, before + 1, "{message}");
    }
    for body in ["", "{}", "no JSON", "[]", &format!("{}x", good())] {
        assert_eq!(post(app.http, "/sns", &[], body.to_owned()).await.status, 400, "{body}");
    }
    assert_eq!((sns.asked().len(), sns.http.received().len()), (0, 0));

    // With a certificate of SNS, the signature decides.
    let mut altered = sns.signer.sign(good());
    altered["Message"] = send_of("b").into();
    let mut empty = sns.signer.sign(good());
    empty["Signature"] = "".into();
    let mut unsigned = good();
    unsigned["SignatureVersion"] = "1".into();
    unsigned["Signature"] = STANDARD.encode([0; 256]).into();
    let stranger = sns.authority().signer("sns.amazonaws.com", (2020, 2100)).sign(good());
    for message in [altered, empty, unsigned, stranger] {
        assert_eq!(deliver(&app, &message).await.status, 403, "{message}");
    }
    assert_eq!(refused(&app, "signature").await, 4);
    assert_eq!((events(&app).await, sns.asked_for(CERTIFICATE)), (0, 1));
    // None of them has used up the ID.
    assert_eq!(deliver(&app, &sns.signer.sign(good())).await.status, 200);
    assert_eq!(events(&app).await, 1);
    app.stop().await;
}

/// A file at SNS's own host is not enough.
#[tokio::test]
async fn certificate_is_verified_up_to_a_root_and_for_name_and_time() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |_| {}).await;
    let stranger = crate::support::fake_sns::Authority::new();
    let own = sns.authority();
    let cases = [
        ("Stranger", stranger.signer("sns.amazonaws.com", (2020, 2100)), 403),
        ("Name", own.signer("evil.amazonaws.com", (2020, 2100)), 403),
        ("Region", own.signer("sns.eu-west-1.amazonaws.com", (2020, 2100)), 403),
        ("Past", own.signer("sns.amazonaws.com", (2020, 2021)), 403),
        ("Early", own.signer("sns.amazonaws.com", (2100, 2101)), 403),
        ("Signing", own.signer("sns-signing.us-east-1.amazonaws.com", (2020, 2100)), 200),
    ];
    for (name, signer, status) in &cases {
        let path = format!("/SimpleNotificationService-{name}.pem");
        sns.answer(&path, 200, signer.pem.clone());
        let mut message = notification(name, &send_of("a"));
        message["SigningCertURL"] = format!("https://{HOST}{path}").into();
        assert_eq!(deliver(&app, &signer.sign(message)).await.status, *status, "{name}");
    }
    assert_eq!((events(&app).await, refused(&app, "certificate").await), (1, 5));
    app.stop().await;
    // Where chains are not verified, the connection to SNS still is; here SNS has another root.
    let other = sns.web_with(&[stranger.root.der().clone()]);
    let around = Environment { web: other, ..Environment::default() };
    let app = start_at(around, |config| config.sns.chain = false).await;
    let message = sns.notification("m-1", &send_of("a"));
    assert_eq!(deliver(&app, &message).await.status, 503);
    assert_eq!(refused(&app, "unverified").await, 1);
    app.stop().await;
    let app = in_memory(&sns, |config| config.sns.chain = false).await;
    assert_eq!(deliver(&app, &message).await.status, 200);
    assert_eq!(sns.http.received().len(), cases.len(), "no issuer was asked for but above");
    app.stop().await;
}

/// A message that cannot be verified now gets a 503, because SNS does not retry after a 4xx.
#[tokio::test]
async fn message_without_its_certificate_is_retried() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |_| {}).await;
    let message = sns.notification("m-1", &send_of("a"));
    let elsewhere = Some(format!("http://{}/stolen.pem", sns.http.address));
    sns.answer_with(CERTIFICATE, Answer { status: 302, body: Vec::new(), location: elsewhere });
    assert_eq!(deliver(&app, &message).await.status, 503);
    assert_eq!(sns.http.received().len(), 0, "a redirect is not followed");
    app.stop().await;
    let app = in_memory(&sns, |_| {}).await;
    sns.answer(CERTIFICATE, 500, "");
    assert_eq!(deliver(&app, &message).await.status, 503);
    sns.answer(CERTIFICATE, 200, sns.signer.pem.clone());
    let again = async {
        while deliver(&app, &message).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it is asked for again");
    assert_eq!(events(&app).await, 1);
    app.stop().await;
}

/// A message that names its own certificate.
fn forged(number: usize) -> Value {
    let mut message = notification(&format!("forged-{number}"), &send_of("forged"));
    message["SignatureVersion"] = "2".into();
    message["Signature"] = STANDARD.encode([0; 256]).into();
    let path = format!("/SimpleNotificationService-{number}.pem");
    message["SigningCertURL"] = format!("https://{HOST}{path}").into();
    message
}

/// The genuine certificate is not known yet, and invented names are requested from forty addresses.
#[tokio::test(flavor = "multi_thread")]
async fn genuine_certificate_is_fetched_while_strangers_request_others() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |config| config.sns.patience = Duration::from_secs(2)).await;
    let http = app.http;
    let mut strangers = JoinSet::new();
    for stranger in 0..40 {
        strangers.spawn(async move {
            let source = Ipv4Addr::new(127, 0, 1, stranger);
            for at in 0.. {
                let message = forged(usize::from(stranger) * 1_000_000 + at).to_string();
                let mut raw = Raw::connect_from(source, http).await;
                let length = message.len();
                let head = format!("POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n");
                raw.send(format!("{head}Connection: close\r\n\r\n{message}").as_bytes()).await;
                raw.end().await;
                // Sender and daemon share this process: without a pause the flood is of CPU alone.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    app.until_metric("postmeter_sns_certificates_total{outcome=\"failed\"}", |failed| failed >= 10)
        .await;
    let truth = async {
        while deliver(&app, &sns.notification("m-1", &send_of("a"))).await.status != 200 {}
    };
    tokio::time::timeout(PATIENCE, truth).await.expect("it is fetched");
    strangers.shutdown().await;
    assert_eq!((events(&app).await, sns.asked_for(CERTIFICATE)), (1, 1));
    app.stop().await;
}

/// Certificates are stored in files, and verified like fetched ones.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_survive_a_restart_and_are_verified_again() {
    let sns = FakeSns::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let kept = |config: &mut Config| {
        config.sns.certificate_directory = Some(folder.path().join("kept"));
    };
    let app = in_memory(&sns, kept).await;
    assert_eq!(deliver(&app, &sns.notification("m-1", &send_of("a"))).await.status, 200);
    app.stop().await;
    let file = folder.path().join(format!("kept/{HOST}_{}", &CERTIFICATE[1..]));
    let mode = std::fs::metadata(&file).expect("it is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // SNS is unavailable, and the issuer's server gets no request.
    sns.answer(CERTIFICATE, 500, "");
    let issuers = sns.http.received().len();
    let app = in_memory(&sns, kept).await;
    assert_eq!(deliver(&app, &sns.notification("m-2", &send_of("a"))).await.status, 200);
    assert_eq!(app.metric("postmeter_sns_certificates_total{outcome=\"loaded\"}").await, 1);
    assert_eq!(sns.http.received().len(), issuers);
    app.stop().await;
    // From another authority.
    let stranger =
        crate::support::fake_sns::Authority::new().signer("sns.amazonaws.com", (2020, 2100));
    std::fs::write(&file, &stranger.pem).expect("it is written");
    let app = in_memory(&sns, kept).await;
    let message = stranger.sign(notification("m-3", &send_of("a")));
    assert_eq!(deliver(&app, &message).await.status, 503);
    assert_eq!(app.metric("postmeter_sns_certificates_total{outcome=\"wrong\"}").await, 1);
    assert_eq!(events(&app).await, 0);
    assert!(!file.exists());
    app.stop().await;
}

#[tokio::test]
async fn version_1_signatures_can_be_rejected() {
    let sns = FakeSns::start().await;
    let app =
        in_memory(&sns, |config| config.sns.signature_versions = vec![SignatureVersion::Two]).await;
    let mut first = sns.notification("m-1", &send_of("a"));
    first["SignatureVersion"] = "1".into();
    assert_eq!(deliver(&app, &first).await.status, 403);
    assert_eq!((refused(&app, "version").await, sns.asked().len()), (1, 0));
    assert_eq!(deliver(&app, &sns.notification("m-1", &send_of("a"))).await.status, 200);
    app.stop().await;
}

/// Each names another certificate; a few are fetched, and messages with known ones are accepted
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn flood_of_forged_messages_makes_few_fetches_and_stops_no_genuine_message() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |config| config.sns.patience = Duration::from_secs(2)).await;
    assert_eq!(deliver(&app, &sns.notification("before", &send_of("a"))).await.status, 200);
    let mut posts = JoinSet::new();
    for at in 0..300 {
        let (http, message) = (app.http, forged(at));
        posts.spawn(async move { post(http, "/sns", &[], message.to_string()).await.status });
    }
    assert_eq!(deliver(&app, &sns.notification("beside", &send_of("a"))).await.status, 200);
    assert!(posts.join_all().await.iter().all(|status| *status == 503));
    // A burst of ten and one every three seconds, including the valid one.
    assert!(sns.asked().len() <= 14, "{}", sns.asked().len());
    let limited = "postmeter_sns_certificates_total{outcome=\"limited\"}";
    assert!(app.metric(limited).await >= 200);
    assert_eq!(deliver(&app, &sns.notification("after", &send_of("a"))).await.status, 200);
    assert_eq!(events(&app).await, 3);
    assert_eq!(app.metric("postmeter_in_flight_requests").await, 0);
    app.stop().await;
}

// === subscriptions ===

const CONFIRM: &str = "/?Action=ConfirmSubscription";

#[tokio::test]
async fn subscription_to_a_listed_topic_is_confirmed_once() {
    let sns = FakeSns::start().await;
    sns.answer(CONFIRM, 200, "<ConfirmSubscriptionResponse/>");
    let app = in_memory(&sns, |_| {}).await;
    let message = sns.confirmation("c-1", TOPIC);
    for _ in 0..3 {
        assert_eq!(deliver(&app, &message).await.status, 200);
    }
    let path = format!("{CONFIRM}&TopicArn={TOPIC}&Token=tokenc1");
    assert_eq!(sns.asked(), [CERTIFICATE.to_owned(), path]);
    assert_eq!(subscriptions(&app, "confirmed").await, 1);
    // The subscription ends, and is not created again.
    let mut end = confirmation("c-2", TOPIC);
    end["Type"] = "UnsubscribeConfirmation".into();
    assert_eq!(deliver(&app, &sns.signer.sign(end)).await.status, 200);
    assert_eq!((sns.asked().len(), subscriptions(&app, "ended").await), (2, 1));
    app.stop().await;
}

#[tokio::test]
async fn subscription_to_other_topics_is_not_confirmed_and_no_other_host_is_contacted() {
    let sns = FakeSns::start().await;
    sns.answer(CONFIRM, 200, "<ConfirmSubscriptionResponse/>");
    let app = in_memory(&sns, |_| {}).await;
    let other = sns.confirmation("c-1", "arn:aws:sns:us-east-1:123456789012:other");
    assert_eq!(deliver(&app, &other).await.status, 403);
    assert_eq!((sns.asked().len(), refused(&app, "topic").await), (0, 1));
    let mut forged = sns.confirmation("c-2", TOPIC);
    forged["Token"] = "tokenc3".into();
    forged["SubscribeURL"] = forged["SubscribeURL"].as_str().unwrap().replace("c2", "c3").into();
    assert_eq!(deliver(&app, &forged).await.status, 403);
    assert_eq!(refused(&app, "signature").await, 1);
    // Signed, although SNS would not do that.
    let good = confirmation("c-4", TOPIC)["SubscribeURL"].as_str().unwrap().to_owned();
    for url in [
        good.replace(HOST, "evil.example"),
        good.replace(HOST, &format!("{HOST}.s3.amazonaws.com")),
        good.replace(&format!("https://{HOST}"), &format!("http://{}", sns.http.address)),
        good.replace("ses-events", "other"),
        good.replace("ConfirmSubscription", "Unsubscribe"),
        good.replace("tokenc4", "tokenc5"),
    ] {
        let mut message = confirmation("c-4", TOPIC);
        message["SubscribeURL"] = url.as_str().into();
        assert_eq!(deliver(&app, &sns.signer.sign(message)).await.status, 403, "{url}");
    }
    assert_eq!(refused(&app, "subscription").await, 6);
    assert_eq!((sns.asked(), sns.http.received().len()), (vec![CERTIFICATE.to_owned()], 1));
    app.stop().await;
}

#[tokio::test]
async fn confirmation_that_fails_or_redirects_is_retried() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |_| {}).await;
    let message = sns.confirmation("c-1", TOPIC);
    let elsewhere = Some(format!("http://{}/internal", sns.http.address));
    let redirect = Answer { status: 302, body: Vec::new(), location: elsewhere };
    for answer in [redirect, Answer { status: 500, ..Answer::default() }] {
        sns.answer_with(CONFIRM, answer);
        assert_eq!(deliver(&app, &message).await.status, 503);
    }
    let followed = sns.http.received().iter().any(|asked| asked.path.contains("internal"));
    assert!(!followed, "a redirect is not followed");
    sns.answer(CONFIRM, 200, "");
    assert_eq!(deliver(&app, &message).await.status, 200);
    assert_eq!(
        (subscriptions(&app, "failed").await, subscriptions(&app, "confirmed").await),
        (2, 1)
    );
    app.stop().await;
    // Confirmed by another program.
    let app = in_memory(&sns, |config| config.sns.confirm = false).await;
    assert_eq!(deliver(&app, &message).await.status, 200);
    assert_eq!((sns.asked_for(CONFIRM), subscriptions(&app, "left").await), (3, 1));
    app.stop().await;
}

// === raw deliveries ===

#[tokio::test]
async fn raw_delivery_requires_a_password_and_a_listed_topic() {
    let sns = FakeSns::start().await;
    let basic = |credential: &str| format!("Basic {}", STANDARD.encode(credential));
    let raw = async |app: &TestApp, id: &str, topic: &str, authorization: &str| {
        let headers = [
            ("x-amz-sns-rawdelivery", "true"),
            ("x-amz-sns-message-id", id),
            ("x-amz-sns-topic-arn", topic),
            ("authorization", authorization),
        ];
        post(app.http, "/sns", &headers, send_of("a")).await
    };
    let app = in_memory(&sns, |_| {}).await;
    for authorization in [String::new(), basic(""), basic("sns:password")] {
        assert_eq!(raw(&app, "m-1", TOPIC, &authorization).await.status, 401);
    }
    assert_eq!((events(&app).await, refused(&app, "credentials").await), (0, 3));
    app.stop().await;

    let app = in_memory(&sns, |config| {
        config.sns.credentials = ["sns:old", "sns:new"].map(AccessKey::new).to_vec();
    })
    .await;
    for wrong in ["", "Basic", "Basic !", &basic("sns:ne"), &basic("sns:new "), "Bearer sns:new"] {
        let reply = raw(&app, "m-1", TOPIC, wrong).await;
        assert_eq!(reply.status, 401, "{wrong}");
        // SNS sends its password when it is asked for one.
        assert_eq!(reply.headers["www-authenticate"], "Basic realm=\"postmeter\"");
    }
    let other = "arn:aws:sns:us-east-1:123456789012:other";
    assert_eq!(raw(&app, "m-1", other, &basic("sns:new")).await.status, 403);
    assert_eq!(raw(&app, "", TOPIC, &basic("sns:new")).await.status, 400);
    assert_eq!(events(&app).await, 0);
    for id in ["m-1", "m-2", "m-1"] {
        assert_eq!(raw(&app, id, TOPIC, &basic("sns:old")).await.status, 200);
        assert_eq!(raw(&app, id, TOPIC, &basic("sns:new")).await.status, 200);
    }
    assert_eq!(events(&app).await, 2);
    // A password does not replace a signature.
    let headers = [("authorization", &*basic("sns:new"))];
    let unsigned = notification("m-3", &send_of("a")).to_string();
    assert_eq!(post(app.http, "/sns", &headers, unsigned).await.status, 400);
    app.stop().await;
}

// === limits and time ===

/// SNS drops a message after a 4xx, so a temporary rejection is a 503, without any effect.
#[tokio::test(flavor = "multi_thread")]
async fn new_messages_without_room_or_while_draining_are_retried() {
    let (sns, cloudwatch) = (FakeSns::start().await, FakeCloudWatch::start().await);
    cloudwatch.set_mode(Fault::Throttle);
    let mut app = start(&sns, &cloudwatch, |config| {
        config.limits.entries = 3;
        config.shutdown.grace = Duration::from_secs(5);
    })
    .await;
    let first = sns.notification("m-1", &send_of("a"));
    let second = sns.notification("m-2", &send_of("b"));
    let third = sns.notification("m-3", &send_of("c"));
    assert_eq!(deliver(&app, &first).await.status, 200);
    let reply = deliver(&app, &second).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!(deliver(&app, &first).await.status, 200, "it is known");
    app.signal();
    let draining = async {
        // An idle connection is closed at the signal.
        while !try_deliver(&app, &third)
            .await
            .is_ok_and(|reply| reply.body == "shutting down; retry\n")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, draining).await.expect("it drains");
    assert_eq!(deliver(&app, &first).await.status, 200, "it is still known");
    cloudwatch.set_mode(None);
    assert!(app.stop().await.left.is_empty());
    let held = ["a", "b", "c"].map(|campaign| held_of(&cloudwatch, campaign));
    assert_eq!(held, [1, 0, 0]);
}

/// A response is sent within the patience; counts that were acknowledged late are not counted
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn message_in_published_mode_waits_for_its_counts_or_gets_503_in_time() {
    let (sns, cloudwatch) = (FakeSns::start().await, FakeCloudWatch::start().await);
    let app = start(&sns, &cloudwatch, |config| {
        config.sns.acknowledge = Acknowledge::Published;
        config.sns.patience = Duration::from_secs(2);
        config.cloudwatch.settle_deadline = PATIENCE;
        config.cloudwatch.attempt_timeout = PATIENCE;
    })
    .await;
    assert_eq!(deliver(&app, &sns.notification("m-1", &send_of("a"))).await.status, 200);
    assert_eq!(held_of(&cloudwatch, "a"), 1);
    let hold = Hold::new();
    cloudwatch.set_mode(Fault::HoldUntilReleased(hold.clone()));
    let message = sns.notification("m-2", &send_of("b"));
    for _ in 0..2 {
        let reply = deliver(&app, &message).await;
        assert_eq!(reply.status, 503);
        assert_eq!(
            reply.body,
            "already counted, still publishing; retry to get the acknowledgement\n"
        );
    }
    hold.release();
    cloudwatch.set_mode(None);
    app.settled().await;
    assert_eq!(deliver(&app, &message).await.status, 200);
    assert_eq!(held_of(&cloudwatch, "b"), 1);
    assert_eq!(app.metric("postmeter_overdue_requests_total").await, 2);
    app.stop().await;
}

/// An unverified sender takes no resources from Firehose, and is served for the patience only.
#[tokio::test(flavor = "multi_thread")]
async fn unverified_messages_take_no_room_and_bodies_have_a_limit() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |config| {
        config.sns.patience = Duration::from_millis(500);
        config.limits.in_flight_requests = 2;
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::connect(app.http).await;
        raw.send(b"POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{").await;
        slow.push(raw);
    }
    assert_eq!(app.metric("postmeter_in_flight_requests").await, 0);
    assert_eq!(app.firehose().deliver("a", &[send_of("a")]).await.status, 200);
    for raw in slow {
        assert_eq!(raw.end().await, End::Answered(503));
    }
    let long = notification("m-1", &"x".repeat(5 << 20)).to_string();
    assert_eq!(post(app.http, "/sns", &[], long).await.status, 400);
    assert_eq!(deliver(&app, &sns.notification("m-2", &send_of("a"))).await.status, 200);
    app.stop().await;
}

/// More attackers than places announce long bodies, send one byte, and reconnect when they are
/// evicted; from forty addresses, and from the address of the genuine sender, as behind a load
/// balancer.
#[tokio::test(flavor = "multi_thread")]
async fn stalling_strangers_keep_no_genuine_message_out() {
    let sns = FakeSns::start().await;
    let app = in_memory(&sns, |_| {}).await;
    let http = app.http;
    assert_eq!(deliver(&app, &sns.notification("first", &send_of("a"))).await.status, 200);
    for addresses in [40, 1] {
        let mut strangers = JoinSet::new();
        for stranger in 0..320 {
            let last = if addresses == 1 { 1 } else { 2 + u8::try_from(stranger % 40).unwrap() };
            strangers.spawn(async move {
                for at in 0.. {
                    // Every other one announces more than SNS sends.
                    let announced = if at % 2 == 0 { 2 << 20 } else { 4 << 20 };
                    let source = Ipv4Addr::new(127, 0, 0, last);
                    let mut raw = Raw::connect_from(source, http).await;
                    let head = "POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length:";
                    raw.send(format!("{head} {announced}\r\n\r\n{{").as_bytes()).await;
                    let end = raw.end().await;
                    assert!(matches!(end, End::Answered(400 | 503) | End::Closed), "{end:?}");
                }
            });
        }
        let evicted = refused(&app, "evicted").await;
        let evictions = "postmeter_sns_refused_total{reason=\"evicted\"}";
        app.until_metric(evictions, |total| total >= evicted + 100).await;
        for round in 0..10 {
            let mut posts = JoinSet::new();
            for at in 0..20 {
                let id = format!("m-{addresses}-{round}-{at}");
                let message = sns.notification(&id, &send_of("a")).to_string();
                posts.spawn(async move { post(http, "/sns", &[], message).await.status });
            }
            let replies = posts.join_all().await;
            assert!(replies.iter().all(|status| *status == 200), "{addresses}: {replies:?}");
        }
        strangers.shutdown().await;
    }
    assert_eq!(events(&app).await, 401);
    assert_eq!(refused(&app, "full").await, 0);
    assert!(refused(&app, "too_large").await > 0);
    app.stop().await;
}

#[tokio::test]
async fn endpoint_does_not_exist_without_topics() {
    let app = TestApp::in_memory(|_| {}).await;
    assert_eq!(post(app.http, "/sns", &[], "{}").await.status, 404);
    app.stop().await;
}
