//! The SES API, for configuration sets and event destinations: what a client of AWS asks is
//! answered in the same form, and definitions are changed.
//!
//! In flows a request (`request`), whose signature is checked (`signature`) and whose form is that
//! of version 2 (`v2`, JSON), of version 1 (`v1`, a form and XML) or of the extensions that SES
//! does not have (`extensions`); it becomes an [`Operation`](operation::Operation), which reads or
//! changes the definitions in their [`Book`](crate::definitions::Book); the answer or the error
//! goes out in the form that was asked in.

mod changes;
mod endpoint;
mod error;
mod extensions;
mod operation;
mod rate;
mod request;
mod signature;
mod v1;
mod v2;
mod xml;

pub use endpoint::{ApiParts, ApiSettings, api_router};
pub use signature::Keys;
