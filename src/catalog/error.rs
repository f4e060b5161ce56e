//! Errors that every kind of document has.

use std::env::VarError;
use std::io;

use aws_sdk_s3::primitives::ByteStreamError;
use tokio::task::JoinError;

use crate::aws::AwsError;
use crate::definitions::DOCUMENT_BYTES_MAX;

/// Why a document was not read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it no longer exists; restore it")]
    Gone,
    #[error("it is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is not UTF-8")]
    NotText,
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Variable(#[from] VarError),
    #[error(transparent)]
    Call(#[from] AwsError),
    #[error("the download broke off")]
    Body(#[from] ByteStreamError),
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

/// Why a document was not replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Another process changed it, or is changing it.
    Conflict,
    /// What the system or the SDK says.
    Failed(String),
}
