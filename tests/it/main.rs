//! The integration tests: one binary, because each binary would link the AWS SDK again.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a test that cannot go on panics, and says on stdout what it skips"
)]

mod abuse;
mod browser;
mod chaos;
mod clocks;
mod conformance;
mod connections;
mod console;
mod count;
mod dead_letters;
mod dedupe;
mod deliveries;
mod demo_picture;
mod docs;
mod files;
mod fixtures;
mod forward;
mod hostile;
mod journal;
mod load;
mod load_record;
mod load_stream;
mod measures;
mod ministack;
mod mixed;
mod monitoring;
mod not_counted;
mod plan;
mod publish;
mod published;
mod replay;
mod s3;
mod secrets;
mod ses_api;
mod ses_api_abuse;
mod ses_clients;
mod shutdown;
mod sns;
mod sqs;
mod supervisor;
mod support;
mod tools;
mod two_daemons;
mod wrappings;
