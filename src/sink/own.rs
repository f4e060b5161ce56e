//! The daemon's own totals in CloudWatch, so that alarms can detect silence without Prometheus.
//!
//! Published every minute, including zeros. A total that was certainly not ingested is added to the
//! next minute's; one in doubt is not sent again. So these numbers may be too low, but never too
//! high.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Amount, Datum, MetricSink};
use crate::aggregate::SeriesMinute;
use crate::clock::Clock;
use crate::ses::Minute;
use crate::telemetry::{Metrics, Routing, ValueClass};

/// A total of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnTotal {
    Events,
    Matched,
    Unmatched,
    Unrouted,
    /// Events that arrived late.
    Late,
    Malformed,
    Accepted,
    Dropped,
    Doubtful,
    Requests,
    RefusedRequests,
}

const SPAN: Duration = Duration::from_mins(1);

/// Publishes totals under their own namespace.
#[derive(Debug)]
pub(crate) struct OwnTotals {
    namespace: Arc<str>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// How long a call waits for its response.
    within: Duration,
    sent: [u64; OwnTotal::ALL.len()],
}

// === impl OwnTotals ===

impl OwnTotals {
    #[must_use]
    pub(crate) fn new(
        namespace: &str,
        metrics: Arc<Metrics>,
        clock: Clock,
        within: Duration,
    ) -> Self {
        Self { namespace: namespace.into(), metrics, clock, within, sent: [0; OwnTotal::ALL.len()] }
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
        let datums: Vec<_> = OwnTotal::ALL
            .iter()
            .zip(totals.iter().zip(self.sent))
            .map(|(own, (total, sent))| Datum {
                series: SeriesMinute {
                    namespace: Arc::clone(&self.namespace),
                    metric: own.as_str(),
                    dimensions: Vec::new(),
                    minute,
                    unit: "Count",
                },
                amount: Amount::Value((total - sent) as f64),
            })
            .collect();
        match sink.put(&self.namespace, &datums, self.within).await.result {
            Ok(()) => self.sent = totals,
            Err(failure) if failure.is_ambiguous() => self.sent = totals,
            Err(failure) => {
                tracing::warn!(why = %failure, "own totals not published; the next call includes them");
            }
        }
    }

    fn totals(&self) -> [u64; OwnTotal::ALL.len()] {
        OwnTotal::ALL.map(|own| own.of(&self.metrics))
    }
}

// === impl OwnTotal ===

impl OwnTotal {
    pub(crate) const ALL: [Self; 11] = [
        Self::Events,
        Self::Matched,
        Self::Unmatched,
        Self::Unrouted,
        Self::Late,
        Self::Malformed,
        Self::Accepted,
        Self::Dropped,
        Self::Doubtful,
        Self::Requests,
        Self::RefusedRequests,
    ];

    /// The name of the metric.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "Events",
            Self::Matched => "MatchedEvents",
            Self::Unmatched => "UnmatchedEvents",
            Self::Unrouted => "UnroutedEvents",
            Self::Late => "LateEvents",
            Self::Malformed => "MalformedValues",
            Self::Accepted => "AcceptedCounts",
            Self::Dropped => "DroppedCounts",
            Self::Doubtful => "DoubtfulCounts",
            Self::Requests => "Requests",
            Self::RefusedRequests => "RefusedRequests",
        }
    }

    fn of(self, metrics: &Metrics) -> u64 {
        match self {
            Self::Events => metrics.events.sum(),
            Self::Matched => metrics.events.get(Routing::Matched),
            Self::Unmatched => metrics.events.get(Routing::Unmatched),
            Self::Unrouted => metrics.events.get(Routing::Unrouted),
            Self::Late => metrics.late_events.get(),
            Self::Malformed => metrics.values.get(ValueClass::Malformed),
            Self::Accepted => metrics.accepted_counts.get(),
            Self::Dropped => metrics.dropped.sum(),
            Self::Doubtful => metrics.doubtful.sum(),
            Self::Requests => metrics.request_counts().0,
            Self::RefusedRequests => metrics.request_counts().1,
        }
    }
}
