//! Log lines: JSON where a machine reads them, pretty where a person does. Always on stderr.
//!
//! Of other crates no more than their info lines are let through, whatever the filter says: below
//! that the AWS SDK writes out requests and answers, and with them values of events.
//!
//! Levels follow consequences: error = counts lost or in doubt, or a human must act; warn = odd,
//! nothing lost; info = life-cycle; debug = one line a flush.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    Json,
    Pretty,
}

/// Installs the subscriber of this process. A second call changes nothing.
///
/// `filter`: such as `info` or `warn,postmeter=debug`; an invalid one counts as `info`.
pub fn init_logs(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(terminal && !json);
    let lines = if json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.with_target(false).boxed()
    };
    let logs = registry().with(filter).with(lines.with_filter(filter_fn(is_speakable)));
    // An error means that a subscriber is there already, as in a test process.
    let _ = logs.try_init();
}

fn is_speakable(line: &Metadata<'_>) -> bool {
    line.target().starts_with("postmeter") || *line.level() <= Level::INFO
}
