//! `postmeter serve`: runs the daemon.
//!
//! The work runs on the threads of one runtime. The main thread has a runtime of its own for
//! signals and the shutdown, so requests that keep every worker thread busy delay neither. If that
//! fails, [`watchdog`](super::watchdog) ends the process.

use std::future::pending;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::args::ServeArgs;
use super::output::{print_findings, warn_user};
use super::watchdog::Watchdog;
use super::{Exit, settings};
use crate::app::{App, ConsoleEntry, Drained, Environment, StartError};
use crate::config::{Acknowledge, Config};
use crate::telemetry::init_logs;

/// Where the console is if nothing is configured.
const CONSOLE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8129);

/// Runs the command, until SIGTERM or SIGINT, or until a part of the daemon fails.
///
/// # Errors
/// Threads or signal handlers cannot be created.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let Some(loaded) = settings::load(args.config.as_deref()) else {
        return Ok(Exit::Usage);
    };
    let from_nothing = loaded.from_nothing;
    let Some(mut config) = loaded.config else { return Ok(Exit::Usage) };
    init_logs(&config.telemetry.log, config.telemetry.log_format);
    if from_nothing {
        config.console.listen = Some(CONSOLE);
        tracing::info!(
            "no configuration found; using example definitions and publishing only to memory"
        );
    }
    let work = Runtime::new().context("cannot start threads")?;
    let control = Builder::new_current_thread().enable_all().build();
    let control = control.context("cannot start threads")?;
    let exit = serve(config, &work, &control);
    // Do not wait for work on other threads.
    work.shutdown_background();
    control.shutdown_background();
    exit
}

fn serve(config: Config, work: &Runtime, control: &Runtime) -> anyhow::Result<Exit> {
    let grace = config.shutdown.grace;
    let is_journaled = config.has(Acknowledge::Journaled);
    let app = match work.block_on(App::bind(config, Environment::of_process())) {
        Ok(app) => app,
        Err(error) => return Ok(refuse_start(&error)),
    };
    let watchdog = Watchdog::start(app.pending_counts(), is_journaled);
    let watchdog = watchdog.context("cannot start threads")?;
    let Drained { left, has_failed } = control.block_on(async {
        // Installed before the daemon reports that it is ready, because an unhandled signal ends
        // the process.
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
        let (http, admin) = (app.http_address()?, app.admin_address()?);
        let ses_api = app.ses_api_address()?.map(tracing::field::display);
        tracing::info!(%http, %admin, ses_api, version = env!("CARGO_PKG_VERSION"), "serving");
        let console = app.console_entry()?;
        log_console(console.as_ref());
        app.catalog().log_destinations();
        let (catalog, tls, supervisor) = (app.catalog(), app.tls(), app.supervisor());
        let reloading = async {
            while hangup.recv().await.is_some() {
                // A link with a one-time token works once.
                log_console(console.as_ref());
                let (catalog, tls) = (catalog.clone(), tls.clone());
                work.spawn(async move {
                    if let Some(tls) = &tls {
                        tls.reload().await;
                    }
                    catalog.reload_and_log().await;
                });
            }
            pending().await
        };
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM"),
                _ = interrupt.recv() => tracing::info!("SIGINT"),
                () = supervisor.failed() => {}
            }
            watchdog.arm(grace);
        };
        tokio::select! {
            drained = app.run(stop) => anyhow::Ok(drained),
            never = reloading => never,
        }
    })?;
    // It stays armed until the process exits.
    std::mem::forget(watchdog);
    if !left.is_empty() {
        let counts: u64 = left.iter().map(|line| line.count).sum();
        let datums = left.len();
        tracing::error!(counts, datums, "counts left at shutdown; written to stderr");
        let mut stderr = std::io::stderr().lock();
        for line in &left {
            writeln!(stderr, "{}", line.to_json())?;
        }
        return Ok(Exit::Failed);
    }
    Ok(if has_failed { Exit::Failed } else { Exit::Done })
}

fn log_console(console: Option<&ConsoleEntry>) {
    if let Some(console) = console {
        tracing::info!(url = console.url(), "console");
    }
}

/// Logs why the daemon does not start.
pub(super) fn refuse_start(error: &StartError) -> Exit {
    warn_user(&error.to_string());
    match error {
        StartError::Definitions(findings) => {
            print_findings(findings);
            Exit::Usage
        }
        StartError::Configuration(_) => Exit::Usage,
        StartError::Listen { .. } => Exit::Failed,
    }
}
