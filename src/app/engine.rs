//! The daemon without its sockets: it accepts deliveries, counts, stores, publishes, and drains.

use std::sync::Arc;

use tokio::time::Instant;

use super::engine_deps::EngineDeps;
use super::journal;
use super::sources::firehose::firehose_endpoint;
use super::sources::intakes::SourceIntakes;
use crate::ack::{EvictionReason, Ledger, RestoredIds};
use crate::aggregate::{Aggregator, Limits};
use crate::config::{Config, Publish, TimestampSource};
use crate::forward::Forwarder;
use crate::intake::{Intake, IntakeDeps, IntakeSettings};
use crate::journal::{Journal, OpenedJournal, StartGuard};
use crate::pipeline::DedupeSettings;
use crate::rules::RuleSet;
use crate::sink::{MetricSink, Publisher, PublisherSettings};
use crate::source::firehose::FirehoseEndpoint;
use crate::supervisor::Supervisor;
use crate::telemetry::{Gauges, Metrics};

/// An engine that accepts deliveries; it publishes while it [runs](Engine::run).
#[derive(Debug)]
pub(crate) struct Engine<S> {
    pub endpoint: FirehoseEndpoint,
    pub intake: Arc<Intake>,
    pub sources: SourceIntakes,
    pub aggregator: Arc<Aggregator>,
    pub publisher: Publisher<S>,
    pub metrics: Arc<Metrics>,
    pub forwarder: Option<Forwarder>,
    pub supervisor: Supervisor,
    pub(super) journal: Option<Arc<Journal>>,
    /// Requests of an earlier process.
    restored: Option<RestoredIds>,
    /// For counts restored from the journal, and when they were restored.
    pub(super) start: Option<(StartGuard, Instant)>,
}

// === impl Engine ===

impl<S: MetricSink> Engine<S> {
    /// Connects the parts, and restores the journal of an earlier process.
    pub(crate) async fn start(
        deps: EngineDeps<'_>,
        rules: RuleSet,
        sink: S,
        opened: Option<OpenedJournal>,
    ) -> Self {
        let settings = publisher_settings(&deps);
        let limits = limits(deps.config);
        let EngineDeps { config, layouts, metrics, clock, dead_letters, forwarder, sample, .. } =
            deps;
        let aggregator = Aggregator::new(limits, layouts, clock.clone());
        let aggregator = Arc::new(aggregator.with_overflow(deps.series_overflow));
        let journal = opened.as_ref().map(|opened| Arc::clone(&opened.journal));
        let publisher = Publisher::new(
            sink,
            Arc::clone(&aggregator),
            Arc::clone(&metrics),
            clock.clone(),
            journal.clone(),
            &settings,
        );
        let (behind, first_merges) = (publisher.clone(), publisher.clone());
        let intake_deps = IntakeDeps {
            rules,
            aggregator: Arc::clone(&aggregator),
            metrics: Arc::clone(&metrics),
            clock,
            journal: journal.clone(),
            dead_letters,
            forwarder: forwarder.clone(),
            sample,
            oldest: Box::new(move || behind.first_merge()),
            first_merges: Box::new(move || first_merges.first_merges()),
        };
        let intake = Arc::new(Intake::new(intake_deps, intake_settings(config)));
        let sources = SourceIntakes::new(config, &intake);
        let (mut restored, mut start) = (None, None);
        if let Some(opened) = opened {
            let ledgers: Vec<_> = sources.ledgers().collect();
            let ambiguous = config.cloudwatch.ambiguous;
            let (ids, guard) =
                journal::restore(opened, &intake, &ledgers, &metrics, ambiguous).await;
            (restored, start) = (Some(ids), guard);
        }
        let start = start.map(|start| (start, Instant::now()));
        let endpoint = firehose_endpoint(config, &sources, &metrics);
        Self {
            endpoint,
            intake,
            sources,
            aggregator,
            publisher,
            metrics,
            forwarder,
            supervisor: deps.supervisor,
            journal,
            restored,
            start,
        }
    }

    /// Reads the gauges, except those of queues.
    pub(crate) fn gauges(&self) -> impl Fn() -> Gauges + Send + Sync + 'static {
        let (metrics, intake) = (Arc::clone(&self.metrics), Arc::clone(&self.intake));
        let aggregator = Arc::clone(&self.aggregator);
        let ledgers: Vec<Ledger> = self.sources.ledgers().cloned().collect();
        let (forwarder, restored) = (self.forwarder.clone(), self.restored.clone());
        move || {
            // Counters kept elsewhere are copied when the metrics are read.
            for reason in [EvictionReason::Source, EvictionReason::Rejected] {
                let evicted = ledgers.iter().map(|ledger| ledger.evicted(reason)).sum();
                metrics.ledger_evicted.raise_to(reason, evicted);
            }
            let (remembered_events, evicted) = intake.remembered();
            metrics.remembered_evicted.raise_to(evicted);
            let ids = ledgers.iter().map(Ledger::len).sum::<usize>()
                + restored.as_ref().map_or(0, RestoredIds::len);
            Gauges {
                in_flight_requests: intake.in_flight.requests(),
                in_flight_bytes: intake.in_flight.bytes(),
                sqs_messages_held: 0,
                sqs_pollers: 0,
                ledger_ids: ids as u64,
                remembered_events,
                forward_waiting_events: forwarder.as_ref().map_or(0, Forwarder::waiting),
                pending_counts: aggregator.pending.counts(),
                pending_entries: aggregator.pending.entries(),
                series: aggregator.series() as u64,
                series_bytes: aggregator.bytes() as u64,
                oldest_epoch_seconds: intake.oldest_age().as_secs_f64(),
            }
        }
    }
}

fn limits(config: &Config) -> Limits {
    let to_aws = config.cloudwatch.publish == Publish::Aws;
    Limits { series: to_aws.then_some(config.limits.series), entries: config.limits.entries as u64 }
}

fn publisher_settings(deps: &EngineDeps<'_>) -> PublisherSettings {
    let cloudwatch = &deps.config.cloudwatch;
    PublisherSettings {
        flush_interval: cloudwatch.flush_interval,
        concurrency: cloudwatch.concurrency,
        requests_per_second: cloudwatch.requests_per_second,
        ambiguous: cloudwatch.ambiguous,
        attempt_timeout: cloudwatch.attempt_timeout,
        datums_per_call: deps.datums_per_call,
    }
}

fn intake_settings(config: &Config) -> IntakeSettings {
    IntakeSettings {
        use_arrival: config.cloudwatch.timestamp == TimestampSource::Arrival,
        settle_deadline: config.cloudwatch.settle_deadline,
        dedupe: config.dedupe.enabled.then_some(DedupeSettings {
            window: config.dedupe.window,
            events_max: config.dedupe.events,
        }),
        in_flight_requests: config.limits.in_flight_requests,
        in_flight_bytes: config.limits.in_flight_bytes,
        expanded_bytes: config.limits.expanded_bytes,
        entries: config.limits.entries,
        object_bytes: Some(config.limits.object_bytes as u64),
    }
}
