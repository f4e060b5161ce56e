//! An object, wherever it is: what it is known by, and how it is opened.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::ack::{RequestId, SourceKind};
#[cfg(feature = "s3")]
use crate::source::s3::Object;

/// One version of an object.
#[derive(Clone, Debug)]
pub enum Place {
    #[cfg(feature = "s3")]
    Bucket(Object),
    /// A file by its one true path.
    File { path: PathBuf, stamp: Stamp },
}

/// What a file is known by beside its path: one that was written anew is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub bytes: u64,
    /// Unix nanoseconds.
    pub written_ns: i128,
}

// === impl Place ===

impl Place {
    /// The key or path.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            #[cfg(feature = "s3")]
            Self::Bucket(object) => Cow::Borrowed(&object.key),
            Self::File { path, .. } => path.to_string_lossy(),
        }
    }

    /// What a version is told by.
    #[must_use]
    pub fn version(&self) -> String {
        match self {
            #[cfg(feature = "s3")]
            Self::Bucket(object) => object.version().unwrap_or_default().to_owned(),
            Self::File { stamp, .. } => format!("{} bytes of {}", stamp.bytes, stamp.written_ns),
        }
    }

    /// Known by place and version.
    #[must_use]
    pub fn id(&self) -> RequestId {
        match self {
            #[cfg(feature = "s3")]
            Self::Bucket(object) => object.id(),
            Self::File { path, .. } => RequestId::new(
                SourceKind::File,
                path.as_os_str().as_encoded_bytes(),
                self.version().as_bytes(),
            ),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "s3")]
            Self::Bucket(object) => f.write_str(&object.url()),
            Self::File { path, .. } => path.display().fmt(f),
        }
    }
}

// === impl Stamp ===

impl Stamp {
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let written = metadata.modified().unwrap_or(UNIX_EPOCH);
        let ns = |span: std::time::Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        let written_ns = match written.duration_since(UNIX_EPOCH) {
            Ok(since) => ns(since),
            Err(before) => -ns(before.duration()),
        };
        Self { bytes: metadata.len(), written_ns }
    }

    /// Opens the file that had this stamp; `None`: it is gone, or another by now.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(self, path: &Path) -> io::Result<Option<File>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Ok(self.is_of(&file)?.then_some(file))
    }

    /// Whether an open file still has it.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_of(self, file: &File) -> io::Result<bool> {
        Ok(Self::of(&file.metadata()?) == self)
    }
}
