//! Log lines: JSON where a machine reads them, pretty where a person does. Always on stderr.
//!
//! Levels follow consequences: error = counts lost or in doubt, or a human must act; warn = odd,
//! nothing lost; info = life-cycle; debug = one line a flush.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::{LogFormat, Telemetry};

/// Installs the subscriber of this process. A second call changes nothing.
pub fn init_logs(settings: &Telemetry) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let json = match settings.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime)
        .with_ansi(terminal && !json);
    // An error means that a subscriber is there already, as in a test process.
    let _ = if json {
        logs.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        logs.with_target(false).try_init()
    };
}
