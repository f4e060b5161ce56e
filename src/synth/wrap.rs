//! The wrappings in which an event travels from SES to a consumer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::clock::ARRIVAL_MS;
use super::lists::{
    push_kinesis, push_list, push_log_data, push_log_events, push_received, push_records,
    push_transformation,
};
use super::sns::{push_sns, push_sns_text};
use super::text::{push_number, push_string, quoted, uuid};

/// One way of wrapping events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SynthWrapping {
    /// The event itself.
    Bare,
    /// An SNS envelope, the event as text in `Message`.
    SnsEnvelope,
    /// An unpacked SNS envelope: `Message` is an object.
    SnsEnvelopeObject,
    /// An `EventBridge` envelope; only for events with `eventType`.
    EventBridge,
    /// A Lambda batch from SQS, the event as text in `body`.
    SqsBody,
    /// The same, `body` is an object.
    SqsBodyObject,
    /// A Lambda batch from SNS.
    LambdaSns,
    /// A Lambda batch from SQS, SNS envelopes as text in `body`.
    LambdaSqsSns,
    /// The body of a Firehose HTTP delivery; one `data` may hold several events.
    FirehoseRequest,
    /// The format that Firehose writes to S3 for failed deliveries.
    FirehoseFailed,
    /// A JSON list of events.
    List,
    /// The event as a JSON string.
    JsonText,
    /// What `aws sqs receive-message` prints.
    ReceivedMessages,
    /// A Lambda batch from Kinesis.
    Kinesis,
    /// The records that Firehose gives to a Lambda function.
    FirehoseTransformation,
    /// What CloudWatch Logs sends to Firehose or Kinesis.
    LogEvents,
    /// What CloudWatch Logs sends to Lambda.
    LogData,
}

impl SynthWrapping {
    /// Every wrapping.
    pub const ALL: [Self; 17] = [
        Self::Bare,
        Self::SnsEnvelope,
        Self::SnsEnvelopeObject,
        Self::EventBridge,
        Self::SqsBody,
        Self::SqsBodyObject,
        Self::LambdaSns,
        Self::LambdaSqsSns,
        Self::FirehoseRequest,
        Self::FirehoseFailed,
        Self::List,
        Self::JsonText,
        Self::ReceivedMessages,
        Self::Kinesis,
        Self::FirehoseTransformation,
        Self::LogEvents,
        Self::LogData,
    ];

    /// The number of events in one value of this wrapping.
    pub const fn capacity(self) -> usize {
        match self {
            Self::SqsBody
            | Self::SqsBodyObject
            | Self::LambdaSns
            | Self::LambdaSqsSns
            | Self::List
            | Self::ReceivedMessages
            | Self::Kinesis
            | Self::FirehoseTransformation
            | Self::LogEvents
            | Self::LogData => 10,
            Self::FirehoseRequest => 20,
            _ => 1,
        }
    }

    /// Wraps events, each a JSON value without a newline. More than [`SynthWrapping::capacity`] of them
    /// make several values back to back.
    pub fn wrap(self, rng: &mut Rng, events: &[&str]) -> String {
        let size: usize = events.iter().map(|event| event.len()).sum();
        let mut out = String::with_capacity(size * 3 / 2 + 1024);
        for few in events.chunks(self.capacity()) {
            self.push(&mut out, rng, few);
        }
        out
    }

    fn push(self, out: &mut String, rng: &mut Rng, events: &[&str]) {
        match self {
            Self::SqsBody => push_records(out, events, |out, event| {
                push_sqs(out, rng, &quoted(&format!("{event}\n")));
            }),
            Self::SqsBodyObject => {
                push_records(out, events, |out, event| push_sqs(out, rng, event));
            }
            Self::LambdaSns => push_records(out, events, |out, event| {
                out.push_str("{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"Sns\":");
                push_sns(out, rng, "SigningCertUrl", &quoted(&format!("{event}\n")));
                out.push('}');
            }),
            Self::LambdaSqsSns => push_records(out, events, |out, event| {
                let mut envelope = String::new();
                push_sns_text(&mut envelope, rng, event);
                push_sqs(out, rng, &quoted(&envelope));
            }),
            Self::FirehoseRequest => push_firehose_request(out, rng, events),
            Self::List => push_list(out, events),
            Self::ReceivedMessages => push_received(out, rng, events),
            Self::Kinesis => push_kinesis(out, events),
            Self::FirehoseTransformation => push_transformation(out, rng, events),
            Self::LogEvents => push_log_events(out, events),
            Self::LogData => push_log_data(out, events),
            _ => {
                for event in events {
                    self.push_one(out, rng, event);
                }
            }
        }
    }

    fn push_one(self, out: &mut String, rng: &mut Rng, event: &str) {
        match self {
            Self::SnsEnvelope => push_sns_text(out, rng, event),
            Self::SnsEnvelopeObject => push_sns(out, rng, "SigningCertURL", event),
            Self::EventBridge => push_event_bridge(out, rng, event),
            Self::FirehoseFailed => push_failed(out, rng, event),
            Self::JsonText => push_string(out, event),
            _ => out.push_str(event),
        }
    }
}

/// The body of a Firehose HTTP delivery, one `data` for each record.
pub fn firehose_body<'a>(
    request_id: &str,
    timestamp_ms: i64,
    records: impl Iterator<Item = &'a [u8]>,
) -> String {
    let mut out = String::from("{\"requestId\":");
    push_string(&mut out, request_id);
    out.push_str(",\"timestamp\":");
    push_number(&mut out, u64::try_from(timestamp_ms).unwrap_or(0));
    out.push_str(",\"records\":[");
    for (at, record) in records.enumerate() {
        out.push_str(if at == 0 { "{\"data\":\"" } else { ",{\"data\":\"" });
        STANDARD.encode_string(record, &mut out);
        out.push_str("\"}");
    }
    out.push_str("]}");
    out
}

fn push_event_bridge(out: &mut String, rng: &mut Rng, event: &str) {
    out.push_str("{\"version\":\"0\",\"id\":\"");
    out.push_str(&uuid(rng));
    out.push_str("\",\"detail-type\":\"Email Event\",\"source\":\"aws.ses\",");
    out.push_str("\"account\":\"123456789012\",\"time\":\"2026-11-20T12:00:00Z\",");
    out.push_str("\"region\":\"eu-west-1\",\"resources\":[],\"detail\":");
    out.push_str(event);
    out.push('}');
}

/// `body` is JSON: a quoted text or an object.
pub(super) fn push_sqs(out: &mut String, rng: &mut Rng, body: &str) {
    out.push_str("{\"messageId\":\"");
    out.push_str(&uuid(rng));
    out.push_str("\",\"receiptHandle\":\"handle\",\"body\":");
    out.push_str(body);
    out.push_str(",\"attributes\":{\"ApproximateReceiveCount\":\"1\"},\"messageAttributes\":{},");
    out.push_str("\"eventSource\":\"aws:sqs\",\"awsRegion\":\"eu-west-1\"}");
}

/// Puts one to three events into each `data`, each with the newline that SES writes.
fn push_firehose_request(out: &mut String, rng: &mut Rng, events: &[&str]) {
    let (mut records, mut rest) = (Vec::new(), events);
    while !rest.is_empty() {
        let (few, more) = rest.split_at(rng.usize(1..=3).min(rest.len()));
        records.push(few.iter().flat_map(|event| [*event, "\n"]).collect::<String>());
        rest = more;
    }
    let id = uuid(rng);
    out.push_str(&firehose_body(&id, ARRIVAL_MS, records.iter().map(String::as_bytes)));
}

fn push_failed(out: &mut String, rng: &mut Rng, event: &str) {
    out.push_str("{\"attemptsMade\":3,\"arrivalTimestamp\":1795176000000,");
    out.push_str("\"errorCode\":\"HttpEndpoint.InvalidResponseFromDestination\",");
    out.push_str("\"errorMessage\":\"The response could not be read.\",\"EsDocumentId\":\"");
    out.push_str(&uuid(rng));
    out.push_str("\",\"rawData\":\"");
    STANDARD.encode_string(format!("{event}\n"), out);
    out.push_str("\"}");
}

#[cfg(test)]
mod tests {
    use flate2::bufread::MultiGzDecoder;
    use serde_json::{Value, json};

    use super::*;

    const EVENT: &str =
        r#"{"eventType":"Send","mail":{"source":"\"A\" <a@example.com>"},"send":{}}"#;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn decoded(data: &Value) -> String {
        String::from_utf8(STANDARD.decode(data.as_str().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn wrappings_contain_what_was_wrapped() {
        let mut rng = Rng::with_seed(3);
        let line = json!(format!("{EVENT}\n"));
        for wrapping in SynthWrapping::ALL {
            let value = read(&wrapping.wrap(&mut rng, &[EVENT]));
            let entry = &value["Records"][0];
            match wrapping {
                SynthWrapping::Bare => assert_eq!(value, read(EVENT)),
                SynthWrapping::SnsEnvelope => assert_eq!(value["Message"], line),
                SynthWrapping::SnsEnvelopeObject => assert_eq!(value["Message"], read(EVENT)),
                SynthWrapping::EventBridge => assert_eq!(value["detail"], read(EVENT)),
                SynthWrapping::SqsBody => assert_eq!(entry["body"], line),
                SynthWrapping::SqsBodyObject => assert_eq!(entry["body"], read(EVENT)),
                SynthWrapping::LambdaSns => assert_eq!(entry["Sns"]["Message"], line),
                SynthWrapping::LambdaSqsSns => {
                    assert_eq!(read(entry["body"].as_str().unwrap())["Message"], line);
                }
                SynthWrapping::FirehoseRequest | SynthWrapping::FirehoseTransformation => {
                    assert_eq!(decoded(&value["records"][0]["data"]), line.as_str().unwrap());
                }
                SynthWrapping::FirehoseFailed => {
                    assert_eq!(decoded(&value["rawData"]), line.as_str().unwrap());
                }
                SynthWrapping::List => assert_eq!(value, json!([read(EVENT)])),
                SynthWrapping::JsonText => assert_eq!(value, json!(EVENT)),
                SynthWrapping::ReceivedMessages => {
                    let body = read(value["Messages"][0]["Body"].as_str().unwrap());
                    assert!(body == read(EVENT) || body["Message"] == line);
                }
                SynthWrapping::Kinesis => {
                    assert_eq!(decoded(&entry["kinesis"]["data"]), line.as_str().unwrap());
                }
                SynthWrapping::LogEvents => {
                    assert_eq!(value["logEvents"][0]["message"], json!(EVENT));
                }
                SynthWrapping::LogData => {
                    let data = STANDARD.decode(value["awslogs"]["data"].as_str().unwrap()).unwrap();
                    let logs =
                        read(&std::io::read_to_string(MultiGzDecoder::new(&data[..])).unwrap());
                    assert_eq!(logs["logEvents"][0]["message"], json!(EVENT));
                }
            }
        }
    }

    #[test]
    fn events_share_a_value_up_to_its_capacity() {
        let mut rng = Rng::with_seed(3);
        for wrapping in SynthWrapping::ALL {
            let events = vec![EVENT; wrapping.capacity() + 1];
            let text = wrapping.wrap(&mut rng, &events);
            let values: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_str(&text).into_iter().collect();
            assert_eq!(values.unwrap().len(), 2, "{wrapping:?}");
        }
        let full = read(&SynthWrapping::FirehoseRequest.wrap(&mut rng, &[EVENT; 20]));
        let held: String =
            full["records"].as_array().unwrap().iter().map(|r| decoded(&r["data"])).collect();
        assert_eq!(held, format!("{EVENT}\n").repeat(20));
    }

    #[test]
    fn firehose_body_contains_its_arguments() {
        let body = firehose_body("id-1", 1_795_176_000_123, [&b"{}"[..], b"\xff"].into_iter());
        assert_eq!(
            body,
            r#"{"requestId":"id-1","timestamp":1795176000123,"records":[{"data":"e30="},{"data":"/w=="}]}"#
        );
    }
}
