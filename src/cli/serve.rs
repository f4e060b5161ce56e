//! `postmeter serve`: the daemon in a process of its own.

use std::io::Write;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::args::ServeArgs;
use super::output::{complain, print_findings};
use super::{Exit, settings};
use crate::app::{App, Drained, StartError, Surroundings};
use crate::config::Config;
use crate::definitions::Book;
use crate::telemetry::init_logs;

/// Runs the command, until SIGTERM or SIGINT.
///
/// # Errors
/// The system refuses threads or signals.
pub fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let Some(loaded) = settings::load(args.config.as_deref()) else {
        return Ok(Exit::Usage);
    };
    let from_nothing = loaded.from_nothing;
    let Some(config) = loaded.config else { return Ok(Exit::Usage) };
    init_logs(&config.telemetry);
    if from_nothing {
        tracing::info!("nothing is configured: example definitions, published to memory alone");
    }
    Runtime::new().context("cannot start threads")?.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<Exit> {
    let app = match App::bind(config, Surroundings::default()).await {
        Ok(app) => app,
        Err(error) => return Ok(refuse_start(&error)),
    };
    // Before the daemon says that it serves: a signal that nobody waits for ends the process.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let (http, admin) = (app.http_address()?, app.admin_address()?);
    let ses_api = app.ses_api_address()?.map(tracing::field::display);
    tracing::info!(%http, %admin, ses_api, version = env!("CARGO_PKG_VERSION"), "serving");
    let (book, tls): (Book, _) = (app.book(), app.tls());
    let reloading = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if let Some(tls) = &tls {
                tls.reload().await;
            }
            book.reload_and_say().await;
        }
    });
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    };
    let Drained { left } = app.run(stop).await;
    reloading.abort();
    if left.is_empty() {
        return Ok(Exit::Done);
    }
    let counts: u64 = left.iter().map(|line| line.count).sum();
    tracing::error!(counts, datums = left.len(), "counts left at shutdown; they follow on stderr");
    let mut stderr = std::io::stderr().lock();
    for line in &left {
        writeln!(stderr, "{}", line.to_json())?;
    }
    Ok(Exit::Failed)
}

/// Says why a daemon does not start.
pub fn refuse_start(error: &StartError) -> Exit {
    complain(&error.to_string());
    match error {
        StartError::Definitions(findings) => {
            print_findings(findings);
            Exit::Usage
        }
        StartError::Configuration(_) => Exit::Usage,
        StartError::Listen { .. } => Exit::Failed,
    }
}
