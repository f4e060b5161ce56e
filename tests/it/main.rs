//! The integration tests: one binary, since each would link the AWS SDK again.

#![forbid(unsafe_code)]

mod count;
mod deliveries;
mod docs;
mod fixtures;
mod ministack;
mod publish;
mod published;
mod shutdown;
mod support;
mod tools;
