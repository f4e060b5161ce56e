//! A client that delivers like Firehose.

use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use postmeter::synth::firehose_body;
use serde_json::Value;

pub(crate) const SOURCE_ARN: &str = "arn:aws:firehose:us-east-1:000000000000:deliverystream/ses";

/// A stream that delivers to one endpoint.
#[derive(Clone)]
pub(crate) struct Firehose {
    http: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    headers: HeaderMap,
    pub path: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Firehose {
    pub(crate) fn new(http: SocketAddr, key: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let stream = Self { http, client, headers: HeaderMap::new(), path: "/firehose".to_owned() };
        stream
            .with("content-type", "application/json")
            .with("x-amz-firehose-protocol-version", "1.0")
            .with("x-amz-firehose-source-arn", SOURCE_ARN)
            .with("x-amz-firehose-access-key", key)
    }

    /// Sends an additional or replaced header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Delivers records under an id.
    pub(crate) async fn deliver(&self, id: &str, records: &[impl AsRef<[u8]>]) -> Reply {
        self.clone().with("x-amz-firehose-request-id", id).post(body_of(id, records)).await
    }

    /// The same as gzip.
    pub(crate) async fn deliver_gzip(&self, id: &str, records: &[impl AsRef<[u8]>]) -> Reply {
        let stream = self.clone().with("x-amz-firehose-request-id", id);
        stream.with("content-encoding", "gzip").post(gzip(&body_of(id, records))).await
    }

    /// Posts a body unchanged.
    pub(crate) async fn post(&self, body: Vec<u8>) -> Reply {
        self.try_post(body).await.expect("an answer")
    }

    pub(crate) async fn try_post(&self, body: Vec<u8>) -> Result<Reply, String> {
        let mut request = Request::post(format!("http://{}{}", self.http, self.path))
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        *request.headers_mut() = self.headers.clone();
        send(&self.client, request).await
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }

    /// Asserts Firehose's requirements for any response, and returns the error message.
    pub(crate) fn assert_by_the_letter(&self, id: &str) -> Option<String> {
        let json = self.json();
        let keys: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        assert!(
            keys.iter()
                .all(|key| ["requestId", "timestamp", "errorMessage"].contains(&key.as_str()))
        );
        assert_eq!(json["requestId"], id, "{}", self.body);
        assert!(json["timestamp"].is_u64(), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.headers["content-length"], self.body.len().to_string().as_str());
        assert!(!self.headers.contains_key("content-encoding"));
        assert!(!self.headers.contains_key("transfer-encoding"));
        assert_ne!(self.status, 413);
        let error = json.get("errorMessage").map(|error| error.as_str().expect("text").to_owned());
        assert_eq!(error.is_none(), self.status == 200, "{}", self.body);
        error
    }
}

/// A delivery of records under an id.
pub(crate) fn body_of(id: &str, records: &[impl AsRef<[u8]>]) -> Vec<u8> {
    firehose_body(id, 1_795_176_000_000, records.iter().map(AsRef::as_ref)).into_bytes()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
}

/// Sends a GET; returns status and body.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(Method::GET).uri(format!("http://{address}{path}"));
    let request = request.body(Full::new(Bytes::new())).expect("a request");
    let reply = send(&client, request).await.expect("an answer");
    (reply.status, reply.body)
}

/// Posts a body with headers, over its own connection.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Reply {
    try_post(address, path, headers, body).await.expect("an answer")
}

/// As [`post`], to a daemon that may be closing its connections.
pub(crate) async fn try_post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    try_send(address, "POST", path, headers, body).await
}

/// As [`try_post`], with any method.
pub(crate) async fn try_send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).expect("a request");
    send(&client, request).await
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Reply, String> {
    let response = client.request(request).await.map_err(|error| format!("{error:?}"))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("the answer is text");
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}
