//! The definitions in the daemon: read at the start, and again when it is told to.

use std::sync::Arc;

use super::{EXAMPLE_DEFINITIONS, StartError};
use crate::config::{Config, DefinitionsSource};
use crate::destination::{self, Layouts, RuleSet};
use crate::pipeline::Intake;
use crate::telemetry::{Metrics, Reload};

/// Reads definitions again while the daemon runs.
#[derive(Clone, Debug)]
pub struct Reloader {
    pub(super) intake: Arc<Intake>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) layouts: Layouts,
    pub(super) config: Config,
}

/// Reads and compiles the definitions.
pub fn load(config: &Config, layouts: &Layouts) -> Result<RuleSet, StartError> {
    let (name, text) = match &config.definitions {
        None => ("the example definitions".to_owned(), EXAMPLE_DEFINITIONS.to_owned()),
        Some(DefinitionsSource::Path(path)) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| {
                StartError::Configuration(format!("cannot read the definitions {name}: {error}"))
            })?;
            (name, text)
        }
        Some(DefinitionsSource::Env(variable)) => {
            let text = std::env::var(variable).map_err(|error| {
                let what = format!("cannot read the definitions in env:{variable}: {error}");
                StartError::Configuration(what)
            })?;
            (format!("env:{variable}"), text)
        }
    };
    let reading = destination::read(&name, &text);
    let Some(definitions) = reading.definitions else {
        return Err(StartError::Definitions(reading.findings));
    };
    for warning in &reading.findings {
        tracing::warn!(place = %warning.place, path = warning.path, "{}; {}", warning.what, warning.mend);
    }
    let namespace = &config.cloudwatch.namespace;
    let default_set = config.default_configuration_set.as_deref();
    Ok(RuleSet::new(&definitions, namespace, default_set, layouts))
}

// === impl Reloader ===

impl Reloader {
    /// Reads the definitions again. A faulty document is refused whole and the old rules go on.
    ///
    /// # Errors
    /// The definitions cannot be read, or are faulty.
    pub fn reload(&self) -> Result<(), StartError> {
        let rules = load(&self.config, &self.layouts);
        self.metrics.reload(if rules.is_ok() { Reload::Loaded } else { Reload::Refused });
        self.intake.set_rules(rules?);
        Ok(())
    }
}
