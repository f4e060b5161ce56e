//! The SES API for configuration sets and event destinations: it responds to AWS clients in the format
//! of SES and changes the definitions.
//!
//! A request (`request`) passes the limits of its head (`head`), its body is read within limits
//! (`unverified`), and its signature is verified (`keys`, `signature`; without keys, its origin by
//! `origin`). Its format is that of version 2 (`v2`, JSON), of version 1 (`v1`, a form and XML) or
//! of the extensions (`extensions`). It becomes an [`Operation`](operation::Operation), which reads
//! or changes the definitions in their [`Catalog`](crate::catalog::Catalog) within the limits of the
//! caller (`rate`). The response has the format of the request; changes and rejections are logged
//! (`audit`).

mod audit;
mod authorization;
pub(crate) mod changes;
mod endpoint;
mod error;
mod extensions;
mod head;
mod keys;
mod operation;
mod origin;
mod output;
mod page;
mod put_mode;
mod rate;
mod request;
mod signature;
mod unverified;
mod v1;
mod v2;
mod xml;

pub(crate) use endpoint::{ApiDeps, ApiSettings, api_router};
pub(crate) use error::{ApiError, ErrorKind};
pub(crate) use keys::ApiKeys;
pub(crate) use signature::hex;
