//! The command line of `postmeter-load`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, value_parser};
use hyper::Uri;
use hyper::header::HeaderValue;
use postmeter::synth::{Mix, SynthWrapping};

use super::parse;

/// Sends generated SES events with known counts, measures throughput and latency, and compares the
/// counts that CloudWatch holds with those that were sent.
///
/// Start `postmeter-load record` as a stand-in for CloudWatch and a `postmeter serve` that publishes
/// to it, then run `postmeter-load firehose-http` with --verify and --admin.
#[derive(Debug, Parser)]
#[command(name = "postmeter-load", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    FirehoseHttp(Box<FirehoseHttpArgs>),
    FirehoseStream(Box<FirehoseStreamArgs>),
    File(Box<FileArgs>),
    Record(RecordArgs),
}

/// Deliver to an HTTP endpoint as a Firehose stream does.
///
/// A request that does not get a 200 with its own ID is retried under the same ID for --retry-for.
/// With --rate, send times are fixed in advance and latency is measured from them, even if no
/// connection is free. Without it, each connection sends its next request after a response.
///
/// Exit code: 0 on success; 1 if requests were given up, if --verify finds a difference beyond the
/// doubt that the daemon reports, or on failure; 2 on wrong usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter-load firehose-http http://127.0.0.1:8127/firehose --gzip --duration 20s
  postmeter-load firehose-http http://127.0.0.1:8127/firehose --rate 50000 --connections 16 \\
    --admin http://127.0.0.1:9127 --verify http://127.0.0.1:8130 --json report.json")]
pub(crate) struct FirehoseHttpArgs {
    /// Endpoint, such as `http://127.0.0.1:8127/firehose`
    #[arg(value_parser = parse::url)]
    pub url: Uri,
    /// Send bodies as gzip
    #[arg(long)]
    pub gzip: bool,
    /// Approximate size of a request body before gzip, such as 1MB or 512KiB
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse::body_bytes)]
    pub body_bytes: usize,
    /// Access key of the stream; prefer the variable to the command line
    #[arg(long, value_name = "KEY", env = "POSTMETER_LOAD_ACCESS_KEY", hide_env_values = true)]
    pub access_key: Option<String>,
    /// ARN of the simulated stream
    #[arg(
        long,
        value_name = "ARN",
        default_value = "arn:aws:firehose:us-east-1:123456789012:deliverystream/postmeter-load"
    )]
    pub source_arn: String,
    /// Timeout of a response; Firehose waits three minutes
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = parse::positive)]
    pub answer_timeout: Duration,
    #[command(flatten)]
    pub traffic: TrafficArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// Put records into a Firehose delivery stream, which then delivers them at its own pace.
///
/// Uses the standard environment of the AWS SDK (region, credentials, `AWS_ENDPOINT_URL`). If a
/// batch fails in part, only the failed records are sent again. A call of unknown outcome is
/// retried, and its records may arrive twice: they are reported, and the expected counts are a range.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter-load firehose-stream postmeter --rate 1000 --duration 5m --verify aws --settle 3m")]
pub(crate) struct FirehoseStreamArgs {
    /// Name of the stream
    pub name: String,
    /// Approximate bytes of records per call, at most 3MiB (and at most 500 records)
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse::batch_bytes)]
    pub body_bytes: usize,
    /// Timeout of one call
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse::positive)]
    pub answer_timeout: Duration,
    #[command(flatten)]
    pub traffic: TrafficArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// Write events to a file, for `postmeter count` and other readers of archives.
///
/// Generates a pool of events and repeats it until the file has the requested size. --truth writes
/// the exact counts of the file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter-load file events.json.gz --gzip --bytes 1GB --truth truth.ndjson
  postmeter-load file /dev/stdout --events 3 --wrapping sns")]
pub(crate) struct FileArgs {
    /// File to write; an existing file is replaced
    pub path: PathBuf,
    /// Write gzip (one member)
    #[arg(long)]
    pub gzip: bool,
    /// Write this many events
    #[arg(long, value_name = "N", conflicts_with = "bytes", value_parser = value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// Approximate size before gzip, such as 1GB [default: 100MB]
    #[arg(long, value_parser = parse::bytes)]
    pub bytes: Option<u64>,
    /// Write the expected counts to this file, in the form of `count --format json`
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    #[command(flatten)]
    pub traffic: TrafficArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Traffic")]
pub(crate) struct TrafficArgs {
    /// Seed; the same seed, options and --at generate the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Weights of the event types, such as send=50,delivery=40,open=6,click=2,bounce=1.5 [default:
    /// those of a healthy sender]
    #[arg(long, value_name = "TYPE=WEIGHT,…", value_parser = Mix::from_str)]
    pub mix: Option<Mix>,
    /// Distinct values of the tag `campaign`, if the pool has enough events
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = parse::cardinality)]
    pub campaigns: usize,
    /// Distinct values of the tag `genre`
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = parse::cardinality)]
    pub genres: usize,
    /// Values of the tag `ses:configuration-set`, most frequent first
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "prod,staging")]
    pub sets: Vec<String>,
    /// Wrappings; each record gets one at random
    #[arg(
        long,
        value_enum,
        value_name = "WRAPPING,…",
        value_delimiter = ',',
        default_value = "bare"
    )]
    pub wrapping: Vec<Envelope>,
    /// Approximate average size of an event; sizes above 1.8kB are reached with more email headers
    #[arg(long, value_name = "BYTES", default_value = "1800B", value_parser = parse::event_bytes)]
    pub event_bytes: usize,
    /// Maximum age of an event when it is sent, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 2, value_parser = value_parser!(u32).range(0..=10_080))]
    pub minutes_late: u32,
    /// Add a few per cent of valid but unusual events
    #[arg(long)]
    pub awkward: bool,
    /// Time of the newest event of the pool, such as 2026-11-20T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub at: Option<i64>,
    /// Requests (for a file: megabytes) generated in advance and then sent in turn
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = parse::pool)]
    pub pool: usize,
    /// Definitions document for the expected counts [default: the example that `postmeter serve`
    /// also uses if nothing is configured]
    #[arg(long, value_name = "FILE")]
    pub definitions: Option<PathBuf>,
    /// CloudWatch namespace of destinations that do not name one
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// Configuration set of events that do not name one
    #[arg(long, value_name = "SET")]
    pub default_set: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Events per second, at send times fixed in advance [default: as fast as possible]
    #[arg(long, value_name = "EVENTS", value_parser = parse::rate)]
    pub rate: Option<f64>,
    /// How long to send [default: 30s, or until --events are sent]
    #[arg(long, value_name = "TIME", value_parser = parse::positive)]
    pub duration: Option<Duration>,
    /// Send exactly this many events
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// Send without measuring for this long first
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u16).range(1..=1000))]
    pub connections: u16,
    /// How long to retry a rejected request
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = humantime::parse_duration)]
    pub retry_for: Duration,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct CheckArgs {
    /// Compare the expected counts with those held there: the address of `postmeter-load record`, or
    /// `aws` for CloudWatch (or an emulator at `AWS_ENDPOINT_URL`), where only the expected series
    /// are queried
    #[arg(long, value_name = "URL|aws", value_parser = VerifyAt::from_str)]
    pub verify: Option<VerifyAt>,
    /// Admin listener of the daemon, such as `http://127.0.0.1:9127`, for its counters of doubt, its
    /// CPU and its memory
    #[arg(long, value_name = "URL", value_parser = parse::url)]
    pub admin: Option<Uri>,
    /// Token of the admin listener (`listen.admin_token`); prefer the variable to the command line
    #[arg(
        long,
        value_name = "TOKEN",
        env = "POSTMETER_LOAD_ADMIN_TOKEN",
        hide_env_values = true,
        value_parser = parse::bearer
    )]
    pub admin_token: Option<HeaderValue>,
    /// How long to wait after sending for everything to be published
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Stand in for CloudWatch: accept PutMetricData at full speed and sum it exactly.
///
/// Point the daemon at it with `AWS_ENDPOINT_URL_CLOUDWATCH`. It speaks the protocol of AWS's newer
/// SDKs (Smithy RPC v2 CBOR) and checks no signature. GET /series prints the sums in the form of
/// `postmeter count --format json`, GET /stats the calls. On SIGINT or SIGTERM it prints the series to
/// stdout and exits. Each call draws at most one fault; the shares add up to at most 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter-load record --latency 20ms --jitter 10ms --throttle 0.05 --fail-after-accept 0.01")]
pub(crate) struct RecordArgs {
    /// Listen address; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8130")]
    pub listen: SocketAddr,
    /// Minimum latency of a response
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// Extra random latency, up to this much
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub jitter: Duration,
    /// Share of calls that get 400 Throttling; nothing is stored
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub throttle: f64,
    /// Share of calls that get 500; nothing is stored
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub fail: f64,
    /// Share of calls that are stored and get 500
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub fail_after_accept: f64,
    /// Share of calls without a response; nothing is stored
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub hang: f64,
    /// Share of calls that are stored and get no response
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub hang_after_accept: f64,
    /// Seed; the same seed draws the same faults, in order of arrival
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Maximum number of series x minutes; calls beyond it are rejected as a whole
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub entries: usize,
    /// Write the output of GET /stats to this file at the end
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// A wrapping by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Envelope {
    /// The event itself
    Bare,
    /// An SNS envelope
    Sns,
    /// An SNS envelope whose message is an object
    SnsObject,
    /// An `EventBridge` envelope
    EventBridge,
    /// A Lambda batch from SQS, ten events
    Sqs,
    /// A Lambda batch from SQS with objects as bodies
    SqsObject,
    /// A Lambda batch from SNS, ten events
    LambdaSns,
    /// A Lambda batch from SQS of SNS envelopes, ten events
    LambdaSqsSns,
    /// A Firehose request of twenty events
    FirehoseRequest,
    /// A file of Firehose's failed deliveries in S3
    FirehoseFailed,
    /// A JSON list of ten events
    List,
    /// The event as a JSON string
    JsonText,
    /// Output of `aws sqs receive-message`, ten messages
    ReceivedMessages,
    /// A Lambda batch from Kinesis, ten events
    Kinesis,
    /// The records that Firehose gives to a Lambda function, ten events
    FirehoseTransformation,
    /// CloudWatch Logs as Firehose and Kinesis receive it, ten events
    LogEvents,
    /// CloudWatch Logs as Lambda receives it, ten events
    LogData,
}

/// Where the counts to compare are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VerifyAt {
    Recorder(Uri),
    Aws,
}

// === impl RecordArgs ===

impl RecordArgs {
    /// Sum of the shares of all faults.
    pub(crate) fn faults(&self) -> f64 {
        self.throttle + self.fail + self.fail_after_accept + self.hang + self.hang_after_accept
    }
}

// === impl Envelope ===

impl From<Envelope> for SynthWrapping {
    fn from(envelope: Envelope) -> Self {
        match envelope {
            Envelope::Bare => Self::Bare,
            Envelope::Sns => Self::SnsEnvelope,
            Envelope::SnsObject => Self::SnsEnvelopeObject,
            Envelope::EventBridge => Self::EventBridge,
            Envelope::Sqs => Self::SqsBody,
            Envelope::SqsObject => Self::SqsBodyObject,
            Envelope::LambdaSns => Self::LambdaSns,
            Envelope::LambdaSqsSns => Self::LambdaSqsSns,
            Envelope::FirehoseRequest => Self::FirehoseRequest,
            Envelope::FirehoseFailed => Self::FirehoseFailed,
            Envelope::List => Self::List,
            Envelope::JsonText => Self::JsonText,
            Envelope::ReceivedMessages => Self::ReceivedMessages,
            Envelope::Kinesis => Self::Kinesis,
            Envelope::FirehoseTransformation => Self::FirehoseTransformation,
            Envelope::LogEvents => Self::LogEvents,
            Envelope::LogData => Self::LogData,
        }
    }
}

// === impl VerifyAt ===

impl FromStr for VerifyAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "aws" { Ok(Self::Aws) } else { parse::url(text).map(Self::Recorder) }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
