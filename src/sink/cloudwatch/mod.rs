//! `PutMetricData` through the AWS SDK, one attempt per call. The publisher retries, because a
//! hidden retry could count twice without being reported.

mod classify;
mod client;

pub use client::CloudWatch;
pub(crate) use client::CloudWatchSettings;
