//! Every metric of the daemon, in one table.

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// Its label and all values that this can have.
    pub label: Option<(&'static str, &'static [&'static str])>,
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, label: None, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, label: None, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, label: None, help }
}

const fn by(
    label: &'static str,
    values: &'static [&'static str],
    name: &'static str,
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, label: Some((label, values)), help }
}

/// Every metric, in the order of an event's path.
pub const METRICS: &[Metric] = &[
    by(
        "outcome",
        &[
            "acknowledged",
            "repeated",
            "overdue",
            "lost",
            "unauthorized",
            "forbidden",
            "bad_request",
            "over_budget",
            "panic",
            "busy",
            "entries_limit",
            "behind",
            "draining",
            "journal",
            "forwards",
            "given_up",
        ],
        "postmeter_requests_total",
        "Requests by how they were answered",
    ),
    by(
        "reason",
        &["bad_request", "over_budget", "panic"],
        "postmeter_refused_total",
        "Requests, messages and objects rejected for good: a retry gets the same response, unread",
    ),
    counter(
        "postmeter_overdue_requests_total",
        "Merged requests that were answered 503 because their counts were not settled in time",
    ),
    counter("postmeter_request_bytes_total", "Bytes of request bodies, as they arrived"),
    histogram("postmeter_request_duration_seconds", "From a request's headers to its answer"),
    gauge("postmeter_in_flight_requests", "Requests being read or held"),
    gauge("postmeter_in_flight_bytes", "Bytes of request bodies in memory"),
    by(
        "reason",
        &[
            "envelope",
            "topic",
            "stale",
            "future",
            "certificate",
            "signature",
            "subscription",
            "credentials",
            "unverified",
            "version",
            "too_large",
            "incomplete",
            "evicted",
            "full",
        ],
        "postmeter_sns_refused_total",
        "SNS messages that were not accepted, by reason; unverified: the certificate is not available; evicted: slower than those that came after it; full: too many are being checked",
    ),
    by(
        "outcome",
        &["fetched", "failed", "wrong", "limited", "loaded"],
        "postmeter_sns_certificates_total",
        "Signing certificates that were not known, by outcome; limited: too many to fetch; loaded: kept by an earlier process",
    ),
    by(
        "outcome",
        &["confirmed", "failed", "left", "ended"],
        "postmeter_sns_subscriptions_total",
        "Subscriptions by what became of them; left: for somebody else to confirm",
    ),
    counter("postmeter_sqs_messages_received_total", "SQS messages received, repeats among them"),
    counter("postmeter_sqs_messages_deleted_total", "SQS messages deleted"),
    counter(
        "postmeter_sqs_messages_undeleted_total",
        "SQS messages whose deletion was refused for good; they come again and are not counted again",
    ),
    counter("postmeter_sqs_failed_calls_total", "Calls of SQS that failed, and are repeated"),
    gauge("postmeter_sqs_messages_held", "SQS messages received and not yet deleted"),
    gauge("postmeter_sqs_pollers", "Requests for SQS messages under way"),
    by(
        "outcome",
        &["read", "repeated", "missing", "failed", "ignored", "forbidden"],
        "postmeter_s3_objects_total",
        "Objects that notifications name, by outcome; ignored: not created but deleted, say; forbidden: in a bucket that the queue may not name",
    ),
    counter("postmeter_s3_bytes_total", "Bytes of objects read, as they are stored"),
    gauge("postmeter_ledger_ids", "Request ids that are known"),
    counter("postmeter_ledger_evicted_total", "Done request ids forgotten before their time"),
    by(
        "kind",
        &["event", "unknown_type", "malformed", "foreign", "control", "notice"],
        "postmeter_values_total",
        "Innermost values by what they are",
    ),
    by(
        "outcome",
        &["kept", "again", "full", "too_large", "failed"],
        "postmeter_dead_letters_total",
        "Values to be kept as dead letters, by what became of them; again: read out of a letter",
    ),
    by(
        "routing",
        &["matched", "unmatched", "unrouted"],
        "postmeter_events_total",
        "Events by what the definitions make of them",
    ),
    counter(
        "postmeter_copies_removed_total",
        "Events left out as copies of others; in neither values nor events",
    ),
    gauge("postmeter_remembered_events", "Events whose copies are left out"),
    counter(
        "postmeter_remembered_events_evicted_total",
        "Remembered events forgotten before their time",
    ),
    counter("postmeter_no_timestamp_events_total", "Routed events without a readable time"),
    histogram("postmeter_event_lateness_seconds", "Arrival minus event time, of routed events"),
    counter(
        "postmeter_destination_matches_total",
        "Pairs of an event and a CloudWatch destination that takes it",
    ),
    by(
        "outcome",
        &["sent", "late", "refused", "too_large", "shutdown"],
        "postmeter_forwards_total",
        "Pairs of an event and a destination that it is forwarded to, by what became of them; all but sent become dead letters",
    ),
    counter(
        "postmeter_forward_repeats_total",
        "Events that a destination did not take, and were sent again",
    ),
    gauge("postmeter_forward_waiting_events", "Events that wait to be forwarded"),
    by(
        "reason",
        &["invalid_value", "series_limit", "too_old", "too_new", "refused", "ambiguous"],
        "postmeter_dropped_total",
        "Counts that are not published, by reason",
    ),
    gauge("postmeter_pending_counts", "Counts merged, and neither accepted nor dropped"),
    gauge("postmeter_pending_entries", "Series times minutes of the pending counts"),
    gauge("postmeter_series", "Distinct series in the current UTC hour"),
    gauge(
        "postmeter_series_bytes",
        "Memory of series and their counts: those alive, merged, and shown by /series",
    ),
    gauge("postmeter_oldest_epoch_seconds", "Age of the oldest epoch that is not settled"),
    counter("postmeter_flushes_total", "Epochs settled, each namespace for itself"),
    by(
        "outcome",
        &["accepted", "not_ingested", "too_large", "denied", "invalid", "unknown"],
        "postmeter_put_metric_data_calls_total",
        "PutMetricData calls by outcome",
    ),
    histogram("postmeter_put_metric_data_duration_seconds", "Time of one PutMetricData call"),
    counter("postmeter_accepted_counts_total", "Counts that CloudWatch accepted"),
    counter("postmeter_accepted_datums_total", "Datums that CloudWatch accepted"),
    by(
        "cause",
        &["ambiguous", "crash", "shutdown", "set_aside"],
        "postmeter_doubtful_counts_total",
        "Counts whose delivery is unconfirmed: possibly lost or duplicated; set_aside: in a file of the journal directory",
    ),
    counter("postmeter_journal_bytes_total", "Bytes written to the journal and synced"),
    counter("postmeter_journal_syncs_total", "Times that the journal was synced"),
    counter("postmeter_journal_failures_total", "Times that the journal could not be written"),
    counter(
        "postmeter_journal_corrupt_bytes_total",
        "Bytes in the midst of the journal that could not be read; their files are kept",
    ),
    counter(
        "postmeter_journal_contradictions_total",
        "Records of the journal that contradict others; only a damaged journal has any",
    ),
    gauge("postmeter_publish_denied", "1 while CloudWatch refuses us, else 0"),
    counter(
        "postmeter_recent_evicted_total",
        "Entries of /series that went before three hours were over",
    ),
    by(
        "outcome",
        &["loaded", "refused"],
        "postmeter_definitions_reloads_total",
        "Attempts to load definitions",
    ),
    by(
        "outcome",
        &["answered", "refused", "denied", "throttled", "failed"],
        "postmeter_ses_api_requests_total",
        "Requests of the SES API, by how they were answered",
    ),
    by(
        "reason",
        &[
            "unsigned",
            "incomplete_signature",
            "unknown_key",
            "wrong_signature",
            "read_only",
            "cross_site",
            "method",
            "too_many",
            "too_large",
            "slow_body",
            "displaced",
            "rate",
            "unknown_operation",
            "invalid",
            "limit",
            "conflict",
            "internal",
        ],
        "postmeter_ses_api_rejected_total",
        "Rejected requests of the SES API",
    ),
    by(
        "reason",
        &["slow_head", "slow_body", "unread", "long_heads", "displaced", "tls_slow", "tls_failed"],
        "postmeter_connections_closed_total",
        "Connections that the daemon closed because they made no progress (slow_head, slow_body, tls_slow), their responses were not read (unread), or others needed their place (long_heads, displaced), or that failed to speak TLS (tls_failed)",
    ),
    by(
        "reason",
        &["host", "cross_site", "token", "series_busy"],
        "postmeter_http_rejected_total",
        "Requests rejected before their route: Host is not loopback, sent by a web page, missing or wrong admin token, too many readers of /series",
    ),
    by(
        "outcome",
        &["loaded", "rejected"],
        "postmeter_tls_reloads_total",
        "Attempts to load changed TLS files; rejected: the previous certificate stays in use",
    ),
    by(
        "task",
        &[
            "journal_writer",
            "dead_letters",
            "publisher",
            "sqs_poller",
            "sqs_deletions",
            "sqs_visibility",
            "forward_queue",
            "http_listener",
            "admin_listener",
            "ses_api_listener",
            "definitions",
            "own_totals",
            "tls_reload",
        ],
        "postmeter_tasks_failed_total",
        "Long-lived tasks that panicked or ended early; each makes the daemon drain and exit with code 1",
    ),
    counter("postmeter_log_lines_suppressed_total", "Log lines left out by rate limits"),
    gauge("postmeter_up", "1"),
    counter("process_cpu_seconds_total", "CPU time of the process, user and system"),
    gauge("process_resident_memory_bytes", "Memory of the process that is in RAM"),
    gauge("process_start_time_seconds", "Start of the process in Unix time"),
    gauge("process_open_fds", "Open file descriptors"),
];

/// The table of the docs.
#[must_use]
pub fn markdown_table() -> String {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for Metric { name, kind, label, help } in METRICS {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = label.map_or_else(String::new, |(label, values)| {
            format!("`{label}`: {}", values.join(", "))
        });
        let row = format!("| `{name}` | {kind} | {labels} | {help} |\n");
        table.push_str(&row);
    }
    table
}
