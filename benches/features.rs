//! What fields of the event, sets of dimensions and measures cost: the pipeline with one more event
//! destination of each kind, by turns.

use std::time::Instant;

use serde_json::{Value, json};

use super::corpus::{Corpus, DEFINITIONS};
use super::{Engine, say};

const ROUNDS: usize = 300;

/// Runs the pipeline with each destination, alternating after each body, and reports the times
/// relative to a destination with one message tag.
pub(super) fn by_turns(corpus: &Corpus) {
    let engines = destinations().map(|(name, extensions)| (name, engine(&extensions)));
    let mut times = engines.each_ref().map(|_| Vec::with_capacity(ROUNDS));
    // Makes every series known.
    for (_, engine) in &engines {
        corpus.plain.iter().for_each(|body| engine.take(body));
    }
    for round in 0..ROUNDS {
        let body = &corpus.plain[round % corpus.plain.len()];
        for ((_, engine), times) in engines.iter().zip(&mut times) {
            let start = Instant::now();
            engine.take(body);
            times.push(start.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64()
    });
    for ((name, engine), median) in engines.iter().zip(medians) {
        let (ratio, series) = (median / medians[0], engine.aggregator.series());
        say(&format!("features: {name:<26} {:.3} ms, {ratio:.2} x, {series} series", median * 1e3));
    }
}

/// A destination by campaign, and what it has besides.
fn destinations() -> [(&'static str, Value); 5] {
    let field = |name: &str| json!({"Field": name, "DefaultDimensionValue": "none"});
    let three = ["mailbox_provider", "account", "region"].map(field);
    [
        ("a message tag", json!({})),
        ("a field of the event", json!({"EventDimensions": [field("mailbox_provider")]})),
        ("three fields", json!({"EventDimensions": three})),
        (
            "a field, three sets",
            json!({
                "EventDimensions": [field("mailbox_provider")],
                "DimensionSets": [[], ["campaign"], ["campaign", "mailbox_provider"]],
            }),
        ),
        (
            "two measures beside COUNT",
            json!({"Measures": ["COUNT", "HARD_BOUNCE_RATE", "DELIVERY_TIME"]}),
        ),
    ]
}

fn engine(extensions: &Value) -> Engine {
    let mut document: Value = serde_json::from_str(DEFINITIONS).expect("JSON");
    let mut cloudwatch = json!({"Namespace": "Features", "DimensionConfigurations": [{
        "DimensionName": "campaign",
        "DimensionValueSource": "MESSAGE_TAG",
        "DefaultDimensionValue": "none",
    }]});
    let members = extensions.as_object().expect("an object").clone();
    cloudwatch.as_object_mut().expect("an object").extend(members);
    let destination = json!({
        "Name": "features",
        "Enabled": true,
        "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE"],
        "CloudWatchDestination": cloudwatch,
    });
    let destinations = &mut document["ConfigurationSets"][0]["EventDestinations"];
    destinations.as_array_mut().expect("a list").push(destination);
    Engine::of(&document.to_string(), |rules| rules)
}
