//! From a document's text to rules.

use std::sync::Arc;

use super::document::Document;
use crate::definitions::{self, Definitions, Target};
use crate::finding::Finding;
use crate::offload::offload;
use crate::rules::{Layouts, RuleSet};

/// Why a document is not in force.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error("the definitions have errors")]
    Faulty(Vec<Finding>),
    /// It cannot be read now; nothing is known of what it says.
    #[error("{0}")]
    Unreadable(String),
    /// It does not fit this daemon.
    #[error("{0}")]
    Unfit(String),
}

/// Makes rules of a document.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// Where definitions name none.
    pub namespace: String,
    pub default_set: Option<String>,
    pub layouts: Layouts,
    /// The topics that this daemon takes events from.
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
    /// Reads and compiles a document; `None` when it has not changed.
    ///
    /// # Errors
    /// It cannot be read, or is faulty.
    pub async fn load(&self, document: &Document) -> Result<Option<Compiled>, DefinitionsError> {
        let failed = |why| {
            let name = document.name();
            DefinitionsError::Unreadable(format!("cannot read the definitions {name}: {why}"))
        };
        let Some(text) = document.read().await.map_err(failed)? else { return Ok(None) };
        let (maker, name) = (self.clone(), document.name());
        // A large document takes longer than a connection should wait.
        let compiling = offload(move || maker.compile(&name, &text)).await;
        let (compiled, warnings) = compiling.map_err(|_| panicked())??;
        for warning in &warnings {
            tracing::warn!(place = %warning.place, path = warning.path, "{}; {}", warning.what, warning.fix);
        }
        Ok(Some(compiled))
    }

    /// Compiles a text; gives what it warns of too.
    ///
    /// # Errors
    /// It is faulty.
    pub fn compile(
        &self,
        name: &str,
        text: &str,
    ) -> Result<(Compiled, Vec<Finding>), DefinitionsError> {
        let reading = definitions::read(name, text);
        let Some(definitions) = reading.definitions else {
            return Err(DefinitionsError::Faulty(reading.findings));
        };
        let default_set = self.default_set.as_deref();
        let rules = RuleSet::new(&definitions, &self.namespace, default_set, &self.layouts);
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
