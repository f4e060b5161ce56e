//! Where the document is, and how it is read and replaced.

use std::fs::File;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::file::FileDocument;
#[cfg(feature = "s3")]
use super::remote::Remote;
use crate::offload::offload;

/// What a document is that is not there yet.
pub(super) const EMPTY: &str = "{\"ConfigurationSets\": []}\n";

/// How long another process may take to change a file before a change gives up.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Where the document is.
#[derive(Clone, Debug)]
pub enum Document {
    /// Text that never changes, under the name that messages call it by.
    Fixed {
        name: &'static str,
        text: &'static str,
    },
    /// The environment variable that holds it.
    Env(String),
    File(FileDocument),
    #[cfg(feature = "s3")]
    Remote(Remote),
}

/// Why a document was not replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Somebody else changed it, or is about to.
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
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.url(),
        }
    }

    /// Its text; `None` when it is the one that was read or written before, which a variable and
    /// fixed text never say.
    ///
    /// # Errors
    /// What the system or the SDK says.
    pub async fn read(&self) -> Result<Option<String>, String> {
        match self {
            Self::Fixed { text, .. } => Ok(Some((*text).to_owned())),
            Self::Env(variable) => {
                std::env::var(variable).map(Some).map_err(|error| error.to_string())
            }
            Self::File(file) => {
                let file = file.clone();
                offload(move || file.read()).await.map_err(|error| error.to_string())?
            }
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.read().await,
        }
    }

    /// Keeps others from changing it, as far as that can be, until what is given is dropped.
    ///
    /// # Errors
    /// Somebody else is changing it, or it cannot be written at all.
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

    /// Replaces the text that was read last, whole and durably.
    ///
    /// # Errors
    /// Somebody else changed it; or it cannot be written, or nobody knows.
    pub async fn write(&self, text: String) -> Result<(), WriteError> {
        match self {
            Self::File(file) => {
                let file = file.clone();
                let written = offload(move || file.write(text)).await;
                written.map_err(|error| WriteError::Failed(error.to_string()))?
            }
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.write(text).await,
            Self::Fixed { .. } | Self::Env(_) => {
                Err(WriteError::Failed(format!("{} cannot be written", self.name())))
            }
        }
    }

    /// Whether it says by itself that it has changed.
    #[must_use]
    pub fn tells_changes(&self) -> bool {
        match self {
            Self::Fixed { .. } | Self::Env(_) => false,
            Self::File(file) => file.tells_changes(),
            #[cfg(feature = "s3")]
            Self::Remote(_) => true,
        }
    }
}
