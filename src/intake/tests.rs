//! Which requests are admitted, and with which rules.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::*;
use crate::ack::{DoneWhen, Ledger, Refusal, RefusalReason};
use crate::aggregate::{Aggregator, Delta, KeyBuilder, Limits};
use crate::clock::Clock;
use crate::definitions;
use crate::pipeline::{Batch, Reservation};
use crate::rules::{Layout, Layouts, RuleSet};
use crate::ses::{EventType, Minute, read_record};
use crate::telemetry::Metrics;

const DEFINITIONS: &str = include_str!("../../config/definitions.json");
const EVENT: &str = r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T12:00:00Z",
    "tags":{"ses:configuration-set":["prod"],"campaign":["spring"]}}}"#;
const DEADLINE: Duration = Duration::from_secs(45);

fn rules(definitions: &str, layouts: &Layouts) -> RuleSet {
    let definitions = definitions::read("definitions.json", definitions).definitions;
    RuleSet::new(&definitions.expect("no faults"), "SES", None, layouts)
}

/// An intake whose oldest merge is now, in the namespace `Late`. Nothing of `SES` is unsettled.
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
        sample: None,
        oldest: Box::new(move || Some(oldest)),
        first_merges: Box::new(move || vec![("Late".into(), Some(oldest)), ("SES".into(), None)]),
    };
    Intake::new(parts, settings)
}

fn reason(admitted: Result<(), Refusal>) -> Option<RefusalReason> {
    admitted.err().map(|refusal| refusal.reason)
}

/// A source whose requests are acknowledged when they are settled, or when they are merged.
fn source(intake: Intake, until_settled: bool) -> SourceIntake {
    let ledger = Ledger::new(DoneWhen::Settled, Duration::from_mins(1), 10);
    SourceIntake {
        intake: Arc::new(intake),
        ledger,
        until_settled,
        is_journaled: false,
        id_life: None,
        activity: Arc::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_counts_are_rejected_while_their_namespace_is_overdue() {
    let layouts = Layouts::default();
    let delta = |namespace: &str| {
        let (metric, dimensions) = (EventType::Send, Vec::new());
        let (mut delta, mut key) = (Delta::default(), KeyBuilder::default());
        key.start(layouts.id(Layout {
            namespace: namespace.into(),
            metric: metric.into(),
            dimensions,
        }));
        delta.add(key.finish(Minute(0)), 1);
        delta
    };
    for (age_ms, expected) in [(45_000, None), (45_001, Some(RefusalReason::Behind))] {
        let (waits, merges) = (source(intake(&layouts), true), source(intake(&layouts), false));
        advance(Duration::from_millis(age_ms)).await;
        // The age is none of the wall clock's business, in whatever direction it is set.
        for wall_ms in [1_000_000, 0, 9_000_000] {
            waits.intake.clock.set_ms(wall_ms);
            assert_eq!(waits.intake.oldest_age(), Duration::from_millis(age_ms));
            assert_eq!(reason(waits.is_on_time(&delta("Late"))), expected);
        }
        assert_eq!(reason(waits.is_on_time(&delta("SES"))), None);
        assert_eq!(reason(waits.is_on_time(&delta("New"))), None);
        assert_eq!(reason(waits.may_poll()), None, "not all are overdue");
        assert_eq!(reason(merges.is_on_time(&delta("Late"))), None, "it does not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn polling_stops_while_all_namespaces_are_overdue() {
    for (age_ms, expected) in [(45_000, None), (45_001, Some(RefusalReason::Behind))] {
        let mut intake = intake(&Layouts::default());
        let first = Instant::now();
        intake.first_merges = Box::new(move || vec![("Late".into(), Some(first))]);
        advance(Duration::from_millis(age_ms)).await;
        assert_eq!(reason(source(intake, true).may_poll()), expected);
    }
    let mut intake = intake(&Layouts::default());
    intake.first_merges = Box::new(Vec::new);
    assert_eq!(reason(source(intake, true).may_poll()), None, "nothing was written yet");
}

#[test]
fn new_requests_are_rejected_while_draining() {
    let intake = intake(&Layouts::default());
    assert_eq!(reason(intake.admit()), None);
    intake.drain();
    assert_eq!(reason(intake.admit()), Some(RefusalReason::Draining));
    for until_settled in [false, true] {
        let intake = self::intake(&Layouts::default());
        intake.drain();
        let draining = Some(RefusalReason::Draining);
        assert_eq!(reason(source(intake, until_settled).may_poll()), draining);
    }
}

#[tokio::test]
async fn request_keeps_the_rules_that_it_began_with() {
    let layouts = Layouts::default();
    let intake = intake(&layouts);
    let merged = async |batch: Batch| {
        let merged = intake.merge(None, &batch, Reservation::default(), || None).await;
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
    let asked = || panic!("no guard is asked for when a request is refused");
    let refused = intake
        .merge(None, &batch, Reservation::default(), asked)
        .await
        .expect_err("there is no room");
    assert_eq!(refused.reason, RefusalReason::Entries);
    let after = (intake.aggregator.pending.entries(), intake.aggregator.pending.counts());
    assert_eq!(after, (entries, counts));
}
