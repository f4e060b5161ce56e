//! Reads the daemon's metrics from its admin listener.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use hyper::Uri;
use hyper::header::HeaderValue;
use postmeter::http::HttpClient;
use postmeter::telemetry::read_metrics;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::web::{at, client, get_as};

/// Time between two checks of a daemon that is not idle yet.
const PAUSE: Duration = Duration::from_millis(200);

/// The daemon's `/metrics`.
#[derive(Clone)]
pub(crate) struct Daemon {
    client: HttpClient,
    uri: Uri,
    /// The admin token, as a header.
    authorization: Option<HeaderValue>,
    /// The metrics before the run.
    before: Snapshot,
}

/// Metrics at one point in time, by name and labels.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot(BTreeMap<String, f64>);

/// Changes of the daemon's metrics during a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Since {
    /// Counts in doubt, all causes.
    pub doubtful_counts: u64,
    /// Counts that were dropped for a reason other than the event itself.
    pub dropped_counts: u64,
    /// Pairs of series and minute that are not settled.
    pub pending_entries: u64,
    /// `null` if the system does not provide it.
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
}

/// Samples the daemon's memory.
pub(crate) struct Sampling {
    task: JoinHandle<u64>,
    stop: CancellationToken,
}

// === impl Daemon ===

impl Daemon {
    /// Connects to a daemon and reads its metrics. With `idle_within`, waits until it has published
    /// everything from before, so that later changes belong to this run.
    ///
    /// # Errors
    /// There is no daemon, or it is not idle in time.
    pub(crate) async fn meet(
        admin: &Uri,
        authorization: Option<HeaderValue>,
        idle_within: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let (client, uri) = (client(admin)?, at(admin, "/metrics")?);
        let deadline = idle_within.map(|patience| Instant::now() + patience);
        loop {
            let before = Snapshot::take(&client, &uri, authorization.as_ref()).await?;
            let Some(pending) = before.0.get("postmeter_pending_entries").copied() else {
                anyhow::bail!("{uri} is not postmeter's admin listener (listen.admin)");
            };
            let Some(deadline) = deadline.filter(|_| pending > 0.0) else {
                return Ok(Self { client, uri, authorization, before });
            };
            anyhow::ensure!(
                Instant::now() < deadline,
                "the daemon still has {pending} entries of earlier traffic to publish, which would \
                 be mistaken for entries of this run; stop other traffic and try again"
            );
            sleep(PAUSE).await;
        }
    }

    /// The changes since the start.
    ///
    /// # Errors
    /// The daemon does not respond, or was restarted.
    pub(crate) async fn since(&self) -> anyhow::Result<Since> {
        let now = self.look().await?;
        now.since(&self.before).context("the daemon was restarted during the run")
    }

    async fn look(&self) -> anyhow::Result<Snapshot> {
        Snapshot::take(&self.client, &self.uri, self.authorization.as_ref()).await
    }

    /// Samples the memory until stopped.
    pub(crate) fn sample(&self, every: Duration) -> Sampling {
        let (daemon, stop) = (self.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut peak = daemon.before.resident_bytes().unwrap_or(0);
            let mut ticks = tokio::time::interval(every);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = stopped.cancelled() => return peak,
                }
                // A failed sample is skipped.
                if let Ok(now) = daemon.look().await {
                    peak = peak.max(now.resident_bytes().unwrap_or(0));
                }
            }
        });
        Sampling { task, stop }
    }
}

// === impl Sampling ===

impl Sampling {
    /// The peak in bytes.
    pub(crate) async fn stop(self) -> u64 {
        self.stop.cancel();
        self.task.await.unwrap_or(0)
    }
}

// === impl Snapshot ===

impl Snapshot {
    async fn take(
        client: &HttpClient,
        uri: &Uri,
        authorization: Option<&HeaderValue>,
    ) -> anyhow::Result<Self> {
        Ok(Self(read_metrics(&get_as(client, uri, authorization).await?)))
    }

    /// `None`: not the same process.
    fn since(&self, before: &Self) -> Option<Since> {
        let start = |snapshot: &Self| snapshot.0.get("process_start_time_seconds").copied();
        // The clock that it is computed from may be adjusted meanwhile.
        if let (Some(now), Some(before)) = (start(self), start(before))
            && (now - before).abs() > 1.0
        {
            return None;
        }
        let dropped = |snapshot: &Self| {
            let own = "postmeter_dropped_total{reason=\"invalid_value\"}";
            snapshot.sum("postmeter_dropped_total{") - snapshot.sum(own)
        };
        let doubtful = |snapshot: &Self| snapshot.sum("postmeter_doubtful_counts_total{");
        let cpu = |snapshot: &Self| snapshot.0.get("process_cpu_seconds_total").copied();
        Some(Since {
            doubtful_counts: whole(doubtful(self) - doubtful(before)),
            dropped_counts: whole(dropped(self) - dropped(before)),
            pending_entries: whole(self.sum("postmeter_pending_entries")),
            cpu_seconds: cpu(self).zip(cpu(before)).map(|(now, before)| now - before),
            resident_bytes: self.resident_bytes(),
        })
    }

    fn sum(&self, prefix: &str) -> f64 {
        let metrics = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        metrics.map(|(_, value)| value).sum()
    }

    fn resident_bytes(&self) -> Option<u64> {
        self.0.get("process_resident_memory_bytes").map(|bytes| whole(*bytes))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and clamped")]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(doubtful: u32, dropped: u32, start: u32) -> Snapshot {
        Snapshot(read_metrics(&format!(
            "# TYPE postmeter_doubtful_counts_total counter\n\
             postmeter_doubtful_counts_total{{cause=\"ambiguous\"}} {doubtful}\n\
             postmeter_doubtful_counts_total{{cause=\"crash\"}} 1\n\n\
             postmeter_dropped_total{{reason=\"invalid_value\"}} 999\n\
             postmeter_dropped_total{{reason=\"series_limit\"}} {dropped}\n\
             postmeter_pending_entries 7\n\
             process_cpu_seconds_total {start}.5\n\
             process_resident_memory_bytes 4096\n\
             process_start_time_seconds {start}.25\n"
        )))
    }

    #[test]
    fn doubt_and_drops_count_from_the_beginning_of_the_run() {
        let since = snapshot(12, 5, 100).since(&snapshot(2, 5, 100));
        let expected = Since {
            doubtful_counts: 10,
            dropped_counts: 0,
            pending_entries: 7,
            cpu_seconds: Some(0.0),
            resident_bytes: Some(4096),
        };
        assert_eq!(since, Some(expected));
    }

    #[test]
    fn counters_of_another_process_are_an_error() {
        assert_eq!(snapshot(12, 5, 300).since(&snapshot(2, 5, 100)), None);
    }
}
