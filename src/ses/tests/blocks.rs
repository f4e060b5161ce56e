//! Where texts are split into blocks.

use proptest::prelude::*;

use super::*;

/// The blocks of a text, as texts.
fn blocks(text: &str, block_bytes: usize) -> Vec<String> {
    let mut blocks = Blocks::new(text.as_bytes(), false, block_bytes);
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
        // On the same line, or indented.
        ("{}{}|{\"a\":1..", "{}{}"),
        ("{\"a\":{}}\n  |{..", "{\"a\":{}}\n  "),
        // After any line, or nowhere.
        ("[1]\n[2]\n|[3]..", "[1]\n[2]\n"),
        ("{\"a\":{},\n|\"b\":..", "{\"a\":{},\n"),
        ("{\"a\":{},\"b\":.|.", "{\"a\":{},\"b\":."),
    ] {
        let text = text.replacen('|', "", 1);
        let all = blocks(&text, text.len() - 1);
        assert_eq!(all[0], cut, "{text}");
        assert_eq!(all.concat(), text);
    }
}

#[test]
fn last_block_says_how_the_text_ended() {
    let ends = |text: &[u8], gzip, block_bytes| {
        let mut blocks = Blocks::new(text, gzip, block_bytes);
        let next = || blocks.next(Vec::new());
        std::iter::from_fn(next)
            .map(|block| (block.bytes.len(), block.end.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(b"", false, 4), [(0, true)]);
    assert_eq!(ends(b"123", false, 4), [(3, true)]);
    // Only the next read shows that the input has ended.
    assert_eq!(ends(b"1234", false, 4), [(4, false), (0, true)]);
    assert_eq!(ends(b"12345", false, 4), [(4, false), (1, true)]);

    let zipped = gzipped("12345");
    let end = |input: &[u8], gzip| {
        let mut blocks = Blocks::new(GzipReader::new(input), gzip, 9);
        blocks.next(Vec::new()).and_then(|block| block.end)
    };
    let torn = &zipped[..zipped.len() - 1];
    assert!(matches!(end(&zipped, true), Some(TextEnd::Whole)));
    assert!(matches!(end(torn, true), Some(TextEnd::Torn)));
    assert!(matches!(end(torn, false), Some(TextEnd::Failed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The blocks add up to the text, none is too long, and four in a row are at least as long as
    /// one may be. So splitting any text takes time proportional to its length.
    #[test]
    fn blocks_make_up_the_text_and_are_few(
        parts in prop::collection::vec(
            (prop::sample::select(&["}\n{", "}{", "\n", "x", "{", "}", " "][..]), 1..30_usize),
            0..30,
        ),
        block_bytes in 1..100_usize,
    ) {
        let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        let mut blocks = Blocks::new(text.as_bytes(), false, block_bytes);
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
