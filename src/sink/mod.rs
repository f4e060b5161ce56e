//! The destination of sealed epochs: `PutMetricData`, or memory only.
//!
//! Input: sealed counts. Output: metrics for counts that were accepted, dropped for a reason, or in
//! doubt, and settled shares. The [`Publisher`] makes all retries; a [`MetricSink`] attempts each
//! call once.

mod backoff_gate;
mod call;
pub mod cloudwatch;
mod deliver;
mod namespace_queue;
mod own;
mod publisher;
mod settings;
mod shared;

use std::collections::BTreeSet;
use std::future::Future;

use crate::aggregate::SeriesMinute;

pub use call::{Call, PublishBatch, pack};
pub(crate) use own::OwnTotals;
pub(crate) use publisher::{Publisher, Unpublished};
pub(crate) use settings::PublisherSettings;

/// One datum: a series, a minute and an amount.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub series: SeriesMinute,
    pub amount: Amount,
}

/// The amount of a datum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// This many values of 1: both Sum and SampleCount.
    Ones(u64),
    /// One value.
    Value(f64),
}

/// Why a call was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Certainly not ingested: no connection, throttled, 408, 429.
    NotIngested(String),
    /// Certainly not ingested: the call is too large for the service.
    TooLarge(String),
    /// Denied: no permission, or no valid credentials.
    Denied(String),
    /// Rejected because of its content.
    Invalid(Culprit),
    /// It is unknown whether the call was ingested.
    Unknown(String),
}

/// The cause that a rejection names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The datums at these positions in the call, from 0: at least one, all within the call.
    Datums(BTreeSet<usize>),
    /// Something other than a datum, such as the namespace.
    Other(String),
    /// No specific cause.
    Unnamed(String),
}

/// Accepts calls and attempts each once.
pub(crate) trait MetricSink: Send + Sync + 'static {
    /// Sends datums of one namespace: at most 1000, and 1 MB.
    fn put(
        &self,
        namespace: &str,
        datums: &[Datum],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The identity that needs the permission, for the log: a region and a role.
    fn identity(&self) -> &str;

    /// Called after a denial: the permissions may have changed, or the credentials may be stale.
    fn refresh_credentials(&self) {}
}

/// Accepts everything and stores nothing: the aggregator shows the counts for three hours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl MetricSink for Memory {
    async fn put(&self, _: &str, _: &[Datum]) -> Result<(), Failure> {
        Ok(())
    }

    fn identity(&self) -> &'static str {
        "memory"
    }
}
