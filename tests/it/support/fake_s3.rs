//! A bucket with `GetObject`, `ListObjectsV2` and conditional `PutObject`, with faults defined by
//! the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use postmeter::clock::Clock;
use postmeter::ses::Minute;
use serde_json::{Value, json};

use tokio::time::{sleep, timeout};

use super::app::PATIENCE;
use super::endpoint::{Endpoint, Received};

/// The buckets. They end when this is dropped.
pub(crate) struct FakeS3 {
    endpoint: Endpoint,
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
    /// The region that requests must be signed for.
    region: Arc<Mutex<Option<&'static str>>>,
}

#[derive(Clone)]
struct Object {
    etag: String,
    written: String,
    bytes: Bytes,
    fault: Option<Fault>,
}

/// How an object fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Denied,
    /// Its body ends in the middle, this many times.
    BreaksOff(usize),
    /// Never responds.
    Hangs,
}

/// Keys and prefixes on a page of a listing.
const PAGE: usize = 20;

impl FakeS3 {
    pub(crate) async fn start() -> Self {
        let objects: Arc<Mutex<BTreeMap<String, Object>>> = Arc::default();
        let region: Arc<Mutex<Option<&'static str>>> = Arc::default();
        let (shared, own_region) = (Arc::clone(&objects), Arc::clone(&region));
        let endpoint = Endpoint::with(move |_, received| {
            let region = *own_region.lock().expect("nobody panics with it");
            let answer = match region.and_then(|region| elsewhere(region, &received)) {
                None => answer(&mut shared.lock().expect("nobody panics with it"), &received),
                redirect => redirect,
            };
            async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        })
        .await;
        Self { endpoint, objects, region }
    }

    /// Moves the buckets to a region: requests that are signed for another one are redirected.
    pub(crate) fn set_region(&self, region: &'static str) {
        *self.region.lock().expect("nobody panics with it") = Some(region);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.endpoint.address)
    }

    /// The number of requests for objects.
    pub(crate) fn requests(&self) -> usize {
        self.endpoint
            .received()
            .iter()
            .filter(|request| !request.path.contains("list-type=2"))
            .count()
    }

    /// A header of each request for an object; empty where it is missing.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        self.endpoint.received().iter().map(|request| request.header(name).to_owned()).collect()
    }

    /// The prefixes that were listed.
    pub(crate) fn listed(&self) -> BTreeSet<String> {
        let received = self.endpoint.received();
        received.iter().filter_map(|request| query(&request.path).remove("prefix")).collect()
    }

    /// Waits until this many objects were requested.
    pub(crate) async fn until_requests(&self, requests: usize) {
        let there = async {
            while self.requests() < requests {
                sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(timeout(PATIENCE, there).await.is_ok(), "{} of {requests}", self.requests());
    }

    /// Puts an object into the bucket `mail`; returns the record of a notification.
    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) -> Value {
        let etag = format!("{:08x}", crc32fast::hash(&bytes));
        let written = Minute::of_ms(Clock::System.now_ms()).to_string();
        let object = Object { etag: etag.clone(), written, bytes: bytes.into(), fault: None };
        self.objects.lock().expect("nobody panics with it").insert(path(key), object);
        json!({
            "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "mail"},
                "object": {"key": encoded(key).replace("%20", "+"), "size": 1, "eTag": etag},
            },
        })
    }

    /// An object's text.
    pub(crate) fn text(&self, key: &str) -> String {
        let objects = self.objects.lock().expect("nobody panics with it");
        let bytes = objects.get(&path(key)).expect("it is there").bytes.to_vec();
        String::from_utf8(bytes).expect("text")
    }

    pub(crate) fn remove(&self, key: &str) {
        self.objects.lock().expect("nobody panics with it").remove(&path(key));
    }

    pub(crate) fn set_fault(&self, key: &str, fault: Option<Fault>) {
        let mut objects = self.objects.lock().expect("nobody panics with it");
        objects.get_mut(&path(key)).expect("it is there").fault = fault;
    }
}

/// The notification that S3 sends to a queue.
pub(crate) fn notification(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

fn path(key: &str) -> String {
    format!("/mail/{}", encoded(key))
}

/// As in a URL, except for slashes.
fn encoded(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let byte = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    key.bytes().map(byte).collect()
}

/// What S3 answers to a request for another region; only the header names the right one.
fn elsewhere(region: &str, received: &Received) -> Option<Response<Body>> {
    let is_here = received.header("authorization").contains(&format!("/{region}/s3/"));
    (!is_here).then(|| {
        let body = "<Error><Code>PermanentRedirect</Code><Message>no</Message></Error>";
        let response = Response::builder().status(301).header("x-amz-bucket-region", region);
        response.body(Body::from(body)).expect("an answer")
    })
}

fn answer(objects: &mut BTreeMap<String, Object>, received: &Received) -> Option<Response<Body>> {
    let (path, query) =
        (received.path.split('?').next().unwrap_or_default(), query(&received.path));
    if query.contains_key("list-type") {
        return Some(list(objects, &query));
    }
    let error = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Some(Response::builder().status(status).body(Body::from(body)).expect("an answer"))
    };
    if objects.get(path).is_some_and(|object| object.fault == Some(Fault::Denied)) {
        return error(403, "AccessDenied");
    }
    if received.method == Method::PUT {
        return Some(put(objects, path, received));
    }
    let Some(object) = objects.get_mut(path) else { return error(404, "NoSuchKey") };
    let wanted = received.header("if-match");
    if !wanted.is_empty() && wanted != format!("\"{}\"", object.etag) {
        return error(412, "PreconditionFailed");
    }
    if received.header("if-none-match") == format!("\"{}\"", object.etag) {
        return Some(Response::builder().status(304).body(Body::empty()).expect("an answer"));
    }
    let whole = Response::builder().header("etag", format!("\"{}\"", object.etag));
    match &mut object.fault {
        Some(Fault::Hangs) => None,
        Some(Fault::BreaksOff(times)) if *times > 0 => {
            *times -= 1;
            // The full length, and a body that ends early.
            let half = object.bytes.slice(..object.bytes.len() / 2);
            let pieces = http_body_util::StreamBody::new(Pieces(vec![half]));
            let body = Body::new(pieces);
            Some(whole.header("content-length", object.bytes.len()).body(body).expect("one"))
        }
        _ => Some(whole.body(Body::from(object.bytes.clone())).expect("an answer")),
    }
}

/// `PutObject`, which replaces an object only under its condition.
fn put(objects: &mut BTreeMap<String, Object>, path: &str, received: &Received) -> Response<Body> {
    let known = objects.get(path).map(|object| format!("\"{}\"", object.etag));
    let (is_new, replaces) = (received.header("if-none-match"), received.header("if-match"));
    let answer = |status| Response::builder().status(status);
    match (is_new, replaces, known) {
        ("*", "", None) => {}
        ("", replaces, Some(known)) if replaces == known => {}
        // An unconditional write of definitions could undo changes of others.
        ("", "", _) => return answer(400).body(Body::empty()).expect("an answer"),
        _ => {
            let body = "<Error><Code>PreconditionFailed</Code></Error>";
            return answer(412).body(Body::from(body)).expect("an answer");
        }
    }
    let etag = format!("{:08x}-{}", crc32fast::hash(&received.body), received.body.len());
    let bytes = Bytes::from(received.body.clone());
    let object = Object { etag: etag.clone(), written: String::new(), bytes, fault: None };
    objects.insert(path.to_owned(), object);
    answer(200).header("etag", format!("\"{etag}\"")).body(Body::empty()).expect("an answer")
}

/// Lists by prefix and optional delimiter, starting at the token's position.
fn list(objects: &BTreeMap<String, Object>, query: &BTreeMap<String, String>) -> Response<Body> {
    let asked = |name: &str| query.get(name).map_or("", String::as_str);
    let (prefix, delimiter) = (asked("prefix"), asked("delimiter"));
    let mut items = BTreeSet::new();
    for (path, object) in objects {
        let key = decoded(path.strip_prefix("/mail/").expect("the bucket"));
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let folder = rest.split_once('/').filter(|_| !delimiter.is_empty());
        items.insert(match folder {
            Some((folder, _)) => {
                let folder = escaped(&format!("{prefix}{folder}/"));
                format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>")
            }
            None => format!(
                "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>\
                 <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                escaped(&key),
                object.written,
                object.etag,
                object.bytes.len()
            ),
        });
    }
    let from: usize = asked("continuation-token").parse().unwrap_or(0);
    let more = items.len() > from + PAGE;
    let mut body = format!("<ListBucketResult><Name>mail</Name><IsTruncated>{more}</IsTruncated>");
    if more {
        write!(body, "<NextContinuationToken>{}</NextContinuationToken>", from + PAGE)
            .expect("text");
    }
    body.extend(items.into_iter().skip(from).take(PAGE));
    body.push_str("</ListBucketResult>");
    Response::new(Body::from(body))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn query(path: &str) -> BTreeMap<String, String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), decoded(value))
    };
    query.split('&').map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let hex = std::str::from_utf8(&rest[..2]).expect("text");
            bytes.push(u8::from_str_radix(hex, 16).expect("two digits"));
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// A body that fails after its pieces.
struct Pieces(Vec<Bytes>);

impl futures_core::Stream for Pieces {
    type Item = std::io::Result<hyper::body::Frame<Bytes>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(match self.0.pop() {
            Some(piece) => Ok(hyper::body::Frame::data(piece)),
            None => Err(std::io::Error::other("it breaks off")),
        }))
    }
}
