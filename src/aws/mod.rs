//! What all AWS clients have in common, and the call that two of them share.

use std::time::Duration;

mod calls;
mod environment;
mod error;
mod failure;
mod stream;

pub use calls::{CallLimits, calls};
pub use environment::{AwsEnvironment, assume_role};
pub use error::{AwsError, AwsErrorKind, EntryError};
pub use failure::CallFailure;
pub use stream::Stream;

/// Connect timeout, except for CloudWatch, which has a key for it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
