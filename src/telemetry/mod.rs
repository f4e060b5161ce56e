//! The daemon's reports about itself: metrics, logs, and totals in CloudWatch.
//!
//! Names follow one grammar, `postmeter_<noun>_<unit>[_total]`, except for process metrics, whose
//! names are standard. A metric is one row of `metrics!`, a label value one row of `labels!`;
//! registration, help texts and the documentation are generated from these rows.

mod exposition;
mod family;
mod labels;
mod log_limiter;
mod logs;
mod metric;
mod metrics;
mod process;
mod total;

pub use exposition::read_metrics;

pub(crate) use labels::{
    ApiOutcome, ApiRejection, CallOutcome, CertificateOutcome, CloseReason, DoubtCause, DropReason,
    ForwardOutcome, LetterOutcome, LimitOutcome, NoValueReason, ObjectOutcome, RejectReason,
    Reload, RequestOutcome, Routing, SnsRejection, SubscriptionOutcome, TaskName, TlsReload,
    ValueClass,
};
pub(crate) use log_limiter::LogLimiter;
pub(crate) use logs::{LogFormat, init_logs};
pub use metric::Metric;

pub(crate) use metrics::{Gauges, LATE_SECONDS, LATENESS_BOUNDS};
pub use metrics::{Metrics, markdown_table};
pub use process::Process;
pub use total::Total;
