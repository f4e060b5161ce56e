//! The integration tests: one binary, since each would link the AWS SDK again.

#![forbid(unsafe_code)]

mod count;
mod fixtures;
mod publish;
mod support;
mod tools;
