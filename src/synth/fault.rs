//! Values between events: malformed, foreign, control and notice values.

use super::fault_values::{
    BROKEN, FORBIDDEN, FOREIGN, FOREIGN_ENTRIES, NOTHING, NOTICE, SUBSCRIPTION_SUCCEEDED,
};
use super::sns::push_sns;
use super::stream::RecordWriter;
use super::text::quoted;
use super::wrap::{SynthWrapping, push_sqs};
use crate::ses::NonEvent;

impl RecordWriter {
    /// Writes one of these values and counts its effect.
    pub(super) fn fault(&mut self) {
        match self.rng.u32(0..19) {
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
            15 => self.lists(),
            16 => self.lone_surrogate(),
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
                let line =
                    format!("{{\"a\":{}0{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
                self.line(line.as_bytes());
                self.count(other, 1);
            }
            1 => {
                let line = format!("{}[]{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1));
                self.line(line.as_bytes());
                self.count(other, 1);
            }
            2 => self.malformed("{\"a\":".repeat(100_000).as_bytes()),
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
        match self.rng.u32(0..6) {
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
            4 => {
                let wrapping = [SynthWrapping::Bare, SynthWrapping::SnsEnvelope];
                let wrapping = wrapping[self.rng.usize(0..wrapping.len())];
                let json = wrapping.wrap(&mut self.rng, &[SUBSCRIPTION_SUCCEEDED]);
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
                format!("{one}{two}\n7\n[{{}}]")
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

    /// Lists with faults, foreign values and lists in them.
    fn lists(&mut self) {
        let (one, two) = (self.event().json, self.event().json);
        match self.rng.u32(0..4) {
            0 => {
                let broken = BROKEN[self.rng.usize(0..BROKEN.len())];
                // A `]` would close the list.
                let broken = if broken == b"]" { b"}" } else { broken };
                let list = [b"[", one.as_bytes(), b",\n", broken, b"\n", two.as_bytes(), b"]"];
                self.line(&list.concat());
                self.count(NonEvent::Malformed, 1);
            }
            1 => {
                // Eight levels of lists are read; the ninth is a foreign value.
                let levels = self.rng.usize(1..=8);
                let (open, close) = ("[".repeat(levels), "]".repeat(levels));
                let ninth =
                    if levels == 8 { "[{\"eventType\":\"Send\",\"mail\":{}}]" } else { "0" };
                self.line(format!("{open}{one},{ninth},{two}{close}").as_bytes());
                self.count(NonEvent::Foreign, 1);
            }
            2 => {
                self.line(format!("[{one},[{{}},[]],null,\n {two} , ]").as_bytes());
                self.count(NonEvent::Foreign, 2);
            }
            _ => {
                self.line(format!("[{one}][{two}]]{one}").as_bytes());
                self.count(NonEvent::Malformed, 1);
            }
        }
    }

    /// In a text that is read on, a lone surrogate is one character.
    fn lone_surrogate(&mut self) {
        let event = self.event().json;
        let marked = quoted(&event).replacen('{', "{\\\"odd\\\":\\\"\\ud83d\\\",", 1);
        let mut json = String::new();
        push_sns(&mut json, &mut self.rng, "SigningCertURL", &marked);
        self.value(&json);
    }
}
