//! Firehose deliveries in which some records are compressed, torn or not base64 at all.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::fault_values::NOTICE;
use super::stream::RecordWriter;
use super::text::uuid;
use super::wrap::SynthWrapping;
use crate::ses::NonEvent;

/// Members of a record whose `data` is not valid base64 (standard alphabet, padding optional).
const NOT_BASE64: [&str; 10] = [
    "",
    "\"data\":null",
    "\"data\":7",
    "\"data\":[\"e30=\"]",
    "\"Data\":\"e30=\"",
    "\"data\":\"not base64!\"",
    "\"data\":\"eyJ-Ij_xfQ==\"",
    "\"data\":\"e30=e30=\"",
    "\"data\":\"e30e3\"",
    "\"data\":\"\\ud800\"",
];

/// The first bytes of compressions that are not read, and newlines that end no line.
const COMPRESSED: [&[u8]; 5] = [
    b"PK\x03\x04\x14\0\0\0\x08\0\n{}\n",
    b"\xff\x06\0\0sNaPpY\x01\n{}\n",
    b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\n{}\n",
    b"\0\0\x01\x2c\0\0\0\x46\xac\x02\xf0\n{}\n",
    b"BZh91AY&SY\n{}\n",
];

impl RecordWriter {
    /// A Firehose request of several records of different kinds.
    pub(super) fn odd_firehose(&mut self) {
        let id = uuid(&mut self.rng);
        let mut json =
            format!("{{\"requestId\":\"{id}\",\"timestamp\":1795176000000,\"records\":[");
        for at in 0..self.rng.usize(1..6) {
            json.push_str(if at == 0 { "{" } else { ",{" });
            if self.rng.u32(0..5) == 0 {
                json.push_str(NOT_BASE64[self.rng.usize(0..NOT_BASE64.len())]);
                self.count(NonEvent::Malformed, 1);
            } else {
                let data = self.record();
                let engine = if self.rng.bool() { &STANDARD } else { &STANDARD_NO_PAD };
                json.push_str("\"data\":\"");
                engine.encode_string(data, &mut json);
                json.push('"');
            }
            json.push('}');
        }
        json.push_str("]}");
        self.value(&json);
    }

    fn record(&mut self) -> Vec<u8> {
        match self.rng.u32(0..16) {
            11 => {
                self.count(NonEvent::Malformed, 1);
                COMPRESSED[self.rng.usize(0..COMPRESSED.len())].to_vec()
            }
            12 => {
                let [first, second] = [self.lines(), self.lines()];
                [gzip(&first).0, b"\n".to_vec(), gzip(&second).0, b"\r\n \t".to_vec()].concat()
            }
            13 => {
                self.count(NonEvent::Malformed, 1);
                let events = self.lines();
                [gzip(&events).0, events].concat()
            }
            0 => {
                let events = self.lines();
                gzip(&events).0
            }
            1 => {
                let [first, second] = [self.lines(), self.lines()];
                [gzip(&first).0, gzip(&second).0].concat()
            }
            2 | 3 => self.torn_gzip(),
            4 => {
                self.count(NonEvent::Malformed, 1);
                let (mut torn, events) = (self.torn(), self.lines());
                torn.push(b'\n');
                [torn, events].concat()
            }
            5 => {
                self.count(NonEvent::Malformed, 1);
                let (events, torn) = (self.lines(), self.torn());
                [events, torn].concat()
            }
            6 => {
                self.count(NonEvent::Notice, 1);
                NOTICE.as_bytes().to_vec()
            }
            7 => {
                self.count(NonEvent::Malformed, 1);
                b"{\"eventType\":\"Send\",\"mail\":{\"source\":\"\xe9\"}}\n".to_vec()
            }
            8 => [b"\xef\xbb\xbf".to_vec(), self.lines()].concat(),
            9 => {
                self.count(NonEvent::Foreign, 2);
                b"{\"level\":\"info\"}\ntrue".to_vec()
            }
            10 => {
                let event = self.event().json;
                SynthWrapping::LambdaSqsSns.wrap(&mut self.rng, &[&event]).into_bytes()
            }
            _ => self.lines(),
        }
    }

    /// One to three events, each with its newline.
    fn lines(&mut self) -> Vec<u8> {
        let many = self.rng.usize(1..4);
        (0..many).flat_map(|_| self.event().json.into_bytes().into_iter().chain([b'\n'])).collect()
    }

    /// A truncated gzip stream. It is cut where no value is incomplete: in the header, after a
    /// flushed block, or in the trailer.
    fn torn_gzip(&mut self) -> Vec<u8> {
        self.count(NonEvent::Malformed, 1);
        match self.rng.u32(0..3) {
            0 => {
                let mut bytes = gzip(self.plain_event().as_bytes()).0;
                bytes.truncate(self.rng.usize(2..10));
                bytes
            }
            1 => {
                let events = self.lines();
                let (mut bytes, flushed) = gzip(&events);
                bytes.truncate(flushed);
                bytes
            }
            _ => {
                let events = self.lines();
                let mut bytes = gzip(&events).0;
                bytes.truncate(bytes.len() - self.rng.usize(1..=8));
                bytes
            }
        }
    }
}

/// A gzip stream, and the length that suffices to read its whole content.
fn gzip(content: &[u8]) -> (Vec<u8>, usize) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(content).and_then(|()| encoder.flush());
    let flushed = encoder.get_ref().len();
    let bytes = written.and_then(|()| encoder.finish()).expect("memory takes every byte");
    (bytes, flushed)
}
