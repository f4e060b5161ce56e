//! Objects in S3 that hold events, named by notifications in a queue.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>, 2026-11-21.
//!
//! A [`Notification`] names objects. A [`Permit`] decides which objects may be named. [`Objects`]
//! reads them as streams, gzip or not, into one batch. Each object is merged in one step and
//! remembered by bucket, key and version for a day, so that neither a repeated notification nor a
//! second queue counts it again.

mod buckets;
mod denials;
mod notification;
mod object;
mod object_store;
mod permit;

pub(crate) use buckets::Buckets;
pub(crate) use notification::{Notification, Object};
pub(crate) use object::{OBJECTS_AT_ONCE, Objects};
pub(crate) use object_store::ObjectStore;
#[cfg(test)]
pub(crate) use object_store::{ObjectDownload, ObjectOpening};
pub(crate) use permit::{ForbiddenObject, Permit};
