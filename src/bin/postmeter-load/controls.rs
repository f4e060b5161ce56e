//! How a run is shown and stopped, whatever its target is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::{HumanCount, ProgressBar};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::{PaceArgs, TrafficArgs};
use super::job::DURATION;
use super::output::{bar, complain};
use super::plan::{Parcel, Plan};
use super::series::SeriesTable;
use super::tally::Live;

/// The progress bar and the signals of a run.
pub(crate) struct RunControls {
    pub live: Arc<Live>,
    pub bar: ProgressBar,
    /// Send nothing new.
    pub stop: CancellationToken,
    /// Abort requests in flight.
    pub abort: CancellationToken,
    by_events: bool,
}

// === impl RunControls ===

impl RunControls {
    /// The first SIGINT or SIGTERM stops sending; the second aborts requests in flight.
    pub(crate) fn new(pace: &PaceArgs) -> Self {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let (first, second) = (stop.clone(), abort.clone());
        tokio::spawn(async move {
            signalled().await;
            complain("stopping; send the signal again to stop immediately");
            first.cancel();
            signalled().await;
            second.cancel();
        });
        let length = pace.events.or_else(|| {
            let time = pace.duration.unwrap_or(DURATION) + pace.warm_up;
            Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        });
        let bar = bar(length, "{bar:30} {elapsed} {msg}");
        Self { live: Arc::default(), bar, stop, abort, by_events: pace.events.is_some() }
    }

    /// Generates the parcels.
    pub(crate) fn plan<P>(
        &self,
        traffic: &TrafficArgs,
        pace: &PaceArgs,
        make: impl FnMut(u64, &mut SeriesTable) -> Parcel<P>,
    ) -> Plan<P> {
        self.bar.set_message("generating events");
        let plan = Plan::new(traffic.pool, pace.events, make);
        self.bar.reset_elapsed();
        plan
    }

    /// Shows the progress.
    pub(crate) fn show(&self, started: Instant) {
        let (events, took) = (self.live.events.load(Ordering::Relaxed), started.elapsed());
        let refusals = self.live.refusals.load(Ordering::Relaxed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "shown"
        )]
        let rate = (events as f64 / took.as_secs_f64().max(0.001)) as u64;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_position(if self.by_events { events } else { took_ms });
        let (events, rate) = (HumanCount(events), HumanCount(rate));
        self.bar.set_message(format!("{events} events, {rate}/s, {refusals} refusals"));
    }
}

async fn signalled() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signals, the run ends on its own.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
