//! Where this daemon's definitions are, and how they are loaded first.

use super::environment::Environment;
use super::error::StartError;
use crate::aws::S3Clients;
use crate::catalog::{Compiled, Compiler, Document, FileDocument};
use crate::config::{Config, DefinitionsSource};
use crate::mailbox_providers;
use crate::rules::Layouts;

/// The definitions that `serve` uses when none are configured.
pub const EXAMPLE_DEFINITIONS: &str = include_str!("../../config/definitions.json");

/// Locates the document without reading it.
///
/// # Errors
/// It is in S3, and no region is configured or the file cannot be changed.
pub(super) async fn document(
    config: &Config,
    environment: &Environment,
) -> Result<Document, StartError> {
    let by_console = config.console.listen.is_some() && config.console.write;
    let is_changed_here = config.ses_api.listen.is_some() || by_console;
    match &config.definitions {
        None => {
            let example = environment.definitions.as_deref().unwrap_or(EXAMPLE_DEFINITIONS);
            Ok(Document::memory("the example definitions", example))
        }
        Some(DefinitionsSource::Env(variable)) => Ok(Document::Env(variable.clone())),
        Some(DefinitionsSource::Path(path)) => {
            let path = path.clone();
            Ok(Document::File(if is_changed_here {
                FileDocument::store(path).map_err(|error| {
                    let what = format!("the definitions cannot be changed: {error}");
                    StartError::Configuration(what)
                })?
            } else {
                FileDocument::read_only(path)
            }))
        }
        Some(DefinitionsSource::S3 { bucket, key }) => {
            let sdk = environment.aws.load(None).await.ok_or_else(|| {
                let what = "no AWS region for the definitions in S3: set AWS_REGION";
                StartError::Configuration(what.to_owned())
            })?;
            let clients = S3Clients::new(&sdk);
            let remote = crate::catalog::Remote::new(clients, bucket, key, is_changed_here);
            Ok(Document::Remote(remote))
        }
    }
}

/// What compiles the document.
///
/// # Errors
/// The file of mailbox providers cannot be read or is invalid.
pub(super) fn compiler(config: &Config, layouts: &Layouts) -> Result<Compiler, StartError> {
    let providers = mailbox_providers::load(config.mailbox_providers.as_deref());
    Ok(Compiler {
        namespace: config.cloudwatch.namespace.clone(),
        default_set: config.default_configuration_set.clone(),
        forward_source: config.forward_source.clone(),
        mailbox_providers: providers.map_err(StartError::Configuration)?,
        layouts: layouts.clone(),
        own_topics: config.sns.topics.iter().map(|arn| arn.as_str().to_owned()).collect(),
    })
}

/// Reads the document for the first time.
///
/// # Errors
/// It cannot be read or is invalid.
pub(super) async fn first(
    compiler: &Compiler,
    document: &Document,
) -> Result<Compiled, StartError> {
    let read = compiler.load(document).await?;
    read.ok_or_else(|| StartError::Configuration("no definitions".into()))
}
