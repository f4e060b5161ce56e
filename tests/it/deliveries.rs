//! The Firehose endpoint in detail: good deliveries, bad input, retries, limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use postmeter::config::AccessKey;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::app::{KEY, PATIENCE, TestApp};
use crate::support::fake_cloudwatch::FakeCloudWatch;
use crate::support::firehose::{Reply, SOURCE_ARN, body_of, get, gzip};
use crate::support::traffic::{Traffic, assert_held, assert_same_lines, send_of};

const ID: &str = "x-amz-firehose-request-id";

/// Asserts that `/series` shows exactly what was sent.
async fn assert_counted(app: &TestApp, traffic: &Traffic) {
    let (status, lines) = get(app.admin, "/series").await;
    assert_eq!(status, 200);
    assert_same_lines(&lines, &traffic.truth.to_lines());
}

fn assert_refused(reply: &Reply, status: u16, id: &str, says: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    let error = reply.assert_by_the_letter(id).expect("a refusal says why");
    assert!(error.contains(says), "{error:?} does not say {says:?}");
}

#[tokio::test]
async fn delivery_gets_the_response_that_firehose_requires() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(1);
    let firehose = app.firehose();
    for (id, reply) in [
        ("plain", firehose.deliver("plain", &traffic.records(50)).await),
        ("gzip", firehose.deliver_gzip("gzip", &traffic.records(50)).await),
        ("none", firehose.deliver("none", &[] as &[&str]).await),
        ("empty", firehose.deliver("empty", &[""]).await),
    ] {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.assert_by_the_letter(id), None);
    }
    assert_counted(&app, &traffic).await;
}

#[tokio::test]
async fn delivery_without_the_id_header_is_known_by_the_id_in_its_body() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(2);
    let firehose = app.firehose();
    let body = body_of("only-in-the-body", &traffic.records(20));
    for _ in 0..3 {
        let reply = firehose.post(body.clone()).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.assert_by_the_letter("only-in-the-body"), None);
    }
    assert_counted(&app, &traffic).await;
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"repeated\"}").await, 2);
}

#[tokio::test]
async fn many_events_in_a_record_and_ten_thousand_records_are_counted() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(3);
    let firehose = app.firehose();
    let joined = [traffic.records(300).concat(), traffic.records(1).concat()];
    assert_eq!(firehose.deliver("joined", &joined).await.status, 200);
    assert_eq!(firehose.deliver_gzip("many", &traffic.records(10_000)).await.status, 200);
    assert_counted(&app, &traffic).await;
}

/// Bodies that are not deliveries, with `#` for the request ID, and the error for each.
const BROKEN_BODIES: [(&[u8], &str); 11] = [
    (b"{\"requestId\":\"#\",\"records\":[{\"data\":\"e3", "not JSON"),
    (b"", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"{\"requestId\":\"#\",\"records\":[{\"data\":\"\xc3\x28\"}]}", "not JSON"),
    (b"{\"requestId\":\"#\",\"records\":[]} x", "not one JSON value"),
    (b"[]", "no requestId"),
    (b"{\"records\":[]}", "no requestId"),
    (b"{\"requestId\":\"#\"}", "no `records` list"),
    (b"{\"requestId\":\"#\",\"records\":{}}", "no `records` list"),
    (b"{\"requestId\":\"b\",\"records\":[]}", "differ"),
    (b"{\"requestId\":\"\",\"records\":[]}", "not a valid request ID"),
];

/// Each kind of invalid delivery gets its documented response, and a retry of a request rejected for its
/// key is counted once.
#[tokio::test]
async fn invalid_delivery_is_rejected_with_its_reason_and_leaves_no_trace() {
    let app = TestApp::in_memory(|config| {
        config.limits.body_bytes = 4 << 20;
        config.limits.expanded_bytes = 8 << 20;
    })
    .await;
    let mut traffic = Traffic::new(4);
    let firehose = app.firehose();
    let post = async |id: &str, body: Vec<u8>| firehose.clone().with(ID, id).post(body).await;

    let good = traffic.records(10);
    let wrong_key = firehose.clone().with("x-amz-firehose-access-key", "wrong");
    assert_refused(&wrong_key.deliver("a", &good).await, 401, "a", "access key");
    let no_key = firehose.clone().without("x-amz-firehose-access-key");
    assert_refused(&no_key.deliver("a", &good).await, 401, "a", "access key");
    assert_refused(&no_key.clone().with(ID, "a").post(vec![]).await, 401, "a", "access key");

    // A permanently rejected request is remembered by its ID, so each has its own.
    for (at, (broken, says)) in BROKEN_BODIES.into_iter().enumerate() {
        // As long as the ID in the bodies.
        let id = char::from(b'A' + u8::try_from(at).expect("a few")).to_string();
        let broken: Vec<_> = broken
            .iter()
            .map(|byte| if *byte == b'#' { id.as_bytes()[0] } else { *byte })
            .collect();
        assert_refused(&post(&id, broken).await, 400, &id, says);
    }
    let deep = format!(
        "{{\"requestId\":\"a\",\"x\":{}{},\"records\":[]}}",
        "[".repeat(128),
        "]".repeat(128)
    );
    let deep = deep.replace("\"a\"", "\"deep\"");
    assert_refused(&post("deep", deep.into_bytes()).await, 400, "deep", "not JSON");

    let packed = gzip(&body_of("a", &good));
    let torn = packed[..packed.len() / 2].to_vec();
    assert_refused(&post("torn", torn).await, 400, "torn", "not valid gzip");
    let not_gzip = firehose.clone().with("content-encoding", "gzip");
    let reply = not_gzip.with(ID, "not-gzip").post(body_of("not-gzip", &good)).await;
    assert_refused(&reply, 400, "not-gzip", "not valid gzip");
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_refused(&post("bomb", bomb).await, 400, "bomb", "limits.expanded_bytes");
    assert_refused(&post("long", vec![b' '; 5 << 20]).await, 400, "long", "limits.body_bytes");
    // It is not read again.
    assert_refused(&post("long", b"{}".to_vec()).await, 400, "long", "limits.body_bytes");
    let other_protocol = firehose.clone().with("x-amz-firehose-protocol-version", "2.0");
    assert_refused(&other_protocol.deliver("a", &good).await, 400, "a", "protocol version");

    // A rejection for a missing key has no effect: the same ID is counted now, and once.
    for _ in 0..2 {
        assert_eq!(firehose.deliver("a", &good).await.status, 200);
    }
    assert_counted(&app, &traffic).await;
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"unauthorized\"}").await, 3);
    assert_eq!(app.metric("postmeter_refused_total{reason=\"over_budget\"}").await, 2);
    assert_eq!(app.metric("postmeter_in_flight_bytes").await, 0);
}

/// Unreadable records are data, so their request continues.
#[tokio::test]
async fn unreadable_records_are_counted_and_cost_no_neighbour() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(4);
    let firehose = app.firehose();
    let post = async |id: &str, body: Vec<u8>| firehose.clone().with(ID, id).post(body).await;
    let mut mixed = traffic.records(5);
    let data = body_of("mixed", &mixed);
    let data = String::from_utf8(data).expect("text").replacen(
        "\"records\":[",
        "\"records\":[{\"data\":\"not base64!\"},{},{\"data\":7},7,",
        1,
    );
    assert_eq!(post("mixed", data.into_bytes()).await.status, 200);
    mixed = traffic.records(5);
    let mut bytes: Vec<Vec<u8>> = mixed.into_iter().map(String::into_bytes).collect();
    bytes.insert(2, b"{\"eventType\":\"Send\",\"mail\":{\"x\":\"\xc3\x28\"}}\n".to_vec());
    bytes.insert(3, b"{\"eventType\":\"Send\",\"mail\":{\"x\":".to_vec());
    assert_eq!(firehose.deliver("bytes", &bytes).await.status, 200);
    assert_counted(&app, &traffic).await;
    assert_eq!(app.metric("postmeter_values_total{kind=\"malformed\"}").await, 4 + 2);
    assert_eq!(app.metric("postmeter_in_flight_bytes").await, 0);
}

/// 64 MiB is the most that Firehose sends. 70 MiB is rejected, though not with 413, and read to its
/// end so that the response arrives.
#[tokio::test]
async fn body_of_64_mib_is_accepted_and_one_of_70_is_rejected() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(5);
    let firehose = app.firehose();
    let mut large = body_of("large", &traffic.records(100));
    large.resize(64 << 20, b' ');
    let reply = firehose.clone().with(ID, "large").post(large.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    large.resize(70 << 20, b' ');
    let reply = firehose.clone().with(ID, "larger").post(large).await;
    assert_refused(&reply, 400, "larger", "limits.body_bytes");
    assert_counted(&app, &traffic).await;
}

#[tokio::test]
async fn several_keys_are_accepted_while_one_is_rotated() {
    let app = TestApp::in_memory(|config| {
        config.firehose.access_keys = vec![AccessKey::new(KEY), AccessKey::new("the-next-key")];
    })
    .await;
    let mut traffic = Traffic::new(6);
    let next = app.firehose().with("x-amz-firehose-access-key", "the-next-key");
    assert_eq!(app.firehose().deliver("a", &traffic.records(5)).await.status, 200);
    assert_eq!(next.deliver("b", &traffic.records(5)).await.status, 200);
    assert_counted(&app, &traffic).await;
}

#[tokio::test]
async fn health_needs_no_key_and_is_on_both_listeners() {
    let mut app = TestApp::in_memory(|_| {}).await;
    for address in [app.http, app.admin] {
        assert_eq!(get(address, "/livez").await.0, 200);
        assert_eq!(get(address, "/readyz").await.0, 200);
    }
    app.signal();
}

/// A silent connection is closed after the keep-alive timeout, and not before its response.
#[tokio::test]
async fn idle_connection_is_closed_after_the_keep_alive() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let app = TestApp::in_memory(|config| {
        config.listen.keep_alive = Duration::from_millis(300);
    })
    .await;
    let mut stream = tokio::net::TcpStream::connect(app.http).await.expect("it listens");
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is read");
    let mut heard = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("closed").expect("no reset");
    assert!(heard.starts_with(b"HTTP/1.1 200 OK"));
    assert!(!String::from_utf8_lossy(&heard).to_lowercase().contains("connection: close"));
}

/// A known ID gets its response at once, even when nothing new is accepted; concurrent retries are
/// counted once.
#[tokio::test]
async fn retries_are_counted_once_even_concurrently() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(7);
    let records = traffic.records(500);
    let repeats = (0..20).map(|_| {
        let (firehose, records) = (app.firehose(), records.clone());
        tokio::spawn(async move { firehose.deliver("same", &records).await.status })
    });
    for repeat in repeats.collect::<Vec<_>>() {
        assert_eq!(repeat.await.expect("it ends"), 200);
    }
    assert_counted(&app, &traffic).await;
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"acknowledged\"}").await, 1);
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"repeated\"}").await, 19);
    // Another stream may use the same ID for another request.
    let other = app.firehose().with("x-amz-firehose-source-arn", "arn:aws:firehose:::other");
    assert_eq!(other.deliver("same", &traffic.records(5)).await.status, 200);
    assert_counted(&app, &traffic).await;
}

/// A delivery whose body is sent in pieces.
struct Slow {
    pieces: mpsc::Sender<Bytes>,
    reply: tokio::task::JoinHandle<Option<u16>>,
}

fn slow_delivery(app: &TestApp, id: &str) -> Slow {
    let (pieces, mut receiver) = mpsc::channel::<Bytes>(1);
    let stream = futures_stream(move |context| receiver.poll_recv(context));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = hyper::Request::post(format!("http://{}/firehose", app.http))
        .header(ID, id)
        .header("x-amz-firehose-source-arn", SOURCE_ARN)
        .header("x-amz-firehose-access-key", KEY)
        .body(StreamBody::new(stream))
        .expect("a request");
    let reply = tokio::spawn(async move {
        client.request(request).await.ok().map(|reply| reply.status().as_u16())
    });
    Slow { pieces, reply }
}

/// A body whose pieces come from a channel.
fn futures_stream(
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Send + 'static,
) -> impl futures_core::Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> + Send + 'static
{
    struct Pieces<F>(F);
    impl<F> futures_core::Stream for Pieces<F>
    where
        F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Unpin,
    {
        type Item = Result<Frame<Bytes>, std::convert::Infallible>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            (self.0)(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
        }
    }
    Pieces(Box::new(poll))
}

async fn until_in_flight(app: &TestApp, requests: u64) {
    app.until_metric("postmeter_in_flight_requests", |now| now == requests).await;
}

/// Above the limit of requests in flight new ones get 503 without any effect; a retry of one in
/// flight joins it, and one that is done gets its response.
#[tokio::test]
async fn new_requests_above_the_requests_in_flight_are_rejected_temporarily() {
    let app = TestApp::in_memory(|config| config.limits.in_flight_requests = 1).await;
    let mut traffic = Traffic::new(8);
    let done = traffic.records(5);
    assert_eq!(app.firehose().deliver("done", &done).await.status, 200);

    let records = traffic.records(20);
    let slow = slow_delivery(&app, "slow");
    until_in_flight(&app, 1).await;
    let refused = traffic.records(5);
    let reply = app.firehose().deliver("new", &refused).await;
    assert_refused(&reply, 503, "new", "in_flight_requests");
    assert_eq!(app.firehose().deliver("done", &done).await.status, 200);
    let joined = {
        let (firehose, records) = (app.firehose(), records.clone());
        tokio::spawn(async move { firehose.deliver("slow", &records).await.status })
    };
    let body = body_of("slow", &records);
    let (first, second) = body.split_at(body.len() / 2);
    slow.pieces.send(Bytes::copy_from_slice(first)).await.expect("it is read");
    slow.pieces.send(Bytes::copy_from_slice(second)).await.expect("it is read");
    drop(slow.pieces);
    assert_eq!(slow.reply.await.expect("it ends"), Some(200));
    assert_eq!(joined.await.expect("it ends"), 200);
    assert_eq!(app.firehose().deliver("new", &refused).await.status, 200);
    assert_counted(&app, &traffic).await;
}

/// A sender that disconnects in the middle of its body has no effect: the retry is counted.
#[tokio::test]
async fn body_that_breaks_off_leaves_no_trace() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut traffic = Traffic::new(9);
    let records = traffic.records(20);
    let slow = slow_delivery(&app, "broken-off");
    slow.pieces.send(Bytes::from_static(b"{\"requestId\"")).await.expect("it is read");
    until_in_flight(&app, 1).await;
    slow.reply.abort();
    until_in_flight(&app, 0).await;
    assert_eq!(app.firehose().deliver("broken-off", &records).await.status, 200);
    assert_counted(&app, &traffic).await;
}

/// Bytes in flight are bounded; a request above the limit is accepted when it is alone.
#[tokio::test]
async fn new_requests_above_the_bytes_in_flight_are_rejected_temporarily() {
    let app = TestApp::in_memory(|config| config.limits.in_flight_bytes = 10_000).await;
    let mut traffic = Traffic::new(10);
    let large = traffic.records(50);
    assert_eq!(app.firehose().deliver("alone", &large).await.status, 200);
    assert_eq!(app.firehose().deliver_gzip("gzip-alone", &traffic.records(50)).await.status, 200);
    let slow = slow_delivery(&app, "slow");
    let records = traffic.records(6);
    let body = body_of("slow", &records);
    let (first, second) = body.split_at(body.len() / 2);
    slow.pieces.send(Bytes::copy_from_slice(first)).await.expect("it is read");
    until_in_flight(&app, 1).await;
    let refused = traffic.records(50);
    let reply = app.firehose().deliver("new", &refused).await;
    assert_refused(&reply, 503, "new", "in_flight_bytes");
    slow.pieces.send(Bytes::copy_from_slice(second)).await.expect("it is read");
    drop(slow.pieces);
    assert_eq!(slow.reply.await.expect("it ends"), Some(200));
    assert_eq!(app.firehose().deliver("new", &refused).await.status, 200);
    assert_counted(&app, &traffic).await;
}

/// Above the limit of pending entries new requests are rejected before the merge: acknowledged
/// counts are published, rejected requests have no effect, and nothing is dropped.
#[tokio::test]
async fn pending_entries_are_bounded_and_nothing_is_dropped() {
    let fake = FakeCloudWatch::start().await;
    fake.pause_listening().await;
    let app = TestApp::start(&fake, |config| config.limits.entries = 30).await;
    let firehose = app.firehose();
    let mut acknowledged = 0;
    let refused = loop {
        let campaign = format!("c{acknowledged}");
        let reply = firehose.deliver(&campaign, &[send_of(&campaign)]).await;
        if reply.status != 200 {
            break (campaign, reply);
        }
        acknowledged += 1;
        assert!(acknowledged <= 30, "each campaign makes an entry of its own");
    };
    assert_refused(&refused.1, 503, &refused.0, "limits.entries");
    assert!(app.metric("postmeter_pending_entries").await <= 30);
    fake.resume_listening().await;
    app.settled().await;
    assert_eq!(fake.total_in("SES"), acknowledged * 3);
    assert_eq!(app.firehose().deliver(&refused.0, &[send_of(&refused.0)]).await.status, 200);
    app.settled().await;
    assert_eq!(fake.total_in("SES"), (acknowledged + 1) * 3);
    assert_eq!(app.dropped("series_limit").await, 0);
}

/// Above the hourly limit a new series is not created, known ones continue, and the next hour
/// starts anew. The response stays 200.
#[tokio::test]
async fn distinct_series_of_an_hour_are_bounded() {
    let fake = FakeCloudWatch::start().await;
    let now = postmeter::clock::Clock::System.now_ms();
    let hour = now - now.rem_euclid(3_600_000);
    let clock = postmeter::clock::Clock::manual(hour);
    fake.set_now_ms(now);
    let app = TestApp::start_at(&fake.url(), clock.clone(), |config| {
        config.limits.series = 5;
        config.cloudwatch.timestamp = postmeter::config::TimestampSource::Arrival;
    })
    .await;
    let firehose = app.firehose();
    // by-set and by-pool are two series, so three campaigns fit.
    for (at, campaign) in ["a", "b", "c", "d", "a", "e"].iter().enumerate() {
        assert_eq!(firehose.deliver(&at.to_string(), &[send_of(campaign)]).await.status, 200);
    }
    assert_eq!(app.dropped("series_limit").await, 2);
    assert_eq!(app.metric("postmeter_series").await, 5);
    clock.set_ms(hour + 3_600_000);
    assert_eq!(firehose.deliver("next hour", &[send_of("d")]).await.status, 200);
    assert_eq!(app.dropped("series_limit").await, 2);
    app.settled().await;
    assert_eq!(fake.total_in("SES"), 6 * 2 + 4 + 3);
}

#[tokio::test]
async fn definitions_are_replaced_whole_and_an_invalid_document_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let only = |types: &str| {
        format!(
            "{{\"ConfigurationSets\":[{{\"ConfigurationSetName\":\"prod\",\"EventDestinations\":[{{\
             \"Name\":\"d\",\"Enabled\":true,\"MatchingEventTypes\":[\"{types}\"],\
             \"CloudWatchDestination\":{{\"DimensionConfigurations\":[{{\"DimensionName\":\"campaign\",\
             \"DimensionValueSource\":\"MESSAGE_TAG\",\"DefaultDimensionValue\":\"none\"}}]}}}}]}}]}}"
        )
    };
    std::fs::write(&path, only("SEND")).expect("a file");
    let app = TestApp::in_memory(|config| {
        config.definitions = Some(postmeter::config::DefinitionsSource::Path(path.clone()));
    })
    .await;
    let firehose = app.firehose();
    assert_eq!(firehose.deliver("1", &[send_of("a")]).await.status, 200);
    std::fs::write(&path, only("NONSENSE")).expect("a file");
    assert!(app.catalog.reload().await.is_err());
    assert_eq!(firehose.deliver("2", &[send_of("a")]).await.status, 200);
    std::fs::write(&path, only("BOUNCE")).expect("a file");
    app.catalog.reload().await.expect("it is sound");
    assert_eq!(firehose.deliver("3", &[send_of("a")]).await.status, 200);
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 2);
    assert_eq!(app.metric("postmeter_events_total{routing=\"unmatched\"}").await, 1);
    let reloads = "postmeter_definitions_reloads_total";
    assert_eq!(app.metric(&format!("{reloads}{{outcome=\"refused\"}}")).await, 1);
    assert_eq!(app.metric(&format!("{reloads}{{outcome=\"loaded\"}}")).await, 2);
}

/// The event with another time.
fn at_minute(event: &str, minute: &str) -> String {
    let (before, _) = event.split_once("\"timestamp\"").expect("it has one");
    format!("{before}\"timestamp\":\"{minute}\"}}}}\n")
}

/// Counts that CloudWatch would reject for their age are dropped before they are sent; memory
/// accepts all of them.
#[tokio::test]
async fn datums_too_old_or_too_new_are_dropped_with_their_reason() {
    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |_| {}).await;
    let memory = TestApp::in_memory(|_| {}).await;
    let now_ms = postmeter::clock::Clock::System.now_ms();
    let at = |ms: i64| {
        let minute = postmeter::ses::Minute::of_ms(ms).to_string();
        at_minute(&send_of("a"), &minute)
    };
    let day = 86_400_000;
    let records =
        [at(now_ms - 15 * day), at(now_ms - 13 * day), at(now_ms), at(now_ms + 3 * 3_600_000)];
    for app in [&app, &memory] {
        assert_eq!(app.firehose().deliver("ages", &records).await.status, 200);
        app.settled().await;
    }
    assert_eq!(fake.total_in("SES"), 2 * 3);
    assert_eq!(app.dropped("too_old").await, 3);
    assert_eq!(app.dropped("too_new").await, 3);
    assert_eq!(memory.dropped("too_old").await + memory.dropped("too_new").await, 0);
    assert_eq!(get(memory.admin, "/series").await.1.lines().count(), 4 * 3);
}

/// A thousand datums with the largest dimensions need several calls, each within the limits that
/// the fake enforces; of small ones a call holds a thousand.
#[tokio::test]
async fn calls_are_limited_in_datums_and_in_bytes() {
    let fake = FakeCloudWatch::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wide.json");
    let dimensions: Vec<_> = (0..10)
        .map(|at| {
            format!(
                "{{\"DimensionName\":\"{at}{}\",\"DimensionValueSource\":\"MESSAGE_TAG\",\
                 \"DefaultDimensionValue\":\"{}\"}}",
                "n".repeat(254),
                "v".repeat(255)
            )
        })
        .collect();
    let document = format!(
        "{{\"ConfigurationSets\":[{{\"ConfigurationSetName\":\"prod\",\"EventDestinations\":[{{\
         \"Name\":\"wide\",\"Enabled\":true,\"MatchingEventTypes\":[\"SEND\"],\"CloudWatchDestination\":{{\
         \"DimensionConfigurations\":[{}]}}}},{{\"Name\":\"narrow\",\"Enabled\":true,\
         \"MatchingEventTypes\":[\"BOUNCE\"],\"CloudWatchDestination\":{{\"DimensionConfigurations\":[{{\
         \"DimensionName\":\"campaign\",\"DimensionValueSource\":\"MESSAGE_TAG\",\
         \"DefaultDimensionValue\":\"none\"}}]}}}}]}}]}}",
        dimensions.join(",")
    );
    std::fs::write(&path, document).expect("a file");
    let app = TestApp::start(&fake, |config| {
        config.definitions = Some(postmeter::config::DefinitionsSource::Path(path));
    })
    .await;
    let tag = format!("\"0{}\":[\"", "n".repeat(254));
    let event = |at: usize, tag: &str| send_of(&at.to_string()).replace("\"campaign\":[\"", tag);
    let wide: Vec<_> = (0..1_000).map(|at| event(at, &tag)).collect();
    assert_eq!(app.firehose().deliver("wide", &wide).await.status, 200);
    app.settled().await;
    let narrow: Vec<_> = (0..2_500)
        .map(|at| event(at, "\"campaign\":[\"").replace("\"Send\"", "\"Bounce\""))
        .collect();
    assert_eq!(app.firehose().deliver("narrow", &narrow).await.status, 200);
    app.settled().await;
    assert_eq!(fake.total_in("SES"), 1_000 + 2_500);
    let calls = fake.calls();
    assert!(calls.iter().all(|call| call.ingested), "the fake refuses what is over a limit");
    assert!(calls.len() > 5, "a megabyte holds about 190 of the widest datums");
    let mut datums: Vec<_> = calls.iter().map(|call| call.datums).collect();
    datums.sort_unstable();
    assert_eq!(datums.iter().rev().take(2).collect::<Vec<_>>(), [&1000, &1000]);
    assert!(calls.iter().any(|call| call.gzip));
}

#[tokio::test]
async fn delivery_under_faults_is_published_once() {
    let fake = FakeCloudWatch::start().await;
    let app = TestApp::start(&fake, |_| {}).await;
    let mut traffic = Traffic::new(12);
    for at in 0..5 {
        let records = traffic.records(100);
        for _ in 0..3 {
            assert_eq!(app.firehose().deliver(&at.to_string(), &records).await.status, 200);
        }
    }
    app.settled().await;
    assert_held(&fake, &traffic.sums());
}
