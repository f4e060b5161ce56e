//! The sections of the configuration, one file each, and the keys at the top level.

mod cloudwatch;
mod console;
mod dead_letters;
mod dedupe;
mod firehose;
mod journal;
mod limits;
mod listen;
mod ses_api;
mod shutdown;
mod sns;
mod sqs;
mod telemetry;
mod top;

pub(crate) use cloudwatch::CloudWatchConfig;
pub use cloudwatch::{Ambiguous, Publish, TimestampSource};
pub(crate) use console::ConsoleConfig;
pub use console::{ConsoleRole, ConsoleUser};
pub(crate) use dead_letters::DeadLettersConfig;
pub use dead_letters::Unread;
pub(crate) use dedupe::DedupeConfig;
pub(crate) use firehose::FirehoseConfig;
pub(crate) use journal::JournalConfig;
pub(crate) use limits::LimitsConfig;
pub(crate) use listen::ListenConfig;
pub(super) use listen::is_loopback;
pub(crate) use ses_api::SesApiConfig;
pub use ses_api::{ApiAuth, ApiKey};
pub(crate) use shutdown::ShutdownConfig;
pub(crate) use sns::SnsConfig;
pub use sns::{SignatureVersion, TopicArn};
pub(crate) use sqs::BucketOwner;
pub(super) use sqs::HELD_MESSAGES_MAX;
pub use sqs::SqsConfig;
pub(crate) use telemetry::TelemetryConfig;
pub use top::{Config, DefinitionsSource};

use std::time::Duration;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const GIB: u32 = 1 << 30;

/// Short enough for tests; no operator needs a shorter time.
const SHORTEST: Duration = Duration::from_millis(50);
