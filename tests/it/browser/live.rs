//! Figures that move by themselves, over restarts and ended sessions; and how large and fast it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use postmeter::synth::firehose_body;
use serde_json::json;

use super::{Scene, daemon};
use crate::support::app::PATIENCE;
use crate::support::ses_client::counts_by;

/// A script that is true when a figure of the overview has this text.
fn figure(name: &str, text: &str) -> String {
    format!("document.querySelector('[data-figure=\"{name}\"]').textContent === {}", json!(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_overview_follows_the_figures_and_a_restart() {
    let Some(mut scene) = Scene::counted().await else { return };
    scene.open("/").await;
    scene.browser.until_text("Live.").await;
    scene.browser.until("four events", &figure("events", "4")).await;
    scene.send("more", &["spring", "winter"]).await;
    scene.browser.until("six events", &figure("events", "6")).await;
    scene.assert_quiet().await;

    let address = scene.app.console.as_ref().expect("it listens").address;
    let drained = scene.app.stop().await;
    assert!(drained.left.is_empty(), "{:?}", drained.left);
    scene.browser.until_text("Reconnecting").await;
    scene.app = daemon(scene.folder.path(), |config| config.console.listen = Some(address)).await;
    scene.browser.until_text("Live.").await;
    scene.browser.until("a new count", &figure("events", "0")).await;
    scene.send("after", &["spring"]).await;
    scene.browser.until("one event", &figure("events", "1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_and_times_are_those_of_the_reader_with_utc_beside() {
    let Some(scene) = Scene::counted().await else { return };
    let zone = json!({"timezoneId": "America/New_York"});
    scene.browser.devtools("Emulation.setTimezoneOverride", zone).await;
    scene.open("/").await;
    scene.browser.until_text("Live.").await;
    let started = scene.browser.text("main time").await;
    assert!(
        started.contains("UTC)") && (started.contains("AM") || started.contains("PM")),
        "{started}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_session_is_told_on_an_open_page() {
    let Some(scene) = Scene::with_sign_in().await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    scene.open("/create-configuration-set").await;
    browser.fill("#name", "ada").await;
    browser.fill("#password", "correct horse").await;
    browser.click("button[type=submit]").await;
    browser.until_text("Sign out").await;
    // Another task of the browser signs out.
    browser.devtools("Network.clearBrowserCookies", json!({})).await;
    browser.fill("#name", "theirs").await;
    browser.click("main form button.primary").await;
    browser.until_text("Sign in").await;
    assert_eq!(scene.ses.sets().await, json!(["prod"]));
}

/// One stream of messages, by hand.
fn follow(address: SocketAddr, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET /live HTTP/1.1\r\nHost: {address}\r\n{header}\r\n").expect("it is sent");
    stream
}

/// What a stream has sent, once this is in it.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece).expect("it goes on");
        assert!(len > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..len]));
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_has_ids_resumes_and_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = daemon(folder.path(), |config| {
        config.cloudwatch.flush_interval = std::time::Duration::from_mins(1);
    })
    .await;
    let address = app.console.as_ref().expect("it listens").address;
    let work = move || {
        let mut first = follow(address, "");
        let text = read_until(&mut first, "event: snapshot\ndata: {");
        assert!(text.contains("content-type: text/event-stream"), "{text}");
        let id =
            text.split("id: ").nth(1).expect("an ID").lines().next().expect("a line").to_owned();
        // A browser that has the snapshot gets none.
        let mut second = follow(address, &format!("Last-Event-ID: {id}\r\n"));
        let text = read_until(&mut second, "retry: ");
        assert!(!text.contains("snapshot"), "{text}");
        let mut others: Vec<_> = (2..32).map(|_| follow(address, "")).collect();
        for stream in &mut others {
            read_until(stream, "event: snapshot");
        }
        let text = read_until(&mut follow(address, ""), "\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("retry-after"), "{text}");
        others.pop();
        (first, others)
    };
    let (mut first, _others) = tokio::task::spawn_blocking(work).await.expect("no panic");
    // The stream ends with the daemon, and does not hold it up.
    let drained = tokio::time::Instant::now();
    app.stop().await;
    assert!(drained.elapsed() < PATIENCE / 2);
    let ended = tokio::task::spawn_blocking(move || first.read_to_end(&mut Vec::new()));
    ended.await.expect("no panic").expect("the stream ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_of_ten_thousand_series_is_searched_and_paged() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    scene.ses.create("prod", "counts", &counts_by(&["campaign"])).await;
    let events: Vec<_> =
        (0..10_000).map(|number| super::event("Send", &format!("c{number:05}"))).collect();
    for (number, events) in events.chunks(2500).enumerate() {
        let id = format!("many-{number}");
        let records: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
        let body = firehose_body(&id, 1_795_176_000_000, records.into_iter());
        let stream = scene.app.firehose().with("x-amz-firehose-request-id", &id);
        assert_eq!(stream.post(body.into()).await.status, 200);
    }
    scene.app.settled().await;
    scene.open("/series?sort=name").await;
    browser.until_text("10,000 of 10,000 series match").await;
    browser.until_text("Page 1 of 200").await;
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length").await, json!(50));
    browser.click("nav.pages a[rel=next]").await;
    browser.until_text("Page 2 of 200").await;
    browser.until_text("c00050").await;
    browser.fill("#dimension", "campaign=c09999").await;
    browser.click("main form button[type=submit]").await;
    browser.until_text("1 of 10,000 series match").await;
    scene.assert_quiet().await;
}

/// Sizes of what a browser loads, and when it paints; printed, and bounded where it is ours alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overview_loads_little_and_paints_soon() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    scene.open("/").await;
    scene.open("/health").await;
    scene.open("/").await;
    scene.browser.until_text("Live.").await;
    let script = "return performance.getEntriesByName('first-contentful-paint')[0].startTime";
    let paint = scene.browser.run(script).await;
    let script = "return performance.getEntriesByType('resource').map(entry => \
        [entry.name.split('/').pop(), entry.decodedBodySize])";
    let assets = scene.browser.run(script).await;
    println!("first paint after {paint} ms; assets: {assets}");
    let names: Vec<_> = assets.as_array().expect("a list").iter().map(|asset| &asset[0]).collect();
    assert!(
        names.contains(&&json!("console.css")) && names.contains(&&json!("live.js")),
        "{names:?}"
    );
}
