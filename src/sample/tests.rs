//! The sample is uniform, bounded, and follows time.

use proptest::prelude::*;

use super::*;
use crate::ses::{Event, Interest, NonEventReason, Path, Visitor, read_all};

const NOW_MS: i64 = 1_795_176_000_000;

/// Passes events to a draw.
struct Drawing<'i>(&'i Interest, Draw);

impl Visitor for Drawing<'_> {
    fn event(&mut self, event: &Event<'_>, _: &Path, _: u64, raw: &[u8]) {
        self.1.event(event, raw, self.0);
    }

    fn non_event(&mut self, why: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        panic!("{why:?}");
    }
}

/// An event with a number, padded to about a length.
fn event(number: usize, pad: usize) -> String {
    let pad = "x".repeat(pad);
    format!(r#"{{"eventType":"Send","mail":{{"tags":{{"n":["{number}"],"pad":["{pad}"]}}}}}}"#)
}

/// Reads a request of events.
fn draw(sample: &EventSample, events: &str) -> Draw {
    let interest = crate::ses::compare::interest();
    let mut drawing = Drawing(&interest, sample.draw());
    read_all(events.as_bytes(), &interest, &mut drawing);
    drawing.1
}

/// The numbers of the events in a snapshot.
fn numbers(snapshot: &SampleSnapshot) -> Vec<usize> {
    let number = |text: &Arc<str>| {
        let event: serde_json::Value = serde_json::from_str(text).expect("JSON");
        event["mail"]["tags"]["n"][0].as_str().and_then(|text| text.parse().ok()).expect("number")
    };
    let mut numbers: Vec<_> = snapshot.events.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn sample_with_room_holds_every_event_once() {
    let sample = EventSample::new(1 << 20, 1);
    let requests = [0..7_usize, 7..8, 8..200];
    for request in requests {
        let events: String = request.map(|number| event(number, 0)).collect();
        sample.add(draw(&sample, &events), NOW_MS);
    }
    let snapshot = sample.snapshot(NOW_MS);
    assert_eq!(numbers(&snapshot), (0..200).collect::<Vec<_>>());
    assert_eq!((snapshot.seen, snapshot.minutes), (200, 1));
}

#[test]
fn draw_that_is_dropped_leaves_nothing() {
    let sample = EventSample::new(1 << 20, 1);
    drop(draw(&sample, &event(1, 0)));
    assert_eq!(sample.snapshot(NOW_MS).seen, 0);
    assert_eq!(sample.snapshot(NOW_MS).minutes, 0);
}

#[test]
fn events_leave_the_sample_after_an_hour() {
    let sample = EventSample::new(1 << 20, 1);
    sample.add(draw(&sample, &event(1, 0)), NOW_MS);
    sample.add(draw(&sample, &event(2, 0)), NOW_MS + 30 * MINUTE_MS);
    assert_eq!(numbers(&sample.snapshot(NOW_MS + 59 * MINUTE_MS)), [1, 2]);
    assert_eq!(sample.snapshot(NOW_MS + 59 * MINUTE_MS).minutes, 60);
    assert_eq!(numbers(&sample.snapshot(NOW_MS + 60 * MINUTE_MS)), [2]);
    assert_eq!(numbers(&sample.snapshot(NOW_MS + 89 * MINUTE_MS)), [2]);
    assert_eq!(sample.snapshot(NOW_MS + 90 * MINUTE_MS).seen, 0);
}

#[test]
fn clock_that_is_set_back_loses_nothing() {
    let sample = EventSample::new(1 << 20, 1);
    for (number, minute) in [(1, 10), (2, 0), (3, 10)] {
        sample.add(draw(&sample, &event(number, 0)), NOW_MS + minute * MINUTE_MS);
    }
    assert_eq!(numbers(&sample.snapshot(NOW_MS)), [1, 2, 3]);
    assert_eq!(sample.snapshot(NOW_MS).minutes, 1);
}

/// After a burst the level falls by one a minute. As long as the burst is in the sample, few events
/// are; then all are.
#[test]
fn level_follows_the_load() {
    let sample = EventSample::new(20_000, 1);
    let burst: String = (0..5000).map(|number| event(number, 0)).collect();
    sample.add(draw(&sample, &burst), NOW_MS);
    let sampled = sample.snapshot(NOW_MS);
    assert!((20..200).contains(&sampled.events.len()), "{}", sampled.events.len());
    assert_eq!(sampled.seen, 5000);
    let mut quiet = Vec::new();
    for minute in 1..75 {
        let number = 10_000 + usize::try_from(minute).expect("small");
        sample.add(draw(&sample, &event(number, 0)), NOW_MS + minute * MINUTE_MS);
        quiet.push(number);
    }
    let after = sample.snapshot(NOW_MS + 74 * MINUTE_MS);
    assert_eq!(numbers(&after), quiet[quiet.len() - 60..]);
}

/// Each event has the same chance, in whatever request and minute it comes.
#[test]
fn sample_is_uniform() {
    const EVENTS: usize = 2000;
    const PARTS: usize = 10;
    let mut found = [0_usize; PARTS];
    for seed in 0..150 {
        let sample = EventSample::new(24_000, seed * 1_000_003);
        let (mut next, mut request, mut now_ms) = (0, 1, NOW_MS);
        while next < EVENTS {
            let end = (next + request).min(EVENTS);
            let events: String = (next..end).map(|number| event(number, 0)).collect();
            sample.add(draw(&sample, &events), now_ms);
            // Requests of one event and of many; all within the hour.
            (next, request, now_ms) = (end, request * 3 % 211, now_ms + 20_000);
        }
        for number in numbers(&sample.snapshot(now_ms)) {
            found[number * PARTS / EVENTS] += 1;
        }
    }
    let mean = found.iter().sum::<usize>() / PARTS;
    assert!(mean > 500, "{found:?}");
    for part in found {
        assert!(part.abs_diff(mean) < mean / 6, "{found:?}");
    }
}

proptest! {
    /// Whatever comes, the sample and each draw stay within their limits, and what was seen is
    /// exact.
    #[test]
    fn sample_is_bounded(
        bytes_max in 0_usize..20_000,
        requests in prop::collection::vec((1_usize..60, 0_usize..900, 0_i64..90_000), 1..40),
    ) {
        let sample = EventSample::new(bytes_max, 7);
        let (mut now_ms, mut seen) = (NOW_MS, 0);
        for (many, pad, pause_ms) in requests {
            now_ms += pause_ms;
            let events: String = (0..many).map(|number| event(number, pad)).collect();
            let draw = draw(&sample, &events);
            prop_assert!(draw.bytes() <= bytes_max);
            sample.add(draw, now_ms);
            seen += many as u64;
            let snapshot = sample.snapshot(now_ms);
            prop_assert!(sample.minutes().bytes() <= bytes_max);
            prop_assert!(snapshot.events.len() as u64 <= snapshot.seen);
            prop_assert!(snapshot.minutes <= 60);
        }
        prop_assert_eq!(sample.snapshot(now_ms).seen, seen);
    }
}
