//! The labels of all metrics: closed lists, one enum each.

use crate::ack::RefusalReason;
use crate::label::{Label, labels};

labels! {
    /// Why an SNS message is rejected.
    pub enum SnsRejection("reason") {
        /// It is not an SNS envelope.
        Envelope = "envelope",
        /// Its topic is not configured.
        Topic = "topic",
        /// It was published too long ago.
        Stale = "stale",
        /// Its timestamp is in the future.
        Future = "future",
        /// It names a certificate URL that is not one of SNS.
        Certificate = "certificate",
        Signature = "signature",
        /// Its subscription URL does not lead to SNS.
        Subscription = "subscription",
        /// A raw delivery without valid credentials.
        Credentials = "credentials",
        /// The certificate is not available now; SNS retries the message.
        Unverified = "unverified",
        /// The version of its signature is not allowed.
        Version = "version",
        /// It is longer than any message of SNS.
        TooLarge = "too_large",
        /// Its body did not arrive, or arrived too slowly.
        Incomplete = "incomplete",
        /// It was slower than later messages, and its place was needed.
        Evicted = "evicted",
        /// Too many messages are being verified.
        Full = "full",
    }

    /// How the request for a certificate that was not cached ended.
    pub enum CertificateOutcome("outcome") {
        Fetched = "fetched",
        /// It could not be fetched.
        Failed = "failed",
        /// It was fetched and does not belong to SNS.
        Wrong = "wrong",
        /// It was not fetched, because too many fetches ran.
        Limited = "limited",
        /// An earlier process saved it, and it is still valid.
        Loaded = "loaded",
    }

    /// How a message about a subscription was handled.
    pub enum SubscriptionOutcome("outcome") {
        Confirmed = "confirmed",
        Failed = "failed",
        /// Another program must confirm it.
        Left = "left",
        Ended = "ended",
    }

    /// What happened to a value that could not be read.
    pub enum LetterOutcome("outcome") {
        Kept = "kept",
        /// It was read from a dead letter or from Firehose's failed deliveries, and is kept there.
        Again = "again",
        Full = "full",
        TooLarge = "too_large",
        Failed = "failed",
    }

    /// What happened to an object that a notification named.
    pub enum ObjectOutcome("outcome") {
        Read = "read",
        /// It was read before.
        Repeated = "repeated",
        /// It no longer exists.
        Missing = "missing",
        /// It cannot be read; SQS redelivers its message.
        Failed = "failed",
        /// The notification is not about a creation.
        Ignored = "ignored",
        /// It is in a bucket that the queue must not name; its message stays in the queue.
        Forbidden = "forbidden",
    }

    /// What happened to an event that a destination forwards.
    pub enum ForwardOutcome("outcome") {
        Sent = "sent",
        /// It was not accepted in time.
        Late = "late",
        Refused = "refused",
        TooLarge = "too_large",
        /// The process ended before it was accepted.
        Shutdown = "shutdown",
    }

    /// Why counts are dropped.
    pub enum DropReason("reason") {
        InvalidValue = "invalid_value",
        SeriesLimit = "series_limit",
        TooOld = "too_old",
        TooNew = "too_new",
        Refused = "refused",
        Ambiguous = "ambiguous",
    }

    /// What became of a value of a dimension with a limit.
    pub enum LimitOutcome("outcome") {
        /// One of the first of the hour.
        Own = "own",
        /// The definition keeps it.
        Kept = "kept",
        /// Counted as `__other__`.
        Folded = "folded",
    }

    /// Why an event has no value of a measure.
    pub enum NoValueReason("reason") {
        /// A bounce that is not hard.
        NotHard = "not_hard",
        /// A complaint for an address of a suppression list.
        Suppressed = "suppressed",
        NotSpam = "not_spam",
        /// A delivery without a readable time.
        NoProcessingTime = "no_processing_time",
    }

    /// How a `PutMetricData` call ended.
    pub enum CallOutcome("outcome") {
        Accepted = "accepted",
        NotIngested = "not_ingested",
        TooLarge = "too_large",
        Denied = "denied",
        Invalid = "invalid",
        Unknown = "unknown",
    }

    /// How an attempt to load definitions ended.
    pub enum Reload("outcome") {
        Loaded = "loaded",
        Refused = "refused",
    }

    /// How a request of the SES API ended.
    pub enum ApiOutcome("outcome") {
        Answered = "answered",
        /// The request is invalid.
        Refused = "refused",
        /// The caller is unknown, or not allowed to do this.
        Denied = "denied",
        Throttled = "throttled",
        /// The daemon failed.
        Failed = "failed",
    }

    /// Why the daemon closed a connection.
    pub enum CloseReason("reason") {
        /// The head of a request did not arrive in time.
        SlowHead = "slow_head",
        /// The body of a request arrived too slowly.
        SlowBody = "slow_body",
        /// Responses were not read.
        Unread = "unread",
        /// Too many connections sent long heads at once.
        LongHeads = "long_heads",
        /// It had never had a successful response, and another connection needed its place.
        Displaced = "displaced",
        /// The TLS handshake took too long.
        TlsSlow = "tls_slow",
        /// The TLS handshake failed: plain HTTP, or an invalid client certificate.
        TlsFailed = "tls_failed",
    }

    /// Why a request was rejected before its route.
    pub enum RejectReason("reason") {
        /// `Host` is not a loopback name or address.
        Host = "host",
        /// A web page of another site sent it.
        CrossSite = "cross_site",
        /// The admin token is missing or wrong.
        Token = "token",
        /// Too many clients read `/series`.
        SeriesBusy = "series_busy",
        /// No session of the console.
        Session = "session",
        /// A form of the console has no valid token.
        FormToken = "form_token",
        /// Too many attempts to sign in.
        SignIn = "sign_in",
    }

    /// A task that lives as long as the daemon.
    pub enum TaskName("task") {
        JournalWriter = "journal_writer",
        DeadLetters = "dead_letters",
        Publisher = "publisher",
        SqsPoller = "sqs_poller",
        SqsDeletions = "sqs_deletions",
        SqsVisibility = "sqs_visibility",
        ForwardQueue = "forward_queue",
        HttpListener = "http_listener",
        AdminListener = "admin_listener",
        SesApiListener = "ses_api_listener",
        ConsoleListener = "console_listener",
        ConsoleFigures = "console_figures",
        Definitions = "definitions",
        OwnTotals = "own_totals",
        TlsReload = "tls_reload",
    }

    /// How an attempt to load changed TLS files ended.
    pub enum TlsReload("outcome") {
        Loaded = "loaded",
        /// The previous certificate stays in use.
        Rejected = "rejected",
    }

    /// What an innermost value is.
    pub enum ValueClass("kind") {
        Event = "event",
        UnknownType = "unknown_type",
        Malformed = "malformed",
        Foreign = "foreign",
        Control = "control",
        Notice = "notice",
    }

    /// What the definitions make of an event.
    pub enum Routing("routing") {
        Matched = "matched",
        Unmatched = "unmatched",
        Unrouted = "unrouted",
    }

    /// Why it is unknown whether CloudWatch has some counts.
    pub enum DoubtCause("cause") {
        /// A call got no clear response.
        Ambiguous = "ambiguous",
        /// A call was in flight when the process crashed.
        Crash = "crash",
        /// A call was in flight at the end of the grace period.
        Shutdown = "shutdown",
        /// They are in a journal file that was set aside.
        SetAside = "set_aside",
    }

    /// Why a request of the SES API is rejected.
    pub enum ApiRejection("reason") {
        Unsigned = "unsigned",
        IncompleteSignature = "incomplete_signature",
        UnknownKey = "unknown_key",
        WrongSignature = "wrong_signature",
        ReadOnly = "read_only",
        CrossSite = "cross_site",
        Method = "method",
        TooMany = "too_many",
        TooLarge = "too_large",
        SlowBody = "slow_body",
        Displaced = "displaced",
        Rate = "rate",
        UnknownOperation = "unknown_operation",
        Invalid = "invalid",
        Limit = "limit",
        Conflict = "conflict",
        Internal = "internal",
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    Acknowledged,
    Repeated,
    Overdue,
    Lost,
    Refused(RefusalReason),
}

// === impl RequestOutcome ===

const REFUSALS: usize = RefusalReason::ALL.len();
const OUTCOMES: usize = 4 + REFUSALS;

impl RequestOutcome {
    /// Every outcome with its text.
    const TABLE: ([Self; OUTCOMES], [&'static str; OUTCOMES]) = {
        let mut all = [Self::Acknowledged; OUTCOMES];
        let mut values = ["acknowledged"; OUTCOMES];
        (all[1], values[1]) = (Self::Repeated, "repeated");
        (all[2], values[2]) = (Self::Overdue, "overdue");
        (all[3], values[3]) = (Self::Lost, "lost");
        let mut at = 0;
        while at < REFUSALS {
            all[4 + at] = Self::Refused(RefusalReason::ALL[at]);
            values[4 + at] = RefusalReason::VALUES[at];
            at += 1;
        }
        (all, values)
    };
}

impl Label for RequestOutcome {
    const NAME: &'static str = "outcome";
    const ALL: &'static [Self] = &Self::TABLE.0;
    const VALUES: &'static [&'static str] = &Self::TABLE.1;

    fn index(self) -> usize {
        match self {
            Self::Acknowledged => 0,
            Self::Repeated => 1,
            Self::Overdue => 2,
            Self::Lost => 3,
            Self::Refused(reason) => 4 + reason.index(),
        }
    }
}
