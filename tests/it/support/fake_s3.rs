//! Buckets as far as `GetObject` goes, which fail as a test says.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, Received};

/// The buckets. End when they are dropped.
pub struct FakeS3 {
    endpoint: Endpoint,
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
}

#[derive(Clone)]
struct Object {
    etag: String,
    bytes: Bytes,
    fault: Option<Fault>,
}

/// How an object fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Denied,
    /// Its body ends in the middle, so many times.
    BreaksOff(usize),
}

impl FakeS3 {
    pub async fn start() -> Self {
        let objects: Arc<Mutex<BTreeMap<String, Object>>> = Arc::default();
        let shared = Arc::clone(&objects);
        let endpoint = Endpoint::with(move |_, received| {
            let answer = answer(&mut shared.lock().expect("nobody panics with it"), &received);
            async move { answer }
        })
        .await;
        Self { endpoint, objects }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.endpoint.address)
    }

    /// The number of requests for objects.
    pub fn requests(&self) -> usize {
        self.endpoint.received().len()
    }

    /// Puts an object into the bucket `mail`; gives the record of a notification.
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Value {
        let etag = format!("{:08x}", crc32fast::hash(&bytes));
        let object = Object { etag: etag.clone(), bytes: bytes.into(), fault: None };
        self.objects.lock().expect("nobody panics with it").insert(path(key), object);
        json!({
            "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "mail"},
                "object": {"key": encoded(key).replace("%20", "+"), "size": 1, "eTag": etag},
            },
        })
    }

    pub fn remove(&self, key: &str) {
        self.objects.lock().expect("nobody panics with it").remove(&path(key));
    }

    pub fn set_fault(&self, key: &str, fault: Option<Fault>) {
        let mut objects = self.objects.lock().expect("nobody panics with it");
        objects.get_mut(&path(key)).expect("it is there").fault = fault;
    }
}

/// What S3 sends to a queue.
pub fn notification(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

pub fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

fn path(key: &str) -> String {
    format!("/mail/{}", encoded(key))
}

/// As in a URL, slashes apart.
fn encoded(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let byte = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    key.bytes().map(byte).collect()
}

fn answer(objects: &mut BTreeMap<String, Object>, received: &Received) -> Response<Body> {
    let path = received.path.split('?').next().unwrap_or_default();
    let error = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Response::builder().status(status).body(Body::from(body)).expect("an answer")
    };
    let Some(object) = objects.get_mut(path) else { return error(404, "NoSuchKey") };
    let wanted = received.header("if-match");
    if !wanted.is_empty() && wanted != format!("\"{}\"", object.etag) {
        return error(412, "PreconditionFailed");
    }
    if received.header("if-none-match") == format!("\"{}\"", object.etag) {
        return Response::builder().status(304).body(Body::empty()).expect("an answer");
    }
    let whole = Response::builder().header("etag", format!("\"{}\"", object.etag));
    match &mut object.fault {
        Some(Fault::Denied) => error(403, "AccessDenied"),
        Some(Fault::BreaksOff(times)) if *times > 0 => {
            *times -= 1;
            // The length that it was to have, and a body that ends before.
            let half = object.bytes.slice(..object.bytes.len() / 2);
            let pieces = http_body_util::StreamBody::new(Pieces(vec![half]));
            whole.header("content-length", object.bytes.len()).body(Body::new(pieces)).expect("one")
        }
        _ => whole.body(Body::from(object.bytes.clone())).expect("an answer"),
    }
}

/// A body that fails behind its pieces.
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
