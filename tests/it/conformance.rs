//! Firehose's protocol for HTTP endpoints, byte by byte: the requests, and the required responses.
//! <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>, 2026-11-22.
//! The same with an emulator that delivers by itself.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::app::{KEY, PATIENCE, TestApp};
use crate::support::command::project_file;
use crate::support::firehose::{SOURCE_ARN, get, gzip};
use crate::support::installed::program;
use crate::support::traffic::Traffic;

/// One request as sent over the wire.
struct Wire {
    id: &'static str,
    body: Vec<u8>,
    gzip: bool,
    more: Vec<(&'static str, String)>,
}

impl Wire {
    /// The body as Firehose writes it: these fields in this order, without white space.
    fn of(id: &'static str, records: &[impl AsRef<[u8]>]) -> Self {
        let data = records.iter().map(|record| STANDARD.encode(record));
        let records: Vec<_> = data.map(|data| format!("{{\"data\":\"{data}\"}}")).collect();
        let records = records.join(",");
        let body = format!(
            "{{\"requestId\":\"{id}\",\"timestamp\":1795176000123,\"records\":[{records}]}}"
        );
        Self::with_body(id, body.into_bytes())
    }

    fn with_body(id: &'static str, body: Vec<u8>) -> Self {
        Self { id, body, gzip: false, more: Vec::new() }
    }

    fn in_gzip(self) -> Self {
        Self { body: gzip(&self.body), gzip: true, ..self }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    fn bytes(&self, host: &str) -> Vec<u8> {
        let Self { id, body, gzip, more } = self;
        let mut head = format!(
            "POST /firehose HTTP/1.1\r\nHost: {host}\r\nX-Amz-Firehose-Protocol-Version: 1.0\r\n\
             X-Amz-Firehose-Request-Id: {id}\r\nX-Amz-Firehose-Source-Arn: {SOURCE_ARN}\r\n\
             X-Amz-Firehose-Access-Key: {KEY}\r\nUser-Agent: Amazon Kinesis Data Firehose Agent/1.0\r\n\
             Content-Type: application/json\r\nAccept-Encoding: gzip\r\nContent-Length: {}\r\n",
            body.len()
        );
        if *gzip {
            head.push_str("Content-Encoding: gzip\r\n");
        }
        for (name, value) in more {
            let line = format!("{name}: {value}\r\n");
            head.push_str(&line);
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }
}

/// A connection that Firehose keeps.
struct Connection {
    stream: TcpStream,
    host: String,
}

impl Connection {
    async fn to(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.http).await.expect("it listens");
        Self { stream, host: app.http.to_string() }
    }

    /// Sends a request, reads the whole response, and asserts Firehose's requirements.
    async fn send(&mut self, wire: &Wire) -> Value {
        self.stream.write_all(&wire.bytes(&self.host)).await.expect("it reads");
        let answer = timeout(PATIENCE, self.answer()).await.expect("in time");
        let (head, body) = answer;
        let lines: Vec<_> = head.lines().collect();
        assert_eq!(lines[0], "HTTP/1.1 200 OK", "{}: {body}", wire.id);
        let headers: Vec<_> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let of = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, v)| *v);
        assert_eq!(of("content-type"), Some("application/json"));
        assert_eq!(of("content-encoding"), None, "never compressed, though it was offered");
        assert_eq!(of("transfer-encoding"), None, "never in chunks");
        assert!(head.len() + body.len() < 1 << 20, "at most 1 MiB");
        let json: Value = serde_json::from_str(&body).expect("JSON");
        let object = json.as_object().expect("an object");
        assert_eq!(object.keys().collect::<Vec<_>>(), ["requestId", "timestamp"], "{body}");
        assert_eq!(json["requestId"], wire.id);
        // Milliseconds, as a number: within years of now.
        let year_ms = 365 * 86_400_000;
        assert!(
            (55 * year_ms..80 * year_ms).contains(&json["timestamp"].as_u64().expect("a number"))
        );
        json
    }

    /// Headers and body of a response, by its content length.
    async fn answer(&mut self) -> (String, String) {
        let mut heard = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&heard).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>())
                });
                let length = length.expect("a length is announced").expect("a number");
                if body.len() >= length {
                    assert_eq!(body.len(), length);
                    return (head.to_owned(), body.to_owned());
                }
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece).await.expect("an answer");
            assert!(read > 0, "closed after {text:?}");
            heard.extend_from_slice(&piece[..read]);
        }
    }
}

/// The largest header of common attributes: 50 pairs of 256 and 1,024 characters.
fn most_attributes() -> String {
    let pairs = (0..50).map(|at| (format!("{at:0>256}"), json!("v".repeat(1024))));
    json!({ "commonAttributes": pairs.collect::<serde_json::Map<_, _>>() }).to_string()
}

/// Every form of request in the protocol, in sequence on one connection, each twice: a retry has
/// the same ID, and is counted once.
#[tokio::test]
async fn requests_of_every_form_get_the_specified_response_and_are_counted_once() {
    let app = TestApp::in_memory(|config| config.limits.series = 100_000).await;
    let mut traffic = Traffic::new(500);
    let nothing: [&str; 0] = [];
    let event = |traffic: &mut Traffic| traffic.records(1).remove(0);
    let requests = vec![
        Wire::of("7a6f2f5e-a6a7-4f6f-8fb4-000000000001", &traffic.records(20)),
        Wire::of("7a6f2f5e-a6a7-4f6f-8fb4-000000000002", &traffic.records(500)).in_gzip(),
        Wire::of("no-records", &nothing),
        Wire::of("no-records-in-gzip", &nothing).in_gzip(),
        Wire::of("empty-data", &["", &event(&mut traffic), ""]),
        Wire::of("common-attributes", &traffic.records(3))
            .with("X-Amz-Firehose-Common-Attributes", r#"{"commonAttributes":{"env":"prod"}}"#),
        Wire::of("most-attributes", &traffic.records(3))
            .with("X-Amz-Firehose-Common-Attributes", most_attributes()),
        Wire::of("odd-attributes", &traffic.records(3))
            .with("X-Amz-Firehose-Common-Attributes", "{\"commonAttributes\":"),
        Wire::of("many-records", &traffic.records(10_000)).in_gzip(),
        Wire::of("ten-thousand-empty-ones", &vec![""; 10_000]),
        Wire::of("one-record", &[traffic.records(400).concat()]),
        // As left by a processor that removes newlines, or by SES without newlines.
        Wire::of("no-newlines", &[traffic.records(100).concat().replace("}\n{", "}{")]),
        Wire::of("record-in-gzip", &[gzip(traffic.records(50).concat().as_bytes())]),
        Wire::of(
            "padding",
            &[event(&mut traffic), event(&mut traffic) + " ", event(&mut traffic) + "  "],
        ),
        // The timestamp is optional, and fields may be in any order, with additional ones.
        Wire::with_body("another-order", {
            let data = STANDARD.encode(event(&mut traffic));
            let records = json!([{"x": null, "data": data}]);
            format!(
                " {{ \"records\" : {records} , \"new\":[{{}}], \"requestId\":\"another-order\" }}\n"
            )
            .into_bytes()
        }),
        Wire::of("behind-a-balancer", &traffic.records(2))
            .with("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678")
            .with("X-Forwarded-For", "198.51.100.7")
            .with("X-Forwarded-Proto", "https")
            .with("X-Forwarded-Port", "443"),
    ];
    let mut connection = Connection::to(&app).await;
    for wire in &requests {
        connection.send(wire).await;
        connection.send(wire).await;
    }
    assert_eq!(get(app.admin, "/series").await.1, traffic.truth.to_lines());
    let requests = requests.len() as u64;
    for outcome in ["acknowledged", "repeated"] {
        let name = format!("postmeter_requests_total{{outcome=\"{outcome}\"}}");
        assert_eq!(app.metric(&name).await, requests, "{outcome}");
    }
    assert_eq!(app.metric("postmeter_values_total{kind=\"malformed\"}").await, 0);
}

/// A second implementation: moto's Firehose, which delivers to endpoints by itself, without
/// Firehose's headers and with seconds instead of milliseconds.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_the_emulators_stream_are_counted() {
    let Some(python) = program("python") else { return };
    let app = TestApp::in_memory(|config| {
        // Its requests have no key.
        config.firehose.access_keys = Vec::new();
    })
    .await;
    let mut traffic = Traffic::new(501);
    let mut child = Command::new(python)
        .arg(project_file("tests/python/moto_firehose.py"))
        .arg(format!("http://{}/firehose", app.http))
        .stdin(Stdio::piped())
        .spawn()
        .expect("the script starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let records = traffic.records(2000).concat();
    let status = tokio::task::spawn_blocking(move || {
        std::io::Write::write_all(&mut stdin, records.as_bytes()).expect("it reads");
        drop(stdin);
        child.wait().expect("it ends")
    });
    assert!(status.await.expect("no panic").success());
    assert_eq!(get(app.admin, "/series").await.1, traffic.truth.to_lines());
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"acknowledged\"}").await, 20);
}
