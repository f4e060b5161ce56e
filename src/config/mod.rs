//! The daemon's configuration: its listeners, its sources of events, and where it publishes.
//!
//! [`load()`] turns a TOML file and `POSTMETER__…` environment variables into a [`Config`] or a
//! list of findings. Invariant: a `Config` returned by `load` is valid: every address parses, every
//! number is within its bounds, and every combination works.
//!
//! A key is declared once, in the file of its section: field, help text, type, default and kind.
//! Reading, documentation and the shipped file follow from it.

mod access_key;
mod acknowledge;
mod given;
mod keys;
mod kinds;
mod list_kind;
mod load;
mod nearest;
mod reference;
mod rules;
mod section;
mod sections;
mod shown;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod words;

pub use access_key::AccessKey;
pub use acknowledge::Acknowledge;
pub(crate) use load::Loaded;
pub use load::load;
pub use reference::{example_file, markdown_table};
pub use sections::{
    Ambiguous, ApiAuth, ApiKey, Config, ConsoleRole, ConsoleUser, DefinitionsSource, Publish,
    SignatureVersion, SqsConfig, TimestampSource, TopicArn, Unread,
};
pub(crate) use sections::{
    BucketOwner, CloudWatchConfig, ConsoleConfig, DeadLettersConfig, DedupeConfig, FirehoseConfig,
    JournalConfig, LimitsConfig, ListenConfig, SesApiConfig, ShutdownConfig, SnsConfig,
    TelemetryConfig,
};
pub(crate) use shown::{ShownSetting, shown};
