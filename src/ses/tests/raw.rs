//! The bytes of single values: read alone, they give the same result as in place.

use proptest::prelude::*;

use super::inputs::{mutated_stream, soup};
use super::*;
use crate::ses::envelope::path::{GZIPS_MAX, LEVELS_MAX};
use crate::synth::{Profile, StreamOptions, stream};

/// Keeps all values.
#[derive(Default)]
struct Kept {
    events: Vec<Vec<u8>>,
    others: Vec<(NonEvent, Vec<Wrapping>, Vec<u8>)>,
}

impl Visitor for Kept {
    fn event(&mut self, _: &Event<'_>, _: &Path, _: u64, raw: &[u8]) {
        self.events.push(raw.to_vec());
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, _: u64, raw: &[u8]) {
        self.others.push((why.kind(), path.iter().collect(), raw.to_vec()));
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl Kept {
    fn record(record: &[u8]) -> Self {
        let mut kept = Self::default();
        read_record(record, &interest(), &mut kept);
        kept
    }

    fn kinds(&self) -> Vec<NonEvent> {
        self.others.iter().map(|(other, ..)| *other).collect()
    }

    fn raws(&self) -> Vec<String> {
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        self.others.iter().map(|(.., raw)| text(raw)).collect()
    }
}

/// Reads bytes as from a dead letter.
fn again(raw: &[u8]) -> Kept {
    let letter = json!({"errorCode": "malformed", "rawData": STANDARD.encode(raw)});
    Kept::record(letter.to_string().as_bytes())
}

fn is_too_deep(other: NonEvent, path: &[Wrapping]) -> bool {
    let gzips = path.iter().filter(|wrapping| **wrapping == Wrapping::Gzip).count();
    let levels = path.len() - gzips;
    match other {
        NonEvent::Foreign => levels >= usize::from(LEVELS_MAX),
        // A list inside of so many wrappings is read as a value, which has another grammar.
        NonEvent::Malformed => levels >= usize::from(LEVELS_MAX) || gzips >= usize::from(GZIPS_MAX),
        _ => false,
    }
}

/// Every value that is not an event gives the same result when its bytes are read alone, and
/// contains no event. A visitor that keeps bytes sees the same values as others.
#[track_caller]
fn assert_reads_alone_as_in_its_place(record: &[u8]) -> usize {
    let kept = Kept::record(record);
    let seen = visits(|interest, log| read_record(record, interest, log));
    let others = seen.iter().filter_map(|seen| match seen {
        Seen::Other { other, .. } => Some(*other),
        Seen::Event { .. } => None,
    });
    assert_eq!(kept.kinds(), others.collect::<Vec<_>>());
    assert_eq!(kept.events.len() + kept.others.len(), seen.len());
    for raw in &kept.events {
        let alone = Kept::record(raw);
        assert_eq!((alone.events.as_slice(), alone.others.len()), (&[raw.clone()][..], 0));
    }
    for (other, path, raw) in &kept.others {
        if !is_too_deep(*other, path) {
            let again = again(raw);
            let told = (again.events.len(), again.kinds());
            assert_eq!(told, (0, vec![*other]), "{path:?} {}", raw.escape_ascii());
        }
    }
    kept.others.len()
}

#[test]
fn fault_is_kept_from_its_first_byte_to_the_end_of_its_line() {
    let send = event("Send");
    let torn = &send[..40];
    let kept =
        Kept::record(format!("{send}\n {torn}\n{send}\n{{\"a\":[1,\n \n{send}{torn}").as_bytes());
    assert_eq!(
        (kept.events.len(), kept.raws()),
        (3, vec![torn.into(), "{\"a\":[1,".into(), torn.into()])
    );
}

/// With any wrapping around an event, and any white space in it.
#[test]
fn event_is_passed_as_received() {
    let send = event("Send").replacen('{', "{\n  ", 1).replace(':', " : ");
    let (quoted, data) = (json!(format!(" {send}\n")), STANDARD.encode(format!("{send}\n\n")));
    for wrapped in [
        format!("\u{feff} {send} "),
        format!(r#"{{"Type":"Notification","TopicArn":"a","Message":{quoted}}}"#),
        format!(r#"{{"Type":"Notification","TopicArn":"a","Message" : {send} }}"#),
        format!(r#"{{"detail-type":"Email Sent","source":"aws.ses","detail": {send},"x":{{}}}}"#),
        format!(r#"{{"Records":[{{"body":{quoted}}}]}}"#),
        format!(r#"{{"requestId":"1","records":[{{"data":"{data}"}}]}}"#),
        format!(r#"{{"errorCode":"x","rawData":"{data}"}}"#),
    ] {
        assert_eq!(Kept::record(wrapped.as_bytes()).events, [send.as_bytes()], "{wrapped}");
    }
}

#[test]
fn fault_with_another_meaning_at_the_start_of_a_text_is_kept_after_a_space() {
    let send = event("Send");
    let packed = gzipped(&send);
    for start in [&b"\xef\xbb\xbf"[..], &packed[..10]] {
        let record = [b"7 ", start, send.as_bytes()].concat();
        let kept = Kept::record(&record);
        assert_eq!(kept.kinds(), [NonEvent::Foreign, NonEvent::Malformed]);
        assert!(kept.others[1].2.starts_with(&[b" ", start].concat()));
        assert_reads_alone_as_in_its_place(&record);
    }
}

#[test]
fn entry_that_cannot_be_read_is_kept_without_its_neighbors() {
    let (send, new) = (event("Send"), event("New"));
    let record = format!(
        r#"{{"Records":[{{"body":{send}}},{{"body":{new}}},{{"x":{send}}},
            {{"Sns":{{"TopicArn":"a","Message":{{"Records":[{{"body":{new}}},{{"body":{send}}}]}}}}}}]}}"#
    );
    let kept = Kept::record(record.as_bytes());
    let foreign = format!("{{\"Records\":[{{\"x\":{send}}}]}}");
    assert_eq!((kept.events.len(), kept.raws()), (2, vec![new.clone(), foreign, new]));
    assert_eq!(assert_reads_alone_as_in_its_place(record.as_bytes()), 3);
}

#[test]
fn records_that_are_not_base64_are_kept_in_a_request_of_their_own() {
    let good = STANDARD.encode(event("Send"));
    let odd = [r#"{"data":"not base64!"}"#, "{}", r#"{"data" : 7}"#, "7", r#"{"data":"\ud800"}"#];
    let records: Vec<_> = odd.iter().map(|odd| format!(r#"{odd},{{"data":"{good}"}}"#)).collect();
    let body = format!(r#" {{"records":[],"requestId":"1","records":[{}]}}"#, records.join(" , "));
    let expected = odd.map(|odd| format!(r#"{{"requestId":"","records":[{odd}]}}"#));

    let interest = interest();
    let request = read_request(body.as_bytes(), &interest).expect("a request");
    let kept = request.read(&interest, Kept::default).expect("its records");
    assert_eq!((kept.events.len(), kept.raws()), (5, expected.to_vec()));

    let kept = Kept::record(body.as_bytes());
    assert_eq!((kept.events.len(), kept.raws()), (5, expected.to_vec()));
    assert_eq!(assert_reads_alone_as_in_its_place(body.as_bytes()), 5);
}

#[test]
fn torn_gzip_is_kept_only_if_nothing_was_decompressed() {
    let packed = gzipped(event("Send"));
    let nothing = &packed[..5];
    assert_eq!(Kept::record(nothing).others[0].2, nothing);
    let torn = &packed[..packed.len() - 3];
    let kept = Kept::record(torn);
    assert_eq!((kept.events.len(), kept.kinds()), (1, vec![NonEvent::Malformed]));
    assert_eq!(kept.others[0].2, [0x1f, 0x8b]);
    for len in 2..packed.len() {
        assert_eq!(assert_reads_alone_as_in_its_place(&packed[..len]), 1);
    }
}

#[test]
fn faults_of_every_kind_read_alone_as_in_place() {
    let profile = Profile { awkward: true, ..Profile::default() };
    let made = stream(profile, 2000, &StreamOptions { torn_end: true, ..StreamOptions::default() });
    let others = assert_reads_alone_as_in_its_place(&made.bytes);
    assert!(others > 250, "{others}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn values_of_damaged_streams_read_alone_as_in_place(bytes in mutated_stream()) {
        assert_reads_alone_as_in_its_place(&bytes);
        assert_reads_alone_as_in_its_place(&gzipped(&bytes));
        let packed = gzipped(&bytes);
        assert_reads_alone_as_in_its_place(&packed[..packed.len() * 2 / 3]);
        assert_reads_alone_as_in_its_place(firehose(&[bytes]).as_bytes());
    }

    #[test]
    fn values_of_any_bytes_read_alone_as_in_place(bytes in soup()) {
        assert_reads_alone_as_in_its_place(&bytes);
    }
}
