//! Every metric of the daemon, defined once: field, type, name and help text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::family::Family;
use super::labels::{
    ApiOutcome, ApiRejection, CallOutcome, CertificateOutcome, CloseReason, DoubtCause, DropReason,
    ForwardOutcome, LetterOutcome, LimitOutcome, NoValueReason, ObjectOutcome, RejectReason,
    Reload, RequestOutcome, Routing, SnsRejection, SubscriptionOutcome, TaskName, TlsReload,
    ValueClass,
};
use super::metric::{Metric, MetricKind};
use super::process::{PROCESS_METRICS, Process};
use super::total::Total;
use crate::ack::{EvictionReason, FinalReason};
use crate::label::Label;

/// A field of [`Metrics`], which knows how to register itself.
trait MetricHandle {
    const KIND: MetricKind;
    const LABEL: Option<(&'static str, &'static [&'static str])> = None;

    fn register(recorder: &PrometheusRecorder, name: &'static str) -> Self;
}

macro_rules! metrics {
    ($($field:ident: $handle:ty = $name:literal, $help:literal;)+) => {
        /// Each daemon has its own registry, so that several can run in one process.
        ///
        /// Handles are created once; the hot path adds plain tallies to them once per request.
        pub struct Metrics {
            handle: PrometheusHandle,
            $(pub $field: $handle,)+
        }

        /// Every metric of the registry, in the order of an event's path.
        const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: <$handle as MetricHandle>::KIND,
            label: <$handle as MetricHandle>::LABEL,
            help: $help,
        },)+];

        impl Metrics {
            fn register(recorder: &PrometheusRecorder) -> Self {
                Self {
                    handle: recorder.handle(),
                    $($field: <$handle as MetricHandle>::register(recorder, $name),)+
                }
            }
        }
    };
}

metrics! {
    requests: Family<RequestOutcome> = "postmeter_requests_total",
        "Requests by outcome";
    refused: Family<FinalReason> = "postmeter_refused_total",
        "Requests, messages and objects rejected permanently: a retry gets the same response, unread";
    overdue_requests: Total = "postmeter_overdue_requests_total",
        "Merged requests that got a 503 because their counts were not settled in time";
    request_bytes: Total = "postmeter_request_bytes_total",
        "Bytes of request bodies, as they arrived";
    request_duration: Histogram = "postmeter_request_duration_seconds",
        "Time from a request's headers to its response";
    in_flight_requests: Gauge = "postmeter_in_flight_requests",
        "Requests being read or held";
    in_flight_bytes: Gauge = "postmeter_in_flight_bytes",
        "Bytes of request bodies in memory";
    sns_refused: Family<SnsRejection> = "postmeter_sns_refused_total",
        "SNS messages rejected, by reason; unverified: the certificate is not available; evicted: slower than later messages; full: too many messages are being verified";
    sns_certificates: Family<CertificateOutcome> = "postmeter_sns_certificates_total",
        "Signing certificates that were not cached, by outcome; limited: too many fetches; loaded: saved by an earlier process";
    sns_subscriptions: Family<SubscriptionOutcome> = "postmeter_sns_subscriptions_total",
        "Subscription messages by outcome; left: another program must confirm it";
    sqs_messages_received: Total = "postmeter_sqs_messages_received_total",
        "SQS messages received, including redeliveries";
    sqs_messages_deleted: Total = "postmeter_sqs_messages_deleted_total",
        "SQS messages deleted";
    sqs_messages_undeleted: Total = "postmeter_sqs_messages_undeleted_total",
        "SQS messages whose deletion failed permanently; SQS redelivers them, and they are not counted again";
    sqs_failed_calls: Total = "postmeter_sqs_failed_calls_total",
        "SQS calls that failed and are retried";
    sqs_messages_held: Gauge = "postmeter_sqs_messages_held",
        "SQS messages received and not yet deleted";
    sqs_pollers: Gauge = "postmeter_sqs_pollers",
        "ReceiveMessage calls in flight";
    s3_objects: Family<ObjectOutcome> = "postmeter_s3_objects_total",
        "Objects named by notifications, by outcome; ignored: not a creation; forbidden: in a bucket that the queue must not name";
    s3_bytes: Total = "postmeter_s3_bytes_total",
        "Bytes of objects read, as they are stored";
    ledger_ids: Gauge = "postmeter_ledger_ids",
        "Request IDs remembered";
    ledger_evicted: Family<EvictionReason> = "postmeter_ledger_evicted_total",
        "Request IDs evicted before their retention ended: too many of a source, too many rejected permanently, or too many in the journal";
    values: Family<ValueClass> = "postmeter_values_total",
        "Innermost values by kind";
    dead_letters: Family<LetterOutcome> = "postmeter_dead_letters_total",
        "Dead letters by outcome; again: the value was read from a dead letter and is kept there";
    events: Family<Routing> = "postmeter_events_total",
        "Events by routing: a destination matched, none matched, or the configuration set is unknown";
    duplicates_removed: Total = "postmeter_duplicates_removed_total",
        "Events skipped as duplicates of others; in neither values nor events";
    remembered_events: Gauge = "postmeter_remembered_events",
        "Events remembered to detect duplicates";
    remembered_evicted: Total = "postmeter_remembered_events_evicted_total",
        "Remembered events evicted before their retention ended";
    no_timestamp: Total = "postmeter_no_timestamp_events_total",
        "Routed events without a readable time";
    late_events: Total = "postmeter_late_events_total",
        "Routed events that arrived more than 15 minutes after their own time";
    lateness: Histogram = "postmeter_event_lateness_seconds",
        "Arrival time minus event time, of routed events";
    destination_matches: Total = "postmeter_destination_matches_total",
        "Pairs of an event and a CloudWatch destination that counts it";
    series_matches: Total = "postmeter_series_matches_total",
        "Values to be made: of such a pair one, or one for each of its DimensionSets and Measures; each is accepted, pending or dropped, or there is none";
    no_value: Family<NoValueReason> = "postmeter_no_value_total",
        "Values that an event does not have, although others of its type have one: not_hard: of HARD_BOUNCE_RATE; suppressed, not_spam: of COMPLAINT_RATE; no_processing_time: of DELIVERY_TIME";
    limited_values: Family<LimitOutcome> = "postmeter_limited_values_total",
        "Values of dimensions in ValueLimits, once for each event and destination: own: one of the first of the hour; kept: of KeepValues; folded: counted as __other__";
    forwards: Family<ForwardOutcome> = "postmeter_forwards_total",
        "Pairs of an event and a destination that forwards it, by outcome; all except sent become dead letters";
    forward_repeats: Total = "postmeter_forward_repeats_total",
        "Events that a destination did not accept and that were sent again";
    forward_waiting_events: Gauge = "postmeter_forward_waiting_events",
        "Events waiting to be forwarded";
    dropped: Family<DropReason> = "postmeter_dropped_total",
        "Counts dropped, by reason";
    pending_counts: Gauge = "postmeter_pending_counts",
        "Counts merged but neither accepted nor dropped yet";
    pending_entries: Gauge = "postmeter_pending_entries",
        "Pairs of a series and a minute with pending counts";
    series: Gauge = "postmeter_series",
        "Distinct series in the current UTC hour";
    series_bytes: Gauge = "postmeter_series_bytes",
        "Memory used by series and their counts, including those shown by /series";
    oldest_epoch_seconds: Gauge = "postmeter_oldest_epoch_seconds",
        "Age of the oldest unsettled epoch";
    flushes: Total = "postmeter_flushes_total",
        "Epochs settled, counted per namespace";
    calls: Family<CallOutcome> = "postmeter_put_metric_data_calls_total",
        "PutMetricData calls by outcome";
    call_duration: Histogram = "postmeter_put_metric_data_duration_seconds",
        "Duration of a PutMetricData call";
    accepted_counts: Total = "postmeter_accepted_counts_total",
        "Counts that CloudWatch accepted";
    accepted_datums: Total = "postmeter_accepted_datums_total",
        "Datums that CloudWatch accepted";
    doubtful: Family<DoubtCause> = "postmeter_doubtful_counts_total",
        "Counts whose delivery is unconfirmed: possibly lost or duplicated; set_aside: kept in a file of the journal directory";
    journal_bytes: Total = "postmeter_journal_bytes_total",
        "Bytes written to the journal and synced";
    journal_syncs: Total = "postmeter_journal_syncs_total",
        "Syncs of the journal";
    journal_failures: Total = "postmeter_journal_failures_total",
        "Failed writes of the journal";
    journal_corrupt_bytes: Total = "postmeter_journal_corrupt_bytes_total",
        "Unreadable bytes inside the journal; their files are kept";
    journal_torn_bytes: Total = "postmeter_journal_torn_bytes_total",
        "Bytes at the end of the journal that are no complete record: an unfinished write, or damage to the last one";
    journal_contradictions: Total = "postmeter_journal_contradictions_total",
        "Journal records that contradict others; only a damaged journal has any";
    publish_denied: Gauge = "postmeter_publish_denied",
        "1 while CloudWatch rejects our credentials or permissions, else 0";
    publish_rejected: Gauge = "postmeter_publish_rejected",
        "Counts that wait because CloudWatch rejected their calls without naming a datum";
    recent_evicted: Total = "postmeter_recent_evicted_total",
        "Entries of /series evicted before three hours";
    definitions_reloads: Family<Reload> = "postmeter_definitions_reloads_total",
        "Attempts to load definitions, by outcome";
    ses_api_requests: Family<ApiOutcome> = "postmeter_ses_api_requests_total",
        "SES API requests, by outcome";
    ses_api_rejected: Family<ApiRejection> = "postmeter_ses_api_rejected_total",
        "SES API requests rejected, by reason";
    console_changes: Family<ApiOutcome> = "postmeter_console_changes_total",
        "Changes of definitions in the console, by outcome";
    connections_closed: Family<CloseReason> = "postmeter_connections_closed_total",
        "Connections that the daemon closed: no progress (slow_head, slow_body, tls_slow), responses not read (unread), place needed by others (long_heads, displaced), or failed TLS handshake (tls_failed)";
    http_rejected: Family<RejectReason> = "postmeter_http_rejected_total",
        "Requests rejected before routing: Host is not loopback, sent by a web page, missing or wrong admin token, too many readers of /series; in the console, no session, a form without a valid token, too many attempts to sign in";
    tls_reloads: Family<TlsReload> = "postmeter_tls_reloads_total",
        "Attempts to load changed TLS files; rejected: the previous certificate stays in use";
    tasks_failed: Family<TaskName> = "postmeter_tasks_failed_total",
        "Long-lived tasks that panicked or ended early; the daemon then drains and exits with code 1";
    log_lines_suppressed: Total = "postmeter_log_lines_suppressed_total",
        "Log lines suppressed by rate limits";
    up: Gauge = "postmeter_up",
        "1";
}

/// State that is read when a client requests the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub in_flight_requests: u64,
    pub in_flight_bytes: u64,
    pub sqs_messages_held: u64,
    pub sqs_pollers: u64,
    pub ledger_ids: u64,
    pub remembered_events: u64,
    pub forward_waiting_events: u64,
    pub pending_counts: u64,
    pub pending_entries: u64,
    pub series: u64,
    pub series_bytes: u64,
    pub oldest_epoch_seconds: f64,
}

/// Buckets of durations in seconds: from the time of a merge to Firehose's timeout.
const DURATION_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 180.0];

/// Events that arrive more than this after their own time are late.
pub(crate) const LATE_SECONDS: f64 = 900.0;

/// Upper bounds of the lateness buckets, in seconds: from "at once" to the two weeks after which
/// CloudWatch accepts nothing.
pub(crate) const LATENESS_BOUNDS: [f64; 12] = [
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    LATE_SECONDS,
    3600.0,
    10_800.0,
    43_200.0,
    86_400.0,
    604_800.0,
    1_209_600.0,
];

// === impl Metrics ===

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// The bounds of a histogram are invalid.
    pub fn new() -> Result<Arc<Self>, BuildError> {
        let lateness = Matcher::Full("postmeter_event_lateness_seconds".to_owned());
        let durations = Matcher::Suffix("_duration_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(lateness, &LATENESS_BOUNDS)?
            .set_buckets_for_metric(durations, &DURATION_BOUNDS)?
            .build_recorder();
        for metric in METRICS {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(name, None, help),
                MetricKind::Gauge => recorder.describe_gauge(name, None, help),
                MetricKind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let metrics = Self::register(&recorder);
        metrics.up.set(1.0);
        Ok(Arc::new(metrics))
    }

    /// Counts a request by its outcome and records its duration.
    pub fn request(&self, outcome: RequestOutcome, took: Duration) {
        self.requests.increment(outcome);
        self.request_duration.record(took.as_secs_f64());
    }

    /// Counts a `PutMetricData` call by its outcome and records its duration.
    pub fn call(&self, outcome: CallOutcome, took: Duration) {
        self.calls.increment(outcome);
        self.call_duration.record(took.as_secs_f64());
    }

    /// All requests, and those that were rejected before the merge.
    #[must_use]
    pub(crate) fn request_counts(&self) -> (u64, u64) {
        let refused = RequestOutcome::ALL.iter().filter_map(|outcome| match outcome {
            RequestOutcome::Refused(_) => Some(self.requests.get(*outcome)),
            _ => None,
        });
        (self.requests.sum(), refused.sum())
    }

    /// The text that Prometheus scrapes.
    #[must_use]
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        #[expect(clippy::cast_precision_loss, reason = "gauges of things held in memory")]
        for (gauge, value) in [
            (&self.in_flight_requests, gauges.in_flight_requests),
            (&self.in_flight_bytes, gauges.in_flight_bytes),
            (&self.sqs_messages_held, gauges.sqs_messages_held),
            (&self.sqs_pollers, gauges.sqs_pollers),
            (&self.ledger_ids, gauges.ledger_ids),
            (&self.remembered_events, gauges.remembered_events),
            (&self.forward_waiting_events, gauges.forward_waiting_events),
            (&self.pending_counts, gauges.pending_counts),
            (&self.pending_entries, gauges.pending_entries),
            (&self.series, gauges.series),
            (&self.series_bytes, gauges.series_bytes),
        ] {
            gauge.set(value as f64);
        }
        self.oldest_epoch_seconds.set(gauges.oldest_epoch_seconds);
        let mut text = self.handle.render();
        if let Some(process) = Process::read() {
            process.push_metrics(&mut text);
        }
        text
    }

    /// Maintenance that the histograms need every few minutes, even without scrapes.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

// === impl Total ===

const METADATA: Metadata<'static> = Metadata::new("postmeter", Level::INFO, None);

fn counter(recorder: &PrometheusRecorder, key: &Key) -> Counter {
    recorder.register_counter(key, &METADATA)
}

impl MetricHandle for Total {
    const KIND: MetricKind = MetricKind::Counter;

    fn register(recorder: &PrometheusRecorder, name: &'static str) -> Self {
        Self::new(counter(recorder, &Key::from_static_name(name)))
    }
}

impl<L: Label> MetricHandle for Family<L> {
    const KIND: MetricKind = MetricKind::Counter;
    const LABEL: Option<(&'static str, &'static [&'static str])> = Some((L::NAME, L::VALUES));

    fn register(recorder: &PrometheusRecorder, name: &'static str) -> Self {
        Self::new(|value| {
            let label = metrics::Label::new(L::NAME, value);
            Total::new(counter(recorder, &Key::from_parts(name, vec![label])))
        })
    }
}

impl MetricHandle for Gauge {
    const KIND: MetricKind = MetricKind::Gauge;

    fn register(recorder: &PrometheusRecorder, name: &'static str) -> Self {
        let gauge = recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        gauge.set(0.0);
        gauge
    }
}

impl MetricHandle for Histogram {
    const KIND: MetricKind = MetricKind::Histogram;

    fn register(recorder: &PrometheusRecorder, name: &'static str) -> Self {
        recorder.register_histogram(&Key::from_static_name(name), &METADATA)
    }
}

/// The table in the documentation.
#[must_use]
pub fn markdown_table() -> String {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for Metric { name, kind, label, help } in METRICS.iter().chain(&PROCESS_METRICS) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels = label.map_or_else(String::new, |(label, values)| {
            format!("`{label}`: {}", values.join(", "))
        });
        let row = format!("| `{name}` | {kind} | {labels} | {help} |\n");
        table.push_str(&row);
    }
    table
}
