//! What all AWS clients have in common, and the call that two of them share.

use std::time::Duration;

mod bucket_region;
mod calls;
mod environment;
mod error;
mod failure;
mod s3_clients;
mod stream;

pub(crate) use calls::CallLimits;
pub use calls::calls;
pub use environment::{AwsEnvironment, assume_role};
pub use error::AwsError;
pub(crate) use error::{AwsErrorKind, EntryError};
pub(crate) use failure::CallFailure;
pub(crate) use s3_clients::S3Clients;
pub use stream::Stream;

/// Connect timeout, except for CloudWatch, which has a key for it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
