//! Code that the tests share.

pub(crate) mod app;
pub(crate) mod browser;
pub(crate) mod command;
pub(crate) mod delivery_stream;
pub(crate) mod endpoint;
pub(crate) mod fake_cloudwatch;
pub(crate) mod fake_s3;
pub(crate) mod fake_sns;
pub(crate) mod fake_sqs;
pub(crate) mod fake_targets;
pub(crate) mod firehose;
pub(crate) mod installed;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod ses_client;
pub(crate) mod signed;
pub(crate) mod traffic;
