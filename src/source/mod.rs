//! The sources of events. A source implements its protocol and passes requests to the
//! [`intake`](crate::intake); it does not know where counts go.

pub(crate) mod firehose;
mod json_object;
pub(crate) mod s3;
pub(crate) mod sns;
pub(crate) mod sqs;
