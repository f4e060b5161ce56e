//! The command line of `postmeter`.

mod monitoring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};

pub(super) use self::monitoring::{AlarmFormatArg, AlarmsArgs, DashboardArgs, DashboardFormatArg};

use crate::replay::ReplayInput;

/// Turns Amazon SES sending events into CloudWatch metrics. Each event is counted exactly once, or
/// named in a counter of doubt.
///
/// Start with `postmeter demo`, which needs no setup. Then run `postmeter count` on a file of your
/// own events, `postmeter explain` on an event that surprises you, and `postmeter serve` to run
/// the daemon.
#[derive(Debug, Parser)]
#[command(name = "postmeter", version = VERSION.as_str(), max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// Version and commit (if `POSTMETER_COMMIT` was set at build time).
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("POSTMETER_COMMIT").unwrap_or("unknown");
    format!("{} (commit {commit})", env!("CARGO_PKG_VERSION"))
});

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(DemoArgs),
    Serve(ServeArgs),
    Count(CountArgs),
    Plan(PlanArgs),
    Replay(ReplayArgs),
    Explain(ExplainArgs),
    Check(CheckArgs),
    Import(ImportArgs),
    Export(ExportArgs),
    Dashboard(DashboardArgs),
    Alarms(AlarmsArgs),
    Healthcheck(HealthcheckArgs),
    HashPassword(HashPasswordArgs),
}

/// Show simulated sending become metrics. Needs no file, no AWS account and no network.
///
/// Runs the real engine on loopback, sends it generated SES events, and shows the metrics live, also
/// in the console (a browser), which may change the demo's definitions. At the end it compares its
/// counts with what was sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter demo --seconds 10 --seed 7")]
pub struct DemoArgs {
    /// Seconds to send for
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Seed of the generated events; the same seed sends the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Loopback address that serves the console
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = parse_loopback)]
    pub console: SocketAddr,
}

/// Run the daemon.
///
/// Settings come from the configuration file and from `POSTMETER__SECTION__KEY` variables, which
/// override the file. With neither, the daemon counts by example definitions and publishes only to
/// memory. SIGHUP reloads the definitions; SIGTERM publishes pending counts and exits.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter serve --config postmeter.toml")]
pub struct ServeArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Check whether the local daemon is alive.
///
/// Finds the admin listener as `serve` does, requests /livez, and exits with 0 or 1 within 2
/// seconds. Made for the health check of a container without a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter healthcheck --ready")]
pub struct HealthcheckArgs {
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Request /readyz instead: whether the daemon accepts requests
    #[arg(long)]
    pub ready: bool,
}

// A doc comment would replace the help of the commands.
#[derive(Debug, clap::Args)]
pub struct RuleArgs {
    /// CloudWatch namespace of destinations that do not name one
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// Configuration set of events that do not name one
    #[arg(long, value_name = "SET")]
    pub default_set: Option<String>,
    /// File with mailbox providers beside the built-in ones, such as config/mailbox-providers.toml
    #[arg(long, value_name = "FILE")]
    pub mailbox_providers: Option<PathBuf>,
}

/// Count the events in files or on stdin, offline.
///
/// Reads SES events in any wrapping (SNS, SQS, EventBridge, Lambda, Firehose, CloudWatch Logs), in
/// lists, back to back or one per line, gzip or plain. Prints one line for each series and minute:
/// exactly what the daemon would publish. Uses all cores. Memory grows with the number of series,
/// not with the input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter count --definitions definitions.json events.json.gz
  zcat archive/*.gz | postmeter count --definitions definitions.json --format csv -")]
pub struct CountArgs {
    /// Definitions document: configuration sets and event destinations
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    /// Output format [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    pub format: Option<CountFormat>,
    /// Also write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Time of events without one, such as 2026-11-20T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub arrival: Option<i64>,
    /// Exit with 1 if a value could not be read
    #[arg(long)]
    pub strict: bool,
    /// Files to read; stdin if `-` or omitted
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

/// Show what definitions will make of events, before they are enabled.
///
/// Counts events as `count` does, and shows for each CloudWatch destination its series, what they
/// cost a month, the commonest values of its dimensions, and events that SES would lose because a
/// value is invalid. Counted figures are exact. Projected ones are for a month of 730 hours: at the
/// counted rate, and in brackets a low one (hours not seen are like the quietest) and a high one (the
/// limits on series and values). Distinct values do not grow with the number of events. Values with
/// an `@` and invalid values are shown by their form, such as `Aa 9`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter plan --definitions new.json --compare definitions.json events.json.gz
  postmeter plan --definitions definitions.json --scale 30000000 --daemons 2 sample.json")]
pub struct PlanArgs {
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    /// Definitions document to compare with, such as the one in force. Reads the inputs twice
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextFormat,
    /// Events of a month [default: as many as in the counted hours]
    #[arg(long, value_name = "EVENTS_A_MONTH", value_parser = clap::value_parser!(u64).range(1..))]
    pub scale: Option<u64>,
    /// Number of daemons that publish
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub daemons: u32,
    /// Custom metrics that the account has already; the first 10,000 are the dearest
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub existing_metrics: u64,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Files to read; stdin if `-` or omitted
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CountFormat {
    Table,
    Json,
    Csv,
}

/// Count and publish an archive: objects in S3, or files in directories.
///
/// Use it for events that were never counted: Firehose's failed deliveries, an archive from before
/// postmeter, or new definitions. Each object is counted as a whole and once. The directory --state
/// records finished objects, so the same command resumes an interrupted run. It cannot tell what
/// the daemon has already counted; replay only objects that were never counted, or use another
/// namespace.
///
/// Counts go to the minutes of their events. CloudWatch accepts no datum older than two weeks:
/// objects whose names show that they are older are skipped, and older events are dropped
/// (`too_old`). A replay only publishes metrics: it forwards no event and keeps no dead letter.
///
/// --from and --to choose objects, not events, by the time (UTC) at which an object's first record
/// arrived: the time in Firehose's file names, else that of directories such as 2026/11/21/07/,
/// year=2026/month=11/day=21/ or dt=2026-11-21/, else the time the object was written. An object
/// holds up to 15 minutes (the stream's buffer), so start one buffer early to include all events.
///
/// Settings are those of the daemon, from the file and from `POSTMETER__SECTION__KEY` variables:
/// definitions, namespace, role, region, rates. Objects with values that could not be read are
/// named. Exit code: 0 on success; 1 if an object could not be read or the run was interrupted (run
/// the same command again), and with --strict if a value could not be read; 2 on wrong usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter replay --config postmeter.toml --dry-run s3://mail-events/events/ --from 2026-11-20
  postmeter replay --config postmeter.toml --state replay-1 s3://mail-events/events/ \\
    --from 2026-11-20T08:00:00Z --to 2026-11-20T12:00:00Z
  postmeter replay --config postmeter.toml --state replay-2 downloads/failed/")]
pub struct ReplayArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only objects from this time on, such as 2026-11-20 or 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_day)]
    pub from: Option<i64>,
    /// Only objects before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_day)]
    pub to: Option<i64>,
    /// Directory that records progress (created if missing). Required unless --dry-run
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub state: Option<PathBuf>,
    /// Publish nothing; print what `count` prints, whatever the age of the events
    #[arg(long)]
    pub dry_run: bool,
    /// Output format for --dry-run [default: table on a terminal, else json]
    #[arg(long, value_enum, conflicts_with = "state")]
    pub format: Option<CountFormat>,
    /// Also write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Exit with 1 if a value in this run's objects could not be read
    #[arg(long)]
    pub strict: bool,
    /// Objects read in parallel
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub objects_at_once: u16,
    /// Calls to CloudWatch per second; overrides `cloudwatch.requests_per_second`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub requests_per_second: Option<u32>,
    /// `s3://BUCKET/PREFIX`, a directory, or a file
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<ReplayInput>,
}

/// Explain for each event what is counted, and why.
///
/// Prints the wrappings, the event type, the configuration set, the verdict of each destination,
/// each dimension value with its origin, and the datum or the reason why there is none. Of a value
/// that is not an event, prints the reason. The output contains values of your events: take care where you paste it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter explain --definitions definitions.json event.json")]
pub struct ExplainArgs {
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextFormat,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// File to read; stdin if `-` or omitted
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    Text,
    Json,
}

/// Validate a configuration or a definitions document.
///
/// Lists every error as <FILE:LINE:COL>: PATH: what is wrong; how to fix it. Exit code: 0 without
/// errors; 2 with errors, or with warnings if --strict is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter check --definitions definitions.json
  postmeter check --config postmeter.toml --strict")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["config", "definitions"]))]
pub struct CheckArgs {
    /// Configuration file; also checks the environment and the definitions that it names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextFormat,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
}

/// Make a definitions document of what you have.
///
/// Reads JSON and YAML, several values in a row, from several files:
///
/// - output of `aws sesv2 get-configuration-set-event-destinations`, `aws sesv2
///   get-configuration-set` and `aws ses describe-configuration-set`;
///
/// - files for `--cli-input-json` of the commands that create or change these, or the commands
///   themselves, as `postmeter export --format cli` prints them;
///
/// - `CloudFormation` templates with `AWS::SES::ConfigurationSet` and its event destinations;
///
/// - output of `terraform show -json`, of a state or a plan;
///
/// - definitions documents.
///
/// Sets of the same name are joined. Errors and warnings name the place in the input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  aws sesv2 get-configuration-set-event-destinations --configuration-set-name prod \\
    | postmeter import --configuration-set prod > definitions.json
  postmeter import template.yaml > definitions.json
  terraform show -json | postmeter import > definitions.json")]
pub struct ImportArgs {
    /// Configuration set of event destinations whose input does not name one
    #[arg(long, value_name = "NAME")]
    pub configuration_set: Option<String>,
    /// Files to read; stdin if `-` or omitted
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

/// Convert a definitions document to a form that SES accepts.
///
/// Omits what SES does not have (extensions, the set `*`) and names it on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter export --definitions definitions.json --configuration-set prod
  postmeter export --definitions definitions.json --format cli | sh
  postmeter export --definitions definitions.json --format cloudformation > template.json")]
pub struct ExportArgs {
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    /// Export only this configuration set (required for json; default: all)
    #[arg(long, value_name = "NAME")]
    pub configuration_set: Option<String>,
    #[arg(long, value_enum, default_value = "json")]
    pub format: ExportFormatArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormatArg {
    /// Output of `aws sesv2 get-configuration-set-event-destinations`
    Json,
    /// Commands of the AWS CLI that create the sets and their destinations
    Cli,
    /// A `CloudFormation` template
    Cloudformation,
}

/// Hash a password for the users of the console.
///
/// Reads the password from the terminal, without showing it, or one line of stdin. Prints the hash
/// (Argon2id) for `console.users` in the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter hash-password < password.txt")]
pub struct HashPasswordArgs {}

/// A day means its first moment.
fn parse_time_or_day(text: &str) -> Result<i64, String> {
    let day = || crate::ses::time::parse_ms(format!("{text}T00:00:00Z").as_bytes());
    parse_time(text)
        .or_else(|fault| day().ok_or_else(|| format!("{fault}, nor a day such as 2026-11-20")))
}

fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
    address.ok_or_else(|| "not a loopback address such as 127.0.0.1:8129".to_owned())
}

fn parse_time(text: &str) -> Result<i64, String> {
    crate::ses::time::parse_ms(text.as_bytes())
        .ok_or_else(|| "not a time such as 2026-11-20T12:00:00Z".to_owned())
}
