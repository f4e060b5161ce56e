//! The sections of the configuration, one file each, and the keys at the top level.

mod cloudwatch;
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

pub use cloudwatch::{Ambiguous, CloudWatchConfig, Publish, TimestampSource};
pub use dead_letters::{DeadLettersConfig, Unread};
pub use dedupe::DedupeConfig;
pub use firehose::FirehoseConfig;
pub use journal::JournalConfig;
pub use limits::LimitsConfig;
pub use listen::ListenConfig;
pub(super) use listen::is_loopback;
pub use ses_api::{ApiAuth, ApiKey, SesApiConfig};
pub use shutdown::ShutdownConfig;
pub use sns::{SignatureVersion, SnsConfig, TopicArn};
pub use sqs::{BucketOwner, SqsConfig};
pub use telemetry::TelemetryConfig;
pub use top::{Config, DefinitionsSource};

use std::time::Duration;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const GIB: u32 = 1 << 30;

/// Short enough for tests; no operator needs a shorter time.
const SHORTEST: Duration = Duration::from_millis(50);
