//! The sources in the daemon: set up at the start, served or polled while it runs, and ended.
//!
//! This is the only place of the daemon that knows which sources there are. A source has a file
//! here that makes it from the configuration, an intake in [`intakes`], and its lines in
//! [`Sources`].

pub(super) mod firehose;
pub(super) mod intakes;
pub(super) mod queues;
mod sns;

use axum::Router;
use tokio_util::sync::CancellationToken;

use self::queues::{Queues, RunningQueues};
use self::sns::CertificateSource;
use super::engine::Engine;
use super::environment::Environment;
use super::error::StartError;
use super::time_left::TimeLeft;
use crate::config::Config;
use crate::sink::MetricSink;
use crate::telemetry::Gauges;

/// What sources need before they start.
#[derive(Debug)]
pub(super) struct Sources {
    queues: Queues,
    /// `None` without SNS topics.
    certificates: Option<CertificateSource>,
}

/// The sources that poll, while they run.
#[derive(Clone, Debug)]
pub(super) struct RunningSources {
    queues: RunningQueues,
}

// === impl Sources ===

impl Sources {
    /// Finds what the configured sources need.
    ///
    /// # Errors
    /// A source cannot be started with this configuration.
    pub(super) async fn new(
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, StartError> {
        let queues = Queues::new(config, &environment.aws).await?;
        let certificates = sns::certificates(config, environment.web.clone())?;
        Ok(Self { queues, certificates })
    }

    /// Starts the sources that poll, until `drain`. Returns them, and the routes of those that
    /// listen.
    pub(super) fn start<S: MetricSink>(
        self,
        config: &Config,
        engine: &Engine<S>,
        drain: &CancellationToken,
    ) -> (RunningSources, Router) {
        let queues = self.queues.start(engine, drain);
        let firehose = firehose::router(config, engine.endpoint.clone(), &engine.metrics);
        let routes = firehose.merge(sns::router(config, self.certificates, engine));
        (RunningSources { queues }, routes)
    }
}

// === impl RunningSources ===

impl RunningSources {
    /// Adds their own gauges.
    pub(super) fn add_to(&self, gauges: &mut Gauges) {
        self.queues.add_to(gauges);
    }

    /// Ends them. Called when nothing is merged or settled any more.
    pub(super) async fn finish(&self, time: TimeLeft) {
        self.queues.finish(time).await;
    }
}
