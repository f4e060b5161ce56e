//! What the tests share.

pub mod app;
pub mod command;
pub mod fake_cloudwatch;
pub mod firehose;
pub mod process;
pub mod traffic;
