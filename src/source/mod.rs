//! Where events come in. A source speaks its protocol and hands what it gets to the
//! [`intake`](crate::intake); it never sees where counts go.

pub mod firehose;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
