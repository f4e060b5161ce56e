//! The active definitions: read from their document, changed in it, and installed as rules.
//!
//! In flow the text of a [`Document`] (a file, an object in S3, an environment variable) and
//! requested changes; out flow rules, never in part. A [`Catalog`] keeps both in step: a confirmed
//! change is in the document and active.

mod compiler;
mod document;
mod error;
mod file;
mod remote;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::compiler::panicked;
use crate::definitions::{DOCUMENT_BYTES_MAX, Definitions, to_document};
use crate::offload::offload;
use crate::rules::RuleSet;
use crate::telemetry::{LogLimiter, Metrics, Reload};

pub(crate) use compiler::{Compiled, Compiler, DefinitionsError};
pub(crate) use document::Document;
pub(crate) use error::WriteError;
pub(crate) use file::FileDocument;
pub(crate) use remote::Remote;

/// Reloads and changes definitions while the daemon runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<CatalogShared>);

/// The parts of a [`Catalog`].
pub struct CatalogParts {
    pub document: Document,
    pub compiler: Compiler,
    /// The definitions that are already active.
    pub definitions: Definitions,
    /// Installs rules, which apply to requests that start after it has returned.
    pub install: Box<dyn Fn(RuleSet) + Send + Sync>,
    pub metrics: Arc<Metrics>,
    /// How often to check a document that can report changes.
    pub interval: Duration,
}

struct CatalogShared {
    parts: CatalogParts,
    in_force: ArcSwap<Definitions>,
    /// Only one task at a time reads or changes the document.
    turn: Mutex<ChangeTurn>,
}

/// State of the task that reads or changes the document.
#[derive(Debug, Default)]
struct ChangeTurn {
    /// Whether the last document that was read was rejected, so the rules of an older one are
    /// active.
    is_rejected: bool,
}

/// Why definitions were not changed.
#[derive(Debug)]
pub enum ChangeError<E> {
    /// The change conflicts with the current definitions.
    Refused(E),
    /// Another client changed the document at the same time.
    Conflict,
    /// The changed document would be invalid.
    Unfit(DefinitionsError),
    /// The changed document would be too large to be read again.
    TooLarge,
    /// The stored document is invalid; its errors were logged. It is not overwritten, so that it
    /// can be fixed.
    Faulty,
    /// The document cannot be read or written, or the outcome is unknown.
    Failed(String),
}

// === impl Catalog ===

impl Catalog {
    #[must_use]
    pub fn new(mut parts: CatalogParts) -> Self {
        let in_force = ArcSwap::from_pointee(std::mem::take(&mut parts.definitions));
        Self(Arc::new(CatalogShared { parts, in_force, turn: Mutex::default() }))
    }

    /// The active rules.
    #[must_use]
    pub(crate) fn in_force(&self) -> Arc<Definitions> {
        self.0.in_force.load_full()
    }

    /// What compiles the document.
    #[must_use]
    pub(crate) fn compiler(&self) -> &Compiler {
        &self.0.parts.compiler
    }

    /// Reads the document again; returns whether it has changed. An invalid document is rejected,
    /// and the current rules stay active.
    ///
    /// # Errors
    /// The document cannot be read or is invalid.
    pub async fn reload(&self) -> Result<bool, DefinitionsError> {
        let mut turn = self.0.turn.lock().await;
        self.read(&mut turn).await
    }

    async fn read(&self, turn: &mut ChangeTurn) -> Result<bool, DefinitionsError> {
        let CatalogParts { document, compiler, metrics, .. } = &self.0.parts;
        match compiler.load(document).await {
            Ok(None) => Ok(false),
            Ok(Some(compiled)) => {
                metrics.definitions_reloads.increment(Reload::Loaded);
                self.install(compiled);
                turn.is_rejected = false;
                Ok(true)
            }
            Err(error) => {
                metrics.definitions_reloads.increment(Reload::Refused);
                turn.is_rejected |= !matches!(error, DefinitionsError::Unreadable(_));
                Err(error)
            }
        }
    }

    fn install(&self, compiled: Compiled) {
        (self.0.parts.install)(compiled.rules);
        self.0.in_force.store(Arc::new(compiled.definitions));
    }

    /// Changes the definitions in their document and installs them. When this returns `Ok`, both
    /// are done, and the change survives a loss of power. Changes that others have made to the
    /// document are loaded first.
    ///
    /// If the caller is cancelled, the outcome is unknown; run this in a task of its own.
    ///
    /// # Errors
    /// Nothing has changed, except perhaps after [`ChangeError::Failed`].
    pub async fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Definitions) -> Result<T, E>,
    ) -> Result<T, ChangeError<E>> {
        let CatalogParts { document, compiler, .. } = &self.0.parts;
        let mut turn = self.0.turn.lock().await;
        let _lock = document.lock().await?;
        match self.read(&mut turn).await {
            Ok(_) => {}
            Err(DefinitionsError::Unreadable(why)) => return Err(ChangeError::Failed(why)),
            Err(error) => log_rejection(&error),
        }
        if turn.is_rejected {
            return Err(ChangeError::Faulty);
        }
        let before = self.in_force();
        let mut after = Definitions::clone(&before);
        let answer = change(&mut after).map_err(ChangeError::Refused)?;
        if after == *before {
            return Ok(answer);
        }
        let (maker, name) = (compiler.clone(), document.name());
        // The written text is what the next start reads.
        let compiling = offload(move || {
            let text =
                to_document(&after).map_err(|error| DefinitionsError::Unfit(error.to_string()))?;
            if text.len() > DOCUMENT_BYTES_MAX {
                return Ok(None);
            }
            let (made, _) = maker.compile(&name, &text)?;
            Ok(Some((text, made)))
        });
        let made = compiling.await.map_err(|_| panicked()).flatten();
        let made = made.map_err(ChangeError::Unfit)?;
        let (text, made) = made.ok_or(ChangeError::TooLarge)?;
        document.write(text).await?;
        self.install(made);
        Ok(answer)
    }

    /// Like [`Catalog::reload`], and logs the outcome.
    pub(crate) async fn reload_and_log(&self) {
        match self.reload().await {
            Ok(true) => self.log_reload(),
            Ok(false) => tracing::info!("definitions are unchanged"),
            Err(error) => log_rejection(&error),
        }
    }

    fn log_reload(&self) {
        tracing::info!("definitions reloaded");
        self.log_destinations();
    }

    /// Logs how many event destinations are enabled, and warns if none is.
    pub(crate) fn log_destinations(&self) {
        let definitions = self.in_force();
        let sets = definitions.configuration_sets.len();
        let all = definitions.configuration_sets.iter().flat_map(|set| &set.event_destinations);
        let (enabled, disabled): (Vec<_>, Vec<_>) =
            all.partition(|destination| destination.enabled);
        let (enabled, disabled) = (enabled.len(), disabled.len());
        if enabled == 0 {
            tracing::warn!(
                configuration_sets = sets,
                enabled,
                disabled,
                "no event destination is enabled, so no event is counted; set \"Enabled\": true"
            );
        } else {
            tracing::info!(configuration_sets = sets, enabled, disabled, "event destinations");
        }
    }

    /// Polls for changes until the daemon ends, if the document can report them.
    pub async fn watch(self, end: CancellationToken) {
        let CatalogParts { document, metrics, interval, .. } = &self.0.parts;
        if !document.reports_changes() {
            // There is nothing to do, but the task must not end early.
            end.cancelled().await;
            return;
        }
        let errors = LogLimiter::new(Duration::from_mins(1), Arc::clone(metrics));
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                () = sleep(*interval) => {}
            }
            match self.reload().await {
                Ok(true) => self.log_reload(),
                // Logged again for as long as the error persists.
                Err(error) if errors.allow() => log_rejection(&error),
                Ok(false) | Err(_) => {}
            }
        }
    }
}

fn log_rejection(error: &DefinitionsError) {
    if let DefinitionsError::Faulty(findings) = error {
        for finding in findings {
            tracing::error!(place = %finding.place, path = finding.path, "{}; {}", finding.what, finding.fix);
        }
    }
    tracing::error!(%error, "new definitions rejected; keeping the current ones");
}

impl fmt::Debug for CatalogParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogParts").field("document", &self.document).finish_non_exhaustive()
    }
}

impl fmt::Debug for CatalogShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt(f)
    }
}

// === impl ChangeError ===

impl<E> From<WriteError> for ChangeError<E> {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict => Self::Conflict,
            WriteError::Failed(why) => Self::Failed(why),
        }
    }
}
