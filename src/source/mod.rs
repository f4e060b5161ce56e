//! The sources of events. A source implements its protocol and passes requests to the
//! [`intake`](crate::intake); it does not know where counts go.

pub mod firehose;
pub mod s3;
pub mod sns;
pub mod sqs;
