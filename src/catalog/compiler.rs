//! Compiles the text of a document to rules.

use std::sync::Arc;

use super::document::Document;
use super::error::DocumentError;
use crate::definitions::{self, Definitions, Target};
use crate::finding::Finding;
use crate::offload::offload;
use crate::rules::{Layouts, RuleSet};
use crate::ses::MailboxProviders;

/// Why a document is not active.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error("the definitions have errors")]
    Faulty(Vec<Finding>),
    /// The document cannot be read now; its content is unknown.
    #[error("{0}")]
    Unreadable(String),
    /// The document does not fit this daemon.
    #[error("{0}")]
    Unfit(String),
}

/// Compiles a document to rules.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The namespace of definitions that do not name one.
    pub namespace: String,
    pub default_set: Option<String>,
    /// The `source` of events that are forwarded to `EventBridge`.
    pub forward_source: String,
    /// Other ones than the built-in ones, if any.
    pub(crate) mailbox_providers: Option<Arc<MailboxProviders>>,
    pub layouts: Layouts,
    /// The topics from which this daemon receives events.
    pub own_topics: Vec<String>,
}

/// A document and its rules.
#[derive(Debug)]
pub struct Compiled {
    pub definitions: Definitions,
    pub rules: RuleSet,
}

// === impl Compiler ===

impl Compiler {
    /// Reads and compiles a document; `None` if it has not changed.
    ///
    /// # Errors
    /// The document cannot be read or is invalid.
    pub async fn load(&self, document: &Document) -> Result<Option<Compiled>, DefinitionsError> {
        let failed = |error: DocumentError| {
            let name = document.name();
            DefinitionsError::Unreadable(format!("cannot read the definitions {name}: {error}"))
        };
        let Some(text) = document.read().await.map_err(failed)? else { return Ok(None) };
        let (maker, name) = (self.clone(), document.name());
        // Compiling a large document would block the thread's connections for too long.
        let compiling = offload(move || maker.compile(&name, &text)).await;
        let (compiled, warnings) = compiling.map_err(|_| panicked())??;
        for warning in &warnings {
            tracing::warn!(place = %warning.place, path = warning.path, "{}; {}", warning.what, warning.fix);
        }
        Ok(Some(compiled))
    }

    /// Compiles a text; also returns its warnings.
    ///
    /// # Errors
    /// The text is invalid.
    pub(crate) fn compile(
        &self,
        name: &str,
        text: &str,
    ) -> Result<(Compiled, Vec<Finding>), DefinitionsError> {
        let reading = definitions::read(name, text);
        let Some(definitions) = reading.definitions else {
            return Err(DefinitionsError::Faulty(reading.findings));
        };
        let default_set = self.default_set.as_deref();
        let rules = RuleSet::new(&definitions, &self.namespace, default_set, &self.layouts)
            .with_forward_source(&self.forward_source)
            .with_mailbox_providers(self.mailbox_providers.clone());
        let is_own =
            |target: &&Arc<Target>| self.own_topics.iter().any(|arn| arn == target.arn.as_str());
        if let Some(target) = rules.targets().iter().find(is_own) {
            return Err(DefinitionsError::Unfit(format!(
                "{name} forwards to {}, from which this daemon receives events (sns.topics): this \
                 would loop events back into the daemon; forward to another topic",
                target.arn
            )));
        }
        Ok((Compiled { definitions, rules }, reading.findings))
    }
}

pub(super) fn panicked() -> DefinitionsError {
    DefinitionsError::Unfit("reading the definitions panicked".to_owned())
}
