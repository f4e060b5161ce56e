//! What can be written on the command line.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};

use crate::replay::Input;

/// Turns Amazon SES sending events into CloudWatch metrics, each event counted exactly once or
/// named in a counter of doubt.
///
/// Start with `postmeter demo`, which needs nothing. Then try `postmeter count` on a file of your
/// own events, `postmeter explain` on one that surprises you, and `postmeter serve` to run the
/// daemon.
#[derive(Debug, Parser)]
#[command(name = "postmeter", version = VERSION.as_str(), max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// Version, commit (where the build was told it by `POSTMETER_COMMIT`) and features.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("POSTMETER_COMMIT").unwrap_or("unknown");
    let features = [
        ("sns", cfg!(feature = "sns")),
        ("sqs", cfg!(feature = "sqs")),
        ("s3", cfg!(feature = "s3")),
        ("to-firehose", cfg!(feature = "to-firehose")),
        ("to-sns", cfg!(feature = "to-sns")),
        ("to-event-bridge", cfg!(feature = "to-event-bridge")),
    ];
    let built: Vec<_> =
        features.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
    let features = if built.is_empty() { "none".to_owned() } else { built.join(" ") };
    format!("{} (commit {commit}, features: {features})", env!("CARGO_PKG_VERSION"))
});

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(DemoArgs),
    Serve(ServeArgs),
    Count(CountArgs),
    Replay(ReplayArgs),
    Explain(ExplainArgs),
    Check(CheckArgs),
    Import(ImportArgs),
    Export(ExportArgs),
    Healthcheck(HealthcheckArgs),
}

/// Watch simulated sending become metrics. Needs no file, no AWS account, no network.
///
/// Runs the real engine on loopback, sends it made-up SES events, and shows the metrics live. At
/// the end its figures are compared with what was sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter demo --seconds 10 --seed 7")]
pub struct DemoArgs {
    /// How long to send
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// The same seed sends the same events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// Run the daemon.
///
/// Settings come from the file and from `POSTMETER__SECTION__KEY` variables, which win. With neither
/// it counts by example definitions and publishes to memory alone. SIGHUP reads the definitions
/// again; SIGTERM publishes what there is and ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter serve --config postmeter.toml")]
pub struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Ask the daemon beside this whether it lives.
///
/// Finds the admin listener as `serve` does, asks /livez, and exits with 0 or 1 within 2 seconds.
/// For the health check of a container without a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter healthcheck --ready")]
pub struct HealthcheckArgs {
    /// The configuration file that the daemon runs with
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Ask /readyz: whether it takes requests
    #[arg(long)]
    pub ready: bool,
}

/// Count the events in files or on stdin, offline.
///
/// Reads SES events in any wrapping (SNS, SQS, EventBridge, Firehose), back to back or line by
/// line, gzip or not, and prints one line for each series and minute: exactly what the daemon
/// would publish. Uses all cores; memory grows with what is printed, not with what is read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter count --definitions definitions.json events.json.gz
  zcat archive/*.gz | postmeter count --definitions definitions.json --format csv -")]
pub struct CountArgs {
    /// The definitions document: configuration sets and event destinations
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    /// Default: table on a terminal, json otherwise
    #[arg(long, value_enum)]
    pub format: Option<CountFormat>,
    /// Write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// The namespace of destinations that name none
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// The configuration set of events that name none
    #[arg(long, value_name = "SET")]
    pub default_set: Option<String>,
    /// The time of events that carry none, such as 2026-11-20T12:00:00Z (default: now)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub arrival: Option<i64>,
    /// Exit with 1 when something could not be read
    #[arg(long)]
    pub strict: bool,
    /// Files to read; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CountFormat {
    Table,
    Json,
    Csv,
}

/// Count an archive again, and publish it: objects in S3, or files in folders.
///
/// For events that were not counted when they should have been: Firehose's failed deliveries, an
/// archive from before postmeter, another set of definitions. Every object counts as a whole and
/// once: the state in --state knows those that are done, so the same command goes on where an
/// interrupted one was. What the daemon has counted already it does not know: choose objects that
/// nobody counted, or let another namespace take them.
///
/// Counts go to the minutes of their events. CloudWatch takes none that are older than two weeks:
/// objects whose names say that they are older are not read, and events are dropped (`too_old`).
/// Metrics alone are made again: nothing is forwarded, and no dead letters are kept.
///
/// --from and --to choose objects, not events, by the time (UTC) when an object's first record
/// arrived: that in Firehose's file names, else that of folders such as 2026/11/21/07/,
/// year=2026/month=11/day=21/ or dt=2026-11-21/, else when the object was written. An object holds
/// up to 15 minutes (the stream's buffer), so start a buffer early to have all events of a time.
///
/// Settings are those of the daemon, from the file and from `POSTMETER__SECTION__KEY` variables:
/// definitions, namespace, role, region, rates. Exit code: 0; 1 when an object could not be read, or
/// it was interrupted: run the same command again; 2 on wrong usage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter replay --config postmeter.toml --dry-run s3://mail-events/events/ --from 2026-11-20
  postmeter replay --config postmeter.toml --state replay-1 s3://mail-events/events/ \\
    --from 2026-11-20T08:00:00Z --to 2026-11-20T12:00:00Z
  postmeter replay --config postmeter.toml --state replay-2 downloads/failed/")]
pub struct ReplayArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Objects from this time on, such as 2026-11-20 or 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_day)]
    pub from: Option<i64>,
    /// Objects before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_day)]
    pub to: Option<i64>,
    /// The folder that knows what is done; made if it is not there. Needed without --dry-run
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub state: Option<PathBuf>,
    /// Publish nothing, and print what `count` prints, of any age
    #[arg(long)]
    pub dry_run: bool,
    /// Of --dry-run; default: table on a terminal, json otherwise
    #[arg(long, value_enum, conflicts_with = "state")]
    pub format: Option<CountFormat>,
    /// Write totals as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Objects that are read at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub objects_at_once: u16,
    /// Calls to CloudWatch in a second, instead of `cloudwatch.requests_per_second`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub requests_per_second: Option<u32>,
    /// `s3://BUCKET/PREFIX`, a folder, or a file
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<Input>,
}

/// Say for each event what is counted, and why.
///
/// Prints the wrappings, the type, the configuration set, each destination's verdict, each
/// dimension's value with its origin, and the datum or the reason why there is none. Shows values
/// of your events: mind where you paste it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  postmeter explain --definitions definitions.json event.json")]
pub struct ExplainArgs {
    /// The definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextFormat,
    /// The namespace of destinations that name none
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// The configuration set of events that name none
    #[arg(long, value_name = "SET")]
    pub default_set: Option<String>,
    /// The file to read; `-` or none is stdin
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
/// Lists every fault as <FILE:LINE:COL>: PATH: what; how to mend. Exit code: 0 without faults, 2 with
/// faults, or with warnings under --strict.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter check --definitions definitions.json
  postmeter check --config postmeter.toml --strict")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["config", "definitions"]))]
pub struct CheckArgs {
    /// A configuration file; the environment and the definitions that it names are checked too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextFormat,
    /// Warnings count as faults
    #[arg(long)]
    pub strict: bool,
}

/// Turn what the AWS CLI prints into a definitions document.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  aws sesv2 get-configuration-set-event-destinations --configuration-set-name prod \\
    | postmeter import --configuration-set prod > definitions.json")]
pub struct ImportArgs {
    /// The configuration set that the destinations belong to
    #[arg(long, value_name = "NAME")]
    pub configuration_set: String,
    /// The file to read; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
}

/// Turn a definitions document back into what SES takes.
///
/// What SES does not have, extensions and the set `*`, is left out and said on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter export --definitions definitions.json --configuration-set prod
  postmeter export --definitions definitions.json --format cli | sh
  postmeter export --definitions definitions.json --format cloudformation > template.json")]
pub struct ExportArgs {
    /// The definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    /// One configuration set; without it all, which json cannot say
    #[arg(long, value_name = "NAME")]
    pub configuration_set: Option<String>,
    #[arg(long, value_enum, default_value = "json")]
    pub format: ExportFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// What `aws sesv2 get-configuration-set-event-destinations` prints
    Json,
    /// Commands of the AWS CLI that create the sets and their destinations
    Cli,
    /// A template
    Cloudformation,
}

/// A day is its start.
fn parse_time_or_day(text: &str) -> Result<i64, String> {
    let day = || crate::ses::time::parse_ms(format!("{text}T00:00:00Z").as_bytes());
    parse_time(text).or_else(|fault| day().ok_or_else(|| format!("{fault}, nor a day")))
}

fn parse_time(text: &str) -> Result<i64, String> {
    crate::ses::time::parse_ms(text.as_bytes())
        .ok_or_else(|| "not a time such as 2026-11-20T12:00:00Z".to_owned())
}
