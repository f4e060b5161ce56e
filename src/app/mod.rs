//! The daemon put together: the one place where parts are made and tasks are started.
//!
//! [`App::bind`] makes the parts and binds the sockets; [`App::run`] serves until it is told to
//! stop, then drains: sources refuse what is new, everything merged is published, whoever waits is
//! answered, sockets close.

mod definitions;
mod journal;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use definitions::Reloader;

use crate::ack::{DoneWhen, Ledger};
use crate::aggregate::{Aggregator, Limits, Line};
use crate::clock::Clock;
use crate::config::{Acknowledge, Config, Publish, TimestampSource};
use crate::destination::Layouts;
use crate::finding::Finding;
use crate::http::{
    Admin, Listener, ListenerSettings, admin_router, connections_within, health_router,
};
use crate::journal::Journal;
use crate::limits::FIREHOSE_ID_LIFE;
use crate::pipeline::{Intake, IntakeSettings};
use crate::sink::cloudwatch::{AwsEnvironment, CloudWatch, CloudWatchSettings};
use crate::sink::{Datum, Failure, Memory, MetricSink, OwnTotals, Publisher, PublisherSettings};
use crate::source::InFlight;
use crate::source::firehose::{AccessKeys, FirehoseEndpoint, FirehoseSettings};
use crate::telemetry::{Gauges, Metrics, Reload};

/// Done request ids that are remembered at most, about 25 MB of them.
const DONE_IDS_MAX: usize = 250_000;
/// Connections at most: of senders, and of those who look after the daemon.
const CONNECTIONS_MAX: [usize; 2] = [10_000, 1000];
/// What `serve` counts by when nothing is configured at all, and `demo` always.
pub const EXAMPLE_DEFINITIONS: &str = include_str!("../../config/definitions.json");

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The definitions are faulty.
    #[error("the definitions are faulty")]
    Definitions(Vec<Finding>),
    /// Something that the configuration names is not there or does not fit.
    #[error("{0}")]
    Configuration(String),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

/// What surrounds a daemon and is no setting: tests put in their own.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub clock: Clock,
    pub aws: AwsEnvironment,
}

/// Where counts go.
#[derive(Debug)]
enum Sink {
    CloudWatch(Box<CloudWatch>),
    Memory(Memory),
}

/// A daemon that is bound and not yet running.
#[derive(Debug)]
pub struct App {
    http: Listener,
    admin: Listener,
    endpoint: FirehoseEndpoint,
    publisher: Publisher<Sink>,
    parts: Parts,
    own_totals: Option<OwnTotals>,
    config: Config,
}

#[derive(Clone, Debug)]
struct Parts {
    intake: Arc<Intake>,
    aggregator: Arc<Aggregator>,
    metrics: Arc<Metrics>,
    journal: Option<Arc<Journal>>,
    in_flight: Arc<InFlight>,
    ledger: Ledger,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Drained {
    /// Counts that could not be published in time: lost with the process, and in doubt.
    pub left: Vec<Line>,
}

// === impl App ===

impl App {
    /// Makes the parts and binds both listeners.
    ///
    /// # Errors
    /// The definitions are faulty or missing, AWS cannot be set up, or an address is taken.
    pub async fn bind(config: Config, around: Surroundings) -> Result<Self, StartError> {
        let Surroundings { clock, aws } = around;
        let metrics = Metrics::new()
            .map_err(|error| StartError::Configuration(format!("metrics: {error}")))?;
        let layouts = Layouts::default();
        let rules = definitions::load(&config, &layouts)?;
        metrics.reload(Reload::Loaded);

        let to_aws = config.cloudwatch.publish == Publish::Aws;
        let sink = if to_aws { cloudwatch(&config, aws).await? } else { Sink::Memory(Memory) };
        let limits = Limits {
            series: to_aws.then_some(config.limits.series),
            entries: config.limits.entries as u64,
        };
        let ambiguous = config.cloudwatch.ambiguous;
        let opened = journal::open(&config, &layouts, &clock, &metrics).await?;
        let aggregator = Arc::new(Aggregator::new(limits, layouts, clock.clone()));
        let journal = opened.as_ref().map(|opened| Arc::clone(&opened.journal));
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
            },
        );
        let behind = publisher.clone();
        let settings = IntakeSettings {
            use_arrival: config.cloudwatch.timestamp == TimestampSource::Arrival,
            settle_deadline: config.cloudwatch.settle_deadline,
        };
        let intake = Intake::new(
            rules,
            Arc::clone(&aggregator),
            Arc::clone(&metrics),
            clock.clone(),
            journal.clone(),
            settings,
            move || behind.first_merge_ms(),
        );
        let own_totals = config.telemetry.own_namespace.as_deref().filter(|_| to_aws);
        let own_totals =
            own_totals.map(|name| OwnTotals::new(name, Arc::clone(&metrics), clock.clone()));
        let when_settled = config.firehose.acknowledge == Acknowledge::Published;
        let done_when = if when_settled { DoneWhen::Settled } else { DoneWhen::Merged };
        let in_flight =
            InFlight::new(config.limits.in_flight_requests, config.limits.in_flight_bytes);
        let parts = Parts {
            intake: Arc::new(intake),
            aggregator,
            metrics,
            journal,
            in_flight,
            ledger: Ledger::new(done_when, FIREHOSE_ID_LIFE, DONE_IDS_MAX),
        };
        if let Some(opened) = opened {
            journal::restore(opened, &parts, ambiguous, &clock).await;
        }
        let endpoint = firehose(&config, &parts, clock);
        let [senders, admins] = connections_within(CONNECTIONS_MAX);
        let http = bind(config.listen.http, config.listen.keep_alive, senders).await?;
        let admin = bind(config.listen.admin, config.listen.keep_alive, admins).await?;
        Ok(Self { http, admin, endpoint, publisher, parts, own_totals, config })
    }

    /// Where events come in.
    ///
    /// # Errors
    /// What the system says.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.address()
    }

    /// Where metrics, series and health are.
    ///
    /// # Errors
    /// What the system says.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.address()
    }

    /// Reads the definitions again, while the daemon runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader {
            intake: Arc::clone(&self.parts.intake),
            metrics: Arc::clone(&self.parts.metrics),
            layouts: self.parts.aggregator.layouts().clone(),
            config: self.config.clone(),
        }
    }

    /// Serves until `stop`, then drains within the grace.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let Self { http, admin, endpoint, publisher, parts, own_totals, config } = self;
        let Parts { intake, aggregator, metrics, journal, in_flight, ledger } = parts;
        let drain = CancellationToken::new();
        let stop_publisher = CancellationToken::new();
        let end = CancellationToken::new();

        let health = {
            let intake = Arc::clone(&intake);
            health_router(move || !intake.is_draining())
        };
        let gauges = {
            let metrics = Arc::clone(&metrics);
            let (in_flight, aggregator) = (Arc::clone(&in_flight), Arc::clone(&aggregator));
            let intake = Arc::clone(&intake);
            move || {
                // A counter whose source is the ledger: brought up to date when it is looked at.
                metrics.ledger_evicted.raise_to(ledger.evicted());
                Gauges {
                    in_flight_requests: in_flight.requests(),
                    in_flight_bytes: in_flight.bytes(),
                    ledger_ids: ledger.len() as u64,
                    pending_counts: aggregator.pending.counts(),
                    pending_entries: aggregator.pending.entries(),
                    series: aggregator.series() as u64,
                    series_bytes: aggregator.bytes() as u64,
                    oldest_epoch_seconds: intake.oldest_age().as_secs_f64(),
                }
            }
        };
        let events = Router::new().route(
            &config.firehose.path,
            post(move |request: Request| async move { endpoint.deliver(request).await }),
        );
        let admin_routes = admin_router(Admin {
            metrics: Arc::clone(&metrics),
            aggregator,
            gauges: Arc::new(gauges),
        });
        let listeners = TaskTracker::new();
        let http_task = http.serve(events.merge(health.clone()), drain.clone(), end.clone());
        listeners.spawn(http_task);
        listeners.spawn(admin.serve(admin_routes.merge(health), end.clone(), end.clone()));
        listeners.close();

        let mut publishing = tokio::spawn({
            let (publisher, stop) = (publisher.clone(), stop_publisher.clone());
            async move { publisher.run(stop.cancelled_owned()).await }
        });
        let totals = tokio::spawn(own_totals_until(own_totals, publisher.clone(), drain.clone()));

        stop.await;
        let deadline = Instant::now() + config.shutdown.grace;
        tracing::info!(grace_s = config.shutdown.grace.as_secs_f64(), "draining");
        intake.drain();
        drain.cancel();
        publisher.hurry();
        let merged = timeout_at(deadline, in_flight.all_merged()).await.is_ok();
        if !merged {
            tracing::warn!("requests still being read at the end of the grace are given up");
        }
        stop_publisher.cancel();
        let settled = timeout_at(deadline, &mut publishing).await.is_ok();
        publishing.abort();
        let mut left = if settled && publisher.is_idle() { Vec::new() } else { publisher.left() };
        let counts = left.iter().map(|line| line.count).sum();
        if let Some(journal) = &journal {
            // What is left stays on disk, and the next process publishes it.
            let last = deadline.max(Instant::now() + Duration::from_secs(1));
            let flushed = timeout_at(last, journal.flush()).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::error!("the journal lacks the outcome of the last calls");
            }
            left.clear();
        } else {
            metrics.doubtful_shutdown.add(counts);
        }
        if let Ok(Some(mut totals)) = totals.await {
            // The last word of the own totals, doubt of this shutdown included.
            let last = deadline.max(Instant::now() + Duration::from_secs(1));
            let _ = timeout_at(last, totals.publish(publisher.sink())).await;
        }
        end.cancel();
        // A connection that is due an answer has it by now, but for the bytes on the wire.
        let closing = deadline.max(Instant::now() + Duration::from_secs(1));
        let _ = timeout_at(closing, listeners.wait()).await;
        tracing::info!(counts_left = counts, "stopped");
        Drained { left }
    }
}

/// Publishes own totals until the daemon drains; gives them back for a last time.
async fn own_totals_until(
    totals: Option<OwnTotals>,
    publisher: Publisher<Sink>,
    drain: CancellationToken,
) -> Option<OwnTotals> {
    let mut totals = totals?;
    tokio::select! {
        () = totals.run(publisher.sink()) => {}
        () = drain.cancelled() => {}
    }
    Some(totals)
}

async fn bind(
    address: SocketAddr,
    keep_alive: Duration,
    connections_max: usize,
) -> Result<Listener, StartError> {
    let settings = ListenerSettings { keep_alive, connections_max };
    let listener = Listener::bind(address, settings).await;
    listener.map_err(|error| StartError::Listen { address, error })
}

async fn cloudwatch(config: &Config, environment: AwsEnvironment) -> Result<Sink, StartError> {
    let settings = CloudWatchSettings {
        environment,
        region: config.cloudwatch.region.clone(),
        role_arn: config.cloudwatch.role_arn.clone(),
        connect_timeout: config.cloudwatch.connect_timeout,
        attempt_timeout: config.cloudwatch.attempt_timeout,
    };
    let client = CloudWatch::new(&settings).await;
    let client = client.map_err(|error| StartError::Configuration(error.to_owned()))?;
    Ok(Sink::CloudWatch(Box::new(client)))
}

fn firehose(config: &Config, parts: &Parts, clock: Clock) -> FirehoseEndpoint {
    let answers_when_settled = config.firehose.acknowledge == Acknowledge::Published;
    let settings = FirehoseSettings {
        access_keys: AccessKeys::new(&config.firehose.access_keys),
        body_bytes: config.limits.body_bytes,
        expanded_bytes: config.limits.expanded_bytes,
        answers_when_settled,
        patience: if answers_when_settled {
            config.cloudwatch.settle_deadline
        } else {
            config.firehose.patience
        },
    };
    FirehoseEndpoint::new(
        settings,
        Arc::clone(&parts.intake),
        parts.ledger.clone(),
        Arc::clone(&parts.in_flight),
        Arc::clone(&parts.metrics),
        clock,
    )
}

// === impl Sink ===

impl MetricSink for Sink {
    async fn put(&self, namespace: &str, datums: &[Datum]) -> Result<(), Failure> {
        match self {
            Self::CloudWatch(client) => client.put(namespace, datums).await,
            Self::Memory(memory) => memory.put(namespace, datums).await,
        }
    }

    fn identity(&self) -> &str {
        match self {
            Self::CloudWatch(client) => client.identity(),
            Self::Memory(memory) => memory.identity(),
        }
    }

    fn refresh_credentials(&self) {
        match self {
            Self::CloudWatch(client) => client.refresh_credentials(),
            Self::Memory(memory) => memory.refresh_credentials(),
        }
    }
}
