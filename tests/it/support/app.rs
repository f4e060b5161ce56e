//! The real daemon, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use postmeter::app::{App, ConsoleEntry, Drained, Environment, StartError};
use postmeter::aws::AwsEnvironment;
use postmeter::catalog::Catalog;
use postmeter::clock::Clock;
use postmeter::config::{AccessKey, Config, DefinitionsSource, Publish};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::command::project_file;
use super::fake_cloudwatch::FakeCloudWatch;
use super::firehose::{Firehose, get};

pub(crate) const KEY: &str = "a-key-for-tests-only";

/// Timeout for a condition; far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running daemon. Stops when it is dropped.
pub(crate) struct TestApp {
    pub http: SocketAddr,
    pub admin: SocketAddr,
    /// The address of the SES API, if it is served.
    pub ses_api: Option<SocketAddr>,
    /// The console, if it is served.
    pub console: Option<ConsoleEntry>,
    pub catalog: Catalog,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drained>,
}

/// A configuration with short waits.
pub(crate) fn config() -> Config {
    let definitions = DefinitionsSource::Path(project_file("config/definitions.json"));
    let mut config = Config { definitions: Some(definitions), ..Config::default() };
    config.listen.http = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.listen.admin = config.listen.http;
    config.firehose.access_keys = vec![AccessKey::new(KEY)];
    config.cloudwatch.flush_interval = Duration::from_millis(200);
    config.cloudwatch.connect_timeout = Duration::from_secs(1);
    config.cloudwatch.attempt_timeout = Duration::from_secs(1);
    config.telemetry.own_namespace = None;
    config
}

impl TestApp {
    /// Publishes to a fake.
    pub(crate) async fn start(fake: &FakeCloudWatch, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(&fake.url(), Clock::System, change).await
    }

    /// Publishes to memory.
    pub(crate) async fn in_memory(change: impl FnOnce(&mut Config)) -> Self {
        let url = "http://127.0.0.1:9"; // never asked
        Self::start_at(url, Clock::System, |config| {
            config.cloudwatch.publish = Publish::Memory;
            change(config);
        })
        .await
    }

    pub(crate) async fn start_at(
        url: &str,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let aws = AwsEnvironment::Endpoint { url: url.to_owned() };
        Self::start_in(Environment { clock, aws, ..Environment::default() }, change).await
    }

    pub(crate) async fn start_in(around: Environment, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        let started = tokio::time::Instant::now();
        let app = loop {
            match App::bind(config.clone(), around.clone()).await {
                // The threads of the previous life may hold it for another moment.
                Err(StartError::Configuration(why))
                    if why.contains("another process is using it")
                        && started.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                app => break app.expect("it starts"),
            }
        };
        let (http, admin) = (app.http_address().unwrap(), app.admin_address().unwrap());
        let (ses_api, catalog) = (app.ses_api_address().unwrap(), app.catalog());
        let console = app.console_entry().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.run(async {
            let _ = stopped.await;
        }));
        Self { http, admin, ses_api, console, catalog, stop: Some(stop), task }
    }

    /// Posts as Firehose does, with the right key.
    pub(crate) fn firehose(&self) -> Firehose {
        Firehose::new(self.http, KEY)
    }

    /// Requests the stop, without waiting for the end.
    pub(crate) fn signal(&mut self) {
        self.stop.take();
    }

    /// Stops the daemon and waits for its end.
    pub(crate) async fn stop(mut self) -> Drained {
        self.signal();
        timeout(PATIENCE, self.task).await.expect("it ends").expect("it does not panic")
    }

    /// A counter or gauge of `/metrics`, by name and labels; 0 when there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        metric_of(&get(self.admin, "/metrics").await.1, name)
    }

    pub(crate) async fn doubtful(&self) -> u64 {
        self.metric("postmeter_doubtful_counts_total{cause=\"ambiguous\"}").await
    }

    pub(crate) async fn dropped(&self, reason: &str) -> u64 {
        self.metric(&format!("postmeter_dropped_total{{reason=\"{reason}\"}}")).await
    }

    /// Waits until all merged counts are accepted or dropped.
    pub(crate) async fn settled(&self) {
        self.until_metric("postmeter_pending_counts", |counts| counts == 0).await;
    }

    /// Polls a metric until it meets a condition; panics if that takes too long.
    pub(crate) async fn until_metric(&self, name: &str, is_there: impl Fn(u64) -> bool) {
        until_metric(self.admin, name, is_there).await;
    }
}

/// Polls a metric of a daemon until it meets a condition.
pub(crate) async fn until_metric(admin: SocketAddr, name: &str, is_there: impl Fn(u64) -> bool) {
    let there = async {
        while !is_there(metric_of(&get(admin, "/metrics").await.1, name)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, there).await.is_ok(), "{name} does not get there in time");
}

/// A counter or gauge in the text that Prometheus scrapes, by name and labels; 0 if missing.
pub(crate) fn metric_of(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
    line.map_or(0, |value| value.parse::<f64>().expect("a number") as u64)
}
