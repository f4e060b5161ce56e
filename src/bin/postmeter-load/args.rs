//! What can be written on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, value_parser};
use hyper::Uri;
use hyper::header::HeaderValue;
use postmeter::synth::{Mix, Wrapping};

use super::parse;

/// Sends made-up SES events with known truth, measures how they are taken, and compares what
/// CloudWatch holds afterwards with what was sent.
///
/// Start `postmeter-load record` as a stand-in for CloudWatch, a `postmeter serve` that publishes to
/// it, then `postmeter-load firehose-http` with --verify and --admin.
#[derive(Debug, Parser)]
#[command(name = "postmeter-load", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    FirehoseHttp(Box<FirehoseHttpArgs>),
    FirehoseStream(Box<FirehoseStreamArgs>),
    File(Box<FileArgs>),
    Record(RecordArgs),
}

/// Deliver to an HTTP endpoint as a Firehose stream does.
///
/// A request that is not answered 200 with its own id is sent again under the same id, for
/// --retry-for. With --rate the times of sending are fixed beforehand and latency counts from
/// them, whether or not a connection was free; without it every connection sends as fast as it is
/// answered.
///
/// Exit code: 0; 1 when something was given up, when --verify finds a difference beyond the doubt
/// that the daemon names, or on failure; 2 on wrong usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter-load firehose-http http://127.0.0.1:8127/firehose --gzip --duration 20s
  postmeter-load firehose-http http://127.0.0.1:8127/firehose --rate 50000 --connections 16 \\
    --admin http://127.0.0.1:9127 --verify http://127.0.0.1:8129 --json report.json")]
pub struct FirehoseHttpArgs {
    /// The endpoint, such as `http://127.0.0.1:8127/firehose`
    #[arg(value_parser = parse::url)]
    pub url: Uri,
    /// Send bodies as gzip
    #[arg(long)]
    pub gzip: bool,
    /// About how long a request's body is before gzip, such as 1MB or 512KiB
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse::body_bytes)]
    pub body_bytes: usize,
    /// The stream's access key; better in the variable than on the command line
    #[arg(long, value_name = "KEY", env = "POSTMETER_LOAD_ACCESS_KEY", hide_env_values = true)]
    pub access_key: Option<String>,
    /// The ARN of the stream that this pretends to be
    #[arg(
        long,
        value_name = "ARN",
        default_value = "arn:aws:firehose:us-east-1:123456789012:deliverystream/postmeter-load"
    )]
    pub source_arn: String,
    /// How long an answer may take; Firehose waits three minutes
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = parse::positive)]
    pub answer_timeout: Duration,
    #[command(flatten)]
    pub traffic: TrafficArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// Put records into a Firehose delivery stream, from which it delivers in its own time.
///
/// Uses the AWS SDK's standard environment (region, credentials, `AWS_ENDPOINT_URL`). Of a batch
/// that failed in part only the failed records are sent again. A call of unknown outcome is repeated
/// too, and its records may then come twice: they are reported, and the truth is a range.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter-load firehose-stream postmeter --rate 1000 --duration 5m --verify aws --settle 3m")]
pub struct FirehoseStreamArgs {
    /// The stream's name
    pub name: String,
    /// About how many bytes of records a call holds, at most 3MiB (and at most 500 records)
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse::batch_bytes)]
    pub body_bytes: usize,
    /// How long one call may take
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
/// A pool of events is made, and repeated until the file is as large as asked; --truth says exactly
/// what must be counted in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter-load file events.json.gz --gzip --bytes 1GB --truth truth.ndjson
  postmeter-load file /dev/stdout --events 3 --wrapping sns")]
pub struct FileArgs {
    /// The file to write; it is replaced
    pub path: PathBuf,
    /// Write gzip (one member)
    #[arg(long)]
    pub gzip: bool,
    /// Write this many events
    #[arg(long, value_name = "N", conflicts_with = "bytes", value_parser = value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// Write about so much, before gzip: such as 1GB (default: 100MB)
    #[arg(long, value_parser = parse::bytes)]
    pub bytes: Option<u64>,
    /// Write what must be counted, as `count --format json` prints it, to this file
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    #[command(flatten)]
    pub traffic: TrafficArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Traffic")]
pub struct TrafficArgs {
    /// The same seed, options and --at make the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Weights of the event types, such as send=50,delivery=40,open=6,click=2,bounce=1.5 (default:
    /// a healthy sender's)
    #[arg(long, value_name = "TYPE=WEIGHT,…", value_parser = Mix::from_str)]
    pub mix: Option<Mix>,
    /// Distinct values of the tag `campaign`, as far as the pool has events for them
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = parse::cardinality)]
    pub campaigns: usize,
    /// Distinct values of the tag `genre`
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = parse::cardinality)]
    pub genres: usize,
    /// Names for the tag `ses:configuration-set`, the first the most frequent
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "prod,staging")]
    pub sets: Vec<String>,
    /// Wrappings, one drawn for each record
    #[arg(
        long,
        value_enum,
        value_name = "WRAPPING,…",
        value_delimiter = ',',
        default_value = "bare"
    )]
    pub wrapping: Vec<Envelope>,
    /// About how long an event is on average; beyond 1.8kB by more e-mail headers
    #[arg(long, value_name = "BYTES", default_value = "1800B", value_parser = parse::event_bytes)]
    pub event_bytes: usize,
    /// Events lie up to so many minutes before their sending
    #[arg(long, value_name = "MINUTES", default_value_t = 2, value_parser = value_parser!(u32).range(0..=10_080))]
    pub minutes_late: u32,
    /// Mix in a few per cent of everything lawful that is unusual
    #[arg(long)]
    pub awkward: bool,
    /// The time of the newest event of the pool, such as 2026-11-20T12:00:00Z (default: now)
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub at: Option<i64>,
    /// Requests (of a file: megabytes) that are made beforehand and then sent in turn
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = parse::pool)]
    pub pool: usize,
    /// The definitions document that the truth is computed by (default: the example's, which
    /// `postmeter serve` has too when nothing is configured)
    #[arg(long, value_name = "FILE")]
    pub definitions: Option<PathBuf>,
    /// The namespace of destinations that name none
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// The configuration set of events that name none
    #[arg(long, value_name = "SET")]
    pub default_set: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// Events a second, at times that are fixed beforehand (default: as fast as possible)
    #[arg(long, value_name = "EVENTS", value_parser = parse::rate)]
    pub rate: Option<f64>,
    /// How long to send (default: 30s, or until --events are sent)
    #[arg(long, value_name = "TIME", value_parser = parse::positive)]
    pub duration: Option<Duration>,
    /// Send exactly this many events
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// Send, but do not measure yet, for this long
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u16).range(1..=1000))]
    pub connections: u16,
    /// How long a request that is refused is sent again
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = humantime::parse_duration)]
    pub retry_for: Duration,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct CheckArgs {
    /// Compare the truth with what is held there: the address of `postmeter-load record`, or `aws`
    /// for CloudWatch (or an emulator at `AWS_ENDPOINT_URL`), which is asked for the series of the
    /// truth alone
    #[arg(long, value_name = "URL|aws", value_parser = VerifyAt::from_str)]
    pub verify: Option<VerifyAt>,
    /// The daemon's admin listener, such as `http://127.0.0.1:9127`: for the doubt that it names,
    /// its CPU and its memory
    #[arg(long, value_name = "URL", value_parser = parse::url)]
    pub admin: Option<Uri>,
    /// The token of the admin listener (`listen.admin_token`); better in the variable than on the
    /// command line
    #[arg(
        long,
        value_name = "TOKEN",
        env = "POSTMETER_LOAD_ADMIN_TOKEN",
        hide_env_values = true,
        value_parser = parse::bearer
    )]
    pub admin_token: Option<HeaderValue>,
    /// How long to wait after sending until everything is published
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// Write the report as JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Stand in for CloudWatch: take PutMetricData at full speed and sum it exactly.
///
/// Point the daemon at it with `AWS_ENDPOINT_URL_CLOUDWATCH`. It speaks what AWS's newer SDKs do
/// (Smithy RPC v2 CBOR) and checks no signature. GET /series prints what it holds as `postmeter count
/// --format json` does, GET /stats the calls. SIGINT or SIGTERM prints the series to stdout and ends
/// it. Faults are drawn for each call; their shares add up to 1 at most.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter-load record --latency 20ms --jitter 10ms --throttle 0.05 --fail-after-accept 0.01")]
pub struct RecordArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8129")]
    pub listen: SocketAddr,
    /// Each answer takes at least so long
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// and up to so much longer
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub jitter: Duration,
    /// Share of calls answered 400 Throttling; nothing is taken
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub throttle: f64,
    /// Share of calls answered 500; nothing is taken
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub fail: f64,
    /// Share of calls that are taken and answered 500
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub fail_after_accept: f64,
    /// Share of calls that are never answered; nothing is taken
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub hang: f64,
    /// Share of calls that are taken and never answered
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse::share)]
    pub hang_after_accept: f64,
    /// The same seed draws the same faults, in the order of arrival
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Series x minutes that are held at most; calls beyond are refused whole
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub entries: usize,
    /// Write at the end what GET /stats shows to this file
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
    /// The same, with objects as bodies
    SqsObject,
    /// A Lambda batch from SNS, ten events
    LambdaSns,
    /// A Lambda batch from SQS of SNS envelopes, ten events
    LambdaSqsSns,
    /// A Firehose request of twenty events
    FirehoseRequest,
    /// What Firehose writes to S3 when it could not deliver
    FirehoseFailed,
}

/// Where the truth is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyAt {
    Recorder(Uri),
    Aws,
}

// === impl RecordArgs ===

impl RecordArgs {
    /// Sum of the shares of all faults.
    pub fn faults(&self) -> f64 {
        self.throttle + self.fail + self.fail_after_accept + self.hang + self.hang_after_accept
    }
}

// === impl Envelope ===

impl From<Envelope> for Wrapping {
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
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
