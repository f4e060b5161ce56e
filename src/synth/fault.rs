//! Values between events: malformed, foreign, control and notice values.

use super::stream::RecordWriter;
use super::wrap::{SynthWrapping, push_sns, push_sqs, quoted};
use crate::ses::NonEvent;

pub(super) const NOTICE: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// Lines with one malformed value each.
const BROKEN: [&[u8]; 58] = [
    b"NaN",
    b"-Infinity",
    b"[NaN]",
    b"{\"eventType\":\"Send\",\"mail\":{\"size\":Infinity}}",
    b"{\"eventType\":\"Send\",}",
    b"{'eventType':'Send'}",
    b"{eventType:\"Send\"}",
    b"{\"a\" 1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{,}",
    b"{1:2}",
    b"{null:2}",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[01]",
    b"[-01]",
    b"[1.]",
    b"[.5]",
    b"[+1]",
    b"[1e]",
    b"[1e+]",
    b"[-]",
    b"[0x10]",
    b"[1_000]",
    b"[1}",
    b"{\"a\":1]",
    b"[tRue]",
    b"[nul]",
    b"tru",
    b"undefined",
    b"]",
    b"}",
    b",",
    b":",
    b"-",
    b"// a comment",
    b"/* a comment */ {\"eventType\":\"Send\",\"mail\":{}}",
    b"garbage {\"eventType\":\"Send\",\"mail\":{}} garbage",
    b"Successfully validated SNS topic.",
    b"[\"\\x41\"]",
    b"[\"\\u12g4\"]",
    b"[\"\\ud8\"]",
    b"[\"\\'\"]",
    b"\"no end",
    b"[\"a tab \t here\"]",
    b"{\"key\x01\":1}",
    b"\x0c",
    b"\x00",
    b"[1,\x0b2]",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"[\"\xc3\"]",
    b"{\"\xe2\x82\":1}",
    b"[\"\xc0\x80 \xed\xa0\x80\"]",
    b"\xc2\xa0{}",
];

/// Bytes that are not allowed in a string: control characters and invalid UTF-8.
const FORBIDDEN: [&[u8]; 10] = [
    b"\x00",
    b"\x01",
    b"\t",
    b"\x1f",
    b"\xff",
    b"\x80",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x8e",
];

/// Valid JSON that is not from SES.
const FOREIGN: [&str; 40] = [
    "42",
    "-0",
    "0.5",
    "1e999",
    "-1E-999",
    "9999999999999999999999999999999999999999",
    "true",
    "false",
    "null",
    "\"\"",
    "\"text\"",
    "\"\\ud800\"",
    "\"\\udc00 \\uD83D\\uD83D\"",
    "\"Successfully validated SNS topic for Amazon SES event publishing.\"",
    "[]",
    "{}",
    "[{\"eventType\":\"Send\",\"mail\":{}}]",
    "[[],{},[{}]]",
    "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"mail-events\",\"HostId\":\"x\"}",
    "{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{}}]}",
    "{\"Records\":\"none\"}",
    "{\"Records\":null,\"eventType\":null}",
    "{\"eventType\":null}",
    "{\"eventType\":5,\"mail\":{}}",
    "{\"notificationType\":[\"Bounce\"],\"mail\":{}}",
    "{\"eventtype\":\"Send\",\"mail\":{}}",
    "{\"mail\":{\"tags\":{}},\"send\":{}}",
    "{\"event\":{\"eventType\":\"Send\",\"mail\":{}}}",
    "{\"Message\":\"{\\\"eventType\\\":\\\"Send\\\",\\\"mail\\\":{}}\"}",
    "{\"Type\":\"Notification\",\"TopicArn\":\"arn:aws:sns:eu-west-1:123456789012:ses-events\"}",
    "{\"Type\":\"Notification\",\"Message\":null}",
    "{\"Type\":\"Notification\",\"Message\":42,\"TopicArn\":\"arn\"}",
    "{\"detail-type\":\"Email Sent\",\"source\":\"aws.ses\"}",
    "{\"detail-type\":\"Email Sent\",\"detail\":{\"eventType\":\"Send\",\"mail\":{}}}",
    "{\"detail-type\":\"Sent\",\"source\":\"shop\",\"detail\":{\"eventType\":\"Send\",\"mail\":{}}}",
    "{\"detail-type\":\"Sending Status Enabled\",\"source\":\"aws.ses\",\"detail\":{\"version\":1}}",
    "{\"records\":[{\"data\":\"e30=\"}]}",
    "{\"requestId\":\"r\",\"records\":{\"data\":\"e30=\"}}",
    "{\"rawData\":\"e30=\"}",
    "{\"errorCode\":\"x\",\"rawData\":null}",
];

/// Wrappings without content.
const NOTHING: [&str; 6] = [
    "{\"Records\":[]}",
    "{\"Records\":[{\"body\":\"\"},{\"body\":\" \\n\"}]}",
    "{\"Type\":\"Notification\",\"Message\":\"\"}",
    "{\"TopicArn\":\"arn\",\"Message\":\" \\r\\n\\t\"}",
    "{\"requestId\":\"r\",\"timestamp\":1795176000000,\"records\":[]}",
    "{\"requestId\":\"r\",\"records\":[{\"data\":\"\"},{\"data\":\"Cg==\"},{\"data\":\"Cg\"}]}",
];

/// Entries of `Records` that are neither from SQS nor from SNS, or that contain neither text nor
/// object.
const FOREIGN_ENTRIES: [&str; 8] = [
    "{}",
    "7",
    "\"text\"",
    "{\"body\":null}",
    "{\"body\":7}",
    "{\"Sns\":null}",
    "{\"Sns\":{}}",
    "{\"eventSource\":\"aws:s3\",\"s3\":{\"object\":{\"key\":\"k\"}}}",
];

impl RecordWriter {
    /// Writes one of these values and counts its effect.
    pub(super) fn fault(&mut self) {
        match self.rng.u32(0..17) {
            0 | 1 => {
                let torn = self.torn();
                self.malformed(&torn);
            }
            2 | 3 => {
                let line = BROKEN[self.rng.usize(0..BROKEN.len())];
                self.malformed(line);
            }
            4 | 5 => self.forbidden_bytes(),
            6 => self.levels(),
            7 | 8 => {
                let value = FOREIGN[self.rng.usize(0..FOREIGN.len())];
                self.line(value.as_bytes());
                self.count(NonEvent::Foreign, 1);
            }
            9 => {
                let value = NOTHING[self.rng.usize(0..NOTHING.len())];
                self.value(value);
            }
            10 => self.notice(),
            11 => self.control(),
            12 => self.nested(),
            13 => self.sns_text(),
            14 => self.odd_records(),
            _ => self.odd_firehose(),
        }
    }

    fn malformed(&mut self, line: &[u8]) {
        self.line(line);
        self.count(NonEvent::Malformed, 1);
    }

    /// An event that is valid except for bytes inside one of its strings.
    fn forbidden_bytes(&mut self) {
        let event = self.plain_event();
        let marks: Vec<_> =
            event.match_indices("\":\"").map(|(at, mark)| at + mark.len()).collect();
        let at = marks[self.rng.usize(0..marks.len())];
        let bytes = FORBIDDEN[self.rng.usize(0..FORBIDDEN.len())];
        let line = [&event.as_bytes()[..at], bytes, &event.as_bytes()[at..]].concat();
        self.malformed(&line);
    }

    /// 128 levels are allowed, 129 are not.
    fn levels(&mut self) {
        let levels = if self.rng.bool() { 128 } else { 129 };
        let other = if levels == 128 { NonEvent::Foreign } else { NonEvent::Malformed };
        match self.rng.u32(0..4) {
            0 => {
                let line = format!("{}0{}", "[".repeat(levels), "]".repeat(levels));
                self.line(line.as_bytes());
                self.count(other, 1);
            }
            1 => {
                let line = format!("{}[]{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1));
                self.line(line.as_bytes());
                self.count(other, 1);
            }
            2 => self.malformed("[".repeat(100_000).as_bytes()),
            _ => {
                let event = self.plain.next().expect("the sequence has no end");
                let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
                let line = format!("{{\"deep\":{open}{close},{}", &event.json[1..]);
                self.line(line.as_bytes());
                if levels == 128 {
                    self.stream.facts.push(event.facts);
                } else {
                    self.count(NonEvent::Malformed, 1);
                }
            }
        }
    }

    fn notice(&mut self) {
        match self.rng.u32(0..5) {
            0 => self.value(NOTICE),
            1 => self.line(NOTICE.as_bytes()),
            2 => {
                let mut json = String::new();
                push_sns(&mut json, &mut self.rng, "SigningCertURL", &quoted(NOTICE));
                self.value(&json);
            }
            3 => {
                let json = SynthWrapping::SqsBody.wrap(&mut self.rng, &[NOTICE]);
                self.value(&json);
            }
            _ => {
                // Text is a stream: a notice and an event in one message.
                let event = self.event().json;
                let text = format!(" {NOTICE}{event}");
                let json = SynthWrapping::SnsEnvelope.wrap(&mut self.rng, &[&text]);
                self.value(&json);
            }
        }
        self.count(NonEvent::Notice, 1);
    }

    fn control(&mut self) {
        let kind =
            if self.rng.bool() { "SubscriptionConfirmation" } else { "UnsubscribeConfirmation" };
        let mut json = format!(
            "{{\"Type\":\"{kind}\",\"Token\":\"t0k3n\",\"TopicArn\":\"arn:aws:sns:eu-west-1:"
        );
        json.push_str("123456789012:ses-events\",\"Message\":\"{\\\"eventType\\\":\\\"Send\\\",");
        json.push_str(
            "\\\"mail\\\":{}}\",\"SubscribeURL\":\"https://sns.eu-west-1.amazonaws.com/\"}",
        );
        let wrapping = [
            SynthWrapping::Bare,
            SynthWrapping::Bare,
            SynthWrapping::SqsBody,
            SynthWrapping::SqsBodyObject,
        ];
        let wrapping = wrapping[self.rng.usize(0..wrapping.len())];
        let json = wrapping.wrap(&mut self.rng, &[&json]);
        self.value(&json);
        self.count(NonEvent::Control, 1);
    }

    /// An event in eight wrappings is read; in nine, it is foreign.
    fn nested(&mut self) {
        let levels = if self.rng.bool() { 8 } else { 9 };
        let mut json = if levels == 8 { self.event().json } else { self.plain_event() };
        for level in 0..levels {
            // Text inside text doubles its backslashes, so most levels are objects or base64.
            let wrappings = [
                SynthWrapping::SnsEnvelopeObject,
                SynthWrapping::SqsBodyObject,
                SynthWrapping::FirehoseFailed,
                SynthWrapping::FirehoseRequest,
                SynthWrapping::SnsEnvelope,
                SynthWrapping::SqsBody,
            ];
            let few = if level % 4 == 0 { wrappings.len() } else { 3 };
            json = wrappings[self.rng.usize(0..few)].wrap(&mut self.rng, &[&json]);
        }
        self.value(&json);
        if levels == 9 {
            self.count(NonEvent::Foreign, 1);
        }
    }

    /// The text of an SNS message or SQS body that is more, or less, than one event.
    fn sns_text(&mut self) {
        let text = match self.rng.u32(0..6) {
            0 => {
                self.count(NonEvent::Malformed, 1);
                "plain words, not JSON".to_owned()
            }
            1 => {
                let event = self.plain_event();
                self.count(NonEvent::Malformed, 1);
                event[..event.len() - 1].to_owned()
            }
            2 => {
                self.count(NonEvent::Malformed, 1);
                let event = self.event().json;
                format!("{{\"eventType\":\"Send\",\"mail\":\n{event}\n")
            }
            3 => format!("\u{feff}{}", self.event().json),
            4 => {
                let (one, two) = (self.event().json, self.event().json);
                self.count(NonEvent::Foreign, 2);
                format!("{one}{two}\n7\n[]")
            }
            _ => {
                self.count(NonEvent::Malformed, 1);
                format!("{} NaN\n", self.event().json)
            }
        };
        let wrapping =
            [SynthWrapping::SnsEnvelope, SynthWrapping::SqsBody, SynthWrapping::LambdaSns];
        let wrapping = wrapping[self.rng.usize(0..wrapping.len())];
        let json = wrapping.wrap(&mut self.rng, &[&text]);
        self.value(&json);
    }

    /// A batch with some foreign entries.
    fn odd_records(&mut self) {
        let mut json = String::from("{\"Records\":[");
        for at in 0..self.rng.usize(1..5) {
            if at > 0 {
                json.push(',');
            }
            if self.rng.bool() {
                json.push_str(FOREIGN_ENTRIES[self.rng.usize(0..FOREIGN_ENTRIES.len())]);
                self.count(NonEvent::Foreign, 1);
            } else {
                let event = self.event().json;
                push_sqs(&mut json, &mut self.rng, &quoted(&event));
            }
        }
        json.push_str("]}");
        self.value(&json);
    }
}
