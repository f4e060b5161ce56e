//! The integration tests: one binary, since each would link the AWS SDK again.

#![forbid(unsafe_code)]

mod count;
mod docs;
mod publish;
mod support;
