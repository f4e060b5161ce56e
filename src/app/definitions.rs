//! The definitions in the daemon: read at the start, again when it is told to, and from S3 whenever
//! the object changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "s3")]
use super::remote::Remote;
use super::{EXAMPLE_DEFINITIONS, StartError};
use crate::aws::AwsEnvironment;
use crate::config::{Config, DefinitionsSource};
use crate::destination::{self, Layouts, RuleSet, Target};
use crate::forward::Forwarder;
use crate::offload::offload;
use crate::pipeline::Intake;
use crate::telemetry::{Metrics, RateLimit, Reload};

/// Where the document is.
#[derive(Clone, Debug)]
pub enum Document {
    Example,
    At(DefinitionsSource),
    #[cfg(feature = "s3")]
    Remote(Remote),
}

/// Reads definitions again while the daemon runs.
#[derive(Clone, Debug)]
pub struct Reloader {
    pub(super) intake: Arc<Intake>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) forwarder: Option<Forwarder>,
    pub(super) compiler: Compiler,
    pub(super) document: Document,
    pub(super) interval: Duration,
}

/// Makes rules of a document.
#[derive(Clone, Debug)]
pub struct Compiler {
    namespace: String,
    default_set: Option<String>,
    layouts: Layouts,
    /// The topics that this daemon takes events from.
    own_topics: Vec<String>,
}

// === impl Document ===

impl Document {
    /// Finds the document, and does not read it yet.
    ///
    /// # Errors
    /// It is in S3, and there is no region, or this build reads nothing there.
    #[cfg_attr(
        not(feature = "s3"),
        expect(clippy::unused_async, reason = "S3 alone is waited for")
    )]
    pub async fn open(config: &Config, aws: &AwsEnvironment) -> Result<Self, StartError> {
        match &config.definitions {
            None => Ok(Self::Example),
            #[cfg(feature = "s3")]
            Some(DefinitionsSource::S3 { bucket, key }) => {
                let sdk = aws.load(None).await.ok_or_else(|| {
                    let what = "no AWS region for the definitions in S3: set AWS_REGION";
                    StartError::Configuration(what.to_owned())
                })?;
                Ok(Self::Remote(Remote::new(&sdk, bucket, key)))
            }
            Some(source) => {
                #[cfg(not(feature = "s3"))]
                let _ = aws;
                Ok(Self::At(source.clone()))
            }
        }
    }

    /// Whether it says by itself that it has changed.
    fn can_tell(&self) -> bool {
        match self {
            Self::Example | Self::At(_) => false,
            #[cfg(feature = "s3")]
            Self::Remote(_) => true,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Example => "the example definitions".to_owned(),
            Self::At(source) => source.to_string(),
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.url(),
        }
    }

    /// The document's text; `None` when it is the one that was read before, which only what is in S3
    /// can tell.
    async fn read(&self) -> Result<Option<String>, StartError> {
        let failed = |why: String| {
            let name = self.name();
            StartError::Configuration(format!("cannot read the definitions {name}: {why}"))
        };
        match self {
            Self::Example => Ok(Some(EXAMPLE_DEFINITIONS.to_owned())),
            Self::At(DefinitionsSource::Path(path)) => {
                let path = path.clone();
                let read = offload(move || std::fs::read_to_string(path)).await;
                let read = read.map_err(|_| failed("it panicked".to_owned()))?;
                read.map(Some).map_err(|error| failed(error.to_string()))
            }
            Self::At(DefinitionsSource::Env(variable)) => {
                std::env::var(variable).map(Some).map_err(|error| failed(error.to_string()))
            }
            Self::At(DefinitionsSource::S3 { .. }) => {
                Err(failed("this build does not read from S3 (feature `s3`)".to_owned()))
            }
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.read().await.map_err(failed),
        }
    }
}

// === impl Compiler ===

impl Compiler {
    pub fn new(config: &Config, layouts: &Layouts) -> Self {
        Self {
            namespace: config.cloudwatch.namespace.clone(),
            default_set: config.default_configuration_set.clone(),
            layouts: layouts.clone(),
            own_topics: config.sns.topics.iter().map(|arn| arn.as_str().to_owned()).collect(),
        }
    }

    /// Reads and compiles a document; `None` when it has not changed.
    ///
    /// # Errors
    /// It cannot be read, or is faulty.
    pub async fn load(&self, document: &Document) -> Result<Option<RuleSet>, StartError> {
        let Some(text) = document.read().await? else { return Ok(None) };
        let (compiler, name) = (self.clone(), document.name());
        // A large document takes longer than a connection should wait.
        let compiling = offload(move || compiler.compile(&name, &text)).await;
        let panicked = || StartError::Configuration("reading the definitions panicked".to_owned());
        compiling.map_err(|_| panicked())?.map(Some)
    }

    fn compile(&self, name: &str, text: &str) -> Result<RuleSet, StartError> {
        let reading = destination::read(name, text);
        let Some(definitions) = reading.definitions else {
            return Err(StartError::Definitions(reading.findings));
        };
        for warning in &reading.findings {
            tracing::warn!(place = %warning.place, path = warning.path, "{}; {}", warning.what, warning.mend);
        }
        let default_set = self.default_set.as_deref();
        let rules = RuleSet::new(&definitions, &self.namespace, default_set, &self.layouts);
        let is_own =
            |target: &&Arc<Target>| self.own_topics.iter().any(|arn| arn == target.arn.as_str());
        if let Some(target) = rules.targets().iter().find(is_own) {
            return Err(StartError::Configuration(format!(
                "{name} forwards to {}, from which this daemon takes events (sns.topics): they would go \
                 round; forward to another topic",
                target.arn
            )));
        }
        Ok(rules)
    }
}

// === impl Reloader ===

impl Reloader {
    /// Reads the definitions again; gives whether they had changed. A faulty document is refused whole
    /// and the old rules go on.
    ///
    /// # Errors
    /// The definitions cannot be read, or are faulty.
    pub async fn reload(&self) -> Result<bool, StartError> {
        let rules = self.compiler.load(&self.document).await;
        match &rules {
            Ok(None) => return Ok(false),
            Ok(Some(_)) => self.metrics.reload(Reload::Loaded),
            Err(_) => self.metrics.reload(Reload::Refused),
        }
        if let Some(rules) = rules? {
            if let Some(forwarder) = &self.forwarder {
                forwarder.keep_only(&rules);
            }
            self.intake.set_rules(rules);
        }
        Ok(true)
    }

    /// As [`Reloader::reload`], and says what came of it.
    pub async fn reload_and_say(&self) {
        match self.reload().await {
            Ok(true) => tracing::info!("definitions reloaded"),
            Ok(false) => tracing::info!("definitions are as before"),
            Err(error) => refuse(&error),
        }
    }

    /// Looks again and again for a change, if the document can tell, until the daemon ends.
    pub(super) async fn watch(self, end: CancellationToken) {
        if !self.document.can_tell() {
            return;
        }
        let errors = RateLimit::new(Duration::from_mins(1), Arc::clone(&self.metrics));
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                () = sleep(self.interval) => {}
            }
            match self.reload().await {
                Ok(true) => tracing::info!("definitions reloaded"),
                // Said again while it lasts.
                Err(error) if errors.allow() => refuse(&error),
                Ok(false) | Err(_) => {}
            }
        }
    }
}

fn refuse(error: &StartError) {
    if let StartError::Definitions(findings) = error {
        for finding in findings {
            tracing::error!(place = %finding.place, path = finding.path, "{}; {}", finding.what, finding.mend);
        }
    }
    tracing::error!(%error, "definitions refused; the old ones go on");
}
