//! Compares hostile texts with plain events of the same size, alternating: how many times longer
//! they take.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postmeter::rules::RuleSet;
use postmeter::ses::{Event, Interest, NonEventReason, Path, Visitor, read_all};

use super::corpus::Corpus;
use super::{Engine, say};

/// Bytes of a text: 4 MiB.
const LEN: usize = 4 << 20;
/// Number of rounds, odd so that there is a median.
const TURNS: usize = 9;

/// Counts visits.
#[derive(Default)]
struct Count(u64);

impl Visitor for Count {
    fn event(&mut self, _: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        self.0 += 1;
    }

    fn non_event(&mut self, _: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        self.0 += 1;
    }
}

/// Prints a line for each kind of text, with duplicate detection.
pub(super) fn by_turns(corpus: &Corpus) {
    let engine = Engine::new(RuleSet::without_duplicates);
    let interest = engine.rules.interest();
    let plain = joined(corpus, "\n");
    say("hostile: 4 MiB of a shape, times as long as 4 MiB of plain events; visits");
    for (name, text) in shapes(corpus) {
        let (mut hostile, mut usual) = (Vec::new(), Vec::new());
        let mut visits = 0;
        for _ in 0..TURNS {
            usual.push(time(&plain, interest).0);
            let (took, count) = time(&text, interest);
            hostile.push(took);
            visits = count;
        }
        let ratio = (median(hostile) / len(&text)) / (median(usual) / len(&plain));
        say(&format!("hostile/{name:<28} {ratio:>6.2} x  {visits:>8}"));
    }
}

fn time(text: &str, interest: &Interest) -> (Duration, u64) {
    let mut count = Count::default();
    let started = Instant::now();
    read_all(text.as_bytes(), interest, &mut count);
    (started.elapsed(), count.0)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn len(text: &str) -> f64 {
    f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX))
}

/// About [`LEN`] bytes of events.
fn joined(corpus: &Corpus, between: &str) -> String {
    let mut text = String::new();
    for event in &corpus.events {
        if text.len() > LEN {
            break;
        }
        text.push_str(std::str::from_utf8(event).expect("JSON is text"));
        text.push_str(between);
    }
    text
}

fn long(part: &str) -> String {
    part.repeat(LEN / part.len())
}

fn shapes(corpus: &Corpus) -> Vec<(&'static str, String)> {
    let many = |member: &str| format!("{{{}\"x\":0}}", long(&format!("{member},")));
    let opened = "[\n".repeat(127);
    let levels = |payload: &str, wrap: fn(&str) -> String| {
        (0..8).fold(payload.to_owned(), |text, _| wrap(&text))
    };
    let message = |text: &str| format!("{{\"TopicArn\":\"\",\"Message\":{text}}}");
    let body = |text: &str| format!("{{\"Records\":[{{\"body\":{text}}}]}}");
    let data = |text: &str| {
        let data = STANDARD.encode(text);
        format!("{{\"requestId\":\"\",\"records\":[{{\"data\":\"{data}\"}}]}}")
    };
    let list = format!("[{}0]", joined(corpus, ","));
    vec![
        ("{\"a\":\\n", long("{\"a\":\n")),
        ("[\\n", long("[\n")),
        ("?\\n", long("?\n")),
        ("\"\\n", long("\"\n")),
        ("{x\\n", long("{x\n")),
        ("{}", long("{}")),
        ("{\"a\":\"b\"}", long("{\"a\":\"b\"}")),
        ("0\\n", long("0\n")),
        ("127 lists, events", format!("{opened}{}", joined(corpus, ",\n"))),
        ("127 lists, 0,", format!("{opened}{}", long("0,"))),
        ("127 lists, 0,\\n", format!("{opened}{}", long("0,\n"))),
        ("numbers and surrogates", format!("{}{}", "[".repeat(100), long("1e999,\"\\ud800\","))),
        ("Records of 0", format!("{{\"Records\":[{}0],\"records\":[]}}", long("0,"))),
        ("mail again", many("\"mail\":{\"tags\":{\"campaign\":[\"a\"]},\"destination\":[\"a\"]}")),
        ("bounce again", many("\"bounce\":{\"bouncedRecipients\":[{\"emailAddress\":\"a\"}]}")),
        ("eight messages", levels(&list, message)),
        ("eight bodies", levels(&list, body)),
        ("eight bodies of 0", levels(&format!("[{}0]", long("0,")), body)),
        ("eight Firehose requests", levels(list.get(..LEN / 10).unwrap_or(&list), data)),
    ]
}
