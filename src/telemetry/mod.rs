//! What the daemon says of itself: metrics, logs, and totals that go to CloudWatch.
//!
//! Names follow one grammar, `postmeter_<noun>_<unit>[_total]`, but for those of the process, which
//! are the same in every program; labels come from closed lists.
//! [`METRICS`] is the one table that registration, descriptions and the docs are made from.

mod exposition;
mod logs;
mod metrics;
mod names;
mod process;
mod rate_limit;

pub use exposition::read_metrics;
pub use logs::init_logs;
pub use metrics::{
    ApiOutcome, CallOutcome, CertificateOutcome, CloseReason, DropReason, ForwardOutcome, Gauges,
    LetterOutcome, Metrics, ObjectOutcome, RejectReason, Reload, RequestOutcome, SnsDoubt,
    SubscriptionOutcome, TaskName, Total,
};
pub use names::{Kind, METRICS, Metric, markdown_table};
pub use process::Process;
pub use rate_limit::RateLimit;
