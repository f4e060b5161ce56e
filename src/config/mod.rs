//! The daemon's configuration: its listeners, its sources of events, and where it publishes.
//!
//! [`load`] turns a TOML file and `POSTMETER__…` environment variables into a [`Config`] or a list
//! of findings. Invariant: a `Config` returned by `load` is valid: every address parses, every
//! number is within its bounds, and every combination works.
//!
//! To add a key: a field here with its default, a row in `keys.rs`, a line in
//! `config/postmeter.toml`. Tests fail until all three are there.

mod given;
mod keys;
mod load;
mod nearest;
mod rules;
mod source;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::telemetry::LogFormat;

pub use keys::{KeyDoc, keys, markdown_table};
pub use load::{Loaded, load};

/// All settings of the daemon.
#[derive(Clone, Debug)]
pub struct Config {
    /// None: the example definitions are used.
    pub definitions: Option<DefinitionsSource>,
    /// How often to check for changed definitions in S3, or in a file that the SES API changes.
    pub definitions_interval: Duration,
    /// The configuration set of events that do not name one.
    pub default_configuration_set: Option<String>,
    /// How long to retry forwarding an event.
    pub forward_patience: Duration,
    /// The `source` of forwarded events on EventBridge.
    pub forward_source: String,
    pub listen: ListenConfig,
    pub limits: LimitsConfig,
    pub firehose: FirehoseConfig,
    pub sns: SnsConfig,
    pub sqs: Vec<SqsConfig>,
    pub copies: CopiesConfig,
    pub cloudwatch: CloudWatchConfig,
    pub journal: JournalConfig,
    pub dead_letters: DeadLettersConfig,
    pub shutdown: ShutdownConfig,
    pub telemetry: TelemetryConfig,
    pub ses_api: SesApiConfig,
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

/// The two listeners, and settings that they share with the listener of the SES API.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// The listener for events. Port 0: the system chooses.
    pub http: SocketAddr,
    /// The listener for metrics, series and health checks.
    pub admin: SocketAddr,
    /// The bearer token that metrics and series require. None: no token is required.
    pub admin_token: Option<AccessKey>,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// Certificate and key in PEM: both or neither. Without them, every listener uses plain HTTP.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// The CAs of client certificates, which are required on all listeners but the admin listener.
    /// None: clients need no certificate.
    pub tls_client_ca: Option<PathBuf>,
}

/// Limits on what is held at once; reaching a limit is an ordinary, counted outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Bytes of a request body as received.
    pub body_bytes: usize,
    /// Bytes to which gzip in one request may expand, all nested levels together.
    pub expanded_bytes: usize,
    /// Bytes of an S3 object after decompression.
    pub object_bytes: usize,
    pub in_flight_bytes: usize,
    pub in_flight_requests: usize,
    /// Distinct series in the current UTC hour; protects the bill.
    pub series: usize,
    /// Series x minutes not yet accepted by `CloudWatchConfig`; protects memory.
    pub entries: usize,
    /// Bytes of events waiting to be forwarded, per destination.
    pub forward_bytes: u32,
}

/// The Firehose HTTP endpoint.
#[derive(Clone, Debug)]
pub struct FirehoseConfig {
    /// Begins with `/`.
    pub path: String,
    /// Any of them is accepted; the list may be empty only on loopback.
    pub access_keys: Vec<AccessKey>,
    pub acknowledge: Acknowledge,
    /// How long the sender, or a load balancer in front, waits for the response.
    pub patience: Duration,
}

/// The endpoint for notifications from SNS.
#[derive(Clone, Debug)]
pub struct SnsConfig {
    /// The accepted topics. Empty: no endpoint.
    pub topics: Vec<TopicArn>,
    /// Begins with `/`.
    pub path: String,
    pub acknowledge: Acknowledge,
    /// Longest time from receiving a message to the response; SNS waits 15 s.
    pub patience: Duration,
    /// Whether to confirm subscriptions to these topics.
    pub confirm: bool,
    /// Whether to verify the chain of the signing certificate, which requires fetching its issuer.
    pub chain: bool,
    /// The accepted signature versions; never empty.
    pub signature_versions: Vec<SignatureVersion>,
    /// Directory that caches verified certificates. None: in the journal's directory, if there is
    /// one.
    pub certificate_directory: Option<PathBuf>,
    /// `user:password` pairs, one of which a raw delivery must have, because it has no signature.
    pub credentials: Vec<AccessKey>,
    /// A message that was published longer ago is rejected.
    pub max_age: Duration,
}

/// The signature version of an SNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVersion {
    /// With SHA-1.
    One,
    /// With SHA-256.
    Two,
}

/// The ARN of an SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArn {
    arn: String,
    /// The positions of the colons after partition and region.
    ends: [usize; 2],
}

/// A queue with events, or with notifications of S3 objects that contain events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsConfig {
    /// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`; never empty.
    pub queue_url: String,
    /// When a message is deleted.
    pub acknowledge: Acknowledge,
    /// The visibility timeout of a received message.
    pub visibility: Duration,
    /// Messages that are received and not yet deleted.
    pub held_messages: usize,
    pub pollers: usize,
    /// Buckets whose objects its messages may name. Empty: any bucket, by its plain name.
    pub buckets: Vec<String>,
    pub bucket_owner: BucketOwner,
}

/// The owner of the buckets that messages name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketOwner {
    /// The account in the queue's URL.
    OfQueue,
    /// This account (12 digits).
    Account(String),
    /// Any account.
    Any,
}

/// Handling of copies of events that arrive under other request ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiesConfig {
    /// Whether to skip copies.
    pub remove: bool,
    /// How long an event is remembered.
    pub window: Duration,
    /// The maximum number of remembered events.
    pub events: usize,
}

/// A shared secret. It has no `Display`, and no `PartialEq` because a comparison must take constant
/// time.
#[derive(Clone)]
pub struct AccessKey(String);

/// When a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// As soon as its counts are in memory.
    Merged,
    /// As soon as its counts are in the journal, and in memory.
    Journaled,
    /// When `CloudWatchConfig` has accepted its counts.
    Published,
}

/// How metrics are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchConfig {
    pub publish: Publish,
    /// The namespace of definitions that do not name one.
    pub namespace: String,
    /// None: the SDK finds it.
    pub region: Option<String>,
    /// The role to assume for publishing.
    pub role_arn: Option<String>,
    pub flush_interval: Duration,
    /// While an older epoch is unpublished, sources that acknowledge `published` accept nothing
    /// new.
    pub settle_deadline: Duration,
    pub timestamp: TimestampSource,
    pub ambiguous: Ambiguous,
    pub requests_per_second: u32,
    pub concurrency: usize,
    pub connect_timeout: Duration,
    /// One call, from the first byte of the request to the end of the response.
    pub attempt_timeout: Duration,
}

/// The journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalConfig {
    /// A relative path starts at the working directory. None: there is no journal.
    pub directory: Option<PathBuf>,
}

/// Which unreadable values are kept, and where: in a directory or a stream, not in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettersConfig {
    /// A relative path starts at the working directory.
    pub directory: Option<PathBuf>,
    /// The name of a Firehose delivery stream.
    pub stream: Option<String>,
    pub keep: Vec<Unread>,
    /// The size in bytes at which a new file is started.
    pub file_bytes: u64,
    /// The total size of all files in bytes.
    pub bytes: u64,
}

/// Values that are not events, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    Malformed,
    UnknownType,
    Foreign,
}

/// Where counts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    Aws,
    /// Kept only for `GET /series`; nothing leaves the process.
    Memory,
}

/// The clock that determines the minute of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// The event's timestamp.
    Event,
    /// The time at which the request arrived.
    Arrival,
}

/// How to continue after a call with unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// Retry it: possibly counted twice.
    Retry,
    /// Drop it: possibly not counted.
    Drop,
}

/// Shutdown of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// Longest time from SIGTERM to exit.
    pub grace: Duration,
}

/// Logs and metrics about the daemon itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// A filter such as `info` or `warn,postmeter=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// The namespace of the daemon's own totals in `CloudWatchConfig`; None: not sent.
    pub own_namespace: Option<String>,
}

/// The SES API, which changes definitions.
#[derive(Clone, Debug)]
pub struct SesApiConfig {
    /// None: the API is off.
    pub listen: Option<SocketAddr>,
    pub auth: ApiAuth,
    /// May read and change.
    pub access_keys: Vec<ApiKey>,
    /// May read.
    pub read_only_access_keys: Vec<ApiKey>,
    pub requests_per_second: u32,
}

/// The authentication of clients of the SES API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiAuth {
    /// Clients sign with one of the access keys.
    SigV4,
    /// No authentication; allowed only on loopback.
    None,
}

/// An access key of the SES API.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: String,
    pub secret: AccessKey,
}

// === impl Config ===

impl Config {
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

// === impl TopicArn ===

impl TopicArn {
    /// Reads `arn:PARTITION:sns:REGION:ACCOUNT:NAME`; `None` for anything else, and for a partition
    /// whose endpoints are not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_sound = ["aws", "aws-cn", "aws-us-gov", "aws-eusc"].contains(&partition)
            && (4..=32).contains(&region.len())
            && region.bytes().all(is_region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=256).contains(&name.len())
            && name.bytes().all(is_name);
        let partition_end = "arn:".len() + partition.len();
        let region_end = partition_end + ":sns:".len() + region.len();
        is_sound.then(|| Self { arn: text.to_owned(), ends: [partition_end, region_end] })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    #[must_use]
    pub fn partition(&self) -> &str {
        &self.arn["arn:".len()..self.ends[0]]
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.arn[self.ends[0] + ":sns:".len()..self.ends[1]]
    }
}

// === impl Listen ===

impl ListenConfig {
    /// Whether only programs on this machine can reach the admin listener.
    #[must_use]
    pub fn admin_is_on_loopback(&self) -> bool {
        rules::is_loopback(self.admin)
    }
}

// === impl AccessKey ===

impl AccessKey {
    /// Wraps a key as it is; only [`load`] validates it.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The secret, for a comparison in constant time.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

// === impl Unread ===

impl Unread {
    pub const ALL: [Self; 3] = [Self::Malformed, Self::UnknownType, Self::Foreign];

    /// The word used in the configuration and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownType => "unknown_type",
            Self::Foreign => "foreign",
        }
    }
}

// === defaults ===

impl Default for Config {
    fn default() -> Self {
        Self {
            definitions: None,
            definitions_interval: Duration::from_secs(10),
            default_configuration_set: None,
            forward_patience: Duration::from_secs(15),
            forward_source: "postmeter.ses".to_owned(),
            listen: ListenConfig::default(),
            limits: LimitsConfig::default(),
            firehose: FirehoseConfig::default(),
            sns: SnsConfig::default(),
            sqs: Vec::new(),
            copies: CopiesConfig::default(),
            cloudwatch: CloudWatchConfig::default(),
            journal: JournalConfig::default(),
            dead_letters: DeadLettersConfig::default(),
            shutdown: ShutdownConfig::default(),
            telemetry: TelemetryConfig::default(),
            ses_api: SesApiConfig::default(),
        }
    }
}

impl Default for SesApiConfig {
    fn default() -> Self {
        Self {
            listen: None,
            auth: ApiAuth::SigV4,
            access_keys: Vec::new(),
            read_only_access_keys: Vec::new(),
            requests_per_second: 20,
        }
    }
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8127)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 9127)),
            admin_token: None,
            keep_alive: Duration::from_secs(75),
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            expanded_bytes: 128 << 20,
            in_flight_bytes: 256 << 20,
            in_flight_requests: 512,
            series: 10_000,
            entries: 1_000_000,
            object_bytes: 1 << 30,
            forward_bytes: 32 << 20,
        }
    }
}

impl Default for FirehoseConfig {
    fn default() -> Self {
        Self {
            path: "/firehose".to_owned(),
            access_keys: Vec::new(),
            acknowledge: Acknowledge::Merged,
            patience: Duration::from_secs(55),
        }
    }
}

impl Default for SnsConfig {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            path: "/sns".to_owned(),
            acknowledge: Acknowledge::Merged,
            patience: Duration::from_secs(12),
            confirm: true,
            chain: true,
            signature_versions: vec![SignatureVersion::One, SignatureVersion::Two],
            certificate_directory: None,
            credentials: Vec::new(),
            max_age: Duration::from_hours(1),
        }
    }
}

impl Default for SqsConfig {
    fn default() -> Self {
        Self {
            queue_url: String::new(),
            acknowledge: Acknowledge::Published,
            visibility: Duration::from_mins(1),
            held_messages: 20_000,
            pollers: 8,
            buckets: Vec::new(),
            bucket_owner: BucketOwner::OfQueue,
        }
    }
}

impl Default for CopiesConfig {
    fn default() -> Self {
        Self { remove: false, window: Duration::from_hours(2), events: 1_000_000 }
    }
}

impl Default for CloudWatchConfig {
    fn default() -> Self {
        Self {
            publish: Publish::Aws,
            namespace: "SES".to_owned(),
            region: None,
            role_arn: None,
            flush_interval: Duration::from_secs(10),
            settle_deadline: Duration::from_secs(45),
            timestamp: TimestampSource::Event,
            ambiguous: Ambiguous::Retry,
            requests_per_second: 100,
            concurrency: 4,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for DeadLettersConfig {
    fn default() -> Self {
        Self {
            directory: None,
            stream: None,
            keep: vec![Unread::Malformed, Unread::UnknownType],
            file_bytes: 16 << 20,
            bytes: 1 << 30,
        }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { grace: Duration::from_secs(25) }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            own_namespace: Some("Postmeter".to_owned()),
        }
    }
}
