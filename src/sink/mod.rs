//! Where sealed epochs go: `PutMetricData`, or nowhere but memory.
//!
//! Sealed counts flow in; what was accepted, given up with a reason, or is in doubt flows out as
//! metrics and settled shares. The [`Publisher`] owns every repeat; a [`MetricSink`] tries once.

mod call;
pub mod cloudwatch;
mod deliver;
mod gate;
mod lane;
mod own;
mod publisher;
mod shared;

use std::collections::BTreeSet;
use std::future::Future;

use crate::aggregate::SeriesMinute;

pub use call::{Call, Flight, Packed, pack};
pub use own::OwnTotals;
pub use publisher::{Publisher, PublisherSettings};

/// One datum: a series and minute, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub series: SeriesMinute,
    pub amount: Amount,
}

/// How much a datum says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many values of 1: Sum and SampleCount are both this.
    Ones(u64),
    /// One value.
    Value(f64),
}

/// Why a call was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Surely not ingested: no connection, throttled, 408, 429.
    NotIngested(String),
    /// Surely not ingested: too many bytes for the service.
    TooLarge(String),
    /// Refused to us: no permission, no valid credentials.
    Denied(String),
    /// Refused for what is in it.
    Invalid(Culprit),
    /// Nobody knows whether it was ingested.
    Unknown(String),
}

/// What a refusal points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The datums at these places in the call, from 0: at least one, all of them in the call.
    Datums(BTreeSet<usize>),
    /// Something else than a datum, such as the namespace.
    Other(String),
    /// Nothing in particular.
    Unnamed(String),
}

/// Takes calls; tries each once.
pub trait MetricSink: Send + Sync + 'static {
    /// Puts datums of one namespace: at most 1000, and 1 MB.
    fn put(
        &self,
        namespace: &str,
        datums: &[Datum],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Who we are to the service, for whoever must allow us: a region and a role.
    fn identity(&self) -> &str;

    /// Whoever refused us may have changed their mind, or our credentials are stale.
    fn refresh_credentials(&self) {}
}

/// Accepts everything and keeps nothing: what was counted stands in the aggregator for three
/// hours.
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
