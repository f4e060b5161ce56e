//! Compares events in the wrappings of other services with the same events bare, alternating, and with a
//! `serde_json::Value` of the wrapping and another one of the event in it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use postmeter::ses::read_all;
use serde_json::{Value, json};

use super::corpus::{Corpus, EVENTS_PER_BODY};
use super::{Engine, say};

/// Number of rounds, odd so that there is a median.
const TURNS: usize = 201;

/// Texts of as many events as a body has, one event a line.
struct Wrapped {
    name: &'static str,
    texts: Vec<String>,
}

/// Prints a line for each wrapping.
pub(super) fn by_turns(corpus: &Corpus, engine: &Engine) {
    let kinds = [
        Wrapped::new("bare", corpus, str::to_owned),
        Wrapped::new("EventBridge", corpus, in_event_bridge),
        Wrapped::new("SNS", corpus, in_sns),
        Wrapped::new("SNS in SQS", corpus, |event| {
            json!({"Records": [{"messageId": "1", "body": in_sns(event)}]}).to_string()
        }),
    ];
    let mut times = [(); 4].map(|()| (Vec::new(), Vec::new()));
    for turn in 0..TURNS {
        for (Wrapped { texts, .. }, (ours, trees)) in kinds.iter().zip(&mut times) {
            // Copied, so that it is as warm as newly received data.
            let text = texts[turn % texts.len()].clone();
            ours.push(timed(|| {
                let mut batch = engine.batch_for(text.as_bytes());
                read_all(text.as_bytes(), engine.rules.interest(), &mut batch);
                assert_eq!(batch.tally.events(), EVENTS_PER_BODY as u64);
            }));
            trees.push(timed(|| text.lines().for_each(to_trees)));
        }
    }
    let times = times.map(|(ours, trees)| [median(ours), median(trees)]);
    let [bare, _] = times[0];
    for (Wrapped { name, .. }, [ours, trees]) in kinds.iter().zip(times) {
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        let faster = trees.as_secs_f64() / ours.as_secs_f64();
        let each = ours / u32::try_from(EVENTS_PER_BODY).expect("few");
        say(&format!(
            "wrapping: {name:<12} {each:.2?} an event, read and counted; {ratio:.1} x bare events; \
             {faster:.1} x faster than trees alone"
        ));
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn in_sns(event: &str) -> String {
    json!({
        "Type": "Notification",
        "MessageId": "b3c8e0b6-5d0e-5e0f-9d7c-aa17e5a2b6a4",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:ses-events",
        "Subject": "Amazon SES Email Event Notification",
        "Message": event,
        "Timestamp": "2026-11-20T12:00:01.000Z",
        "SignatureVersion": "1",
        "Signature": "c2ln".repeat(86),
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    })
    .to_string()
}

fn in_event_bridge(event: &str) -> String {
    let before = json!({
        "version": "0",
        "id": "9d2f1a8e-6d61-4c7b-8d35-0d8c3c4b7f10",
        "detail-type": "Email Sent",
        "source": "aws.ses",
        "account": "111122223333",
        "time": "2026-11-20T12:00:01Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:ses:eu-west-1:111122223333:configuration-set/bulk"],
    })
    .to_string();
    // The event stays as SES writes it.
    format!("{},\"detail\":{event}}}", before.trim_end_matches('}'))
}

/// Parses a line, and the texts in it that hold an event or a wrapping.
fn to_trees(line: &str) {
    let tree: Value = serde_json::from_str(line).expect("JSON");
    let inner = tree["Message"].as_str().or_else(|| tree["Records"][0]["body"].as_str());
    if let Some(inner) = inner {
        to_trees(inner);
    }
    black_box(tree);
}

// === impl Wrapped ===

impl Wrapped {
    fn new(name: &'static str, corpus: &Corpus, wrap: impl Fn(&str) -> String) -> Self {
        let line = |event: &Vec<u8>| {
            let event = std::str::from_utf8(event).expect("JSON is text");
            format!("{}\n", wrap(event.trim_end()))
        };
        let texts = corpus.events.chunks(EVENTS_PER_BODY).take(10);
        Self { name, texts: texts.map(|events| events.iter().map(line).collect()).collect() }
    }
}
