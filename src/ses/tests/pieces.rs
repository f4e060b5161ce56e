//! Texts in pieces: the same visits for any pieces, and no panic for any bytes.

use std::io::Read;

use proptest::prelude::*;

use super::inputs::{awkward_stream, mutated_stream, soup};
use super::*;
use crate::ses::compare;
use crate::ses::event::value::Value;
use crate::ses::event::value_reader::ValueReader;

/// Returns bytes in pieces of the given sizes, repeatedly.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let size = *self.sizes.next().expect("there is a size");
        let len = size.min(out.len()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(len);
        out[..len].copy_from_slice(piece);
        self.bytes = rest;
        Ok(len)
    }
}

fn in_pieces(bytes: &[u8], chunk: usize, sizes: &[usize]) -> Vec<Seen> {
    visits(|interest, log| {
        let pieces = Pieces { bytes, sizes: sizes.iter().cycle() };
        Reader::with_block_bytes(pieces, chunk)
            .read(0, interest, log)
            .expect("reading from memory");
    })
}

fn assert_chunks_do_not_matter(
    bytes: &[u8],
    chunk: usize,
    sizes: &[usize],
) -> Result<(), TestCaseError> {
    let whole = seen(bytes);
    prop_assert_eq!(&in_pieces(bytes, chunk, sizes), &whole, "{}", bytes.escape_ascii());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A stream in pieces has the same visits as the whole text, whatever the pieces.
    #[test]
    fn stream_in_pieces_gives_the_same_visits(
        bytes in awkward_stream(),
        chunk in 1..2000_usize,
        sizes in prop::collection::vec(1..700_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }

    /// The same for a damaged stream.
    #[test]
    fn damaged_stream_in_pieces_gives_the_same_visits(
        bytes in mutated_stream(),
        chunk in 1..2000_usize,
        sizes in prop::collection::vec(1..700_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// The same for any sequence of fragments.
    #[test]
    fn soup_in_pieces_gives_the_same_visits(
        bytes in soup(),
        chunk in 1..40_usize,
        sizes in prop::collection::vec(1..9_usize, 1..5),
    ) {
        assert_chunks_do_not_matter(&bytes, chunk, &sizes)?;
    }

    /// Nothing panics, whatever the bytes and the way they are read.
    #[test]
    fn reader_never_panics(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), soup()],
    ) {
        let interest = interest();
        let mut log = Log { interest: &interest, seen: Vec::new() };
        read_all(&bytes, &interest, &mut log);
        read_record(&bytes, &interest, &mut log);
        read_record(&[b"\x1f\x8b\x08\0", &bytes[..]].concat(), &interest, &mut log);
        let log = || Log { interest: &interest, seen: Vec::new() };
        if let Ok(request) = read_request(&bytes, &interest) {
            let _ = request.read(&interest, log);
        }
        let body = firehose(&[&bytes]);
        let request = read_request(body.as_bytes(), &interest).unwrap();
        prop_assert!(request.read(&interest, log).is_ok());
    }

    /// More bytes never change an earlier result: before the end, a step is final or incomplete.
    #[test]
    fn step_is_final_or_incomplete(text in soup(), more in soup()) {
        let interest = interest();
        let longer = [&text[..], &more].concat();
        let read = |text: &[u8]| {
            let mut value = Value::default();
            let step = ValueReader::default().read(text, 0, &interest, VALUE_BYTES_MAX, &mut value);
            compare::describe(step, &value, &interest)
        };
        let step = read(&text);
        let is_number = matches!(text.first(), Some(b'-' | b'0'..=b'9'));
        if step != "Incomplete" && !is_number {
            prop_assert_eq!(step, read(&longer), "{}", longer.escape_ascii());
        }
    }
}
