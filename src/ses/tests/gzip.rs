//! gzip where it is recognised, of several members, and torn.

use super::*;

/// What the command line's way of reading a gzip file visits.
fn file_kinds(gzip: &[u8]) -> String {
    names(&visits(|interest, log| {
        Reader::new(flate2::bufread::MultiGzDecoder::new(gzip)).read(true, interest, log).unwrap();
    }))
}

/// A record, a file and a Firehose `data` of these bytes hold the same.
#[track_caller]
fn assert_gzip(gzip: &[u8], expected: &str) {
    assert_eq!(record_kinds(gzip), expected);
    assert_eq!(file_kinds(gzip), expected);
    assert_eq!(kinds(firehose(&[gzip])), expected);
}

/// gzip that ends where exactly this text has come out.
fn torn_after(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

#[test]
fn a_tear_inside_a_number_is_one_malformed_too() {
    for torn in ["[-", "[1.", "[1e", "[1E+", "[1.5e-", r#"{"eventType":"Send","x":-"#, "-"] {
        assert_gzip(&torn_after(torn), "malformed");
        assert_gzip(&torn_after(&format!("{}\n{torn}", event("Send"))), "Send malformed");
    }
    // These are faults whatever would have followed, and then there is the tear.
    for fault in ["?.", "[01.", "[--", "{\"a\" -"] {
        assert_gzip(&torn_after(fault), "malformed malformed");
    }
}
