//! Version 1 of the API: forms and XML.
//! <https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html>, 2026-11-22.
//!
//! A form is converted to the body of version 2 and then read like one.

mod form;
mod request;
mod response;

pub(super) use request::{V1Request, parse};
pub(super) use response::{error, response};
