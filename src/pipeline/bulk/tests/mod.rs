//! For every text, cut and order, the result equals that of one thread reading the whole text.

mod truth;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::sample::Index;

use super::lock::lock;
use super::sequence::{TextPart, Turn};
use super::settings::BLOCK_BYTES;
use super::text::SharedText;
use super::*;
use crate::definitions;
use crate::pipeline::{NotCounted, NotCountedKind, Tally, Times};
use crate::rules::{Layouts, RuleSet};
use crate::ses::{self, GzipReader, Reader};
use crate::synth::{Profile, StreamOptions, stream};

/// Everything visible about a run.
#[derive(Debug, PartialEq)]
struct Counted {
    counts: BTreeMap<Vec<u8>, u64>,
    tally: Tally,
    /// What each text says of what is not counted.
    said: Vec<Said>,
}

/// Each kind, its first place and its names.
type Said = Vec<(NotCountedKind, u64, Option<String>)>;

fn bulk(workers: usize, block_bytes: usize) -> Bulk {
    let text = include_str!("../../../../config/definitions.json");
    let definitions = definitions::read("definitions.json", text).definitions.expect("no faults");
    let rules = RuleSet::new(&definitions, "SES", None, &Layouts::default());
    let times = Times { arrival_ms: 1_800_000_000_000, use_arrival: false };
    let workers = NonZero::new(workers).expect("a worker");
    Bulk { rules: Arc::new(rules), times, workers, block_bytes, surveys: false }
}

fn said(found: Option<&NotCounted>) -> Said {
    let kinds = found.into_iter().flat_map(NotCounted::kinds);
    kinds.map(|(kind, at, names)| (kind, at, names.shown())).collect()
}

fn counted(batch: &Batch, said: Vec<Said>) -> Counted {
    Counted {
        counts: batch.delta.iter().map(|(key, count)| (key.to_vec(), count)).collect(),
        tally: batch.tally.clone(),
        said,
    }
}

/// One thread, the whole text at once.
fn alone(bulk: &Bulk, texts: &[impl AsRef<[u8]>]) -> Counted {
    let mut total = bulk.batch();
    let mut not_counted = Vec::new();
    for text in texts {
        let mut batch = bulk.batch();
        ses::read_all(text.as_ref(), bulk.rules.interest(), &mut batch);
        not_counted.push(said(batch.not_counted.as_deref()));
        total.absorb(&mut batch);
    }
    counted(&total, not_counted)
}

/// Many threads, in whatever order they run.
fn together(bulk: &Bulk, texts: &[impl AsRef<[u8]> + Sync]) -> Counted {
    let open = |number: usize| {
        let bytes: Vec<u8> = texts[number].as_ref().to_vec();
        Ok(TextSource { bytes: Box::new(io::Cursor::new(bytes)), gzips: 0 })
    };
    let mut not_counted = Vec::new();
    let batch = bulk.read(texts.len(), &open, |number, finished| {
        assert_eq!(number, not_counted.len());
        finished.result.expect("a text in memory");
        not_counted.push(said(finished.not_counted.as_deref()));
    });
    counted(&batch, not_counted)
}

fn shared<'b>(bulk: &'b Bulk, open: &'b OpenText<'b>) -> BulkShared<'b> {
    BulkShared {
        bulk,
        open,
        queue: WorkQueue::new(1),
        total: Mutex::new(bulk.batch()),
        buffers: Mutex::default(),
        batches: Mutex::default(),
    }
}

/// Guesses every block; `picks` chooses the order in which `window` taken blocks are handed in.
fn shuffled(bulk: &Bulk, bytes: &[u8], window: usize, picks: &[Index]) -> Counted {
    let open =
        |_: usize| Ok(TextSource { bytes: Box::new(io::Cursor::new(bytes.to_vec())), gzips: 0 });
    let shared = shared(bulk, &open);
    let (sender, receiver) = sync_channel(1);
    let mut worker = Worker::new(&shared, sender);
    let text = SharedText::new(0);
    // Room for all blocks, because no other worker makes room.
    (0..=bytes.len()).for_each(|_| text.join());
    let (mut taken, mut picks) = (Vec::new(), picks.iter().cycle());
    loop {
        while taken.len() < window
            && let Some(block) = worker.take(&text)
        {
            taken.push(block);
        }
        if taken.is_empty() {
            break;
        }
        let pick = picks.next().expect("there is a pick").index(taken.len());
        let (number, block) = taken.remove(pick);
        let guess = Some(worker.guess(&block, text.lists()));
        let mut turn = text.hand_in(number, TextPart { block, guess });
        while let Some(Turn { mut head, part }) = turn {
            worker.settle(&text, &mut head, part);
            turn = text.end(head);
        }
    }
    let (_, finished) = receiver.try_recv().expect("the text has ended");
    worker.add_to_total();
    counted(&lock(&shared.total), vec![said(finished.not_counted.as_deref())])
}

// === inputs ===

/// Pieces that are difficult for cuts, guesses and faults.
const PIECES: [&str; 28] = [
    "\n",
    " ",
    "\r\n",
    "{",
    "}",
    "}{",
    "}\n{",
    "},\n{",
    "[",
    "]",
    "\"",
    "\\",
    "?",
    "?\n",
    "0",
    "-",
    "{}",
    "[\n{}\n,\n{}\n]",
    "\u{feff}",
    ",",
    "\u{1e}",
    "\\n",
    "},{\"eventType\":",
    "[{\"eventType\":\"Send\",\"mail\":{}},{\"eventType\":\"Open\",\"mail\":{}},",
    "\"[{}\"",
    "\"}{\"",
    "{\"eventType\":\"Send\",\"mail\":{}}",
    "Successfully validated SNS topic for Amazon SES event publishing.",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

/// Events in every wrapping, with faults.
fn events() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), 1..8_usize, any::<[bool; 4]>()).prop_map(|(seed, events, flags)| {
        let [awkward, pretty, byte_order_mark, torn_end] = flags;
        let profile = Profile { seed, awkward, ..Profile::default() };
        let options =
            StreamOptions { pretty, byte_order_mark, torn_end, ..StreamOptions::default() };
        stream(profile, events, &options).bytes
    })
}

/// A value longer than most blocks, with text that looks like the end of one.
fn long_value() -> impl Strategy<Value = Vec<u8>> {
    let strings = prop::sample::select(&["}{", "}\\n{", "x", "\\\"}{\\\""][..]);
    (strings, 1..800_usize).prop_map(|(part, times)| {
        format!("{{\"a\":[\n{{}},\n{{\"b\":\"{}\"}}]}}\n", part.repeat(times)).into_bytes()
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![3 => events(), 2 => soup(), 1 => long_value()];
    let flips = prop::collection::vec((any::<Index>(), 0..8_u8), 0..3);
    (prop::collection::vec(part, 0..4), flips, any::<Option<Index>>(), 0..4_u8).prop_map(
        |(parts, flips, cut, newlines)| {
            let mut text = parts.concat();
            for (at, bit) in flips {
                if !text.is_empty() {
                    let at = at.index(text.len());
                    text[at] ^= 1 << bit;
                }
            }
            if let Some(cut) = cut {
                text.truncate(cut.index(text.len() + 1));
            }
            if newlines == 0 {
                text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
            }
            text
        },
    )
}

// === properties ===

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every block is guessed, and handed in in any order.
    #[test]
    fn blocks_in_any_order_count_what_the_text_holds(
        text in text(),
        block_bytes in 1..3000_usize,
        window in 1..9_usize,
        picks in prop::collection::vec(any::<Index>(), 1..20),
    ) {
        let bulk = bulk(1, block_bytes);
        let expected = alone(&bulk, &[&text]);
        prop_assert_eq!(shuffled(&bulk, &text, window, &picks), expected, "{}", text.escape_ascii());
    }

    /// Threads in any interleaving.
    #[test]
    fn threads_count_what_the_texts_hold(
        texts in prop::collection::vec(text(), 0..5),
        block_bytes in prop_oneof![1..200_usize, 200..5000_usize],
        workers in 1..6_usize,
    ) {
        let bulk = bulk(workers, block_bytes);
        prop_assert_eq!(together(&bulk, &texts), alone(&bulk, &texts));
    }

    /// gzip: complete, truncated or damaged, of one member or two.
    #[test]
    fn gzip_counts_as_on_one_thread(
        text in text(),
        split in any::<Index>(),
        torn in any::<Option<Index>>(),
        damaged in any::<Option<Index>>(),
        block_bytes in 1..3000_usize,
    ) {
        let (first, second) = text.split_at(split.index(text.len() + 1));
        let mut zipped = [gzipped(first), gzipped(second)].concat();
        zipped.truncate(torn.map_or(zipped.len(), |torn| torn.index(zipped.len())).max(2));
        if let Some(damaged) = damaged {
            let at = damaged.index(zipped.len());
            zipped[at] ^= 1;
        }
        let bulk = bulk(4, block_bytes);
        let mut expected = bulk.batch();
        Reader::new(GzipReader::new(&zipped[..]))
            .read(1, bulk.rules.interest(), &mut expected)
            .expect("a text in memory");
        let expected = counted(&expected, vec![said(expected.not_counted.as_deref())]);

        let open = |_: usize| {
            let bytes = GzipReader::new(io::Cursor::new(zipped.clone()));
            Ok(TextSource { bytes: Box::new(bytes), gzips: 1 })
        };
        let mut not_counted = Vec::new();
        let batch = bulk.read(1, &open, |_, finished| {
            finished.result.expect("a text in memory");
            not_counted.push(said(finished.not_counted.as_deref()));
        });
        prop_assert_eq!(counted(&batch, not_counted), expected);
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

// === limits and failures ===

#[test]
fn value_may_have_16_mib_in_any_number_of_blocks() {
    let event = r#"{"eventType":"Send","mail":{"tags":{"ses:configuration-set":["prod"]}}}"#;
    for len in [16 << 20, (16 << 20) + 1] {
        let long = format!("{{\"a\":\n\"{}\"}}", "x".repeat(len - 9));
        assert_eq!(long.len(), len);
        let text = format!("{event}\n{long}\n{event}\n").into_bytes();
        let bulk = bulk(3, BLOCK_BYTES);
        let counted = together(&bulk, &[&text]);
        assert_eq!(counted, alone(&bulk, &[&text]));
        assert_eq!(counted.tally.matched, 2);
        assert_eq!(counted.tally.malformed > 0, len > 16 << 20);
    }
}

/// A reader that returns a text and then fails.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn texts_that_fail_are_reported_in_order_and_counted_up_to_the_failure() {
    let text = stream(Profile::default(), 200, &StreamOptions::default()).bytes;
    let bulk = bulk(4, 1000);
    let open = |number: usize| {
        let bytes = io::Cursor::new(text.clone());
        match number % 3 {
            0 => Ok(TextSource { bytes: Box::new(bytes), gzips: 0 }),
            1 => Ok(TextSource { bytes: Box::new(Failing(bytes)), gzips: 0 }),
            _ => Err(anyhow::anyhow!("there is no number {number}")),
        }
    };
    let mut told = Vec::new();
    let batch = bulk.read(30, &open, |number, finished| {
        told.push((number, finished.result.map_err(|error| error.to_string())));
    });
    let expected = (0..30).map(|number| match number % 3 {
        0 => (number, Ok(())),
        1 => (number, Err("the disk is gone".to_owned())),
        _ => (number, Err(format!("there is no number {number}"))),
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    let once = alone(&bulk, &[&text]).tally;
    assert_eq!(batch.tally.events(), 20 * once.events());
    assert_eq!(batch.tally.malformed, 20 * once.malformed);
}

#[test]
fn keys_beyond_a_workers_own_limit_are_added_to_the_total_while_reading() {
    let event = |minute: i64| {
        let time = ses::Minute(minute).to_string();
        format!(
            r#"{{"eventType":"Send","mail":{{"timestamp":"{time}","tags":{{"ses:configuration-set":["prod"]}}}}}}"#
        )
    };
    let text: String = (0..100_000).map(|at| event(29_000_000 + at % 60_000)).collect();
    let bulk = bulk(3, 100_000);
    let counted = together(&bulk, &[&text]);
    assert_eq!(counted, alone(&bulk, &[&text]));
    assert!(counted.counts.len() >= 60_000, "{}", counted.counts.len());
}

#[test]
fn waiting_blocks_are_bounded_and_end_with_their_worker() {
    let bulk = bulk(1, 10);
    let open = |_: usize| Ok(TextSource { bytes: Box::new(io::repeat(b' ')), gzips: 0 });
    let shared = shared(&bulk, &open);
    let (sender, _receiver) = sync_channel(1);
    let mut worker = Worker::new(&shared, sender);
    let text = SharedText::new(0);
    text.join();
    let first = worker.take(&text).expect("a block");
    for _ in 0..text::EARLY_MAX {
        let (number, block) = worker.take(&text).expect("a block");
        let guess = Some(worker.guess(&block, text.lists()));
        assert!(text.hand_in(number, TextPart { block, guess }).is_none());
    }
    // There is no room now. The worker with the first block settles it, or panics.
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| worker.take(&text));
        let ended = scope.spawn(|| {
            let _alarm = text.alarm();
            panic!("a worker panics with block {}", first.0);
        });
        assert!(ended.join().is_err());
        waiting.join().expect("it does not panic")
    });
    assert!(waited.is_none());
}

#[test]
fn panic_ends_the_run() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("a reader panics");
        }
    }
    let bulk = bulk(3, 10);
    let open = |_: usize| Ok(TextSource { bytes: Box::new(Panics), gzips: 0 });
    assert!(catch_unwind(AssertUnwindSafe(|| bulk.read(5, &open, |_, _| {}))).is_err());
}
