//! The target of `firehose-http`: delivers to an endpoint like a Firehose stream.
//! <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>, 2026-11-21.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use flate2::Compression;
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use postmeter::http::{HttpClient, HttpClientError, ResponseLimits};
use postmeter::synth::gzip::GzipPart;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::args::FirehoseHttpArgs;
use super::output::Notices;
use super::plan::Parcel;
use super::retry::Retry;
use super::sender::{Sender, Sent};
use super::tally::{Fate, Live, Tally};
use super::traffic::Record;

/// The body after its head, which has the id and the time.
#[derive(Debug)]
pub(crate) enum Tail {
    Plain(Bytes),
    Gzip { part: GzipPart, deflate: Bytes },
}

/// Head, tail and trailer of a body, never copied together.
pub(crate) type Chunks = Chain<Bytes, Chain<Bytes, Bytes>>;

/// One connection to the endpoint.
pub(crate) struct HttpSender {
    pub client: HttpClient<Chunks>,
    pub stream: Arc<HttpStream>,
}

/// State shared by the connections.
#[derive(Debug)]
pub(crate) struct HttpStream {
    uri: Uri,
    headers: HeaderMap,
    ids: Ids,
    limits: ResponseLimits,
    retry_for: Duration,
    pub notices: Notices,
    pub live: Arc<Live>,
    /// Stops retries and requests in flight.
    pub abort: CancellationToken,
}

/// Request ids in the form of a GUID. They are unique to this run, even with the same seed, because
/// the daemon would treat repeated ids as retries.
#[derive(Debug)]
struct Ids {
    run: u64,
    next: AtomicU64,
}

/// Why an attempt was not acknowledged.
struct Refused {
    /// From a closed list, or a status.
    kind: String,
    message: String,
    /// Whether the request may have arrived.
    sent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    request_id: String,
    error_message: Option<String>,
}

/// A response has an id, a time and a message of at most 8192 characters.
const ANSWER_BYTES_MAX: usize = 64 << 10;

const REQUEST_ID: &str = "x-amz-firehose-request-id";

/// Bytes of a record in a body in addition to its base64 text: `{"data":""},`.
const RECORD_BYTES: usize = 12;

/// Bytes of a record in a body.
pub(crate) fn cost(record_bytes: usize) -> usize {
    record_bytes.div_ceil(3) * 4 + RECORD_BYTES
}

// === impl Tail ===

impl Tail {
    /// The records of a body and its end.
    pub(crate) fn new(records: &[Record], gzip: bool) -> Self {
        let bytes = records.iter().map(|record| cost(record.bytes.len())).sum::<usize>();
        let mut json = String::with_capacity(bytes + 2);
        for (at, record) in records.iter().enumerate() {
            json.push_str(if at == 0 { "{\"data\":\"" } else { ",{\"data\":\"" });
            STANDARD.encode_string(&record.bytes, &mut json);
            json.push_str("\"}");
        }
        json.push_str("]}");
        if !gzip {
            return Self::Plain(json.into());
        }
        let mut part = GzipPart::compress(json.as_bytes(), Compression::fast());
        let deflate = std::mem::take(&mut part.deflate).into();
        Self::Gzip { part, deflate }
    }

    /// A whole body.
    fn under(&self, id: &str, now_ms: i64) -> Chunks {
        let head = format!("{{\"requestId\":\"{id}\",\"timestamp\":{now_ms},\"records\":[");
        match self {
            Self::Plain(json) => Bytes::from(head).chain(json.clone().chain(Bytes::new())),
            Self::Gzip { part, deflate } => {
                let (head, trailer) = part.after(head.as_bytes());
                let trailer = Bytes::copy_from_slice(&trailer);
                Bytes::from(head).chain(deflate.clone().chain(trailer))
            }
        }
    }
}

// === impl HttpStream ===

impl HttpStream {
    /// # Errors
    /// The access key or the ARN is not a valid header value.
    pub(crate) fn new(
        args: &FirehoseHttpArgs,
        notices: Notices,
        live: Arc<Live>,
        abort: CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = HeaderValue::from_static("Amazon Kinesis Data Firehose Agent/1.0");
        headers.insert(USER_AGENT, agent);
        let version = HeaderValue::from_static("1.0");
        headers.insert("x-amz-firehose-protocol-version", version);
        headers.insert("x-amz-firehose-source-arn", HeaderValue::from_str(&args.source_arn)?);
        if let Some(key) = &args.access_key {
            let mut key = HeaderValue::from_str(key)?;
            key.set_sensitive(true);
            headers.insert("x-amz-firehose-access-key", key);
        }
        if args.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self {
            uri: args.url.clone(),
            headers,
            ids: Ids { run: fastrand::u64(..), next: AtomicU64::new(0) },
            limits: ResponseLimits { bytes: ANSWER_BYTES_MAX, patience: args.answer_timeout },
            retry_for: args.pace.retry_for,
            notices,
            live,
            abort,
        })
    }
}

// === impl Ids ===

impl Ids {
    fn next(&self) -> String {
        let (run, number) = (self.run, self.next.fetch_add(1, Ordering::Relaxed));
        let [a, b, c] = [run >> 32, (run >> 16) & 0xffff, run & 0xffff];
        format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", number >> 48, number & 0xffff_ffff_ffff)
    }
}

// === impl HttpSender ===

impl HttpSender {
    /// One attempt. Returns the bytes of an acknowledged body.
    async fn attempt(&self, id: &str, tail: &Tail, now_ms: i64) -> Result<u64, Refused> {
        let stream = &self.stream;
        let body = tail.under(id, now_ms);
        let bytes = body.remaining() as u64;
        let refused = |kind: &str, message: String, sent| {
            Err(Refused { kind: kind.to_owned(), message, sent })
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = stream.uri.clone();
        *request.headers_mut() = stream.headers.clone();
        // An id has only characters that are valid in a header.
        if let Ok(id) = HeaderValue::from_str(id) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let response = match self.client.send(request, stream.limits).await {
            Ok(response) => response,
            Err(error) => {
                let (arrived, message) = (error.may_have_arrived(), error.to_string());
                let kind = match error {
                    HttpClientError::Timeout { .. } => "response timeout",
                    _ if arrived => "no response",
                    _ => "no connection",
                };
                return refused(kind, message, arrived);
            }
        };
        let status = response.status;
        let answer: Option<Answer> = serde_json::from_slice(&response.body).ok();
        match answer {
            Some(answer) if status == StatusCode::OK && answer.request_id == id => Ok(bytes),
            Some(answer) if status == StatusCode::OK => {
                let message = format!("{:?} instead of {id}", answer.request_id);
                refused("200 with another requestId", message, true)
            }
            Some(answer) => {
                refused(status.as_str(), answer.error_message.unwrap_or_default(), true)
            }
            None if status == StatusCode::OK => {
                refused("200 without a Firehose response", String::new(), true)
            }
            None => refused(status.as_str(), "not a Firehose response".to_owned(), true),
        }
    }
}

impl Sender for HttpSender {
    type Content = Tail;

    async fn send(&mut self, parcel: &Parcel<Tail>, now_ms: i64, tally: &mut Tally) -> Sent {
        let stream = Arc::clone(&self.stream);
        let id = stream.ids.next();
        let mut retry = Retry::new(stream.retry_for, &stream.abort);
        let mut arrived = false;
        loop {
            let refused = tokio::select! {
                attempt = self.attempt(&id, &parcel.content, now_ms) => match attempt {
                    Ok(bytes) => {
                        tally.settle(parcel, Fate::Taken);
                        return Sent { bytes, whole: true };
                    }
                    Err(refused) => refused,
                },
                // It may be in flight.
                () = stream.abort.cancelled() => {
                    tally.settle(parcel, Fate::InDoubt);
                    return Sent::NOTHING;
                }
            };
            arrived |= refused.sent;
            tally.refused(&refused.kind, &stream.live);
            stream.notices.refusal(&refused.kind, &refused.message);
            if !retry.pause().await {
                let fate = if arrived { Fate::InDoubt } else { Fate::NotDelivered };
                tally.settle(parcel, fate);
                return Sent::NOTHING;
            }
            tally.retries += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Read;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_body_is_that_of_a_firehose_delivery_gzip_or_not() {
        let records: Vec<_> = ["{}\n", "{\"a\":1}\n"]
            .map(|text| Record { bytes: text.as_bytes().to_vec(), facts: Vec::new() })
            .into();
        let expected = postmeter::synth::firehose_body(
            "an-id",
            1_795_176_000_123,
            records.iter().map(|record| &record.bytes[..]),
        );
        let whole = |gzip| {
            let mut body = Tail::new(&records, gzip).under("an-id", 1_795_176_000_123);
            body.copy_to_bytes(body.remaining())
        };
        assert_eq!(whole(false), expected);
        let mut plain = String::new();
        GzDecoder::new(&whole(true)[..]).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, expected);
        let value: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(value["records"].as_array().unwrap().len(), 2);
        let costs: usize = records.iter().map(|record| cost(record.bytes.len())).sum();
        let head = expected.find('[').unwrap() + 1;
        assert_eq!(expected.len() - head, costs - 1 + 2);
    }

    #[test]
    fn ids_have_the_form_of_a_guid_and_no_two_are_equal() {
        let ids = Ids { run: 0x1234_5678_9abc_def0, next: AtomicU64::new(0) };
        assert_eq!(ids.next(), "12345678-9abc-def0-0000-000000000000");
        let many: BTreeSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|id| id.len() == 36));
    }
}
