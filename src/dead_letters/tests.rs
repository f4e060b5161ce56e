//! Dead letters from the merge to their outcome, without a daemon.

use super::batch::DeadLetter;
use super::*;
use crate::clock::Clock;
use crate::ses::{NonEvent, Path};
use crate::telemetry::Gauges;

fn metrics() -> Arc<Metrics> {
    Metrics::new().expect("bounds are right")
}

/// By outcome: kept, again, full, too large, failed.
fn outcomes(metrics: &Metrics) -> [u64; 5] {
    let text = metrics.render(&Gauges::default());
    ["kept", "again", "full", "too_large", "failed"].map(|outcome| {
        let name = format!("postmeter_dead_letters_total{{outcome=\"{outcome}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).expect("it is there");
        value.parse().expect("a number")
    })
}

fn files(directory: &tempfile::TempDir) -> LetterPlace {
    let files = LetterFiles::open(directory.path(), 1 << 20, 1 << 20, Clock::manual(0));
    LetterPlace::Files(files.expect("the directory opens"))
}

#[tokio::test]
async fn letters_without_room_are_full_and_room_is_returned_when_letters_are_kept() {
    let (directory, metrics) = (tempfile::tempdir().expect("a directory"), metrics());
    let (dead_letters, writer) =
        DeadLetters::new(&[Unread::Malformed], files(&directory), Arc::clone(&metrics));
    let value = vec![b'x'; WAITING_BYTES_MAX / 4];
    let collect = |values: usize| {
        let mut letters = dead_letters.batch();
        for number in 0..values {
            letters.take(NonEvent::Malformed, &Path::default(), number as u64, &value);
        }
        letters
    };
    // No writer runs yet, and no caller waits for one.
    assert!(dead_letters.keep(collect(5), b"source", "1", 0).is_some());
    assert_eq!(outcomes(&metrics), [0, 0, 2, 0, 0]);
    drop(collect(1));
    assert!(dead_letters.keep(collect(1), b"source", "2", 0).is_none());
    assert_eq!(outcomes(&metrics), [0, 0, 3, 0, 0]);

    // The directory has no room for lines of this length.
    let keeping = tokio::spawn(writer.run());
    dead_letters.settled().await;
    assert_eq!(outcomes(&metrics), [0, 0, 6, 0, 0]);
    assert_eq!(collect(4).found.len(), 3);
    let mut short = dead_letters.batch();
    short.take(NonEvent::Malformed, &Path::default(), 7, b"{");
    assert_eq!(
        short.found,
        [DeadLetter { kind: Unread::Malformed, record: 7, raw: Some((*b"{").into()) }]
    );
    let written = dead_letters.keep(short, b"source", "3", 0).expect("it is said when");
    assert!(written.await.is_err(), "it ends without a word");
    assert_eq!(outcomes(&metrics)[0], 1);
    drop(dead_letters);
    keeping.await.expect("it ends with the last who brings letters");
}

#[tokio::test]
async fn letters_left_at_the_end_have_failed() {
    let (directory, metrics) = (tempfile::tempdir().expect("a directory"), metrics());
    let (dead_letters, writer) =
        DeadLetters::new(&[Unread::Malformed], files(&directory), Arc::clone(&metrics));
    let mut letters = dead_letters.batch();
    for number in 0..3 {
        letters.take(NonEvent::Malformed, &Path::default(), number, b"{");
    }
    dead_letters.keep(letters, b"source", "1", 0);
    drop(writer);
    dead_letters.give_up();
    assert_eq!(outcomes(&metrics), [0, 0, 0, 0, 3]);
    dead_letters.settled().await;

    // A letter that arrives after the writer has ended fails at once.
    let mut late = dead_letters.batch();
    late.take(NonEvent::Malformed, &Path::default(), 0, b"{");
    assert!(dead_letters.keep(late, b"source", "2", 0).is_none());
    assert_eq!(outcomes(&metrics), [0, 0, 0, 0, 4]);
    dead_letters.settled().await;
}
