//! postmeter: Amazon SES sending events in, CloudWatch metrics out, each event counted once or
//! named in a counter of doubt.
//!
//! ```text
//! source (Firehose, SNS, SQS, S3) or a file --bytes--> ses (values, wrappings, events)
//!   --Event--> rules (which destinations take it) --series--> pipeline (a request's own counts)
//!   --Delta--> aggregate (one merge into the epoch) --sealed epoch--> sink (PutMetricData)
//!   --settled--> ack (the request is acknowledged)
//! pipeline --events as they came--> forward (Firehose, SNS, EventBridge) --accepted--> ack
//! ```
//!
//! Five invariants hold the parts together:
//! 1. A request is merged as a whole or not at all, judged by one version of the definitions.
//! 2. A request's counts and its ack guard are in the same epoch.
//! 3. After the merge the daemon owns the counts: nothing rejects, forgets or repeats them.
//! 4. Success is explicit: dropping a guard without a result means failure.
//! 5. Everything that is not counted has a counter with a reason.
//!
//! The library serves the project's own binaries; its API is not stable.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

mod ack;
pub mod aggregate;
mod api;
pub mod app;
pub mod aws;
pub mod backoff;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
mod console;
mod dead_letters;
pub mod definitions;
mod explain;
mod fault;
mod finding;
mod forward;
pub mod http;
mod intake;
mod journal;
mod label;
pub mod limits;
mod mailbox_providers;
mod monitoring;
mod offload;
pub mod pipeline;
mod plan;
mod printable;
mod private;
pub mod put_metric_data;
mod rate_limiter;
mod replay;
pub mod rules;
mod sample;
pub mod ses;
#[cfg(test)]
mod simulation;
pub mod sink;
mod source;
mod supervisor;
pub mod synth;
pub mod telemetry;
#[cfg(test)]
mod trickle;
