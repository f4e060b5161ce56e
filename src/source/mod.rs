//! The sources of events. A source implements its protocol and passes requests to the
//! [`intake`](crate::intake); it does not know where counts go.

pub mod firehose;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
