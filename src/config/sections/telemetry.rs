//! `[telemetry]`.

use crate::config::kinds::{choice, optional, text};
use crate::config::section::section;
use crate::config::text::{Fault, namespace, quoted};
use crate::config::words::Words;
use crate::telemetry::LogFormat;

const LOG_LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];

section! {
    /// Logs and metrics about the daemon itself.
    pub struct TelemetryConfig as [telemetry] {
        /// Log level (`trace`, `debug`, `info`, `warn`, `error` or `off`), or a filter such as
        /// `warn,postmeter=debug`.
        log: String = "info".to_owned(),
            text("log filter", "warn,postmeter=debug", log_filter, String::clone);

        /// Log format. `auto`: pretty on a terminal, else JSON.
        log_format: LogFormat = LogFormat::Auto, choice();

        /// CloudWatch namespace of postmeter's own totals. Empty: they are only on `/metrics`.
        ///
        /// The totals (events, doubt, loss) are published as custom metrics at $0.30 a month each.
        own_namespace: Option<String> = Some("Postmeter".to_owned()),
            optional(text("namespace", "Mail/Postmeter", namespace, String::clone));
    }
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("json", Self::Json), ("pretty", Self::Pretty)];
}

/// The log library parses a misspelt level as a module name and then logs everything of that
/// module, so a single word must be a level here.
fn log_filter(text: &str) -> Result<String, Fault> {
    let fix =
        format!("write {} or a filter such as \"warn,postmeter=debug\"", LOG_LEVELS.join(", "));
    for directive in text.split(',').map(str::trim) {
        let (target, level) = directive.rsplit_once('=').unwrap_or(("-", directive));
        let known = LOG_LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
        if !known {
            return Err((format!("{} is not a log level", quoted(level)), fix));
        }
        if target.is_empty() || !target.chars().all(plain) {
            return Err((format!("{} is not a valid module name", quoted(target)), fix));
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_names_levels() {
        for right in ["info", "INFO", "off", "warn,postmeter=debug", "info, hyper::client=trace"] {
            assert_eq!(log_filter(right), Ok(right.to_owned()));
        }
        for wrong in ["", "inof", "hyper", "postmeter=loud", "=info", "info,,warn", "a b=info"] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }
}
