//! The table of every key: what drives reading also writes the documentation.
//!
//! A row says where a key stands, what it may hold, its default as TOML and what it is for.
//! Invariant, kept by tests: the default written here is the one that `Config::default()` has.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::text::{self, Fault};
use super::{
    AccessKey, Acknowledge, Ambiguous, Config, LogFormat, Publish, TimestampSource, Unread,
};

/// What stands before every environment variable of ours.
pub(super) const PREFIX: &str = "POSTMETER__";

/// One key of the configuration.
pub struct KeyDoc {
    /// Section and name, such as `cloudwatch.flush_interval`.
    pub path: &'static str,
    /// As it would be written in TOML.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    pub(super) kind: Kind,
}

/// What a key may hold and where it goes.
pub(super) enum Kind {
    Text { is: &'static str, read: fn(&mut Config, &str) -> Result<(), Fault> },
    Address { set: fn(&mut Config, SocketAddr) },
    Duration { least: Duration, most: Duration, set: fn(&mut Config, Duration) },
    Number { least: u32, most: u32, set: fn(&mut Config, u32) },
    Switch { set: fn(&mut Config, bool) },
    Choice { options: &'static [Choice], absent: &'static [Absent] },
    AccessKeys { set: fn(&mut Config, Vec<AccessKey>) },
    Unread { set: fn(&mut Config, Vec<Unread>) },
}

/// One word that a key may hold, and what it does.
pub(super) type Choice = (&'static str, fn(&mut Config));

/// What the documentation of other versions has and this one has not.
pub(super) struct Absent {
    pub name: &'static str,
    pub what: &'static str,
    pub mend: &'static str,
}

/// Sections that this version lacks.
pub(super) const ABSENT_SECTIONS: &[Absent] = &[
    Absent {
        name: "sqs",
        what: "this version has no SQS source",
        mend: "remove it and send events through a Firehose HTTP endpoint, see [firehose]",
    },
    Absent {
        name: "ses_api",
        what: "this version has no SES API",
        mend: "remove it and keep `definitions` in a file; `postmeter import` makes one",
    },
];

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const GIB: u32 = 1 << 30;

/// Tests want everything fast; an operator never comes near it.
const SHORTEST: Duration = Duration::from_millis(50);

const KEYS: &[KeyDoc] = &[
    KeyDoc {
        path: "definitions",
        default: r#""""#,
        help: "configuration sets and event destinations: a file, or `env:NAME` for a variable \
               that holds the document",
        kind: Kind::Text {
            is: "path or `env:NAME`",
            read: |config, text| text::definitions(text).map(|value| config.definitions = value),
        },
    },
    KeyDoc {
        path: "default_configuration_set",
        default: r#""""#,
        help: "the configuration set of events that name none; empty: they are unrouted",
        kind: Kind::Text {
            is: "set name",
            read: |config, text| {
                text::configuration_set(text).map(|value| config.default_configuration_set = value)
            },
        },
    },
    KeyDoc {
        path: "listen.http",
        default: r#""127.0.0.1:8127""#,
        help: "where events come in; beyond loopback an access key is needed",
        kind: Kind::Address { set: |config, address| config.listen.http = address },
    },
    KeyDoc {
        path: "listen.admin",
        default: r#""127.0.0.1:9127""#,
        help: "metrics, series and health; asks for no key",
        kind: Kind::Address { set: |config, address| config.listen.admin = address },
    },
    KeyDoc {
        path: "listen.keep_alive",
        default: r#""75s""#,
        help: "how long an idle connection stays open; longer than a balancer's idle timeout",
        kind: Kind::Duration {
            least: Duration::from_secs(1),
            most: Duration::from_hours(1),
            set: |config, time| config.listen.keep_alive = time,
        },
    },
    KeyDoc {
        path: "limits.body_bytes",
        default: "67108864",
        help: "the largest request body as it arrives; a larger one is answered 400",
        kind: Kind::Number {
            least: KIB,
            most: 256 * MIB,
            set: |config, number| config.limits.body_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.expanded_bytes",
        default: "134217728",
        help: "the largest request body after gzip; a larger one is answered 400",
        kind: Kind::Number {
            least: KIB,
            most: GIB,
            set: |config, number| config.limits.expanded_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.in_flight_bytes",
        default: "268435456",
        help: "bodies held at once; beyond it requests are answered 503 and come again",
        kind: Kind::Number {
            least: 1,
            most: u32::MAX,
            set: |config, number| config.limits.in_flight_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.in_flight_requests",
        default: "512",
        help: "requests held at once; beyond it they are answered 503 and come again",
        kind: Kind::Number {
            least: 1,
            most: 1_000_000,
            set: |config, number| config.limits.in_flight_requests = size(number),
        },
    },
    KeyDoc {
        path: "limits.series",
        default: "10000",
        help: "distinct series in a UTC hour, about $0.30 each a month; beyond it new ones are \
               dropped and counted",
        kind: Kind::Number {
            least: 1,
            most: 10_000_000,
            set: |config, number| config.limits.series = size(number),
        },
    },
    KeyDoc {
        path: "limits.entries",
        default: "1000000",
        help: "series x minutes not yet accepted by CloudWatch; beyond it requests are answered \
               503 and come again",
        kind: Kind::Number {
            least: 1,
            most: 1_000_000_000,
            set: |config, number| config.limits.entries = size(number),
        },
    },
    KeyDoc {
        path: "firehose.path",
        default: r#""/firehose""#,
        help: "the path of the Firehose HTTP endpoint",
        kind: Kind::Text {
            is: "URL path",
            read: |config, text| text::url_path(text).map(|value| config.firehose.path = value),
        },
    },
    KeyDoc {
        path: "firehose.access_keys",
        default: "[]",
        help: "any of them is accepted, so that one can be replaced while both work",
        kind: Kind::AccessKeys { set: |config, keys| config.firehose.access_keys = keys },
    },
    KeyDoc {
        path: "firehose.acknowledge",
        default: r#""merged""#,
        help: "answer when counts are in memory (a crash loses one flush interval), when they are \
               on disk too, or when CloudWatch has accepted them",
        kind: Kind::Choice {
            options: &[
                ("merged", |config| config.firehose.acknowledge = Acknowledge::Merged),
                ("journaled", |config| config.firehose.acknowledge = Acknowledge::Journaled),
                ("published", |config| config.firehose.acknowledge = Acknowledge::Published),
            ],
            absent: &[],
        },
    },
    KeyDoc {
        path: "firehose.patience",
        default: r#""55s""#,
        help: "how long the sender, or a balancer before us, waits for an answer",
        kind: Kind::Duration {
            least: SHORTEST,
            // Firehose itself gives up after 3 minutes.
            most: Duration::from_secs(170),
            set: |config, time| config.firehose.patience = time,
        },
    },
    KeyDoc {
        path: "copies.remove",
        default: "false",
        help: "leave out an event that was counted already and comes under another request id",
        kind: Kind::Switch { set: |config, on| config.copies.remove = on },
    },
    KeyDoc {
        path: "copies.window",
        default: r#""2h""#,
        help: "how long an event is remembered for that",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_hours(24),
            set: |config, time| config.copies.window = time,
        },
    },
    KeyDoc {
        path: "copies.events",
        default: "1000000",
        help: "how many are remembered, in about 30 bytes each; beyond it the oldest are \
               forgotten early and counted",
        kind: Kind::Number {
            least: 1,
            most: 100_000_000,
            set: |config, number| config.copies.events = size(number),
        },
    },
    KeyDoc {
        path: "cloudwatch.publish",
        default: r#""aws""#,
        help: "`memory` keeps counts for GET /series alone, and nothing leaves the process",
        kind: Kind::Choice {
            options: &[
                ("aws", |config| config.cloudwatch.publish = Publish::Aws),
                ("memory", |config| config.cloudwatch.publish = Publish::Memory),
            ],
            absent: &[],
        },
    },
    KeyDoc {
        path: "cloudwatch.namespace",
        default: r#""SES""#,
        help: "the namespace of definitions that name none",
        kind: Kind::Text {
            is: "namespace",
            read: |config, text| {
                text::namespace(text).map(|value| config.cloudwatch.namespace = value)
            },
        },
    },
    KeyDoc {
        path: "cloudwatch.region",
        default: r#""""#,
        help: "where to publish; empty: the region that the SDK finds",
        kind: Kind::Text {
            is: "region",
            read: |config, text| text::region(text).map(|value| config.cloudwatch.region = value),
        },
    },
    KeyDoc {
        path: "cloudwatch.role_arn",
        default: r#""""#,
        help: "a role that is assumed for publishing; empty: none",
        kind: Kind::Text {
            is: "role ARN",
            read: |config, text| {
                text::role_arn(text).map(|value| config.cloudwatch.role_arn = value)
            },
        },
    },
    KeyDoc {
        path: "cloudwatch.flush_interval",
        default: r#""10s""#,
        help: "time between publications; shorter costs more requests, longer loses more at a \
               crash in `merged`",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(5),
            set: |config, time| config.cloudwatch.flush_interval = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.settle_deadline",
        default: r#""45s""#,
        help: "while counts older than this wait, `published` sources take nothing new",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(160),
            set: |config, time| config.cloudwatch.settle_deadline = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.timestamp",
        default: r#""event""#,
        help: "the minute of a count: the event's own, or that of its arrival",
        kind: Kind::Choice {
            options: &[
                ("event", |config| config.cloudwatch.timestamp = TimestampSource::Event),
                ("arrival", |config| config.cloudwatch.timestamp = TimestampSource::Arrival),
            ],
            absent: &[],
        },
    },
    KeyDoc {
        path: "cloudwatch.ambiguous",
        default: r#""retry""#,
        help: "after a call of unknown outcome: repeat it (perhaps counted twice) or drop it \
               (perhaps not counted)",
        kind: Kind::Choice {
            options: &[
                ("retry", |config| config.cloudwatch.ambiguous = Ambiguous::Retry),
                ("drop", |config| config.cloudwatch.ambiguous = Ambiguous::Drop),
            ],
            absent: &[],
        },
    },
    KeyDoc {
        path: "cloudwatch.requests_per_second",
        default: "100",
        help: "PutMetricData calls a second; the account's quota is 500 a region, shared by all",
        kind: Kind::Number {
            least: 1,
            most: 500,
            set: |config, number| config.cloudwatch.requests_per_second = number,
        },
    },
    KeyDoc {
        path: "cloudwatch.concurrency",
        default: "4",
        help: "calls at once, and so the most calls that can be in doubt at once",
        kind: Kind::Number {
            least: 1,
            most: 64,
            set: |config, number| config.cloudwatch.concurrency = size(number),
        },
    },
    KeyDoc {
        path: "cloudwatch.connect_timeout",
        default: r#""3s""#,
        help: "for one connection, with TLS",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(30),
            set: |config, time| config.cloudwatch.connect_timeout = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.attempt_timeout",
        default: r#""5s""#,
        help: "for one call on a connection; after it the outcome is unknown",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(1),
            set: |config, time| config.cloudwatch.attempt_timeout = time,
        },
    },
    KeyDoc {
        path: "journal.directory",
        default: r#""""#,
        help: "where `journaled` keeps counts until CloudWatch has them; must outlive the task",
        kind: Kind::Text {
            is: "directory",
            read: |config, text| {
                config.journal.directory = text::directory(text);
                Ok(())
            },
        },
    },
    KeyDoc {
        path: "dead_letters.directory",
        default: r#""""#,
        help: "where files keep what cannot be read; empty: none do",
        kind: Kind::Text {
            is: "directory",
            read: |config, text| {
                config.dead_letters.directory = text::directory(text);
                Ok(())
            },
        },
    },
    KeyDoc {
        path: "dead_letters.stream",
        default: r#""""#,
        help: "the Firehose delivery stream that keeps it instead; empty: none does",
        kind: Kind::Text {
            is: "stream name",
            read: |config, text| {
                text::stream_name(text).map(|value| config.dead_letters.stream = value)
            },
        },
    },
    KeyDoc {
        path: "dead_letters.keep",
        default: r#"["malformed", "unknown_type"]"#,
        help: "what is kept",
        kind: Kind::Unread { set: |config, keep| config.dead_letters.keep = keep },
    },
    KeyDoc {
        path: "dead_letters.file_bytes",
        default: "16777216",
        help: "the length from which the directory's next file begins",
        kind: Kind::Number {
            least: MIB,
            most: GIB,
            set: |config, number| config.dead_letters.file_bytes = number.into(),
        },
    },
    KeyDoc {
        path: "dead_letters.bytes",
        default: "1073741824",
        help: "all files of the directory; beyond it nothing new is kept, and that is counted",
        kind: Kind::Number {
            least: MIB,
            most: u32::MAX,
            set: |config, number| config.dead_letters.bytes = number.into(),
        },
    },
    KeyDoc {
        path: "shutdown.grace",
        default: r#""25s""#,
        help: "from SIGTERM to exit at most; below ECS's stopTimeout",
        kind: Kind::Duration {
            least: SHORTEST,
            // The longest stopTimeout that Fargate allows.
            most: Duration::from_mins(2),
            set: |config, time| config.shutdown.grace = time,
        },
    },
    KeyDoc {
        path: "telemetry.log",
        default: r#""info""#,
        help: "a level, or a filter such as `warn,postmeter=debug`",
        kind: Kind::Text {
            is: "log filter",
            read: |config, text| text::log_filter(text).map(|value| config.telemetry.log = value),
        },
    },
    KeyDoc {
        path: "telemetry.log_format",
        default: r#""auto""#,
        help: "`auto` is pretty on a terminal, else json",
        kind: Kind::Choice {
            options: &[
                ("auto", |config| config.telemetry.log_format = LogFormat::Auto),
                ("json", |config| config.telemetry.log_format = LogFormat::Json),
                ("pretty", |config| config.telemetry.log_format = LogFormat::Pretty),
            ],
            absent: &[],
        },
    },
    KeyDoc {
        path: "telemetry.own_namespace",
        default: r#""Postmeter""#,
        help: "the namespace of postmeter's own totals in CloudWatch; empty: not sent",
        kind: Kind::Text {
            is: "namespace",
            read: |config, text| {
                text::own_namespace(text).map(|value| config.telemetry.own_namespace = value)
            },
        },
    },
];

/// Every key, in the order of the shipped file.
pub fn keys() -> &'static [KeyDoc] {
    KEYS
}

/// The key of a path.
pub(super) fn find(path: &str) -> Option<&'static KeyDoc> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether some key stands in the section.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section() == Some(name))
}

/// The keys as a Markdown table, for the README.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | type | default | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | `{}` | {} |",
            key.path,
            key.type_text(),
            key.default,
            key.help
        );
    }
    table
}

/// The environment variable of a path.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', "__"))
}

/// Sizes are read as `u32`, whose every value fits.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

// === impl KeyDoc ===

impl KeyDoc {
    /// The section, unless the key stands at the top.
    pub fn section(&self) -> Option<&'static str> {
        self.path.split_once('.').map(|(section, _)| section)
    }

    /// The name within its section.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that overrides the key.
    pub fn variable(&self) -> String {
        variable(self.path)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::AccessKeys { .. } | Kind::Unread { .. })
    }

    /// What the key may hold, for a reader.
    pub fn type_text(&self) -> String {
        match &self.kind {
            Kind::Text { is, .. } => (*is).to_owned(),
            Kind::Address { .. } => "address:port".to_owned(),
            Kind::Duration { least, most, .. } => {
                format!("duration, {} to {}", text::duration(*least), text::duration(*most))
            }
            Kind::Number { least, most, .. } => format!("number, {least} to {most}"),
            Kind::Switch { .. } => "`true` or `false`".to_owned(),
            Kind::Choice { options, .. } => {
                options.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Kind::AccessKeys { .. } => "list of texts".to_owned(),
            Kind::Unread { .. } => {
                let words = Unread::ALL.map(|unread| format!("`{}`", unread.word()));
                format!("list of {}", words.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_two_underscores_between_levels() {
        let names: Vec<String> = keys().iter().take(3).map(KeyDoc::variable).collect();
        assert_eq!(
            names,
            [
                "POSTMETER__DEFINITIONS",
                "POSTMETER__DEFAULT_CONFIGURATION_SET",
                "POSTMETER__LISTEN__HTTP"
            ]
        );
    }

    #[test]
    fn no_path_stands_twice_and_sections_stay_together() {
        let mut paths: Vec<&str> = keys().iter().map(|key| key.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), keys().len());

        let mut sections: Vec<Option<&str>> = keys().iter().map(KeyDoc::section).collect();
        sections.dedup();
        assert_eq!(sections.len(), 10, "top level and nine sections: {sections:?}");
    }

    #[test]
    fn the_table_has_a_row_of_four_cells_for_every_key() {
        let table = markdown_table();
        assert_eq!(table.lines().count(), keys().len() + 2);
        for line in table.lines() {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
        assert!(
            table.contains(
                "| `cloudwatch.flush_interval` | duration, 50ms to 5m | `\"10s\"` | time between"
            ),
            "{table}"
        );
    }
}
