//! An object in S3 or a file: its identity, and how to open it.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::ack::{RequestId, SourceKind};
use crate::source::s3::Object;

/// One version of an object.
#[derive(Clone, Debug)]
pub(crate) enum ObjectPlace {
    Bucket(Object),
    /// A file by its canonical path.
    File {
        path: PathBuf,
        stamp: ObjectStamp,
    },
}

/// Identifies the version of a file: a rewritten file is another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectStamp {
    pub bytes: u64,
    /// Unix nanoseconds.
    pub written_ns: i128,
}

// === impl ObjectPlace ===

impl ObjectPlace {
    /// The key or path.
    #[must_use]
    pub(crate) fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Bucket(object) => Cow::Borrowed(&object.key),
            Self::File { path, .. } => path.to_string_lossy(),
        }
    }

    /// Identifies the version.
    #[must_use]
    pub(crate) fn version(&self) -> String {
        match self {
            Self::Bucket(object) => object.version().unwrap_or_default().to_owned(),
            Self::File { stamp, .. } => format!("{} bytes of {}", stamp.bytes, stamp.written_ns),
        }
    }

    /// Identifies the object by place and version.
    #[must_use]
    pub(crate) fn id(&self) -> RequestId {
        match self {
            Self::Bucket(object) => object.id(),
            Self::File { path, .. } => RequestId::new(
                SourceKind::File,
                path.as_os_str().as_encoded_bytes(),
                self.version().as_bytes(),
            ),
        }
    }
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(object) => f.write_str(&object.url()),
            Self::File { path, .. } => path.display().fmt(f),
        }
    }
}

// === impl ObjectStamp ===

impl ObjectStamp {
    #[must_use]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let written = metadata.modified().unwrap_or(UNIX_EPOCH);
        let ns = |span: std::time::Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        let written_ns = match written.duration_since(UNIX_EPOCH) {
            Ok(since) => ns(since),
            Err(before) => -ns(before.duration()),
        };
        Self { bytes: metadata.len(), written_ns }
    }

    /// Opens the file if it still has this stamp; `None`: it no longer exists or has changed.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(self, path: &Path) -> io::Result<Option<File>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Ok(self.is_of(&file)?.then_some(file))
    }

    /// Whether an open file still has this stamp.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn is_of(self, file: &File) -> io::Result<bool> {
        Ok(Self::of(&file.metadata()?) == self)
    }
}
