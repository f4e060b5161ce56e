//! Which requests are admitted, and with which rules.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::*;
use crate::ack::{Refusal, RefusalReason, RequestId, SourceKind};
use crate::aggregate::{Aggregator, Limits};
use crate::clock::Clock;
use crate::definitions;
use crate::pipeline::{Batch, Reservation};
use crate::rules::{Layouts, RuleSet};
use crate::ses::read_record;
use crate::telemetry::Metrics;

const DEFINITIONS: &str = include_str!("../../config/definitions.json");
const EVENT: &str = r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T12:00:00Z",
    "tags":{"ses:configuration-set":["prod"],"campaign":["spring"]}}}"#;
const DEADLINE: Duration = Duration::from_secs(45);

fn rules(definitions: &str, layouts: &Layouts) -> RuleSet {
    let definitions = definitions::read("definitions.json", definitions).definitions;
    RuleSet::new(&definitions.expect("no faults"), "SES", None, layouts)
}

/// An intake whose oldest merge is now.
fn intake(layouts: &Layouts) -> Intake {
    let limits = Limits { series: None, entries: 1000 };
    let clock = Clock::manual(1_000_000);
    let aggregator = Arc::new(Aggregator::new(limits, layouts.clone(), clock.clone()));
    let settings = IntakeSettings {
        use_arrival: false,
        settle_deadline: DEADLINE,
        dedupe: None,
        in_flight_requests: 10,
        in_flight_bytes: 1 << 20,
        expanded_bytes: 1 << 20,
        entries: 1000,
        object_bytes: None,
    };
    let oldest = Instant::now();
    let parts = IntakeDeps {
        rules: rules(DEFINITIONS, layouts),
        aggregator,
        metrics: Metrics::new().expect("metrics"),
        clock,
        journal: None,
        dead_letters: None,
        forwarder: None,
        oldest: Box::new(move || Some(oldest)),
    };
    Intake::new(parts, settings)
}

fn reason(admitted: Result<(), Refusal>) -> Option<RefusalReason> {
    admitted.err().map(|refusal| refusal.reason)
}

#[tokio::test(start_paused = true)]
async fn new_requests_that_wait_for_counts_are_rejected_while_counts_are_overdue() {
    let layouts = Layouts::default();
    for (age_ms, expected) in [(45_000, None), (45_001, Some(RefusalReason::Behind))] {
        let intake = intake(&layouts);
        advance(Duration::from_millis(age_ms)).await;
        // The age is none of the wall clock's business, in whatever direction it is set.
        for wall_ms in [1_000_000, 0, 9_000_000] {
            intake.clock.set_ms(wall_ms);
            assert_eq!(intake.oldest_age(), Duration::from_millis(age_ms));
            assert_eq!(reason(intake.admit(true)), expected);
            assert_eq!(reason(intake.admit(false)), None, "a request that does not wait");
        }
    }
}

#[test]
fn new_requests_are_rejected_while_draining() {
    let intake = intake(&Layouts::default());
    assert_eq!(reason(intake.admit(false)), None);
    intake.drain();
    for answers_when_settled in [false, true] {
        assert_eq!(reason(intake.admit(answers_when_settled)), Some(RefusalReason::Draining));
    }
}

#[tokio::test]
async fn request_keeps_the_rules_that_it_began_with() {
    let layouts = Layouts::default();
    let intake = intake(&layouts);
    let merged = async |batch: Batch| {
        let id = RequestId::new(SourceKind::Sqs, b"source", b"id");
        let merged = intake.merge(&[id], None, &batch, Reservation::default(), || None).await;
        merged.expect("there is room").counted();
        batch.tally.counts
    };
    let mut batch = intake.batch();
    read_record(EVENT.as_bytes(), batch.rules().interest(), &mut batch);
    let before = batch.tally.counts;
    assert!(before > 0);
    intake.set_rules(rules(r#"{"ConfigurationSets":[]}"#, &layouts));
    read_record(EVENT.as_bytes(), batch.rules().interest(), &mut batch);
    assert_eq!(merged(batch).await, 2 * before, "the second event as the first");
    let mut batch = intake.batch();
    read_record(EVENT.as_bytes(), batch.rules().interest(), &mut batch);
    assert_eq!((batch.tally.unrouted, merged(batch).await), (1, 0));
}

#[tokio::test]
async fn request_without_room_is_rejected_and_leaves_no_trace() {
    let layouts = Layouts::default();
    let intake = intake(&layouts);
    let mut batch = intake.batch();
    read_record(EVENT.as_bytes(), batch.rules().interest(), &mut batch);
    // Restored counts need no room and take all there is.
    let left: Vec<_> = (0..1000_u64).map(|at| (at.to_le_bytes().repeat(2).into(), 1)).collect();
    intake.restore(&left).await;
    let (entries, counts) =
        (intake.aggregator.pending.entries(), intake.aggregator.pending.counts());
    let id = RequestId::new(SourceKind::Sqs, b"source", b"id");
    let asked = || panic!("no guard is asked for when a request is refused");
    let refused = intake
        .merge(&[id], None, &batch, Reservation::default(), asked)
        .await
        .expect_err("there is no room");
    assert_eq!(refused.reason, RefusalReason::Entries);
    let after = (intake.aggregator.pending.entries(), intake.aggregator.pending.counts());
    assert_eq!(after, (entries, counts));
}
