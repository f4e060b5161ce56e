//! Wrappings that hold several events in a list: of JSON, the AWS CLI, Lambda and CloudWatch Logs.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::clock::ARRIVAL_MS;
use super::sns::push_sns_text;
use super::text::{push_number, push_string, uuid};

/// Some recipes write a list, with one event on a line or all on one.
pub(super) fn push_list(out: &mut String, events: &[&str]) {
    out.push('[');
    out.push_str(&events.join(","));
    out.push(']');
}

/// A Lambda batch.
pub(super) fn push_records(
    out: &mut String,
    events: &[&str],
    mut entry: impl FnMut(&mut String, &str),
) {
    out.push_str("{\"Records\":[");
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        entry(out, event);
    }
    out.push_str("]}");
}

/// What `aws sqs receive-message` prints: half of the queues are subscribed to a topic with raw
/// delivery.
pub(super) fn push_received(out: &mut String, rng: &mut Rng, events: &[&str]) {
    out.push_str("{\"Messages\":[");
    for (at, event) in events.iter().enumerate() {
        let mut body = String::new();
        if rng.bool() {
            push_sns_text(&mut body, rng, event);
        } else {
            body.push_str(event);
        }
        out.push_str(if at == 0 { "{\"MessageId\":\"" } else { ",{\"MessageId\":\"" });
        out.push_str(&uuid(rng));
        out.push_str("\",\"ReceiptHandle\":\"handle\",\"MD5OfBody\":\"0\",\"Body\":");
        push_string(out, &body);
        out.push('}');
    }
    out.push_str("]}");
}

/// A Lambda batch from Kinesis.
pub(super) fn push_kinesis(out: &mut String, events: &[&str]) {
    push_records(out, events, |out, event| {
        out.push_str("{\"kinesis\":{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":\"1\",");
        out.push_str("\"sequenceNumber\":\"1\",\"data\":\"");
        STANDARD.encode_string(format!("{event}\n"), out);
        out.push_str("\"},\"eventSource\":\"aws:kinesis\",\"eventName\":\"aws:kinesis:record\"}");
    });
}

/// What Firehose gives to the Lambda function of its transformation.
pub(super) fn push_transformation(out: &mut String, rng: &mut Rng, events: &[&str]) {
    out.push_str("{\"invocationId\":\"");
    out.push_str(&uuid(rng));
    out.push_str("\",\"region\":\"eu-west-1\",\"records\":[");
    for (at, event) in events.iter().enumerate() {
        out.push_str(if at == 0 { "{\"recordId\":\"" } else { ",{\"recordId\":\"" });
        push_number(out, at as u64);
        out.push_str("\",\"data\":\"");
        STANDARD.encode_string(format!("{event}\n"), out);
        out.push_str("\"}");
    }
    out.push_str("]}");
}

/// What CloudWatch Logs sends of a log group.
pub(super) fn push_log_events(out: &mut String, events: &[&str]) {
    out.push_str("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"123456789012\",");
    out.push_str("\"logGroup\":\"/aws/events/ses\",\"logStream\":\"s\",\"logEvents\":[");
    for (at, event) in events.iter().enumerate() {
        out.push_str(if at == 0 { "{\"id\":\"" } else { ",{\"id\":\"" });
        push_number(out, at as u64);
        out.push_str("\",\"timestamp\":");
        push_number(out, u64::try_from(ARRIVAL_MS).unwrap_or(0));
        out.push_str(",\"message\":");
        push_string(out, event);
        out.push('}');
    }
    out.push_str("]}");
}

/// The same as a Lambda function receives it.
pub(super) fn push_log_data(out: &mut String, events: &[&str]) {
    let mut logs = String::new();
    push_log_events(&mut logs, events);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(logs.as_bytes());
    let bytes = written.and_then(|()| encoder.finish()).expect("memory takes every byte");
    out.push_str("{\"awslogs\":{\"data\":\"");
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}}");
}
