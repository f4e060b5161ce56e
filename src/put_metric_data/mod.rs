//! `PutMetricData` as CloudWatch sees it: for stand-ins, which are the load harness's recorder and
//! the tests' fake.
//!
//! The daemon uses nothing of this. Its calls are encoded by the AWS SDK, so a mistake here cannot
//! hide one there.

mod decode;
mod exact_sum;
mod request;
mod response;
mod validate;

pub use decode::{PutDecodeError, UnknownMembers, decode, inflate};
pub use exact_sum::ExactSum;
pub use request::{PutDatum, PutDimension, PutMetricData, PutStatistics};
pub use response::PutResponse;
pub use validate::validate;
