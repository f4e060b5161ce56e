//! The console in the daemon.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::environment::Environment;
use super::sink::AppSink;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{Config, DefinitionsSource, Publish, shown};
use crate::console::{
    Console, ConsoleAccess, ConsoleDeps, ConsoleSettings, Live, LiveDeps, WriteAccess,
};
use crate::sample::EventSample;
use crate::telemetry::{Gauges, TaskName};

/// Where the console is.
#[derive(Clone, Debug)]
pub struct ConsoleEntry {
    pub address: SocketAddr,
    pub(super) has_tls: bool,
    pub(super) access: Arc<ConsoleAccess>,
}

/// The parts of the daemon that the console shows.
#[derive(Clone, Copy)]
pub(super) struct ConsoleParts<'d> {
    pub config: &'d Config,
    pub catalog: &'d Catalog,
    pub engine: &'d Engine<AppSink>,
    pub clock: &'d Clock,
}

/// Who gets in.
pub(super) fn access(config: &Config, environment: &Environment) -> Arc<ConsoleAccess> {
    let settings = ConsoleSettings {
        users: config.console.users.clone(),
        signing_key: config.console.signing_key.clone(),
        session: config.console.session,
        needs_token: environment.in_container,
        has_tls: config.listen.tls_certificate.is_some(),
    };
    Arc::new(ConsoleAccess::new(settings, environment.clock.clone()))
}

/// The state of the console.
pub(super) fn console(
    access: Arc<ConsoleAccess>,
    parts: ConsoleParts<'_>,
    gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
    drain: &CancellationToken,
) -> Console {
    let ConsoleParts { config, catalog, engine, clock } = parts;
    let (intake, supervisor) = (Arc::clone(&engine.intake), engine.supervisor.clone());
    let for_rules = Arc::clone(&engine.intake);
    let live = live((config, engine, clock), gauges, drain);
    let is_shared = matches!(&config.definitions, Some(DefinitionsSource::S3 { .. }));
    let deps = ConsoleDeps {
        catalog: catalog.clone(),
        aggregator: Arc::clone(&engine.aggregator),
        metrics: Arc::clone(&engine.metrics),
        clock: clock.clone(),
        rules: Arc::new(move || for_rules.rules()),
        sample: engine.intake.sample().cloned(),
        live,
        settings: shown(config),
        is_ready: Arc::new(move || !intake.is_draining() && !supervisor.has_failed()),
        write: write_access(config),
        namespace: config.cloudwatch.namespace.clone(),
        others_read_within: is_shared.then_some(config.definitions_interval),
    };
    Console::new(access, deps)
}

/// The live figures, which a task keeps up to date until `drain`.
fn live(
    (config, engine, clock): (&Config, &Engine<AppSink>, &Clock),
    gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
    drain: &CancellationToken,
) -> Arc<Live> {
    let is_limited = config.cloudwatch.publish == Publish::Aws;
    let deps = LiveDeps {
        metrics: Arc::clone(&engine.metrics),
        gauges,
        aggregator: Arc::clone(&engine.aggregator),
        sources: engine.sources.activities(config),
        series_limit: is_limited.then_some(config.limits.series),
        flush_interval: config.cloudwatch.flush_interval,
        clock: clock.clone(),
    };
    let live = Arc::new(Live::new(deps, drain.clone()));
    engine.supervisor.spawn(TaskName::ConsoleFigures, Arc::clone(&live).run());
    live
}

/// The sample of events for previews, if the console is served and has memory for it.
pub(super) fn sample(config: &Config) -> Option<Arc<EventSample>> {
    let bytes_max = config.console.sample_bytes;
    let is_wanted = config.console.listen.is_some() && bytes_max > 0;
    is_wanted.then(|| Arc::new(EventSample::new(bytes_max, fastrand::u64(..))))
}

fn write_access(config: &Config) -> WriteAccess {
    if let Some(DefinitionsSource::Env(variable)) = &config.definitions {
        return WriteAccess::Refused(format!(
            "The definitions are in the environment variable {variable}, which a running process \
             cannot change. Set definitions to a file or s3://BUCKET/KEY to change them here."
        ));
    }
    if config.console.write {
        return WriteAccess::Allowed;
    }
    let why = "The console only shows definitions. Set console.write to true to change them here.";
    WriteAccess::Refused(why.to_owned())
}

// === impl ConsoleEntry ===

impl ConsoleEntry {
    /// The address to open in a browser; with a new one-time token if one is needed.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, self.access.entry())
    }
}
