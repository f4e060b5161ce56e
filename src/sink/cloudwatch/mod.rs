//! `PutMetricData` through the AWS SDK, one try a call: the repeats are the publisher's, since a
//! hidden one would count twice without saying so.

mod classify;
mod client;

pub use client::{CloudWatch, CloudWatchSettings};
