//! Reads and replaces the document, wherever it is.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::{DocumentError, WriteError};
use super::file::FileDocument;
use super::remote::Remote;
use crate::offload::offload;

/// How long a change waits for another process that is changing the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The location of the document.
#[derive(Clone, Debug)]
pub enum Document {
    /// Text in memory, which ends with the process, and its name for messages.
    Memory {
        name: &'static str,
        text: Arc<Mutex<String>>,
    },
    /// The environment variable that holds it.
    Env(String),
    File(FileDocument),
    Remote(Remote),
}

// === impl Document ===

impl Document {
    /// A document in memory.
    #[must_use]
    pub(crate) fn memory(name: &'static str, text: &str) -> Self {
        Self::Memory { name, text: Arc::new(Mutex::new(text.to_owned())) }
    }

    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Memory { name, .. } => (*name).to_owned(),
            Self::Env(variable) => format!("env:{variable}"),
            Self::File(file) => file.name(),
            Self::Remote(remote) => remote.url(),
        }
    }

    /// Its text; `None` if it has not changed since it was last read or written. A variable and
    /// text in memory never return `None`.
    ///
    /// # Errors
    /// What the system or the SDK says.
    pub async fn read(&self) -> Result<Option<String>, DocumentError> {
        match self {
            Self::Memory { text, .. } => {
                Ok(Some(text.lock().unwrap_or_else(PoisonError::into_inner).clone()))
            }
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
            Self::Memory { text: known, .. } => {
                *known.lock().unwrap_or_else(PoisonError::into_inner) = text;
                Ok(())
            }
            Self::Env(_) => Err(WriteError::Failed(format!("{} cannot be written", self.name()))),
        }
    }

    /// Whether it can report changes.
    #[must_use]
    pub(crate) fn reports_changes(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::Env(_) => false,
            Self::File(file) => file.reports_changes(),
            Self::Remote(_) => true,
        }
    }
}
