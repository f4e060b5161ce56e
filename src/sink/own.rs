//! The daemon's own totals in CloudWatch, so that alarms can detect silence without Prometheus.
//!
//! Published every minute, including zeros. A total that was certainly not ingested is added to the
//! next minute's; one in doubt is not sent again. So these numbers may be too low, but never too
//! high.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Amount, Datum, Failure, MetricSink};
use crate::aggregate::SeriesMinute;
use crate::clock::Clock;
use crate::ses::Minute;
use crate::telemetry::{Metrics, Routing, ValueClass};

const NAMES: [&str; 10] = [
    "Events",
    "MatchedEvents",
    "UnmatchedEvents",
    "UnroutedEvents",
    "MalformedValues",
    "AcceptedCounts",
    "DroppedCounts",
    "DoubtfulCounts",
    "Requests",
    "RefusedRequests",
];

const SPAN: Duration = Duration::from_mins(1);

/// Publishes totals under their own namespace.
#[derive(Debug)]
pub(crate) struct OwnTotals {
    namespace: Arc<str>,
    metrics: Arc<Metrics>,
    clock: Clock,
    sent: [u64; NAMES.len()],
}

// === impl OwnTotals ===

impl OwnTotals {
    #[must_use]
    pub(crate) fn new(namespace: &str, metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { namespace: namespace.into(), metrics, clock, sent: [0; NAMES.len()] }
    }

    /// Publishes every minute, forever.
    pub(crate) async fn run(&mut self, sink: &impl MetricSink) {
        let mut ticks = interval_at(Instant::now() + SPAN.mul_f64(fastrand::f64()), SPAN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.metrics.upkeep();
            self.publish(sink).await;
        }
    }

    /// Publishes the increase since the last call once.
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53, beyond any count of a minute")]
    pub(crate) async fn publish(&mut self, sink: &impl MetricSink) {
        let totals = self.totals();
        let minute = Minute::of_ms(self.clock.now_ms());
        let datums: Vec<_> = NAMES
            .iter()
            .zip(totals.iter().zip(self.sent))
            .map(|(metric, (total, sent))| Datum {
                series: SeriesMinute {
                    namespace: Arc::clone(&self.namespace),
                    metric,
                    dimensions: Vec::new(),
                    minute,
                },
                amount: Amount::Value((total - sent) as f64),
            })
            .collect();
        match sink.put(&self.namespace, &datums).await {
            Ok(()) | Err(Failure::Unknown(_)) => self.sent = totals,
            Err(failure) => {
                tracing::warn!(?failure, "own totals not published; the next call includes them");
            }
        }
    }

    fn totals(&self) -> [u64; NAMES.len()] {
        let metrics = &self.metrics;
        let events = [Routing::Matched, Routing::Unmatched, Routing::Unrouted];
        let [matched, unmatched, unrouted] = events.map(|routing| metrics.events.get(routing));
        let (requests, refused) = metrics.request_counts();
        [
            metrics.events.sum(),
            matched,
            unmatched,
            unrouted,
            metrics.values.get(ValueClass::Malformed),
            metrics.accepted_counts.get(),
            metrics.dropped.sum(),
            metrics.doubtful.sum(),
            requests,
            refused,
        ]
    }
}
