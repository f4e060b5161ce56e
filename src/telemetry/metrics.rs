//! Handles of the metrics, made once; the hot path adds plain tallies to them once per request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::names::{Kind, METRICS};
use super::process::Process;
use crate::pipeline::{Lateness, Tally};

/// A counter that can be read back.
pub struct Total {
    counter: Counter,
    value: AtomicU64,
}

/// A registry of its own for each daemon, so that several can live in one process.
pub struct Metrics {
    handle: PrometheusHandle,
    requests: Labelled<16>,
    refused: Labelled<3>,
    pub overdue_requests: Total,
    pub request_bytes: Total,
    request_duration: Histogram,
    sns_refused: Labelled<14>,
    sns_certificates: Labelled<5>,
    sns_subscriptions: Labelled<4>,
    pub sqs_messages_received: Total,
    pub sqs_messages_deleted: Total,
    pub sqs_messages_undeleted: Total,
    pub sqs_failed_calls: Total,
    s3_objects: Labelled<6>,
    pub s3_bytes: Total,
    pub ledger_evicted: Total,
    values: Labelled<6>,
    dead_letters: Labelled<5>,
    events: Labelled<3>,
    pub copies_removed: Total,
    pub remembered_evicted: Total,
    pub no_timestamp: Total,
    lateness: Histogram,
    pub destination_matches: Total,
    forwards: Labelled<5>,
    pub forward_repeats: Total,
    dropped: Labelled<6>,
    pub flushes: Total,
    calls: Labelled<6>,
    call_duration: Histogram,
    pub accepted_counts: Total,
    pub accepted_datums: Total,
    pub doubtful_ambiguous: Total,
    pub doubtful_crash: Total,
    pub doubtful_shutdown: Total,
    pub doubtful_set_aside: Total,
    pub journal_bytes: Total,
    pub journal_syncs: Total,
    pub journal_failures: Total,
    pub journal_corrupt_bytes: Total,
    pub journal_contradictions: Total,
    pub publish_denied: Gauge,
    pub recent_evicted: Total,
    reloads: Labelled<2>,
    api: Labelled<5>,
    api_rejections: Labelled<17>,
    connections_closed: Labelled<7>,
    http_rejected: Labelled<4>,
    tls_reloads: Labelled<2>,
    tasks_failed: Labelled<13>,
    pub log_lines_suppressed: Total,
    gauges: [Gauge; 12],
}

type Labelled<const N: usize> = [Total; N];

/// State that is read when somebody looks at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
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

/// How a request was answered. In the order of the label's values in [`METRICS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    Acknowledged,
    Repeated,
    Overdue,
    Lost,
    Refused(crate::ack::Reason),
}

/// Why a message of SNS is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnsDoubt {
    /// It has not the shape of one.
    Envelope,
    /// Its topic is none of ours.
    Topic,
    /// It was published too long ago.
    Stale,
    /// It is to be published yet.
    Future,
    /// It names a certificate that is not of SNS.
    Certificate,
    Signature,
    /// What is to confirm the subscription leads elsewhere.
    Subscription,
    /// A raw delivery has none that are accepted.
    Credentials,
    /// The certificate cannot be had now; the message comes again.
    Unverified,
    /// The version of its signature is not allowed.
    Version,
    /// It has more bytes than SNS sends.
    TooLarge,
    /// Its body did not arrive, or too slowly.
    Incomplete,
    /// It was slower than the messages that came after it.
    Evicted,
    /// Too many messages are being checked.
    Full,
}

/// What became of a certificate that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateOutcome {
    Fetched,
    /// It could not be had.
    Failed,
    /// It was had, and is none of SNS.
    Wrong,
    /// It was not asked for: there were too many.
    Limited,
    /// It was kept by an earlier process, and still holds.
    Loaded,
}

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionOutcome {
    Confirmed,
    Failed,
    /// For somebody else to confirm.
    Left,
    Ended,
}

/// What becomes of a value that could not be read and is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterOutcome {
    Kept,
    /// It came out of a letter, or of what Firehose failed to deliver, and is kept there.
    Again,
    Full,
    TooLarge,
    Failed,
}

/// What became of an object that a notification named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectOutcome {
    Read,
    /// It was read before.
    Repeated,
    /// It is not there any more.
    Missing,
    /// It cannot be read; its message comes again.
    Failed,
    /// It was not made, but deleted, say.
    Ignored,
    /// It is in a bucket that the queue may not name; its message stays in the queue.
    Forbidden,
}

/// What becomes of an event that is to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardOutcome {
    Sent,
    /// It was not taken in time.
    Late,
    Refused,
    TooLarge,
    /// The process ended before it was taken.
    Shutdown,
}

/// Why counts are not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    InvalidValue,
    SeriesLimit,
    TooOld,
    TooNew,
    Refused,
    Ambiguous,
}

/// How a `PutMetricData` call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Accepted,
    NotIngested,
    TooLarge,
    Denied,
    Invalid,
    Unknown,
}

/// How an attempt to load definitions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Loaded,
    Refused,
}

/// How a request of the SES API was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiOutcome {
    Answered,
    /// Something is wrong with it.
    Refused,
    /// Nobody known asked, or somebody who may not.
    Denied,
    Throttled,
    /// Something is wrong here.
    Failed,
}

/// Why the daemon closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The head of a request was begun and did not end in time.
    SlowHead,
    /// The body of a request arrived too slowly.
    SlowBody,
    /// Responses were not read.
    Unread,
    /// Too many connections sent long heads at once.
    LongHeads,
    /// It had never had a successful response, and another connection needed its place.
    Displaced,
    /// The TLS handshake took too long.
    TlsSlow,
    /// The TLS handshake failed: plain HTTP, or an invalid client certificate.
    TlsFailed,
}

/// Why a request was rejected before its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// `Host` is not a loopback name or address.
    Host,
    /// A web page of another site sent it.
    CrossSite,
    /// The admin token is missing or wrong.
    Token,
    /// Too many clients read `/series`.
    SeriesBusy,
}

// === impl CloseReason ===

impl CloseReason {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::SlowBody => "slow_body",
            Self::Unread => "unread",
            Self::LongHeads => "long_heads",
            Self::Displaced => "displaced",
            Self::TlsSlow => "tls_slow",
            Self::TlsFailed => "tls_failed",
        }
    }
}

// === impl RejectReason ===

impl RejectReason {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::CrossSite => "cross_site",
            Self::Token => "token",
            Self::SeriesBusy => "series_busy",
        }
    }
}

/// A task that lives as long as the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskName {
    JournalWriter,
    DeadLetters,
    Publisher,
    SqsPoller,
    SqsDeletions,
    SqsVisibility,
    ForwardQueue,
    HttpListener,
    AdminListener,
    SesApiListener,
    Definitions,
    OwnTotals,
    TlsReload,
}

// === impl Total ===

impl Total {
    pub fn add(&self, count: u64) {
        self.counter.increment(count);
        self.value.fetch_add(count, Ordering::Relaxed);
    }

    /// Brings the counter up to a total that is kept elsewhere.
    pub fn raise_to(&self, total: u64) {
        let before = self.value.fetch_max(total, Ordering::Relaxed);
        self.counter.increment(total.saturating_sub(before));
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

// === impl DropReason ===

impl DropReason {
    pub const ALL: [Self; 6] = [
        Self::InvalidValue,
        Self::SeriesLimit,
        Self::TooOld,
        Self::TooNew,
        Self::Refused,
        Self::Ambiguous,
    ];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::InvalidValue => "invalid_value",
            Self::SeriesLimit => "series_limit",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::Refused => "refused",
            Self::Ambiguous => "ambiguous",
        }
    }
}

// === impl TaskName ===

impl TaskName {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::JournalWriter => "journal_writer",
            Self::DeadLetters => "dead_letters",
            Self::Publisher => "publisher",
            Self::SqsPoller => "sqs_poller",
            Self::SqsDeletions => "sqs_deletions",
            Self::SqsVisibility => "sqs_visibility",
            Self::ForwardQueue => "forward_queue",
            Self::HttpListener => "http_listener",
            Self::AdminListener => "admin_listener",
            Self::SesApiListener => "ses_api_listener",
            Self::Definitions => "definitions",
            Self::OwnTotals => "own_totals",
            Self::TlsReload => "tls_reload",
        }
    }
}

// === impl SnsDoubt ===

impl SnsDoubt {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Topic => "topic",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Certificate => "certificate",
            Self::Signature => "signature",
            Self::Subscription => "subscription",
            Self::Credentials => "credentials",
            Self::Unverified => "unverified",
            Self::Version => "version",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Evicted => "evicted",
            Self::Full => "full",
        }
    }
}

// === impl CertificateOutcome ===

impl CertificateOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Failed => "failed",
            Self::Wrong => "wrong",
            Self::Limited => "limited",
            Self::Loaded => "loaded",
        }
    }
}

// === impl SubscriptionOutcome ===

impl SubscriptionOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Left => "left",
            Self::Ended => "ended",
        }
    }
}

// === impl LetterOutcome ===

impl LetterOutcome {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Again => "again",
            Self::Full => "full",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
        }
    }
}

// === impl ObjectOutcome ===

impl ObjectOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Repeated => "repeated",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
            Self::Forbidden => "forbidden",
        }
    }
}

// === impl ForwardOutcome ===

impl ForwardOutcome {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Late => "late",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Shutdown => "shutdown",
        }
    }
}

// === impl RequestOutcome ===

impl RequestOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Repeated => "repeated",
            Self::Overdue => "overdue",
            Self::Lost => "lost",
            Self::Refused(reason) => reason.label(),
        }
    }
}

// === impl CallOutcome ===

impl CallOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotIngested => "not_ingested",
            Self::TooLarge => "too_large",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Metrics ===

/// Buckets of durations in seconds: from what a merge takes to what Firehose waits.
const DURATION_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 180.0];

impl Metrics {
    /// Registers every metric of [`METRICS`].
    ///
    /// # Errors
    /// Bounds of a histogram are wrong.
    pub fn new() -> Result<Arc<Self>, BuildError> {
        let lateness = Matcher::Full("postmeter_event_lateness_seconds".to_owned());
        let durations = Matcher::Suffix("_duration_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(lateness, &Lateness::BOUNDS)?
            .set_buckets_for_metric(durations, &DURATION_BOUNDS)?
            .build_recorder();
        for metric in METRICS {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let register = Register(&recorder);
        register.gauge("postmeter_up").set(1.0);
        Ok(Arc::new(Self {
            handle: recorder.handle(),
            requests: register.labelled("postmeter_requests_total"),
            refused: register.labelled("postmeter_refused_total"),
            overdue_requests: register.total("postmeter_overdue_requests_total"),
            request_bytes: register.total("postmeter_request_bytes_total"),
            request_duration: register.histogram("postmeter_request_duration_seconds"),
            sns_refused: register.labelled("postmeter_sns_refused_total"),
            sns_certificates: register.labelled("postmeter_sns_certificates_total"),
            sns_subscriptions: register.labelled("postmeter_sns_subscriptions_total"),
            sqs_messages_received: register.total("postmeter_sqs_messages_received_total"),
            sqs_messages_deleted: register.total("postmeter_sqs_messages_deleted_total"),
            sqs_messages_undeleted: register.total("postmeter_sqs_messages_undeleted_total"),
            sqs_failed_calls: register.total("postmeter_sqs_failed_calls_total"),
            s3_objects: register.labelled("postmeter_s3_objects_total"),
            s3_bytes: register.total("postmeter_s3_bytes_total"),
            ledger_evicted: register.total("postmeter_ledger_evicted_total"),
            values: register.labelled("postmeter_values_total"),
            dead_letters: register.labelled("postmeter_dead_letters_total"),
            events: register.labelled("postmeter_events_total"),
            copies_removed: register.total("postmeter_copies_removed_total"),
            remembered_evicted: register.total("postmeter_remembered_events_evicted_total"),
            no_timestamp: register.total("postmeter_no_timestamp_events_total"),
            lateness: register.histogram("postmeter_event_lateness_seconds"),
            destination_matches: register.total("postmeter_destination_matches_total"),
            forwards: register.labelled("postmeter_forwards_total"),
            forward_repeats: register.total("postmeter_forward_repeats_total"),
            dropped: register.labelled("postmeter_dropped_total"),
            flushes: register.total("postmeter_flushes_total"),
            calls: register.labelled("postmeter_put_metric_data_calls_total"),
            call_duration: register.histogram("postmeter_put_metric_data_duration_seconds"),
            accepted_counts: register.total("postmeter_accepted_counts_total"),
            accepted_datums: register.total("postmeter_accepted_datums_total"),
            doubtful_ambiguous: register.doubtful("ambiguous"),
            doubtful_crash: register.doubtful("crash"),
            doubtful_shutdown: register.doubtful("shutdown"),
            doubtful_set_aside: register.doubtful("set_aside"),
            journal_bytes: register.total("postmeter_journal_bytes_total"),
            journal_syncs: register.total("postmeter_journal_syncs_total"),
            journal_failures: register.total("postmeter_journal_failures_total"),
            journal_corrupt_bytes: register.total("postmeter_journal_corrupt_bytes_total"),
            journal_contradictions: register.total("postmeter_journal_contradictions_total"),
            publish_denied: register.gauge("postmeter_publish_denied"),
            recent_evicted: register.total("postmeter_recent_evicted_total"),
            reloads: register.labelled("postmeter_definitions_reloads_total"),
            api: register.labelled("postmeter_ses_api_requests_total"),
            api_rejections: register.labelled("postmeter_ses_api_rejected_total"),
            connections_closed: register.labelled("postmeter_connections_closed_total"),
            http_rejected: register.labelled("postmeter_http_rejected_total"),
            tls_reloads: register.labelled("postmeter_tls_reloads_total"),
            tasks_failed: register.labelled("postmeter_tasks_failed_total"),
            log_lines_suppressed: register.total("postmeter_log_lines_suppressed_total"),
            gauges: [
                "postmeter_in_flight_requests",
                "postmeter_in_flight_bytes",
                "postmeter_sqs_messages_held",
                "postmeter_sqs_pollers",
                "postmeter_ledger_ids",
                "postmeter_remembered_events",
                "postmeter_forward_waiting_events",
                "postmeter_pending_counts",
                "postmeter_pending_entries",
                "postmeter_series",
                "postmeter_series_bytes",
                "postmeter_oldest_epoch_seconds",
            ]
            .map(|name| register.gauge(name)),
        }))
    }

    /// Adds what a merged request brought. `series_limit`: counts that the merge itself dropped.
    pub fn batch(&self, tally: &Tally, series_limit: u64) {
        let Tally { unknown_type, malformed, foreign, control, notice, .. } = *tally;
        let values = [tally.events(), unknown_type, malformed, foreign, control, notice];
        for (total, count) in self.values.iter().zip(values) {
            total.add(count);
        }
        let events = [tally.matched, tally.unmatched, tally.unrouted];
        for (total, count) in self.events.iter().zip(events) {
            total.add(count);
        }
        self.copies_removed.add(tally.copies);
        self.no_timestamp.add(tally.no_timestamp);
        self.destination_matches.add(tally.destination_matches);
        self.dropped(DropReason::InvalidValue, tally.invalid_value);
        self.dropped(DropReason::SeriesLimit, tally.series_limit + series_limit);
        for (seconds, count) in tally.lateness.means() {
            self.lateness.record_many(seconds, count);
        }
    }

    /// A request is refused for good.
    pub fn refused(&self, reason: crate::ack::Reason) {
        add(&self.refused, "postmeter_refused_total", reason.label(), 1);
    }

    pub fn dead_letters(&self, outcome: LetterOutcome, letters: u64) {
        add(&self.dead_letters, "postmeter_dead_letters_total", outcome.label(), letters);
    }

    pub fn s3_objects(&self, outcome: ObjectOutcome, objects: u64) {
        add(&self.s3_objects, "postmeter_s3_objects_total", outcome.label(), objects);
    }

    pub fn forwards(&self, outcome: ForwardOutcome, events: u64) {
        add(&self.forwards, "postmeter_forwards_total", outcome.label(), events);
    }

    pub fn sns_refused(&self, doubt: SnsDoubt) {
        add(&self.sns_refused, "postmeter_sns_refused_total", doubt.label(), 1);
    }

    pub fn sns_certificate(&self, outcome: CertificateOutcome) {
        add(&self.sns_certificates, "postmeter_sns_certificates_total", outcome.label(), 1);
    }

    pub fn sns_subscription(&self, outcome: SubscriptionOutcome) {
        add(&self.sns_subscriptions, "postmeter_sns_subscriptions_total", outcome.label(), 1);
    }

    pub fn dropped(&self, reason: DropReason, counts: u64) {
        add(&self.dropped, "postmeter_dropped_total", reason.label(), counts);
    }

    #[must_use]
    pub fn dropped_counts(&self, reason: DropReason) -> u64 {
        get(&self.dropped, "postmeter_dropped_total", reason.label())
    }

    pub fn request(&self, outcome: RequestOutcome, took: Duration) {
        add(&self.requests, "postmeter_requests_total", outcome.label(), 1);
        self.request_duration.record(took.as_secs_f64());
    }

    pub fn call(&self, outcome: CallOutcome, took: Duration) {
        add(&self.calls, "postmeter_put_metric_data_calls_total", outcome.label(), 1);
        self.call_duration.record(took.as_secs_f64());
    }

    pub fn reload(&self, outcome: Reload) {
        let label = match outcome {
            Reload::Loaded => "loaded",
            Reload::Refused => "refused",
        };
        add(&self.reloads, "postmeter_definitions_reloads_total", label, 1);
    }

    pub fn api(&self, outcome: ApiOutcome) {
        let label = match outcome {
            ApiOutcome::Answered => "answered",
            ApiOutcome::Refused => "refused",
            ApiOutcome::Denied => "denied",
            ApiOutcome::Throttled => "throttled",
            ApiOutcome::Failed => "failed",
        };
        add(&self.api, "postmeter_ses_api_requests_total", label, 1);
    }

    /// Counts a rejected request of the SES API by its reason, a value of the label.
    pub fn api_rejection(&self, reason: &'static str) {
        add(&self.api_rejections, "postmeter_ses_api_rejected_total", reason, 1);
    }

    pub fn connection_closed(&self, reason: CloseReason) {
        add(&self.connections_closed, "postmeter_connections_closed_total", reason.label(), 1);
    }

    pub fn http_rejected(&self, reason: RejectReason) {
        add(&self.http_rejected, "postmeter_http_rejected_total", reason.label(), 1);
    }

    /// Counts an attempt to load changed TLS files.
    pub fn tls_reload(&self, is_loaded: bool) {
        let label = if is_loaded { "loaded" } else { "rejected" };
        add(&self.tls_reloads, "postmeter_tls_reloads_total", label, 1);
    }

    pub fn task_failed(&self, task: TaskName) {
        add(&self.tasks_failed, "postmeter_tasks_failed_total", task.label(), 1);
    }

    #[must_use]
    pub fn tasks_failed(&self, task: TaskName) -> u64 {
        get(&self.tasks_failed, "postmeter_tasks_failed_total", task.label())
    }

    /// All requests, and those that were refused before the merge.
    #[must_use]
    pub fn request_counts(&self) -> (u64, u64) {
        let all = self.requests.iter().map(Total::get).sum();
        (all, self.requests[4..].iter().map(Total::get).sum())
    }

    /// Innermost values of a kind, by its label.
    #[must_use]
    pub fn value_counts(&self, kind: &str) -> u64 {
        get(&self.values, "postmeter_values_total", kind)
    }

    /// Events by routing label.
    #[must_use]
    pub fn event_counts(&self, routing: &str) -> u64 {
        get(&self.events, "postmeter_events_total", routing)
    }

    /// The text that Prometheus scrapes.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        #[expect(clippy::cast_precision_loss, reason = "gauges of things held in memory")]
        let values = [
            gauges.in_flight_requests as f64,
            gauges.in_flight_bytes as f64,
            gauges.sqs_messages_held as f64,
            gauges.sqs_pollers as f64,
            gauges.ledger_ids as f64,
            gauges.remembered_events as f64,
            gauges.forward_waiting_events as f64,
            gauges.pending_counts as f64,
            gauges.pending_entries as f64,
            gauges.series as f64,
            gauges.series_bytes as f64,
            gauges.oldest_epoch_seconds,
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value);
        }
        let mut text = self.handle.render();
        if let Some(process) = Process::read() {
            process.push_metrics(&mut text);
        }
        text
    }

    /// Work that the histograms need every few minutes, whether somebody scrapes or not.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn labels_of(name: &str) -> &'static [&'static str] {
    let metric = METRICS.iter().find(|metric| metric.name == name);
    metric.and_then(|metric| metric.label).map_or(&[], |(_, values)| values)
}

fn add<const N: usize>(totals: &Labelled<N>, name: &str, label: &str, count: u64) {
    for (total, value) in totals.iter().zip(labels_of(name)) {
        if *value == label {
            total.add(count);
        }
    }
}

fn get<const N: usize>(totals: &Labelled<N>, name: &str, label: &str) -> u64 {
    let values = totals.iter().zip(labels_of(name));
    values.filter(|(_, value)| **value == label).map(|(total, _)| total.get()).sum()
}

/// Registers handles.
struct Register<'r>(&'r PrometheusRecorder);

impl Register<'_> {
    const METADATA: Metadata<'static> = Metadata::new("postmeter", Level::INFO, None);

    fn with(&self, name: &'static str, labels: Vec<Label>) -> Total {
        let key = Key::from_parts(name, labels);
        let counter = self.0.register_counter(&key, &Self::METADATA);
        // A counter shows from the start, with zero.
        counter.increment(0);
        Total { counter, value: AtomicU64::new(0) }
    }

    fn total(&self, name: &'static str) -> Total {
        self.with(name, Vec::new())
    }

    fn labelled<const N: usize>(&self, name: &'static str) -> Labelled<N> {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let (label, values) = metric.and_then(|metric| metric.label).unwrap_or_default();
        std::array::from_fn(|at| {
            let value = values.get(at).copied().unwrap_or_default();
            self.with(name, vec![Label::from_static_parts(label, value)])
        })
    }

    fn doubtful(&self, cause: &'static str) -> Total {
        let label = Label::from_static_parts("cause", cause);
        self.with("postmeter_doubtful_counts_total", vec![label])
    }

    fn gauge(&self, name: &'static str) -> Gauge {
        let gauge = self.0.register_gauge(&Key::from_static_name(name), &Self::METADATA);
        gauge.set(0.0);
        gauge
    }

    fn histogram(&self, name: &'static str) -> Histogram {
        self.0.register_histogram(&Key::from_static_name(name), &Self::METADATA)
    }
}
