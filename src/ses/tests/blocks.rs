//! Where texts are split into blocks.

use proptest::prelude::*;

use super::*;
use crate::synth::{Generator, Profile};

/// The blocks of a text, as texts.
fn blocks(text: &str, block_bytes: usize) -> Vec<String> {
    let mut blocks = Blocks::new(text.as_bytes(), 0, block_bytes);
    let next = || blocks.next(Vec::new()).map(|block| String::from_utf8(block.bytes).unwrap());
    std::iter::from_fn(next).collect()
}

#[test]
fn block_ends_where_an_object_ends_and_another_begins() {
    // The text, and the cut of a block that holds everything except its last byte.
    for (text, cut) in [
        // On a new line, even if there is a later candidate of another kind.
        ("{}\n|{\"}{\":\n[..", "{}\n"),
        ("{}\r\n|{..", "{}\r\n"),
        ("{}\n \n|{..", "{}\n \n"),
        ("{}\n{}\n|{..", "{}\n{}\n"),
        ("x\n{}\n|{..", "x\n{}\n"),
        // Inside a value, objects are separated by commas.
        ("{}\n|{\"a\":[{},\n{\"b\":1},\n{..", "{}\n"),
        ("{}\n|{\"a\":[\n{..", "{}\n"),
        // In a list, where the object is a value, not a member of one.
        ("[{\"mail\":{}},|{\"eventType\":\"Send\"},{\"mail\":{},..", "[{\"mail\":{}},"),
        ("[{},\n|{\"Type\":[{\"name\":\"a\"},{\"name\":\"b\"}]}, {\"Type\":[{},{..", "[{},\n"),
        ("{}\\n|{\"rawData\":\"}, {\"}\\n{\"x\":..", "{}\\n"),
        ("{}\u{1e}|{\"Records\":[]}{\"a{{}}{{}}\":..", "{}\u{1e}"),
        ("{\"a\":{}}\n  |{\"Message\":1}..", "{\"a\":{}}\n  "),
        // After any line, or nowhere.
        ("[1]\n[2]\n|[3]..", "[1]\n[2]\n"),
        ("{\"a\":{},\n|\"b\":..", "{\"a\":{},\n"),
        ("{}{}{\"a\":1.|.", "{}{}{\"a\":1."),
        ("{\"a\":{},\"b\":.|.", "{\"a\":{},\"b\":."),
    ] {
        let text = text.replacen('|', "", 1);
        let all = blocks(&text, text.len() - 1);
        assert_eq!(all[0], cut, "{text}");
        assert_eq!(all.concat(), text);
    }
}

/// However many lists are open, and whatever separates their values.
#[test]
fn list_on_one_line_is_cut_between_its_values() {
    let profile = Profile { seed: 11, awkward: true, ..Profile::default() };
    let events: Vec<_> = Generator::new(profile).take(300).map(|event| event.json).collect();
    for depth in [0, 1, 3, 8] {
        for separator in [",", ", ", ",\n    ", "\\n", "\u{1e}"] {
            let (mut text, mut starts) = ("[".repeat(depth), Vec::new());
            for (at, event) in events.iter().enumerate() {
                // Some values are wrapped.
                let wrapped = [event.clone(), sns(event), sqs(event), event.clone()];
                starts.push(text.len());
                text += &wrapped[at % wrapped.len()];
                text += separator;
            }
            text += &"]".repeat(depth);
            let blocks = blocks(&text, 20_000);
            assert!(blocks.len() > 20, "{}", blocks.len());
            let mut cut = 0;
            for block in &blocks[..blocks.len() - 1] {
                cut += block.len();
                assert!(starts.contains(&cut), "{depth} {separator:?}: {}", &text[cut..cut + 40]);
            }
        }
    }
}

#[test]
fn last_block_says_how_the_text_ended() {
    let ends = |text: &[u8], gzips, block_bytes| {
        let mut blocks = Blocks::new(text, gzips, block_bytes);
        let next = || blocks.next(Vec::new());
        std::iter::from_fn(next)
            .map(|block| (block.bytes.len(), block.end.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(b"", 0, 4), [(0, true)]);
    assert_eq!(ends(b"123", 0, 4), [(3, true)]);
    // Only the next read shows that the input has ended.
    assert_eq!(ends(b"1234", 0, 4), [(4, false), (0, true)]);
    assert_eq!(ends(b"12345", 0, 4), [(4, false), (1, true)]);

    let zipped = gzipped("12345");
    let end = |input: &[u8], gzips| {
        let mut blocks = Blocks::new(GzipReader::new(input), gzips, 9);
        blocks.next(Vec::new()).and_then(|block| block.end)
    };
    let torn = &zipped[..zipped.len() - 1];
    assert!(matches!(end(&zipped, 1), Some(TextEnd::Whole)));
    assert!(matches!(end(torn, 1), Some(TextEnd::Torn)));
    assert!(matches!(end(torn, 0), Some(TextEnd::Failed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The blocks add up to the text, none is too long, and four in a row are at least as long as
    /// one may be. So splitting any text takes time proportional to its length.
    #[test]
    fn blocks_make_up_the_text_and_are_few(
        parts in prop::collection::vec(
            (
                prop::sample::select(
                    &["}\n{", "},{\"Type\":1}", "\n", "x", "{", "}", " ", "},{\"a\":"][..],
                ),
                1..30_usize,
            ),
            0..30,
        ),
        block_bytes in 1..100_usize,
    ) {
        let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        let mut blocks = Blocks::new(text.as_bytes(), 0, block_bytes);
        let all: Vec<_> = std::iter::from_fn(|| blocks.next(Vec::new())).collect();
        let mut offset = 0;
        for block in &all {
            prop_assert_eq!(block.offset, offset);
            prop_assert!(block.bytes.len() <= block_bytes);
            offset += block.bytes.len() as u64;
        }
        let bytes: Vec<_> = all.iter().flat_map(|block| block.bytes.iter().copied()).collect();
        prop_assert_eq!(bytes, text.as_bytes());
        let (last, full) = all.split_last().expect("there is a last block");
        prop_assert!(last.end.is_some() && full.iter().all(|block| block.end.is_none()));
        for four in full.windows(4) {
            let len: usize = four.iter().map(|block| block.bytes.len()).sum();
            prop_assert!(len >= block_bytes, "{:?}", text);
        }
    }
}
