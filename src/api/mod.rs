//! The SES API, for configuration sets and event destinations: what a client of AWS asks is
//! answered in the same form, and definitions are changed.
//!
//! In flows a request (`request`), whose head is bounded (`head`), whose body is read within limits
//! (`unverified`), whose signature is verified (`signature`; without keys its `origin` is) and whose
//! form is that of version 2 (`v2`, JSON), of version 1 (`v1`, a form and XML) or of the extensions that SES
//! does not have (`extensions`); it becomes an [`Operation`](operation::Operation), which reads or
//! changes the definitions in their [`Book`](crate::catalog::Book) within the caller's limits
//! (`rate`); the answer or the error goes out in the form that was asked in, and changes and
//! rejections are logged (`audit`).

mod audit;
mod changes;
mod endpoint;
mod error;
mod extensions;
mod head;
mod operation;
mod origin;
mod rate;
mod request;
mod signature;
mod unverified;
mod v1;
mod v2;
mod xml;

pub use endpoint::{ApiParts, ApiSettings, api_router};
pub use signature::Keys;
