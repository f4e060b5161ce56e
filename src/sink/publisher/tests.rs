//! What becomes of counts when the work on them dies.

use std::time::Duration;

use super::*;
use crate::ack::{Admission, DoneWhen, Ledger, RequestId, Stage};
use crate::aggregate::{Delta, KeyBuilder, Limits};
use crate::destination::{Layout, Layouts};
use crate::ses::{EventType, Minute};
use crate::sink::{Amount, Datum, Failure};

/// Panics at its first call, and takes all others; remembers the sum of each.
#[derive(Debug, Default)]
struct PanicsOnce(Mutex<Vec<u64>>);

impl PanicsOnce {
    fn sums(&self) -> Vec<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MetricSink for PanicsOnce {
    async fn put(&self, _: &str, datums: &[Datum]) -> Result<(), Failure> {
        let count = |datum: &Datum| match datum.amount {
            Amount::Ones(count) => count,
            Amount::Value(value) => unreachable!("no count: {value}"),
        };
        let sum = datums.iter().map(count).sum();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sum);
        assert!(self.sums().len() > 1, "the first call panics");
        Ok(())
    }

    fn identity(&self) -> &'static str {
        "a sink that panics"
    }
}

/// Counts 1 of a series and 2 of another.
fn delta(layouts: &Layouts) -> Delta {
    let layout = layouts.id(Layout {
        namespace: "SES".into(),
        metric: EventType::Send,
        dimensions: vec!["campaign".to_owned()],
    });
    let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
    for (campaign, count) in [("a", 1), ("b", 2)] {
        key.start(layout);
        key.push(campaign.as_bytes());
        delta.add(key.finish(Minute(0)), count);
    }
    delta
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_is_in_doubt_and_comes_again_and_its_waiters_hear_of_a_failure() {
    let (layouts, metrics) = (Layouts::default(), Metrics::new().expect("metrics"));
    let limits = Limits { series: None, entries: 10 };
    let clock = Clock::manual(0);
    let aggregator = Arc::new(Aggregator::new(limits, layouts.clone(), clock.clone()));
    let settings = PublisherSettings {
        flush_interval: Duration::from_secs(1),
        concurrency: 1,
        requests_per_second: 100,
        ambiguous: Ambiguous::Retry,
        judge_age: false,
        datums_per_call: 1,
    };
    let sink = PanicsOnce::default();
    let publisher =
        Publisher::new(sink, Arc::clone(&aggregator), Arc::clone(&metrics), clock, None, &settings);
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
    let Admission::New(ticket) = ledger.admit(RequestId::new(b"source", b"id")) else {
        unreachable!("no id is known");
    };
    let receipt = ticket.merged();
    aggregator.merge(&delta(&layouts), move || receipt).expect("it fits");

    publisher.run(tokio::time::sleep(Duration::from_mins(1))).await;

    let sums = publisher.sink().sums();
    assert!(sums == [1, 2, 1] || sums == [2, 1, 2], "{sums:?}");
    assert_eq!(metrics.doubtful_ambiguous.get(), sums[0]);
    assert!(publisher.is_idle() && publisher.left().is_empty());
    let Admission::Known(waiter) = ledger.admit(RequestId::new(b"source", b"id")) else {
        panic!("a merged id is never forgotten");
    };
    assert_eq!(waiter.stage(), Stage::Lost);
}
