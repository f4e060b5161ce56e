//! `postmeter demo`: shows the daemon with simulated traffic.
//!
//! Runs the real daemon on loopback, publishing to memory. A sender posts generated events like
//! Firehose, retries some requests and damages some records. A table shows the counts. At the end,
//! the daemon's figures must match what was sent.

mod definitions;
mod health;
mod scrape;
mod screen;
mod sender;

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Exit;
use super::args::DemoArgs;
use super::output::warn_user;
use crate::app::{App, Environment};
use crate::clock::Clock;
use crate::config::{AccessKey, Config, Publish};
use crate::ses::Minute;

use scrape::Scrape;
use screen::Screen;
use sender::Sender;

/// Runs the command.
///
/// # Errors
/// Loopback does not work, or the output cannot be written.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    Runtime::new().context("cannot start threads")?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    let key = format!("{:032x}", fastrand::u128(..));
    let document = definitions::document()?;
    let environment =
        Environment { definitions: Some(document.to_string()), ..Environment::of_process() };
    let app = App::bind(config(&key, args.console), environment).await?;
    let (http, admin) = (app.http_address()?, app.admin_address()?);
    if let Some(console) = app.console_entry()? {
        warn_user(&format!("console: {}", console.url()));
    }
    let (catalog, before) = (app.catalog(), app.catalog().in_force());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let daemon = tokio::spawn(app.run(async {
        // A dropped sender also means stop.
        let _ = stopped.await;
    }));

    // Start at a whole minute, so that the same seed always spreads events over minutes in the same
    // way.
    let start = Minute::of_ms(Clock::System.now_ms());
    let mut sender = Sender::new(http, &key, args.seed, start.start_seconds() * 1000, &document);
    let mut screen = Screen::new(std::io::stdout().is_terminal(), &before);
    let mut ticks = interval(Duration::from_secs(1) / sender::REQUESTS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    for request in 1..=args.seconds * u64::from(sender::REQUESTS_PER_SECOND) {
        ticks.tick().await;
        sender.send().await?;
        if request.is_multiple_of(u64::from(sender::REQUESTS_PER_SECOND)) {
            let scrape = Scrape::take(admin).await?;
            screen.show(&scrape, sender.latency(), started.elapsed())?;
        }
    }
    let scrape = Scrape::take(admin).await?;
    screen.end(&scrape)?;
    drop(stop);
    daemon.await.context("the daemon failed")?;

    if let Some(path) = &args.summary {
        scrape.summary().write(path)?;
    }
    let difference = sender.truth().difference(&scrape);
    let mut out = std::io::stdout().lock();
    if *catalog.in_force() != *before {
        writeln!(out, "The definitions were changed in the console, so nothing is compared.")?;
        return Ok(Exit::Done);
    }
    match difference {
        None => {
            writeln!(
                out,
                "Every figure above matches what was sent, including retries and faults."
            )?;
            Ok(Exit::Done)
        }
        Some(difference) => {
            warn_user(&format!("the daemon's figures differ from what was sent: {difference}"));
            Ok(Exit::Failed)
        }
    }
}

fn config(key: &str, console: SocketAddr) -> Config {
    let mut config = Config::default();
    config.listen.http = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.listen.admin = config.listen.http;
    config.firehose.access_keys = vec![AccessKey::new(key)];
    config.cloudwatch.publish = Publish::Memory;
    config.cloudwatch.flush_interval = Duration::from_secs(1);
    config.telemetry.own_namespace = None;
    config.console.listen = Some(console);
    // The definitions are in memory.
    config.console.write = true;
    config
}
