//! The daemon's configuration: what it listens on, what it takes in, where it publishes.
//!
//! A TOML file and `POSTMETER__…` environment variables flow in; one [`Config`] or a list of
//! findings flows out of [`load`]. Invariant: a `Config` that `load` returned needs no second
//! look: every address parses, every number is within its bounds, every combination works.
//!
//! To add a key: a field here with its default, a row in `keys.rs`, a line in
//! `config/postmeter.toml`. Tests fail until all three are there.

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

/// Everything that an operator can choose.
#[derive(Clone, Debug)]
pub struct Config {
    /// None: there are no definitions, and the examples are used.
    pub definitions: Option<DefinitionsSource>,
    /// How often definitions in S3, or in a file that the SES API changes, are looked at.
    pub definitions_interval: Duration,
    /// The configuration set of events that name none.
    pub default_configuration_set: Option<String>,
    /// How long an event is tried to be forwarded for.
    pub forward_patience: Duration,
    /// What forwarded events say to EventBridge that their source is.
    pub forward_source: String,
    pub listen: Listen,
    pub limits: Limits,
    pub firehose: Firehose,
    pub sns: Sns,
    pub sqs: Vec<Sqs>,
    pub copies: Copies,
    pub cloudwatch: CloudWatch,
    pub journal: Journal,
    pub dead_letters: DeadLetters,
    pub shutdown: Shutdown,
    pub telemetry: Telemetry,
    pub ses_api: SesApi,
}

/// Where the definitions document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionsSource {
    /// A file; a relative path starts at the working directory.
    Path(PathBuf),
    /// The name of an environment variable that holds the document itself.
    Env(String),
    /// An object, looked at again and again for a change.
    S3 { bucket: String, key: String },
}

/// The two listeners, and what they share with that of the SES API.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where events come in. Port 0 lets the system choose.
    pub http: SocketAddr,
    /// Metrics, series and health.
    pub admin: SocketAddr,
    /// The bearer token that metrics and series ask for. None: they ask for none.
    pub admin_token: Option<AccessKey>,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// Certificate and key in PEM: both or neither. Without them every listener speaks plain HTTP.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// The authorities whose client certificates are accepted, and needed but for the admin
    /// listener. None: clients need no certificate.
    pub tls_client_ca: Option<PathBuf>,
}

/// What may be held at once; reaching a limit is an ordinary, counted outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One request's body as it arrives.
    pub body_bytes: usize,
    /// What gzip in one request may expand to, on all levels together.
    pub expanded_bytes: usize,
    /// Bytes that an object of S3 may hold, after gzip.
    pub object_bytes: usize,
    pub in_flight_bytes: usize,
    pub in_flight_requests: usize,
    /// Distinct series in the current UTC hour; protects the bill.
    pub series: usize,
    /// Series x minutes not yet accepted by `CloudWatch`; protects memory.
    pub entries: usize,
    /// Bytes of events that wait to be forwarded, for each destination.
    pub forward_bytes: u32,
}

/// The Firehose HTTP endpoint.
#[derive(Clone, Debug)]
pub struct Firehose {
    /// Begins with `/`.
    pub path: String,
    /// Any of them is accepted; none at all is allowed on loopback alone.
    pub access_keys: Vec<AccessKey>,
    pub acknowledge: Acknowledge,
    /// How long the sender, or a balancer before us, waits for an answer.
    pub patience: Duration,
}

/// The endpoint that SNS posts notifications to.
#[derive(Clone, Debug)]
pub struct Sns {
    /// Those that are listened to. None: there is no endpoint.
    pub topics: Vec<TopicArn>,
    /// Begins with `/`.
    pub path: String,
    pub acknowledge: Acknowledge,
    /// From a message's arrival to its answer; SNS waits 15 s.
    pub patience: Duration,
    /// Confirm subscriptions to these topics.
    pub confirm: bool,
    /// Check the chain of the certificate that messages are signed by, and fetch its issuer for that.
    pub chain: bool,
    /// Versions of signatures that are accepted; never empty.
    pub signature_versions: Vec<SignatureVersion>,
    /// Where certificates that once held are kept. None: in the journal's directory, if there is one.
    pub certificate_directory: Option<PathBuf>,
    /// `user:password`, any of them; raw deliveries have no signature and need one.
    pub credentials: Vec<AccessKey>,
    /// A message that was published longer ago is refused.
    pub max_age: Duration,
}

/// How SNS signs a message.
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
    /// The places of the colons behind partition and region.
    ends: [usize; 2],
}

/// A queue that events are taken from, or notifications of objects in S3 that hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sqs {
    /// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`; never empty.
    pub queue_url: String,
    /// When a message is deleted.
    pub acknowledge: Acknowledge,
    /// How long SQS shows nobody else a message that was taken.
    pub visibility: Duration,
    /// From taken to deleted.
    pub held_messages: usize,
    pub pollers: usize,
    /// Buckets whose objects its messages may name. None: any, by its plain name.
    pub buckets: Vec<String>,
    pub bucket_owner: BucketOwner,
}

/// Whose buckets the objects are in that messages name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketOwner {
    /// The account that is in the queue's URL.
    OfQueue,
    /// This one, by its 12 digits.
    Account(String),
    /// Anybody.
    Any,
}

/// Copies of events that arrive under other request ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Leave them out.
    pub remove: bool,
    /// How long an event is remembered.
    pub window: Duration,
    /// How many are remembered at most.
    pub events: usize,
}

/// A shared secret. It has no `Display`, and no `PartialEq` so that nobody compares it in a time
/// that depends on its content.
#[derive(Clone)]
pub struct AccessKey(String);

/// When a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// As soon as its counts are in memory.
    Merged,
    /// As soon as its counts are in the journal, and in memory.
    Journaled,
    /// When `CloudWatch` has accepted its counts.
    Published,
}

/// How metrics are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatch {
    pub publish: Publish,
    /// For definitions that name no namespace of their own.
    pub namespace: String,
    /// None: the SDK finds it.
    pub region: Option<String>,
    /// The role that is assumed for publishing.
    pub role_arn: Option<String>,
    pub flush_interval: Duration,
    /// An older epoch makes sources that acknowledge `published` take nothing new.
    pub settle_deadline: Duration,
    pub timestamp: TimestampSource,
    pub ambiguous: Ambiguous,
    pub requests_per_second: u32,
    pub concurrency: usize,
    pub connect_timeout: Duration,
    /// One call, from its first byte sent to the end of its answer.
    pub attempt_timeout: Duration,
}

/// The journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// A relative path starts at the working directory. None: there is no journal.
    pub directory: Option<PathBuf>,
}

/// What is kept of what could not be read, and where; at most in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// A relative path starts at the working directory.
    pub directory: Option<PathBuf>,
    /// The name of a Firehose delivery stream.
    pub stream: Option<String>,
    pub keep: Vec<Unread>,
    /// A file of the directory ends at this length.
    pub file_bytes: u64,
    /// All files of the directory.
    pub bytes: u64,
}

/// Values that are no events, by why.
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
    /// Kept for `GET /series` alone; nothing leaves the process.
    Memory,
}

/// Which clock puts a count into its minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// The event's own.
    Event,
    /// Ours, when the request arrived.
    Arrival,
}

/// What follows a call whose outcome nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// Send it again: perhaps counted twice.
    Retry,
    /// Give it up: perhaps not counted.
    Drop,
}

/// The end of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// From SIGTERM to exit, at most.
    pub grace: Duration,
}

/// What the daemon says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// A filter such as `info` or `warn,postmeter=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// The namespace of the daemon's own totals in `CloudWatch`; None: not sent.
    pub own_namespace: Option<String>,
}

/// The SES API, by which definitions are changed.
#[derive(Clone, Debug)]
pub struct SesApi {
    /// None: it is not answered.
    pub listen: Option<SocketAddr>,
    pub auth: ApiAuth,
    /// May read and change.
    pub access_keys: Vec<ApiKey>,
    /// May read.
    pub read_only_access_keys: Vec<ApiKey>,
    pub requests_per_second: u32,
}

/// Who may ask the SES API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiAuth {
    /// Who signs with one of the keys.
    SigV4,
    /// Anybody; on loopback alone.
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
    /// Whether some source acknowledges in this way.
    pub fn has(&self, acknowledge: Acknowledge) -> bool {
        let queues = self.sqs.iter().map(|sqs| sqs.acknowledge);
        let sns = (!self.sns.topics.is_empty()).then_some(self.sns.acknowledge);
        queues.chain(sns).chain([self.firehose.acknowledge]).any(|one| one == acknowledge)
    }
}

// === impl DefinitionsSource ===

/// As the configuration has it.
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

impl Listen {
    /// Whether only programs on this machine reach the admin listener.
    #[must_use]
    pub fn admin_is_on_loopback(&self) -> bool {
        rules::is_loopback(self.admin)
    }
}

// === impl AccessKey ===

impl AccessKey {
    /// Takes a key as it is; only [`load`] checks its shape.
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

    /// As metrics name it too.
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
            listen: Listen::default(),
            limits: Limits::default(),
            firehose: Firehose::default(),
            sns: Sns::default(),
            sqs: Vec::new(),
            copies: Copies::default(),
            cloudwatch: CloudWatch::default(),
            journal: Journal::default(),
            dead_letters: DeadLetters::default(),
            shutdown: Shutdown::default(),
            telemetry: Telemetry::default(),
            ses_api: SesApi::default(),
        }
    }
}

impl Default for SesApi {
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

impl Default for Listen {
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

impl Default for Limits {
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

impl Default for Firehose {
    fn default() -> Self {
        Self {
            path: "/firehose".to_owned(),
            access_keys: Vec::new(),
            acknowledge: Acknowledge::Merged,
            patience: Duration::from_secs(55),
        }
    }
}

impl Default for Sns {
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

impl Default for Sqs {
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

impl Default for Copies {
    fn default() -> Self {
        Self { remove: false, window: Duration::from_hours(2), events: 1_000_000 }
    }
}

impl Default for CloudWatch {
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

impl Default for DeadLetters {
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

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(25) }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            own_namespace: Some("Postmeter".to_owned()),
        }
    }
}
