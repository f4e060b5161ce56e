//! gzip: where it is recognized, with several members, and truncated.

use super::*;

/// The values that the command line reads from a gzip file.
fn file_kinds(gzip: &[u8]) -> String {
    names(&visits(|interest, log| {
        Reader::new(GzipReader::new(gzip)).read(1, interest, log).unwrap();
    }))
}

/// A record, a file and a Firehose `data` with these bytes hold the same values.
#[track_caller]
fn assert_gzip(gzip: &[u8], expected: &str) {
    assert_eq!(record_kinds(gzip), expected);
    assert_eq!(file_kinds(gzip), expected);
    assert_eq!(kinds(firehose(&[gzip])), expected);
}

/// gzip that is truncated right after this text.
fn torn_after(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

#[test]
fn gzip_of_several_members_is_one_text() {
    let send = event("Send");
    let (first, second) = send.split_at(20);
    assert_gzip(&gzipped(&send), "Send");
    assert_gzip(&[gzipped(&send), gzipped(&send)].concat(), "Send Send");
    assert_gzip(&[gzipped(first), gzipped(""), gzipped(second)].concat(), "Send");
    assert_gzip(&gzipped(""), "");
    assert_gzip(&gzipped(format!("{send}\n?\n{send}")), "Send malformed Send");
}

#[test]
fn torn_gzip_is_read_up_to_the_tear_which_is_one_malformed() {
    let send = event("Send");
    assert_gzip(&torn_after(""), "malformed");
    assert_gzip(&torn_after(&send), "Send malformed");
    assert_gzip(&torn_after(&format!("{send}\n")), "Send malformed");
    assert_gzip(&torn_after(&format!("{send}\n{}", &send[..30])), "Send malformed");
    assert_gzip(&torn_after(&format!("?\n{send}")), "malformed Send malformed");
    assert_gzip(&torn_after(&format!("{send}\n{{}}")), "Send foreign malformed");
    // The list that the tear leaves open is a fault too.
    assert_gzip(&torn_after(&format!("[{send},")), "Send malformed malformed");
    assert_gzip(&torn_after(&format!("[{send},{{")), "Send malformed malformed");
}

#[test]
fn tear_inside_a_number_is_one_malformed_too() {
    for torn in ["-", "1.", "1e", "1E+", "1.5e-"] {
        let torn = format!("{{\"eventType\":\"Send\",\"x\":[{torn}");
        assert_gzip(&torn_after(&torn), "malformed");
        assert_gzip(&torn_after(&format!("{}\n{torn}", event("Send"))), "Send malformed");
    }
    // Faults, whatever would have followed; then comes the truncation.
    for fault in ["?.", "{\"a\":01.", "{\"a\":--", "{\"a\" -"] {
        assert_gzip(&torn_after(fault), "malformed malformed");
    }
}

#[test]
fn gzip_cut_anywhere_is_at_least_one_malformed_and_no_event_too_many() {
    let text = format!("{}\n", event("Send")).repeat(3);
    let whole = [gzipped(&text), gzipped(&text)].concat();
    let member = gzipped(&text).len();
    for len in 2..whole.len() {
        let seen = visits(|interest, log| read_record(&whole[..len], interest, log));
        let events = seen.iter().filter(|seen| seen.name() == "Send").count();
        let malformed = seen.iter().filter(|seen| seen.name() == "malformed").count();
        assert!(events <= 6, "{len}");
        assert_eq!(malformed, usize::from(len != member), "{len}");
        assert_eq!(events + malformed, seen.len(), "{len}");
        assert_eq!(file_kinds(&whole[..len]), names(&seen), "{len}");
    }
}

#[test]
fn damaged_gzip_is_malformed() {
    let mut damaged = gzipped(event("Send"));
    let end = damaged.len();
    damaged[end - 8] ^= 1; // The checksum.
    assert_gzip(&damaged, "Send malformed");
    assert_gzip(b"\x1f\x8b", "malformed");
    for behind in ["{}", "x\n", "\n\n?\n", "\x0c", ",", "\x1e"] {
        let bytes = [gzipped(event("Send")), behind.into()].concat();
        assert_gzip(&bytes, "Send malformed");
    }
}

/// Agents that put a delimiter behind each record do so behind gzip too.
#[test]
fn white_space_between_and_behind_members_is_skipped() {
    let send = gzipped(event("Send"));
    for space in ["\n", "\r\n", " \t\n\r ", &"\n".repeat(100_000)] {
        let space = space.as_bytes();
        assert_gzip(&[&send[..], space].concat(), "Send");
        assert_gzip(&[&send[..], space, &send].concat(), "Send Send");
        assert_gzip(&[&send[..], &send, space, &send, space].concat(), "Send Send Send");
        let torn = [&send[..], space, &send[..send.len() - 1]].concat();
        assert_gzip(&torn, "Send Send malformed");
    }
    // Bytes that look like white space may be those of a member.
    for len in 0..3000 {
        let text = " ".repeat(len);
        let out = gunzip(&[&gzipped(&text)[..], b"\n"].concat(), 1 << 20, |_| true);
        assert!(!out.torn && out.bytes == text.as_bytes(), "{len}");
    }
}

/// Firehose compresses what CloudWatch Logs has compressed.
#[test]
fn gzip_of_gzip_is_read_and_a_third_level_is_not() {
    let send = event("Send");
    let once = [gzipped(&send), b"\n".to_vec(), gzipped(&send)].concat();
    let twice = gzipped(&once);
    let thrice = gzipped(&twice);
    for (bytes, expected) in [(&twice, "Send Send"), (&thrice, "malformed")] {
        assert_eq!(record_kinds(bytes), expected);
        assert_eq!(kinds(firehose(&[bytes])), expected);
    }
    assert_eq!(record_kinds(gzipped(firehose(&[&once]))), "Send Send");
    assert_eq!(record_kinds(gzipped(firehose(&[&twice]))), "malformed");
    // Of any tear, one is left.
    let torn = [&once[..once.len() - 4]].concat();
    assert_eq!(record_kinds(gzipped(torn)), "Send Send malformed");
    assert_eq!(record_kinds(&twice[..twice.len() - 1]), "Send Send malformed");
}

#[test]
fn other_compressions_are_one_malformed_value_however_many_lines_they_have() {
    for magic in [&b"PK\x03\x04"[..], b"\x82SNAPPY\0", b"BZh91AY&SY", b"\0\0\0\x05\0\0\0\x07\x05"] {
        let bytes = [magic, b"\n{}\n{}\n", event("Send").as_bytes(), b"[\n"].concat();
        assert_eq!(record_kinds(&bytes), "malformed");
        assert_gzip(&gzipped(&bytes), "malformed");
        assert_eq!(kinds(firehose(&[&bytes[..], b"{}"])), "malformed foreign");
        let pieces = visits(|interest, log| {
            Reader::with_block_bytes(&bytes[..], 3).read(0, interest, log).unwrap();
        });
        assert_eq!(names(&pieces), "malformed");
        // Elsewhere they are any fault.
        let text = [b"7 ", &bytes[..]].concat();
        assert_eq!(kinds(&text), "foreign malformed foreign foreign Send malformed");
    }
}

#[test]
fn gzip_is_a_wrapping_but_not_a_level() {
    let seen = visits(|interest, log| {
        read_record(&gzipped(firehose(&[gzipped(event("Send"))])), interest, log);
    });
    assert_eq!(seen[0].path(), [Wrapping::Gzip, Wrapping::FirehoseRequest, Wrapping::Gzip]);
}

/// Whatever wrappings are in between, and however the outermost level is read.
#[test]
fn gzip_is_allowed_twice_on_a_path() {
    let once = firehose(&[gzipped(event("Send"))]);
    let twice = firehose(&[gzipped(sns(&once))]);
    let thrice = firehose(&[gzipped(&twice)]);
    for (text, expected) in [(&once, "Send"), (&twice, "Send"), (&thrice, "malformed")] {
        assert_eq!(record_kinds(text), expected);
        assert_eq!(kinds(text), expected);
    }
    // The gzip of a record, file or body is the first.
    assert_gzip_of_a_text(&once, "Send");
    assert_gzip_of_a_text(&twice, "malformed");
    assert_gzip_of_a_text(&sqs(&twice), "malformed");
}

#[track_caller]
fn assert_gzip_of_a_text(text: &str, expected: &str) {
    assert_eq!(record_kinds(gzipped(text)), expected);
    assert_eq!(file_kinds(&gzipped(text)), expected);
    let interest = interest();
    if let Ok(request) = read_request(text.as_bytes(), &interest) {
        let log = || Log { interest: &interest, seen: Vec::new() };
        let seen = request.within_gzip().read(&interest, log).unwrap().seen;
        assert_eq!(names(&seen), expected);
    }
}

#[test]
fn gzip_is_recognised_in_the_rawdata_of_a_failed_delivery_and_not_in_texts() {
    let data = STANDARD.encode(gzipped(event("Send")));
    assert_eq!(kinds(json!({"rawData": data, "errorCode": "x"}).to_string()), "Send");
    assert_eq!(kinds(json!({"Records": [{"body": data}]}).to_string()), "malformed");
}

#[test]
fn gzip_expands_to_a_limit_and_reports_it() {
    let zeros = gzipped(vec![b' '; 1000]);
    let whole = gunzip(&zeros, 1000, |_| true);
    assert_eq!((whole.bytes.len(), whole.torn, whole.over_limit), (1000, false, false));
    let cut = gunzip(&zeros, 999, |_| true);
    assert_eq!((cut.bytes.len(), cut.torn, cut.over_limit), (999, true, true));
    assert!(is_gzip(&zeros) && !is_gzip(b"\x1f") && !is_gzip(b"{}"));
}

#[test]
fn gzip_expands_step_by_step_as_long_as_it_is_admitted() {
    for len in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, 5 << 19] {
        let text = vec![b'x'; len];
        let zipped = gzipped(&text);
        let whole = gunzip(&zipped, len, |_| true);
        assert!(whole.bytes == text && !whole.torn && !whole.over_limit, "{len}");
        let mut asked = 0;
        let part = gunzip(&zipped, len, |bytes| {
            asked += bytes;
            asked <= 1 << 20
        });
        assert!(part.bytes.len() <= 1 << 20 && text.starts_with(&part.bytes), "{len}");
        assert_eq!(part.torn, len > 1 << 20, "{len}");
        assert_eq!(part.over_limit, part.torn, "{len}");
    }
}

#[test]
fn equal_members_are_all_read() {
    let member = gzipped("the same text ".repeat(50));
    for members in 1..4 {
        let out = gunzip(&member.repeat(members), 1 << 20, |_| true);
        assert!(!out.torn, "{members}");
        assert_eq!(out.bytes.len(), members * 14 * 50, "{members}");
    }
}

#[test]
fn member_with_a_false_length_is_torn_and_allocates_only_what_is_possible() {
    let text = "some text ".repeat(300);
    let member = gzipped(&text);
    let end = member.len() - 4;
    for told in [0, 1, 2_999, 3_001, 50_000, u32::MAX] {
        let lie = [&member[..end], &u32::to_le_bytes(told)].concat();
        let mut asked = 0;
        let out = gunzip(&lie, 128 << 20, |bytes| {
            asked += bytes;
            true
        });
        assert!(out.torn && !out.over_limit, "{told}");
        assert_eq!(out.bytes, text.as_bytes(), "{told}");
        assert!(asked <= 2 << 20, "{told}: {asked}");
    }
}

#[test]
fn bytes_after_the_last_member_are_torn() {
    let member = gzipped("a text");
    for behind in ["x", "12345678", "\x1f\x1f"] {
        let out = gunzip(&[&member[..], behind.as_bytes()].concat(), 1 << 20, |_| true);
        assert_eq!((&out.bytes[..], out.torn), (&b"a text"[..], true), "{behind}");
    }
}

/// A visitor with a budget for decompressed bytes.
struct Budget<'i> {
    log: Log<'i>,
    left: usize,
    over: bool,
}

impl Visitor for Budget<'_> {
    fn event(&mut self, event: &Event<'_>, path: &Path, at: u64, raw: &[u8]) {
        self.log.event(event, path, at, raw);
    }

    fn non_event(&mut self, why: NonEventReason<'_>, path: &Path, at: u64, raw: &[u8]) {
        self.log.non_event(why, path, at, raw);
    }

    fn expand(&mut self, bytes: usize) -> bool {
        self.over |= bytes > self.left;
        self.left = self.left.saturating_sub(bytes);
        !self.over
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

/// The values seen by a visitor with a budget, and the remaining budget.
fn within(budget: usize, read: impl FnOnce(&Interest, &mut Budget<'_>)) -> (String, usize, bool) {
    let interest = interest();
    let log = Log { interest: &interest, seen: Vec::new() };
    let mut visitor = Budget { log, left: budget, over: false };
    read(&interest, &mut visitor);
    (names(&visitor.log.seen), visitor.left, visitor.over)
}

/// Data below the outermost level is charged to the byte, for one member and for several. Nothing
/// beyond the budget is read, and nothing after it.
#[test]
fn inner_gzip_is_charged_and_ends_reading_beyond_the_budget() {
    let send = event("Send");
    let len = send.len();
    let members = [gzipped(&send[..10]), gzipped(&send[10..])].concat();
    let body = firehose(&[gzipped(&send), send.clone().into_bytes(), members, gzipped(&send)]);
    let texts = [body.clone(), sns(&body), format!("{send}\n{}\n{send}", sqs(&body))];
    for (text, before, after) in [(&texts[0], 0, 0), (&texts[1], 0, 0), (&texts[2], 1, 1)] {
        let sends = |count: usize| vec!["Send"; count].join(" ");
        let read = |budget| {
            within(budget, |interest, visitor| read_all(text.as_bytes(), interest, visitor))
        };
        assert_eq!(read(3 * len), (sends(before + 4 + after), 0, false));
        let (seen, _, over) = read(3 * len - 1);
        assert_eq!((seen, over), (sends(before + 3), true));
        let (seen, _, over) = read(2 * len - 1);
        assert_eq!((seen, over), (sends(before + 2), true));
        assert_eq!(read(0), (sends(before), 0, true));
        let blocks = within(0, |interest, visitor| {
            let reader = Reader::with_block_bytes(text.as_bytes(), 100);
            reader.read(0, interest, visitor).unwrap();
        });
        assert_eq!(blocks, (sends(before), 0, true));
    }
    let request = |budget| {
        let interest = interest();
        let fresh = || Budget {
            log: Log { interest: &interest, seen: Vec::new() },
            left: budget,
            over: false,
        };
        let visitor =
            read_request(body.as_bytes(), &interest).unwrap().read(&interest, fresh).unwrap();
        (names(&visitor.log.seen), visitor.over)
    };
    assert_eq!(request(3 * len), ("Send Send Send Send".into(), false));
    assert_eq!(request(2 * len - 1), ("Send Send".into(), true));
}

/// A record that expands endlessly is read up to the maximum length.
#[test]
fn record_expands_to_128_mib() {
    let send = event("Send");
    let padded = |mib: usize| format!("{send}{}{send}", " ".repeat((mib << 20) - 2 * send.len()));
    assert_eq!(record_kinds(gzipped(padded(128))), "Send Send");
    assert_eq!(record_kinds(gzipped(padded(129))), "Send malformed");
}

/// libdeflate accepts a member with a wrong header CRC, which the stream rejects.
#[test]
fn header_with_a_wrong_crc_is_torn_for_both_readers() {
    let mut member = gzipped("{}");
    member[3] |= 0x02;
    for crc in [[0, 0], [0xff, 0xff]] {
        let mut wrong = member.clone();
        wrong.splice(10..10, crc);
        assert!(gunzip(&wrong, 100, |_| true).torn);
    }
}
