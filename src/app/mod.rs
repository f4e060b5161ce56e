//! Assembles the daemon: the only place that creates parts and starts tasks.
//!
//! [`App::bind`] creates the parts and binds the sockets. [`App::run`] serves until it is stopped,
//! then drains: sources reject new requests, merged counts are published, pending responses are
//! sent, and sockets are closed.

mod admin;
mod dead_letters;
mod definitions;
mod engine;
mod journal;
mod listeners;
mod queues;
mod replay;
mod ses_api;
mod sns;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use engine::{Ended, Engine, EngineDeps};
#[cfg(test)]
pub use journal::open_on as open_journal_on;
use listeners::Listeners;
pub use listeners::check_tls;
pub use replay::{Published, Replay, ReplayError, ReplayOutcome, ReplaySettings, Replayed};

use crate::aggregate::Line;
use crate::aws::AwsEnvironment;
use crate::catalog::{Book, BookParts, Compiled};
use crate::clock::Clock;
use crate::config::{Config, Publish};
use crate::dead_letters::DeadLetters;
use crate::fault;
use crate::finding::Finding;
use crate::forward::{ForwardParts, ForwardSettings, Forwarder};
use crate::http::{Admin, Listener, Tls, admin_router, health_router};
use crate::limits::DATUMS_PER_CALL_MAX;
use crate::rules::{Layouts, RuleSet};
use crate::sink::cloudwatch::{CloudWatch, CloudWatchSettings};
use crate::sink::{Datum, Failure, Memory, MetricSink, OwnTotals, Publisher};
use crate::supervisor::Supervisor;
use crate::telemetry::{Metrics, Reload, TaskName};

/// The definitions that `serve` uses when none are configured, and `demo` always.
pub const EXAMPLE_DEFINITIONS: &str = include_str!("../../config/definitions.json");

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The definitions are invalid.
    #[error("the definitions are invalid")]
    Definitions(Vec<Finding>),
    /// Something that the configuration names does not exist or does not fit.
    #[error("{0}")]
    Configuration(String),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

/// The environment of a daemon besides its settings; tests replace it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub clock: Clock,
    pub aws: AwsEnvironment,
    pub web: crate::source::sns::WebEnvironment,
}

/// Where counts go.
#[derive(Debug)]
enum Sink {
    CloudWatch(Box<CloudWatch>),
    Memory(Memory),
}

/// A daemon that is bound but not running yet.
#[derive(Debug)]
pub struct App {
    http: Listener,
    admin: Listener,
    ses_api: Option<Listener>,
    tls: Option<Tls>,
    engine: Engine<Sink>,
    book: Book,
    queues: queues::Queues,
    certificates: Option<sns::CertificateSource>,
    dead_letters: Option<DeadLetters>,
    own_totals: Option<OwnTotals>,
    clock: Clock,
    config: Config,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Drained {
    /// Counts that could not be published in time: lost with the process, and in doubt.
    pub left: Vec<Line>,
    /// A long-lived task failed; the log says which.
    pub has_failed: bool,
}

// === impl App ===

impl App {
    /// Creates the parts and binds the listeners.
    ///
    /// # Errors
    /// The definitions are invalid or missing, AWS cannot be set up, or an address is in use.
    pub async fn bind(config: Config, around: Environment) -> Result<Self, StartError> {
        let Environment { clock, aws, .. } = around;
        let metrics = Metrics::new()
            .map_err(|error| StartError::Configuration(format!("metrics: {error}")))?;
        let tls = listeners::tls(&config.listen, &metrics)?;
        let supervisor = Supervisor::new(Arc::clone(&metrics));
        let layouts = Layouts::default();
        let document = definitions::document(&config, &aws).await?;
        let compiler = definitions::compiler(&config, &layouts);
        let Compiled { definitions, rules } = definitions::first(&compiler, &document).await?;
        metrics.definitions_reloads.increment(Reload::Loaded);

        let dead_letters = dead_letters::open(&config, &aws, &clock, &metrics, &supervisor).await?;
        let forwarder = Forwarder::new(
            ForwardSettings {
                patience: config.forward_patience,
                queue_bytes: config.limits.forward_bytes,
                source: config.forward_source.clone(),
            },
            ForwardParts {
                aws: aws.clone(),
                metrics: Arc::clone(&metrics),
                clock: clock.clone(),
                dead_letters: dead_letters.clone(),
                supervisor: supervisor.clone(),
            },
        );
        let queues = queues::Queues::new(&config, &aws).await?;
        let certificates = sns::certificates(&config, around.web)?;
        let to_aws = config.cloudwatch.publish == Publish::Aws;
        let sink = if to_aws { cloudwatch(&config, aws).await? } else { Sink::Memory(Memory) };
        let deps = EngineDeps {
            config: &config,
            layouts,
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            datums_per_call: DATUMS_PER_CALL_MAX,
            dead_letters: dead_letters.clone(),
            forwarder: Some(forwarder.clone()),
            supervisor,
        };
        let opened = journal::open(&deps).await?;
        let engine = Engine::start(deps, rules, sink, opened).await;
        let book = Book::new(BookParts {
            document,
            compiler,
            definitions,
            install: installer(&engine),
            metrics: Arc::clone(&metrics),
            interval: config.definitions_interval,
        });
        let own_totals = config.telemetry.own_namespace.as_deref().filter(|_| to_aws);
        let Listeners { http, admin, ses_api, tls } = listeners::bind(&config, tls, &metrics)?;
        let own_totals = own_totals.map(|name| OwnTotals::new(name, metrics, clock.clone()));
        Ok(Self {
            http,
            admin,
            ses_api,
            tls,
            engine,
            book,
            queues,
            certificates,
            dead_letters,
            own_totals,
            clock,
            config,
        })
    }

    /// The address where events arrive.
    ///
    /// # Errors
    /// The error of the system.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.address()
    }

    /// The address of metrics, series and health.
    ///
    /// # Errors
    /// The error of the system.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.address()
    }

    /// The address of the SES API, if it is served.
    ///
    /// # Errors
    /// The error of the system.
    pub fn ses_api_address(&self) -> io::Result<Option<SocketAddr>> {
        self.ses_api.as_ref().map(Listener::address).transpose()
    }

    /// The certificate in use, if any; a handle to reload it while the daemon runs.
    #[must_use]
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// The definitions in use; a handle to reload them while the daemon runs.
    #[must_use]
    pub fn book(&self) -> Book {
        self.book.clone()
    }

    /// Owns the long-lived tasks and knows whether one has failed.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        self.engine.supervisor.clone()
    }

    /// Reads the number of counts that are merged and neither accepted nor dropped.
    pub fn pending_counts(&self) -> impl Fn() -> u64 + Send + 'static {
        let aggregator = Arc::clone(&self.engine.aggregator);
        move || aggregator.pending.counts()
    }

    /// Serves until `stop`, or until a long-lived task fails; then drains within the grace period.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let Self {
            http,
            admin,
            ses_api,
            tls,
            engine,
            book,
            dead_letters,
            own_totals,
            clock,
            config,
            ..
        } = self;
        let drain = CancellationToken::new();
        let end = CancellationToken::new();
        // Ends the admin listener's thread on every exit path.
        let _end = end.clone().drop_guard();
        let supervisor = engine.supervisor.clone();
        let gauges = engine.gauges();
        let queues = self.queues.start(&engine, &drain);
        let gauges = {
            let queues = queues.clone();
            move || {
                let mut gauges = gauges();
                queues.add_to(&mut gauges);
                gauges
            }
        };

        let health = {
            let (intake, supervisor) = (Arc::clone(&engine.intake), supervisor.clone());
            health_router(move || !intake.is_draining() && !supervisor.has_failed())
        };
        let endpoint = engine.endpoint.clone();
        let events = Router::new().route(
            &config.firehose.path,
            post(move |request: Request| async move {
                fault::hit("delivery");
                endpoint.deliver(request).await
            }),
        );
        let events = listeners::guard(events, &config, &engine.metrics);
        let events = events.merge(sns::router(&config, self.certificates, &engine));
        let admin_routes = admin_router(Admin {
            metrics: Arc::clone(&engine.metrics),
            aggregator: Arc::clone(&engine.aggregator),
            gauges: Arc::new(gauges),
            access: listeners::admin_access(&config.listen),
        });
        let tasks = TaskTracker::new();
        let http_task = http.serve(events.merge(health.clone()), drain.clone(), end.clone());
        supervisor.spawn(TaskName::HttpListener, tasks.track_future(http_task));
        admin::serve(admin, admin_routes.merge(health), end.clone(), &supervisor, &tasks);
        if let Some(listener) = ses_api {
            let router = ses_api::router(&config, &book, &engine.metrics, clock);
            let serving = listener.serve(router, drain.clone(), end.clone());
            supervisor.spawn(TaskName::SesApiListener, tasks.track_future(serving));
        }
        let watching = book.watch(end.clone());
        supervisor.spawn(TaskName::Definitions, tasks.track_future(watching));
        if let Some(tls) = tls {
            supervisor.spawn(TaskName::TlsReload, tasks.track_future(tls.watch(end.clone())));
        }
        tasks.close();
        let publisher = engine.publisher.clone();
        let totals = own_totals.map(|totals| {
            let publishing = own_totals_until(totals, publisher.clone(), drain.clone());
            supervisor.spawn(TaskName::OwnTotals, publishing)
        });

        let Ended { left, counts, time } = engine.run(stop, drain, config.shutdown.grace).await;
        // Before the queues: a message is deleted only after its events are forwarded.
        if let Some(forwarder) = &engine.forwarder {
            let (settle_by, end) = time.two_steps();
            forwarder.finish(settle_by, end).await;
        }
        queues.finish(time).await;
        if let Some(totals) = totals {
            // The last own totals include the counts in doubt of this shutdown.
            let _ = timeout_at(time.step(), async {
                if let Ok(Some(mut totals)) = totals.await {
                    totals.publish(publisher.sink()).await;
                }
            })
            .await;
        }
        dead_letters::finish(dead_letters.as_ref(), time).await;
        end.cancel();
        // Every connection has its response by now, except for bytes in transit.
        let _ = timeout_at(time.step(), tasks.wait()).await;
        fault::hit("stop");
        tracing::info!(counts_left = counts, "stopped");
        Drained { left, has_failed: supervisor.has_failed() }
    }
}

/// The function that installs new rules.
fn installer<S: MetricSink>(engine: &Engine<S>) -> Box<dyn Fn(RuleSet) + Send + Sync> {
    let (intake, forwarder) = (Arc::clone(&engine.intake), engine.forwarder.clone());
    Box::new(move |rules| {
        if let Some(forwarder) = &forwarder {
            forwarder.keep_only(&rules);
        }
        intake.set_rules(rules);
    })
}

/// Publishes own totals until the daemon drains; returns them for a last call.
async fn own_totals_until(
    mut totals: OwnTotals,
    publisher: Publisher<Sink>,
    drain: CancellationToken,
) -> OwnTotals {
    tokio::select! {
        () = totals.run(publisher.sink()) => {}
        () = drain.cancelled() => {}
    }
    totals
}

async fn cloudwatch(config: &Config, environment: AwsEnvironment) -> Result<Sink, StartError> {
    let settings = CloudWatchSettings {
        environment,
        region: config.cloudwatch.region.clone(),
        role_arn: config.cloudwatch.role_arn.clone(),
        connect_timeout: config.cloudwatch.connect_timeout,
        attempt_timeout: config.cloudwatch.attempt_timeout,
    };
    // Boxed, because the future is large and needed only once.
    let client = Box::pin(CloudWatch::new(&settings)).await;
    let client = client.map_err(|error| StartError::Configuration(error.to_owned()))?;
    Ok(Sink::CloudWatch(Box::new(client)))
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
