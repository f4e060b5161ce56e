//! Log lines on stderr: JSON for machines, readable text on a terminal.
//!
//! Other crates may log at most at info level, whatever the filter says: below that the AWS SDK
//! logs requests and responses, which contain values of events. The SDK itself logs nothing: its
//! warnings are dumps of errors that it also returns, and we log those in one line.
//!
//! Levels follow consequences: error = counts lost or in doubt, or an operator must act; warn =
//! unusual, nothing lost; info = lifecycle; debug = one line per flush.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    Json,
    Pretty,
}

/// Installs the subscriber of this process. A second call has no effect.
///
/// `filter`: such as `info` or `warn,postmeter=debug`; an invalid one is treated as `info`.
pub(crate) fn init_logs(filter: &str, format: LogFormat) {
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
    // An error means that a subscriber exists already, as in a test process.
    let _ = logs.try_init();
}

fn is_speakable(line: &Metadata<'_>) -> bool {
    let target = line.target();
    let is_sdk = target.starts_with("aws_");
    target.starts_with("postmeter") || (*line.level() <= Level::INFO && !is_sdk)
}
