//! The daemon without its sockets: it accepts deliveries, counts, stores, publishes, and drains.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::journal;
use crate::ack::{DoneWhen, Ledger};
use crate::aggregate::{Aggregator, Limits, Line};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::{Acknowledge, Config, Publish, SnsConfig, SqsConfig, TimestampSource};
use crate::dead_letters::DeadLetters;
use crate::forward::Forwarder;
use crate::intake::{AccessKeys, Intake, IntakeParts, IntakeSettings, SourceIntake};
use crate::journal::{Journal, Opened, StartGuard};
use crate::limits::{FIREHOSE_ID_LIFE, S3_ID_LIFE, SNS_ID_MARGIN, SQS_ID_LIFE};
use crate::pipeline::DedupeSettings;
use crate::rules::{Layouts, RuleSet};
use crate::sink::{MetricSink, Publisher, PublisherSettings};
use crate::source::firehose::{FirehoseEndpoint, FirehoseSettings};
use crate::supervisor::Supervisor;
use crate::telemetry::{DoubtCause, Gauges, Metrics, TaskName};

/// A process that dies later than this did not die because of its start.
const START_LASTS: Duration = Duration::from_mins(10);
/// Maximum number of done request IDs in memory, about 25 MB.
const DONE_IDS_MAX: usize = 250_000;

/// The parts of an engine, except where its counts go.
#[derive(Clone, Debug)]
pub struct Making<'c> {
    pub config: &'c Config,
    pub layouts: Layouts,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub datums_per_call: usize,
    pub dead_letters: Option<DeadLetters>,
    /// `None`: nothing is forwarded, whatever the definitions say.
    pub forwarder: Option<Forwarder>,
    /// Owns the engine's long-lived tasks.
    pub supervisor: Supervisor,
}

/// An engine that accepts deliveries; it publishes while it [runs](Engine::run).
#[derive(Debug)]
pub struct Engine<S> {
    pub endpoint: FirehoseEndpoint,
    pub intake: Arc<Intake>,
    pub aggregator: Arc<Aggregator>,
    pub publisher: Publisher<S>,
    pub metrics: Arc<Metrics>,
    pub forwarder: Option<Forwarder>,
    /// Messages of the queues, in their order in the configuration.
    pub queues: Vec<SourceIntake>,
    /// Messages posted by SNS.
    pub sns: SourceIntake,
    /// For objects in S3, whichever queue names them.
    object_ledger: Ledger,
    firehose_ledger: Ledger,
    pub supervisor: Supervisor,
    journal: Option<Arc<Journal>>,
    /// For counts restored from the journal, and when (Unix milliseconds) they were restored.
    start: Option<(StartGuard, i64)>,
}

/// How an engine ended.
#[derive(Debug)]
pub struct Ended {
    /// Counts that could not be published in time and are lost with the process.
    pub left: Vec<Line>,
    /// The sum of the counts that could not be published in time, on disk or lost.
    pub counts: u64,
    pub time: TimeLeft,
}

/// The rest of the grace period.
#[derive(Clone, Copy, Debug)]
pub struct TimeLeft {
    /// Until then a step may take as long as it needs.
    work_until: Instant,
    /// The end of the grace period.
    end: Instant,
}

// === impl Engine ===

impl<S: MetricSink> Engine<S> {
    /// Connects the parts, and restores the journal of an earlier process.
    pub async fn start(
        making: Making<'_>,
        rules: RuleSet,
        sink: S,
        opened: Option<Opened>,
    ) -> Self {
        let Making {
            config,
            layouts,
            metrics,
            clock,
            datums_per_call,
            dead_letters,
            forwarder,
            supervisor,
        } = making;
        let to_aws = config.cloudwatch.publish == Publish::Aws;
        let limits = Limits {
            series: to_aws.then_some(config.limits.series),
            entries: config.limits.entries as u64,
        };
        let aggregator = Arc::new(Aggregator::new(limits, layouts, clock.clone()));
        let journal = opened.as_ref().map(|opened| Arc::clone(&opened.journal));
        let ambiguous = config.cloudwatch.ambiguous;
        let publisher = Publisher::new(
            sink,
            Arc::clone(&aggregator),
            Arc::clone(&metrics),
            clock.clone(),
            journal.clone(),
            &PublisherSettings {
                flush_interval: config.cloudwatch.flush_interval,
                concurrency: config.cloudwatch.concurrency,
                requests_per_second: config.cloudwatch.requests_per_second,
                ambiguous,
                judge_age: to_aws,
                datums_per_call,
            },
        );
        let behind = publisher.clone();
        let parts = IntakeParts {
            rules,
            aggregator: Arc::clone(&aggregator),
            metrics: Arc::clone(&metrics),
            clock,
            journal: journal.clone(),
            dead_letters,
            forwarder: forwarder.clone(),
            oldest: Box::new(move || behind.first_merge_ms()),
        };
        let intake = Arc::new(Intake::new(parts, intake_settings(config)));
        let source = |acknowledge: Acknowledge, ledger: &Ledger, id_life: Option<Duration>| {
            let until_settled = acknowledge == Acknowledge::Published;
            SourceIntake {
                intake: Arc::clone(&intake),
                ledger: ledger.clone(),
                until_settled,
                id_life,
            }
        };
        let when_settled = config.firehose.acknowledge == Acknowledge::Published;
        let firehose_ledger = Ledger::new(done_when(when_settled), FIREHOSE_ID_LIFE, DONE_IDS_MAX);
        let any_settled = config.sqs.iter().any(|sqs| sqs.acknowledge == Acknowledge::Published);
        let object_ledger = Ledger::new(done_when(any_settled), S3_ID_LIFE, DONE_IDS_MAX);
        let queues: Vec<_> = config
            .sqs
            .iter()
            .map(|sqs| {
                let id_life = queue_id_life(sqs.visibility);
                source(sqs.acknowledge, &queue_ledger(sqs), Some(id_life))
            })
            .collect();
        let sns_life = config.sns.max_age + SNS_ID_MARGIN;
        let sns = source(config.sns.acknowledge, &sns_ledger(&config.sns), Some(sns_life));
        let mut start = None;
        if let Some(opened) = opened {
            let of_queues = queues.iter().map(|queue| &queue.ledger);
            let of_objects = (!queues.is_empty()).then_some(&object_ledger);
            let of_sns = (!config.sns.topics.is_empty()).then_some(&sns.ledger);
            let ledgers = of_queues.chain(of_objects).chain(of_sns).chain([&firehose_ledger]);
            let ledgers: Vec<_> = ledgers.collect();
            start = journal::restore(opened, &intake, &ledgers, &metrics, ambiguous).await;
        }
        let start = start.map(|start| (start, intake.clock.now_ms()));
        let endpoint = FirehoseEndpoint::new(
            firehose_settings(config),
            source(config.firehose.acknowledge, &firehose_ledger, None),
            Arc::clone(&metrics),
        );
        Self {
            endpoint,
            intake,
            aggregator,
            publisher,
            metrics,
            forwarder,
            queues,
            sns,
            object_ledger,
            firehose_ledger,
            supervisor,
            journal,
            start,
        }
    }

    /// The intake for objects that messages of a queue name.
    pub fn objects_of(&self, queue: &SourceIntake) -> SourceIntake {
        let (ledger, id_life) = (self.object_ledger.clone(), Some(S3_ID_LIFE));
        SourceIntake { ledger, id_life, ..queue.clone() }
    }

    /// Reads the gauges, except those of queues.
    pub fn gauges(&self) -> impl Fn() -> Gauges + Send + Sync + 'static {
        let (metrics, intake) = (Arc::clone(&self.metrics), Arc::clone(&self.intake));
        let aggregator = Arc::clone(&self.aggregator);
        let ledgers = self.queues.iter().map(|queue| &queue.ledger);
        let ledgers = ledgers.chain([&self.object_ledger, &self.sns.ledger, &self.firehose_ledger]);
        let (ledgers, forwarder): (Vec<_>, _) =
            (ledgers.cloned().collect(), self.forwarder.clone());
        move || {
            // Counters kept elsewhere are copied when the metrics are read.
            metrics.ledger_evicted.raise_to(ledgers.iter().map(Ledger::evicted).sum());
            let (remembered_events, evicted) = intake.remembered();
            metrics.remembered_evicted.raise_to(evicted);
            Gauges {
                in_flight_requests: intake.in_flight.requests(),
                in_flight_bytes: intake.in_flight.bytes(),
                sqs_messages_held: 0,
                sqs_pollers: 0,
                ledger_ids: ledgers.iter().map(Ledger::len).sum::<usize>() as u64,
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

    /// Publishes until `stop`, or until a long-lived task fails. Then it cancels `drain`, so that
    /// sources stop, and publishes the rest. Part of the grace period is reserved for the steps
    /// that follow.
    pub async fn run(
        &self,
        stop: impl Future<Output = ()>,
        drain: CancellationToken,
        grace: Duration,
    ) -> Ended {
        let Self { intake, publisher, supervisor, .. } = self;
        let stop_publisher = CancellationToken::new();
        let publish = || {
            let (publisher, stop) = (publisher.clone(), stop_publisher.clone());
            let work = async move { publisher.run(stop.cancelled_owned()).await };
            supervisor.spawn(TaskName::Publisher, work)
        };
        let mut publishing = publish();
        let panicked = || supervisor.fail(TaskName::Publisher, "publishing an epoch panicked");
        let stop = async {
            tokio::select! {
                biased;
                () = stop => {}
                () = supervisor.failed() => {}
            }
        };
        tokio::pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => {}
            () = publisher.panicked() => {
                panicked();
                stop.await;
            }
            never = self.watch_start() => match never {},
        }
        supervisor.stop();
        let time = TimeLeft::of(grace);
        tracing::info!(grace_s = grace.as_secs_f64(), "draining");
        intake.drain();
        drain.cancel();
        if publishing.is_finished() {
            // It panicked. The epochs that it had not started can still be published.
            publishing = publish();
        }
        publisher.hurry();
        let merged = timeout_at(time.work_until, intake.in_flight.all_merged()).await.is_ok();
        if !merged {
            tracing::warn!("requests abandoned: still being read at the end of the grace period");
        }
        stop_publisher.cancel();
        let published = async {
            tokio::select! {
                biased;
                _ = &mut publishing => true,
                // Without the journal no call can be recorded, so none is made.
                () = journal_ended(self.journal.as_deref()) => false,
            }
        };
        let settled = timeout_at(time.work_until, published).await.unwrap_or(false);
        if !settled {
            // Nothing may be settled while the rest is added up.
            publishing.abort();
            // Unless no thread is free to abort it.
            let _ = timeout_at(time.step(), publishing).await;
        }
        if publisher.has_panicked() && !supervisor.has_failed() {
            panicked();
        }
        let mut left = if settled && publisher.is_idle() { Vec::new() } else { self.left() };
        let mut counts = left.iter().map(|line| line.count).sum();
        let pending = self.aggregator.pending.counts();
        if pending > counts {
            // Between the sealed epoch and the calls: only a panic loses counts there.
            let lost = pending - counts;
            tracing::error!(counts = lost, "counts lost to a panic; their series are unknown");
            counts = pending;
        }
        if let Some(journal) = &self.journal {
            // The rest stays on disk, and the next process publishes it.
            if !timeout_at(time.step(), flush(journal)).await.unwrap_or(false) {
                tracing::error!(
                    "journal not flushed in time: the outcomes of the last calls are missing"
                );
            }
            left.clear();
        } else {
            self.metrics.doubtful.add(DoubtCause::Shutdown, counts);
        }
        if let Some((start, _)) = &self.start
            && supervisor.has_failed()
        {
            start.failed();
        }
        Ended { left, counts, time }
    }

    /// Ends the watched start when the restored counts are settled, or after a while.
    async fn watch_start(&self) -> Infallible {
        if let Some((start, restored_ms)) = &self.start {
            let settled = async {
                loop {
                    let ended = self.publisher.epoch_ended();
                    if self.publisher.first_merge_ms().is_none_or(|first| first > *restored_ms) {
                        return;
                    }
                    ended.await;
                }
            };
            let _ = timeout(START_LASTS, settled).await;
            start.over();
        }
        pending().await
    }

    fn left(&self) -> Vec<Line> {
        let left = catch_unwind(AssertUnwindSafe(|| self.publisher.left()));
        left.unwrap_or_else(|_| {
            self.supervisor.fail(TaskName::Publisher, "adding up the unpublished counts panicked");
            Vec::new()
        })
    }
}

// === impl TimeLeft ===

impl TimeLeft {
    /// A fifth of the grace period, at most 2 s, is reserved for the steps after publishing:
    /// forwards, deletions, dead letters and final log lines.
    fn of(grace: Duration) -> Self {
        let end = Instant::now() + grace;
        Self { work_until: end - (grace / 5).min(Duration::from_secs(2)), end }
    }

    /// Deadline of the next step: near the end, half of the remaining time.
    pub fn step(&self) -> Instant {
        self.work_until.max(half_way(Instant::now(), self.end))
    }

    /// Deadlines of a step and of the cleanup after it.
    pub fn two_steps(&self) -> (Instant, Instant) {
        let first = self.step();
        (first, half_way(first, self.end))
    }
}

fn half_way(from: Instant, to: Instant) -> Instant {
    from + to.saturating_duration_since(from) / 2
}

/// Waits until the journal's writer has ended; forever without a journal.
async fn journal_ended(journal: Option<&Journal>) {
    match journal {
        Some(journal) => journal.ended().await,
        None => pending().await,
    }
}

/// Writes the outstanding records about calls, with retries. Returns whether that succeeded.
async fn flush(journal: &Journal) -> bool {
    let mut backoff = Backoff::default();
    while journal.flush().await.is_err() {
        if journal.has_ended() {
            return false;
        }
        sleep(backoff.pause()).await;
    }
    true
}

/// Remembers messages for a while after their deletion, because SQS may redeliver a deleted
/// message.
fn queue_ledger(sqs: &SqsConfig) -> Ledger {
    let until_settled = sqs.acknowledge == Acknowledge::Published;
    Ledger::holding(done_when(until_settled), queue_id_life(sqs.visibility), DONE_IDS_MAX)
}

/// Remembers messages for as long as they would be accepted.
fn sns_ledger(sns: &SnsConfig) -> Ledger {
    let until_settled = sns.acknowledge == Acknowledge::Published;
    Ledger::new(done_when(until_settled), sns.max_age + SNS_ID_MARGIN, DONE_IDS_MAX)
}

fn done_when(until_settled: bool) -> DoneWhen {
    if until_settled { DoneWhen::Settled } else { DoneWhen::Merged }
}

/// How long a message is remembered after its deletion succeeded or failed.
pub(super) fn queue_id_life(visibility: Duration) -> Duration {
    SQS_ID_LIFE + visibility
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

fn firehose_settings(config: &Config) -> FirehoseSettings {
    let answers_when_settled = config.firehose.acknowledge == Acknowledge::Published;
    FirehoseSettings {
        access_keys: AccessKeys::new(&config.firehose.access_keys),
        body_bytes: config.limits.body_bytes,
        patience: if answers_when_settled {
            config.cloudwatch.settle_deadline
        } else {
            config.firehose.patience
        },
    }
}
