//! The destination of sealed epochs: `PutMetricData`, or memory only.
//!
//! Input: sealed counts. Output: metrics for counts that were accepted, dropped for a reason, or in
//! doubt, and settled shares. The [`Publisher`] makes all retries; a [`MetricSink`] attempts each
//! call once.

mod backoff_gate;
mod call;
pub mod cloudwatch;
mod deliver;
mod epoch;
mod namespace_queue;
mod own;
mod publisher;
mod response_wait;
mod service_clock;
mod settings;
mod shared;
mod suspects;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use crate::aggregate::{MetricValue, SeriesMinute};

pub use call::{Call, PublishBatch, pack};
pub(crate) use own::{OwnTotal, OwnTotals};
pub(crate) use publisher::{Publisher, Unpublished};
pub(crate) use settings::PublisherSettings;

/// One datum: a series, a minute and an amount.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub series: SeriesMinute,
    pub amount: Amount,
}

/// The amount of a datum.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// This many values of 1: both Sum and SampleCount.
    Ones(u64),
    /// These values, ascending, each this many times: at least one, and not more than a datum has.
    Values(Vec<(MetricValue, u64)>),
    /// One value.
    Value(f64),
}

/// Why a call was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Certainly not ingested: no connection, throttled, 408, 429.
    #[error("{0}")]
    NotIngested(String),
    /// Certainly not ingested: the call is too large for the service.
    #[error("{0}")]
    TooLarge(String),
    /// Denied: no permission, or no valid credentials.
    #[error("{0}")]
    Denied(String),
    /// Rejected because of its content.
    #[error(transparent)]
    Invalid(Culprit),
    /// It is unknown whether the call was ingested.
    #[error("{0}")]
    Unknown(String),
    /// The same, because there was no response in time.
    #[error("{0}")]
    TimedOut(String),
}

/// The cause that a rejection names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Culprit {
    /// The datums at these positions in the call, from 0: at least one, all within the call.
    #[error("invalid datums in the call: {}", .0.len())]
    Datums(BTreeSet<usize>),
    /// Something other than a datum, such as the namespace.
    #[error("{0}")]
    Other(String),
    /// No specific cause.
    #[error("{0}")]
    Unnamed(String),
}

/// The outcome of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct PutOutcome {
    pub result: Result<(), Failure>,
    /// The time in the response, by the service's clock, in Unix milliseconds.
    pub date_ms: Option<i64>,
}

/// Accepts calls and attempts each once.
pub(crate) trait MetricSink: Send + Sync + 'static {
    /// Sends datums of one namespace: at most 1000, and 1 MB. Waits this long for the response, and
    /// as long as connecting may take.
    fn put(
        &self,
        namespace: &str,
        datums: &[Datum],
        within: Duration,
    ) -> impl Future<Output = PutOutcome> + Send;

    /// The identity that needs the permission, for the log: a region and a role.
    fn identity(&self) -> &str;

    /// Called after a denial: the permissions may have changed, or the credentials may be stale.
    fn refresh_credentials(&self) {}
}

/// Accepts everything and stores nothing: the aggregator shows the counts for three hours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

// === impl Failure ===

impl Failure {
    /// Whether the call may have been ingested.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::TimedOut(_))
    }
}

// === impl PutOutcome ===

impl From<Result<(), Failure>> for PutOutcome {
    fn from(result: Result<(), Failure>) -> Self {
        Self { result, date_ms: None }
    }
}

impl MetricSink for Memory {
    async fn put(&self, _: &str, _: &[Datum], _: Duration) -> PutOutcome {
        Ok(()).into()
    }

    fn identity(&self) -> &'static str {
        "memory"
    }
}
