//! What all clients of AWS have in common, and the call that two of them make.

mod calls;
mod environment;
mod failure;
#[cfg(feature = "to-firehose")]
mod stream;

pub use calls::{CallLimits, calls};
pub use environment::{AwsEnvironment, assume_role};
pub use failure::CallFailure;
#[cfg(feature = "to-firehose")]
pub use stream::Stream;
