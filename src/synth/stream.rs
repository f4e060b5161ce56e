//! One long byte stream of events in every wrapping, interspersed with faults of known effect.
//!
//! Values follow each other with or without white space, some over several lines. After a fault,
//! reading resumes after the first newline behind the first byte of the malformed value, so each
//! malformed value is one line with a newline at the end. A valid value may precede it on that
//! line.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::event::{Generator, SynthEvent};
use super::facts::Facts;
use super::profile::Profile;
use super::text::indented;
use super::truth::Truth;
use super::wrap::SynthWrapping;
use crate::ses::NonEvent;

/// Options of a stream.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct StreamOptions {
    /// The wrappings to use; none means bare events only.
    pub wrappings: Vec<SynthWrapping>,
    /// Faults, foreign values, notices and the like for each thousand wrapped values.
    pub faults_per_mille: u32,
    /// Prints some values over several lines.
    pub pretty: bool,
    /// Starts with a byte order mark.
    pub byte_order_mark: bool,
    /// Separates some values by what is not white space: commas, record separators, and the texts
    /// `\n`, `\r` and `\t`.
    pub odd_separators: bool,
    /// Ends inside a value: one more `malformed`.
    pub torn_end: bool,
    /// Ends inside a list: one more `malformed`.
    pub open_end: bool,
}

/// A stream and its facts.
#[derive(Clone, Debug)]
pub struct EventStream {
    /// The stream.
    pub bytes: Vec<u8>,
    /// The events in it, including those of unknown type, in order.
    pub facts: Vec<Facts>,
    /// The number of innermost values of other kinds.
    pub non_events: BTreeMap<NonEvent, u64>,
}

/// A stream being written.
pub(super) struct RecordWriter {
    pub rng: Rng,
    pub stream: EventStream,
    pub events: Generator,
    /// Events without oddities, for faults that depend on positions.
    pub plain: Generator,
    separators: &'static [&'static str],
}

/// What stands between two values; white space first.
const SEPARATORS: [&str; 14] = [
    "",
    "",
    "\n",
    "\n",
    "\r\n",
    " ",
    "\t \n\n",
    ",",
    " ,\n",
    ",,",
    "\u{1e}",
    "\u{1e}\n",
    "\\n",
    "\\r\\n\\t",
];
const WHITE_SPACE: usize = 7;

/// Generates a stream with `events` wrapped events of the profile; faults may add a few events.
pub fn stream(profile: Profile, events: usize, options: &StreamOptions) -> EventStream {
    let mut writer = RecordWriter::new(profile, options);
    let mut left = events;
    while left > 0 {
        left -= writer.wrapped(left, options);
        if writer.rng.u32(0..1000) < options.faults_per_mille {
            writer.fault();
        }
    }
    if options.open_end {
        let lists = writer.rng.usize(1..4);
        let list = format!("{}{}", "[".repeat(lists), writer.event().json);
        writer.value(&list);
        writer.count(NonEvent::Malformed, 1);
    }
    if options.torn_end {
        writer.separate();
        let torn = writer.torn();
        writer.stream.bytes.extend_from_slice(&torn);
        writer.count(NonEvent::Malformed, 1);
    }
    writer.stream
}

// === impl StreamOptions ===

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            wrappings: SynthWrapping::ALL.to_vec(),
            faults_per_mille: 400,
            pretty: true,
            byte_order_mark: true,
            odd_separators: true,
            torn_end: false,
            open_end: false,
        }
    }
}

// === impl EventStream ===

impl EventStream {
    /// Adds the content of the stream to a truth.
    pub fn tell(&self, truth: &mut Truth) {
        for facts in &self.facts {
            truth.add(facts);
        }
        for (other, count) in &self.non_events {
            for _ in 0..*count {
                truth.add_non_event(*other);
            }
        }
    }
}

// === impl RecordWriter ===

impl RecordWriter {
    fn new(profile: Profile, options: &StreamOptions) -> Self {
        let rng = Rng::with_seed(profile.seed ^ 0x5eed);
        let plain = Profile { awkward: false, seed: profile.seed ^ 0x9a1e, ..profile.clone() };
        let bytes = if options.byte_order_mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        Self {
            rng,
            stream: EventStream { bytes, facts: Vec::new(), non_events: BTreeMap::new() },
            events: Generator::new(profile),
            plain: Generator::new(plain),
            separators: &SEPARATORS
                [..if options.odd_separators { SEPARATORS.len() } else { WHITE_SPACE }],
        }
    }

    pub(super) fn count(&mut self, other: NonEvent, count: u64) {
        *self.stream.non_events.entry(other).or_default() += count;
    }

    /// An event whose facts are part of the stream.
    pub(super) fn event(&mut self) -> SynthEvent {
        let event = self.events.next().expect("the sequence has no end");
        self.stream.facts.push(event.facts.clone());
        event
    }

    /// The text of an ordinary event that will not be counted.
    pub(super) fn plain_event(&mut self) -> String {
        self.plain.next().expect("the sequence has no end").json
    }

    /// A separator, or nothing, before a value that starts with a brace, bracket, quote or letter.
    pub(super) fn separate(&mut self) {
        let between = self.separators[self.rng.usize(0..self.separators.len())];
        self.stream.bytes.extend_from_slice(between.as_bytes());
    }

    /// A valid value.
    pub(super) fn value(&mut self, json: &str) {
        self.separate();
        self.stream.bytes.extend_from_slice(json.as_bytes());
    }

    /// A value that ends its line: a malformed one, or one that would merge with the next.
    pub(super) fn line(&mut self, bytes: &[u8]) {
        self.separate();
        self.stream.bytes.extend_from_slice(bytes);
        self.stream.bytes.push(b'\n');
    }

    /// Writes a value with events in it and returns how many.
    fn wrapped(&mut self, left: usize, options: &StreamOptions) -> usize {
        let wrapping = match self.rng.u32(0..3) {
            0 => SynthWrapping::Bare,
            _ => self.rng.choice(&options.wrappings).copied().unwrap_or(SynthWrapping::Bare),
        };
        let many = self.rng.usize(1..=wrapping.capacity()).min(left);
        let events: Vec<_> = (0..many).map(|_| self.event()).collect();
        let texts: Vec<_> = events.iter().map(|event| event.json.as_str()).collect();
        let lawful =
            wrapping != SynthWrapping::EventBridge || events.iter().all(|event| !event.legacy);
        let wrapping = if lawful { wrapping } else { SynthWrapping::Bare };
        let mut json = wrapping.wrap(&mut self.rng, &texts);
        if wrapping != SynthWrapping::Bare && self.rng.u32(0..8) == 0 {
            json = self.wrapped_again(wrapping, &json, options);
        }
        if options.pretty && self.rng.u32(0..8) == 0 {
            json = indented(&json);
        }
        self.value(&json);
        many
    }

    /// Puts a wrapping into a wrapping that carries it.
    fn wrapped_again(
        &mut self,
        inner: SynthWrapping,
        json: &str,
        options: &StreamOptions,
    ) -> String {
        use SynthWrapping::{
            EventBridge, JsonText, List, LogData, SnsEnvelopeObject, SqsBodyObject,
        };
        let outer = self.rng.choice(&options.wrappings).copied().unwrap_or(EventBridge);
        match (outer, inner) {
            // Only events, members that are objects, and texts that begin as an object or list does.
            // The whole stream may be gzip too, and a third level is not read.
            (EventBridge, _)
            | (SnsEnvelopeObject | SqsBodyObject, List)
            | (JsonText, JsonText)
            | (LogData, LogData) => json.to_owned(),
            _ => outer.wrap(&mut self.rng, &[json]),
        }
    }

    /// The beginning of a value.
    pub(super) fn torn(&mut self) -> Vec<u8> {
        let event = self.plain_event();
        let whole = match self.rng.u32(0..4) {
            0 => SynthWrapping::SnsEnvelope.wrap(&mut self.rng, &[&event]),
            1 => SynthWrapping::FirehoseRequest.wrap(&mut self.rng, &[&event]),
            _ => event,
        };
        let end = self.rng.usize(1..whole.len());
        whole.as_bytes()[..end].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn seed_gives_the_same_stream() {
        let profile = Profile { awkward: true, ..Profile::default() };
        let make = || stream(profile.clone(), 300, &StreamOptions::default());
        let (one, two) = (make(), make());
        assert_eq!(one.bytes, two.bytes);
        assert_eq!((one.facts, one.non_events), (two.facts, two.non_events));
    }

    #[test]
    fn stream_without_faults_is_a_sequence_of_json_values() {
        let options = StreamOptions {
            faults_per_mille: 0,
            byte_order_mark: false,
            odd_separators: false,
            ..StreamOptions::default()
        };
        let made = stream(Profile::default(), 500, &options);
        assert_eq!((made.facts.len(), made.non_events.len()), (500, 0));
        let values: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_slice(&made.bytes).into_iter().collect();
        let values = values.unwrap();
        let bare = values.iter().filter(|value| value["mail"].is_object()).count();
        assert!(bare > 0 && bare < values.len() && values.len() < 500);
    }

    #[test]
    fn values_of_every_kind_occur() {
        let made = stream(Profile::default(), 3000, &StreamOptions::default());
        let kinds: Vec<_> = made.non_events.keys().copied().collect();
        assert_eq!(
            kinds,
            [NonEvent::Malformed, NonEvent::Foreign, NonEvent::Control, NonEvent::Notice]
        );
        assert!(made.facts.len() > 3000);
        assert!(made.bytes.starts_with(b"\xef\xbb\xbf"));
        let mut truth = Truth::new(&Value::Null, None, "SES");
        made.tell(&mut truth);
        assert_eq!(truth.summary().events, made.facts.len() as u64);
        assert_eq!(truth.summary().malformed, made.non_events[&NonEvent::Malformed]);
    }

    #[test]
    fn torn_end_is_one_more_fault() {
        let sound = StreamOptions { faults_per_mille: 0, ..StreamOptions::default() };
        let torn = StreamOptions { torn_end: true, ..sound.clone() };
        let (sound, torn) =
            (stream(Profile::default(), 20, &sound), stream(Profile::default(), 20, &torn));
        assert!(torn.bytes.starts_with(&sound.bytes));
        assert_eq!(torn.non_events, BTreeMap::from([(NonEvent::Malformed, 1)]));
    }
}
