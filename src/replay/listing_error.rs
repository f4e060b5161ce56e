//! Why the objects of a replay cannot be listed.

use std::io;
use std::path::{Path, PathBuf};

use super::plan::TooManyObjects;
use crate::aws::AwsError;

/// Why an input cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListingError {
    #[error("cannot list s3://{bucket}/{prefix}: {error}")]
    Bucket { bucket: String, prefix: String, error: Box<AwsError> },
    #[error("cannot read {path}: {error}")]
    Path { path: PathBuf, error: io::Error },
    #[error("listing a folder panicked")]
    Panicked,
    #[error(transparent)]
    TooMany(#[from] TooManyObjects),
}

// === impl ListingError ===

impl ListingError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Path { path, error }
    }
}
