//! Objects in S3 that hold events, named by notifications in a queue.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>, 2026-11-21.
//!
//! A [`Notification`] names objects; a [`Permit`] says which it may name; [`Objects`] reads them as streams, gzip or not, into one batch. They
//! are merged in one step, as the request that the message is, but known by bucket, key and version for
//! a day, so that neither a repeated notification nor a second queue counts one again.

mod notification;
mod object;
mod permit;

pub use notification::{Notification, Object};
pub use object::{Objects, client};
pub use permit::{Forbidden, Permit};
