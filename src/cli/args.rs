//! What can be written on the command line.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand, ValueEnum};

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
    let features = [("sqs", cfg!(feature = "sqs")), ("s3", cfg!(feature = "s3"))];
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
    Explain(ExplainArgs),
    Check(CheckArgs),
    Import(ImportArgs),
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

fn parse_time(text: &str) -> Result<i64, String> {
    crate::ses::time::parse_ms(text.as_bytes())
        .ok_or_else(|| "not a time such as 2026-11-20T12:00:00Z".to_owned())
}
