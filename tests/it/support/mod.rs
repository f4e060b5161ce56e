//! Code that the tests share.

pub mod app;
pub mod command;
pub mod delivery_stream;
pub mod endpoint;
pub mod fake_cloudwatch;
pub mod fake_s3;
pub mod fake_sns;
pub mod fake_sqs;
pub mod fake_targets;
pub mod firehose;
pub mod load;
pub mod process;
pub mod raw;
pub mod ses_client;
pub mod signed;
pub mod traffic;
