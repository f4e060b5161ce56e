//! The daemon: bound, served, and drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::console::{ConsoleEntry, ConsoleParts};
use super::drain::Ended;
use super::engine::Engine;
use super::engine_deps::EngineDeps;
use super::environment::Environment;
use super::error::StartError;
use super::listeners::{self, Listeners};
use super::sink::AppSink;
use super::sources::{RunningSources, Sources};
use super::{admin, console, dead_letters, definitions, journal, ses_api};
use crate::aggregate::{Line, SeriesOverflow};
use crate::catalog::{Catalog, CatalogParts, Compiled};
use crate::clock::Clock;
use crate::config::{Config, Publish};
use crate::console::{ConsoleAccess, console_router};
use crate::dead_letters::DeadLetters;
use crate::fault;
use crate::forward::{ForwardParts, ForwardSettings, Forwarder, TargetClients};
use crate::http::{Admin, Listener, Tls, admin_router, health_router};
use crate::limits::DATUMS_PER_CALL_MAX;
use crate::rules::{Layouts, RuleSet};
use crate::sink::{MetricSink, OwnTotals, Publisher};
use crate::supervisor::Supervisor;
use crate::telemetry::{Gauges, Metrics, Reload, TaskName};

/// A daemon that is bound but not running yet.
#[derive(Debug)]
pub struct App {
    listeners: Listeners,
    engine: Engine<AppSink>,
    sources: Sources,
    catalog: Catalog,
    dead_letters: Option<DeadLetters>,
    own_totals: Option<OwnTotals>,
    console: Option<Arc<ConsoleAccess>>,
    clock: Clock,
    config: Config,
}

/// A daemon that serves.
struct ServingApp {
    engine: Engine<AppSink>,
    sources: RunningSources,
    dead_letters: Option<DeadLetters>,
    /// Returns the own totals for a last call.
    own_totals: Option<JoinHandle<Option<OwnTotals>>>,
    /// Tasks that end with the listeners.
    tasks: TaskTracker,
    grace: Duration,
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
    pub async fn bind(config: Config, environment: Environment) -> Result<Self, StartError> {
        let Environment { clock, aws, .. } = environment.clone();
        let metrics = Metrics::new()
            .map_err(|error| StartError::Configuration(format!("metrics: {error}")))?;
        let tls = listeners::tls(&config.listen, &metrics)?;
        let supervisor = Supervisor::new(Arc::clone(&metrics));
        let layouts = Layouts::default();
        let document = definitions::document(&config, &environment).await?;
        let compiler = definitions::compiler(&config, &layouts)?;
        let Compiled { definitions, rules } = definitions::first(&compiler, &document).await?;
        metrics.definitions_reloads.increment(Reload::Loaded);

        let dead_letters = dead_letters::open(&config, &aws, &clock, &metrics, &supervisor).await?;
        let forward_parts = ForwardParts {
            clients: TargetClients::Aws(aws.clone()),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            dead_letters: dead_letters.clone(),
            supervisor: supervisor.clone(),
        };
        let forwarder = Forwarder::new(forward_settings(&config), forward_parts);
        let sources = Sources::new(&config, &environment).await?;
        let sink = AppSink::new(&config, aws).await?;
        let deps = EngineDeps {
            config: &config,
            layouts,
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            datums_per_call: DATUMS_PER_CALL_MAX,
            dead_letters: dead_letters.clone(),
            forwarder: Some(forwarder),
            sample: console::sample(&config),
            series_overflow: SeriesOverflow::Drop,
            supervisor,
        };
        let opened = journal::open(&deps).await?;
        let engine = Engine::start(deps, rules, sink, opened).await;
        let catalog = Catalog::new(CatalogParts {
            document,
            compiler,
            definitions,
            install: installer(&engine),
            metrics: Arc::clone(&metrics),
            interval: config.definitions_interval,
        });
        let listeners = listeners::bind(&config, tls, &metrics)?;
        let own_totals = own_totals(&config, metrics, &clock);
        let has_console = listeners.console.is_some();
        let console = has_console.then(|| console::access(&config, &environment));
        Ok(Self {
            listeners,
            engine,
            sources,
            catalog,
            dead_letters,
            own_totals,
            console,
            clock,
            config,
        })
    }

    /// The address where events arrive.
    ///
    /// # Errors
    /// The error of the system.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.listeners.http.address()
    }

    /// The address of metrics, series and health.
    ///
    /// # Errors
    /// The error of the system.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.listeners.admin.address()
    }

    /// The address of the SES API, if it is served.
    ///
    /// # Errors
    /// The error of the system.
    pub fn ses_api_address(&self) -> io::Result<Option<SocketAddr>> {
        self.listeners.ses_api.as_ref().map(Listener::address).transpose()
    }

    /// The address of the console, if it is served, and what to open there.
    ///
    /// # Errors
    /// The error of the system.
    pub fn console_entry(&self) -> io::Result<Option<ConsoleEntry>> {
        let (Some(listener), Some(access)) = (&self.listeners.console, &self.console) else {
            return Ok(None);
        };
        let has_tls = self.listeners.tls.is_some();
        Ok(Some(ConsoleEntry { address: listener.address()?, has_tls, access: Arc::clone(access) }))
    }

    /// The certificate in use, if any; a handle to reload it while the daemon runs.
    #[must_use]
    pub fn tls(&self) -> Option<Tls> {
        self.listeners.tls.clone()
    }

    /// The definitions in use; a handle to reload them while the daemon runs.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.catalog.clone()
    }

    /// Owns the long-lived tasks and knows whether one has failed.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        self.engine.supervisor.clone()
    }

    /// Reads the number of counts that are merged and neither accepted nor dropped.
    pub(crate) fn pending_counts(&self) -> impl Fn() -> u64 + Send + 'static {
        let aggregator = Arc::clone(&self.engine.aggregator);
        move || aggregator.pending.counts()
    }

    /// Serves until `stop`, or until a long-lived task fails; then drains within the grace period.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let drain = CancellationToken::new();
        let end = CancellationToken::new();
        // Ends the admin listener's thread on every exit path.
        let _end = end.clone().drop_guard();
        self.serve(&drain, &end).run(stop, drain, end).await
    }

    /// Starts the sources, the listeners, and the other long-lived tasks.
    fn serve(self, drain: &CancellationToken, end: &CancellationToken) -> ServingApp {
        let Self { listeners, engine, sources, catalog, dead_letters, own_totals, .. } = self;
        let (access, clock, config) = (self.console, self.clock, self.config);
        let Listeners { http, admin, ses_api, console, tls } = listeners;
        let supervisor = &engine.supervisor;
        let (sources, events) = sources.start(&config, &engine, drain);
        let gauges: Arc<dyn Fn() -> Gauges + Send + Sync> = {
            let (gauges, sources) = (engine.gauges(), sources.clone());
            Arc::new(move || {
                let mut gauges = gauges();
                sources.add_to(&mut gauges);
                gauges
            })
        };
        let health = {
            let (intake, supervisor) = (Arc::clone(&engine.intake), supervisor.clone());
            health_router(move || !intake.is_draining() && !supervisor.has_failed())
        };
        let admin_routes = admin_router(Admin {
            metrics: Arc::clone(&engine.metrics),
            aggregator: Arc::clone(&engine.aggregator),
            gauges: Arc::clone(&gauges),
            access: listeners::admin_access(&config.listen),
        });
        let tasks = TaskTracker::new();
        let http_task = http.serve(events.merge(health.clone()), drain.clone(), end.clone());
        supervisor.spawn(TaskName::HttpListener, tasks.track_future(http_task));
        let health_of_console = health.clone();
        admin::serve(admin, admin_routes.merge(health), end.clone(), supervisor, &tasks);
        if let Some(listener) = ses_api {
            let router = ses_api::router(&config, &catalog, &engine.metrics, clock.clone());
            let serving = listener.serve(router, drain.clone(), end.clone());
            supervisor.spawn(TaskName::SesApiListener, tasks.track_future(serving));
        }
        if let (Some(listener), Some(access)) = (console, access) {
            let parts =
                ConsoleParts { config: &config, catalog: &catalog, engine: &engine, clock: &clock };
            let console = console::console(access, parts, gauges, drain);
            let router = console_router(&console, health_of_console);
            let serving = listener.serve(router, drain.clone(), end.clone());
            supervisor.spawn(TaskName::ConsoleListener, tasks.track_future(serving));
        }
        let watching = catalog.watch(end.clone());
        supervisor.spawn(TaskName::Definitions, tasks.track_future(watching));
        if let Some(tls) = tls {
            supervisor.spawn(TaskName::TlsReload, tasks.track_future(tls.watch(end.clone())));
        }
        tasks.close();
        let own_totals = own_totals.map(|totals| {
            let publishing = own_totals_until(totals, engine.publisher.clone(), drain.clone());
            supervisor.spawn(TaskName::OwnTotals, publishing)
        });
        let grace = config.shutdown.grace;
        ServingApp { engine, sources, dead_letters, own_totals, tasks, grace }
    }
}

// === impl ServingApp ===

impl ServingApp {
    /// Runs until `stop`; then ends everything, each step within its part of the grace period.
    async fn run(
        self,
        stop: impl Future<Output = ()>,
        drain: CancellationToken,
        end: CancellationToken,
    ) -> Drained {
        let Self { engine, sources, dead_letters, own_totals, tasks, grace } = self;
        let Ended { left, counts, lost_in_panic, time } = engine.run(stop, drain, grace).await;
        // Before the queues: a message is deleted only after its events are forwarded.
        if let Some(forwarder) = &engine.forwarder {
            let (settle_by, end) = time.two_steps();
            forwarder.finish(settle_by, end).await;
        }
        sources.finish(time).await;
        if let Some(totals) = own_totals {
            // The last own totals include the counts in doubt of this shutdown.
            let _ = timeout_at(time.step(), async {
                if let Ok(Some(mut totals)) = totals.await {
                    totals.publish(engine.publisher.sink()).await;
                }
            })
            .await;
        }
        dead_letters::finish(dead_letters.as_ref(), time).await;
        end.cancel();
        // Every connection has its response by now, except for bytes in transit.
        let _ = timeout_at(time.step(), tasks.wait()).await;
        fault::hit("stop");
        tracing::info!(counts_left = counts, lost_in_panic, "stopped");
        Drained { left, has_failed: engine.supervisor.has_failed() }
    }
}

fn forward_settings(config: &Config) -> ForwardSettings {
    ForwardSettings {
        patience: config.forward_patience,
        queue_bytes: config.limits.forward_bytes,
        source: config.forward_source.clone(),
    }
}

fn own_totals(config: &Config, metrics: Arc<Metrics>, clock: &Clock) -> Option<OwnTotals> {
    let to_aws = config.cloudwatch.publish == Publish::Aws;
    let namespace = config.telemetry.own_namespace.as_deref().filter(|_| to_aws)?;
    Some(OwnTotals::new(namespace, metrics, clock.clone(), config.cloudwatch.attempt_timeout))
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
    publisher: Publisher<AppSink>,
    drain: CancellationToken,
) -> OwnTotals {
    tokio::select! {
        () = totals.run(publisher.sink()) => {}
        () = drain.cancelled() => {}
    }
    totals
}
