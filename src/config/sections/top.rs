//! The whole configuration, and the keys that are in no section.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    CloudWatchConfig, ConsoleConfig, DeadLettersConfig, DedupeConfig, FirehoseConfig,
    JournalConfig, LimitsConfig, ListenConfig, SHORTEST, SesApiConfig, ShutdownConfig, SnsConfig,
    SqsConfig, TelemetryConfig,
};
use crate::config::acknowledge::Acknowledge;
use crate::config::kinds::{duration, optional, path, text};
use crate::config::section::section;
use crate::config::text::{Fault, quoted};
use crate::ses::FORWARD_SOURCE;

/// SES: 64 for a configuration set's name.
const SET_NAME_BYTES_MAX: usize = 64;

section! {
    /// All settings of the daemon.
    pub struct Config {
        /// Configuration sets and event destinations: path of a file, `s3://BUCKET/KEY` of an
        /// object, or `env:NAME` of an environment variable that holds the document. Empty: none;
        /// publishing to AWS then fails at the start.
        ///
        /// The document is in the JSON of the SES v2 API. A relative path starts at the working
        /// directory.
        definitions: Option<DefinitionsSource> = None,
            optional(text(
                "path, `s3://BUCKET/KEY` or `env:NAME`",
                "config/definitions.json",
                definitions,
                DefinitionsSource::to_string,
            ));

        /// How often to check for changed definitions: those in S3, or in a file that the SES API
        /// changes.
        ///
        /// In S3, a check without changes is one `GetObject`: $0.10 a month at 10s.
        definitions_interval: Duration = Duration::from_secs(10),
            duration(SHORTEST, Duration::from_hours(1));

        /// Configuration set of events that do not name one. Empty: they are counted as unrouted.
        default_configuration_set: Option<String> = None,
            optional(text("set name", "production", configuration_set, String::clone));

        /// File with mailbox providers beside the built-in ones, for the dimension field
        /// `mailbox_provider`. It is read at the start. Empty: the built-in ones alone.
        ///
        /// `config/mailbox-providers.toml` says what is in it.
        mailbox_providers: Option<PathBuf> = None,
            optional(path("path", "config/mailbox-providers.toml"));

        /// How long to retry forwarding an event (Firehose, SNS, EventBridge), holding its
        /// request's response. After that, the event becomes a dead letter, if those are kept.
        forward_patience: Duration = Duration::from_secs(15),
            duration(SHORTEST, Duration::from_mins(2));

        /// `source` of forwarded events on EventBridge. `aws.ses` is reserved for AWS.
        forward_source: String = FORWARD_SOURCE.to_owned(),
            text("source", "mail.events", event_source, String::clone);
    } with {
        listen: ListenConfig,
        limits: LimitsConfig,
        firehose: FirehoseConfig,
        sns: SnsConfig,
        sqs: Vec<SqsConfig>,
        dedupe: DedupeConfig,
        cloudwatch: CloudWatchConfig,
        journal: JournalConfig,
        dead_letters: DeadLettersConfig,
        shutdown: ShutdownConfig,
        telemetry: TelemetryConfig,
        ses_api: SesApiConfig,
        console: ConsoleConfig,
    }
}

/// The location of the definitions document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionsSource {
    /// A file; a relative path starts at the working directory.
    Path(PathBuf),
    /// The name of an environment variable that holds the document itself.
    Env(String),
    /// An object, polled for changes.
    S3 { bucket: String, key: String },
}

// === impl Config ===

impl Config {
    /// The number of request IDs that a journal keeps at most: as many as all sources can have.
    pub(crate) fn journaled_ids_max(&self) -> usize {
        // Each queue, the objects of all queues, Firehose and SNS.
        self.limits.request_ids.saturating_mul(self.sqs.len() + 3)
    }

    /// Whether any source acknowledges in this way.
    pub fn has(&self, acknowledge: Acknowledge) -> bool {
        let queues = self.sqs.iter().map(|sqs| sqs.acknowledge);
        let sns = (!self.sns.topics.is_empty()).then_some(self.sns.acknowledge);
        queues.chain(sns).chain([self.firehose.acknowledge]).any(|one| one == acknowledge)
    }
}

// === impl DefinitionsSource ===

/// As written in the configuration.
impl fmt::Display for DefinitionsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

fn definitions(text: &str) -> Result<DefinitionsSource, Fault> {
    const FIX: &str = "write the path of a file, \"s3://BUCKET/KEY\" for an object, or \"env:NAME\" \
                        for a variable that holds the document";
    if let Some(object) = text.strip_prefix("s3://") {
        return match object.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                let (bucket, key) = (bucket.to_owned(), key.to_owned());
                Ok(DefinitionsSource::S3 { bucket, key })
            }
            _ => Err((format!("{} is not a valid S3 location", quoted(text)), FIX.into())),
        };
    }
    if text.trim_start().starts_with(['{', '[']) {
        return Err(("this is a document, not its location".into(), FIX.into()));
    }
    if text.contains('\0') || text.trim().is_empty() {
        return Err((format!("{} is not a path", quoted(text)), FIX.into()));
    }
    let Some(name) = text.strip_prefix("env:") else {
        return Ok(DefinitionsSource::Path(PathBuf::from(text)));
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let what = format!("{} is not a valid variable name", quoted(name));
        return Err((what, "write letters, digits and `_` after `env:`".into()));
    }
    Ok(DefinitionsSource::Env(name.to_owned()))
}

/// `*` is the set for events of every set that is not listed.
fn configuration_set(text: &str) -> Result<String, Fault> {
    let is_name = text.len() <= SET_NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !is_name && text != "*" {
        let what = format!("{} is not a valid configuration set name", quoted(text));
        return Err((what, "write 1 to 64 letters, digits, `_` and `-`".into()));
    }
    Ok(text.to_owned())
}

/// A `source` of events on EventBridge.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>,
/// 2026-11-22.
fn event_source(text: &str) -> Result<String, Fault> {
    let is_sound =
        (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound || text.starts_with("aws.") {
        let what = format!("{} is not a valid event source", quoted(text));
        let fix = "write 1 to 256 printable characters that do not start with `aws.`, such as \
                   \"postmeter.ses\"";
        return Err((what, fix.into()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_a_path_an_object_or_the_name_of_a_variable() {
        assert_eq!(definitions("a/b.json"), Ok(DefinitionsSource::Path("a/b.json".into())));
        assert_eq!(definitions("env:DEFS_1"), Ok(DefinitionsSource::Env("DEFS_1".into())));
        let (bucket, key) = ("b".to_owned(), "k/l.json".to_owned());
        assert_eq!(definitions("s3://b/k/l.json"), Ok(DefinitionsSource::S3 { bucket, key }));
        for wrong in ["env:", "env:1A", "env:A B", "env:A=B", "s3://bucket", "{}", "a\0b"] {
            assert!(definitions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_sets_have_their_characters() {
        assert_eq!(configuration_set("*"), Ok("*".into()));
        assert_eq!(configuration_set("prod_1-a"), Ok("prod_1-a".into()));
        assert!(configuration_set("a b").is_err());
        assert!(configuration_set(&"a".repeat(65)).is_err());
    }
}
