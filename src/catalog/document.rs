//! Reads and replaces the document, wherever it is.

use std::env::VarError;
use std::fs::File;
use std::io;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStreamError;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};

use super::file::FileDocument;
use super::remote::Remote;
use crate::aws::AwsError;
use crate::definitions::DOCUMENT_BYTES_MAX;
use crate::offload::offload;

/// The content of a document that does not exist yet.
pub(super) const EMPTY: &str = "{\"ConfigurationSets\": []}\n";

/// How long a change waits for another process that is changing the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The location of the document.
#[derive(Clone, Debug)]
pub enum Document {
    /// Text that never changes, and its name for messages.
    Fixed {
        name: &'static str,
        text: &'static str,
    },
    /// The environment variable that holds it.
    Env(String),
    File(FileDocument),
    Remote(Remote),
}

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
    /// The download broke off.
    #[error(transparent)]
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

// === impl Document ===

impl Document {
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Fixed { name, .. } => (*name).to_owned(),
            Self::Env(variable) => format!("env:{variable}"),
            Self::File(file) => file.name(),
            Self::Remote(remote) => remote.url(),
        }
    }

    /// Its text; `None` if it has not changed since it was last read or written. A variable and
    /// fixed text never return `None`.
    ///
    /// # Errors
    /// What the system or the SDK says.
    pub async fn read(&self) -> Result<Option<String>, DocumentError> {
        match self {
            Self::Fixed { text, .. } => Ok(Some((*text).to_owned())),
            Self::Env(variable) => Ok(Some(std::env::var(variable)?)),
            Self::File(file) => {
                let file = file.clone();
                offload(move || file.read()).await?
            }
            Self::Remote(remote) => remote.read().await,
        }
    }

    /// Locks it against changes by others, as far as possible, until the returned value is dropped.
    ///
    /// # Errors
    /// Another process is changing it, or it cannot be written.
    pub async fn lock(&self) -> Result<Option<File>, WriteError> {
        let Self::File(file) = self else { return Ok(None) };
        let begun = Instant::now();
        loop {
            let file = file.clone();
            let locked = offload(move || file.try_lock()).await;
            match locked.map_err(|error| WriteError::Failed(error.to_string()))?? {
                Some(lock) => return Ok(Some(lock)),
                None if begun.elapsed() < LOCK_PATIENCE => sleep(LOCK_PAUSE).await,
                None => return Err(WriteError::Conflict),
            }
        }
    }

    /// Replaces the text that was read last, atomically and durably.
    ///
    /// # Errors
    /// Another process changed it, it cannot be written, or the outcome is unknown.
    pub async fn write(&self, text: String) -> Result<(), WriteError> {
        match self {
            Self::File(file) => {
                let file = file.clone();
                let written = offload(move || file.write(text)).await;
                written.map_err(|error| WriteError::Failed(error.to_string()))?
            }
            Self::Remote(remote) => remote.write(text).await,
            Self::Fixed { .. } | Self::Env(_) => {
                Err(WriteError::Failed(format!("{} cannot be written", self.name())))
            }
        }
    }

    /// Whether it can report changes.
    #[must_use]
    pub fn tells_changes(&self) -> bool {
        match self {
            Self::Fixed { .. } | Self::Env(_) => false,
            Self::File(file) => file.tells_changes(),
            Self::Remote(_) => true,
        }
    }
}
