//! The rows.

use std::time::Duration;

use super::{KeyDoc, Kind};
use crate::config::text;
use crate::config::{Acknowledge, Ambiguous, ApiAuth, Config, Publish, Sqs, TimestampSource};
use crate::telemetry::LogFormat;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const GIB: u32 = 1 << 30;

/// Tests want everything fast; an operator never comes near it.
const SHORTEST: Duration = Duration::from_millis(50);

pub(super) const KEYS: &[KeyDoc] = &[
    KeyDoc {
        path: "definitions",
        default: r#""""#,
        help: "configuration sets and event destinations: a file, `s3://BUCKET/KEY` for an object, or `env:NAME` for a variable that holds the document",
        kind: Kind::Text {
            is: "path, `s3://BUCKET/KEY` or `env:NAME`",
            read: |config, text| text::definitions(text).map(|value| config.definitions = value),
        },
    },
    KeyDoc {
        path: "definitions_interval",
        default: r#""10s""#,
        help: "how often definitions in S3, or in a file that the SES API changes, are looked at; in S3 at 10s about $0.10 a month",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_hours(1),
            set: |config, time| config.definitions_interval = time,
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
        path: "forward_patience",
        default: r#""15s""#,
        help: "how long an event that a destination forwards is tried for, and its request's answer waits; then it is a dead letter",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(2),
            set: |config, time| config.forward_patience = time,
        },
    },
    KeyDoc {
        path: "forward_source",
        default: r#""postmeter.ses""#,
        help: "the `source` of events on EventBridge, which keeps `aws.ses` for AWS",
        kind: Kind::Text {
            is: "source",
            read: |config, text| {
                text::event_source(text).map(|value| config.forward_source = value)
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
        help: "metrics, series and health",
        kind: Kind::Address { set: |config, address| config.listen.admin = address },
    },
    KeyDoc {
        path: "listen.admin_token",
        default: r#""""#,
        help: "the token that `/metrics` and `/series` ask for as `Authorization: Bearer TOKEN`; empty: they ask for none, and on loopback serve only requests for a loopback `Host` that no web page sent",
        kind: Kind::Text {
            is: "text",
            read: |config, text| {
                text::admin_token(text).map(|value| config.listen.admin_token = value)
            },
        },
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
        path: "listen.tls_certificate",
        default: r#""""#,
        help: "certificate chain in PEM, with which every listener speaks TLS; read again when it changes; empty: plain HTTP",
        kind: Kind::Text {
            is: "path",
            read: |config, text| {
                config.listen.tls_certificate = text::directory(text);
                Ok(())
            },
        },
    },
    KeyDoc {
        path: "listen.tls_key",
        default: r#""""#,
        help: "private key of the certificate, in PEM",
        kind: Kind::Text {
            is: "path",
            read: |config, text| {
                config.listen.tls_key = text::directory(text);
                Ok(())
            },
        },
    },
    KeyDoc {
        path: "listen.tls_client_ca",
        default: r#""""#,
        help: "certificates in PEM of the authorities that sign client certificates; clients of `listen.http` and `ses_api.listen` then need one, those of `listen.admin` do not",
        kind: Kind::Text {
            is: "path",
            read: |config, text| {
                config.listen.tls_client_ca = text::directory(text);
                Ok(())
            },
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
        help: "what gzip in one request, message or object may expand to, on all levels together (the outermost of an object excepted); beyond it the request is refused for good",
        kind: Kind::Number {
            least: KIB,
            most: GIB,
            set: |config, number| config.limits.expanded_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.object_bytes",
        default: "1073741824",
        help: "the largest object of S3 after gzip that a message may name; a larger one is refused and left to the queue's redrive policy",
        kind: Kind::Number {
            least: KIB,
            most: u32::MAX,
            set: |config, number| config.limits.object_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.in_flight_bytes",
        default: "268435456",
        help: "bytes of requests in memory at once: bodies, what they expand to, and what is made of them; beyond it newer requests get 503 and are retried",
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
        path: "limits.forward_bytes",
        default: "33554432",
        help: "events that wait to be forwarded, for each destination; beyond it requests are answered 503 and come again",
        kind: Kind::Number {
            least: KIB,
            most: GIB,
            set: |config, number| config.limits.forward_bytes = number,
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
        path: "sns.topics",
        default: "[]",
        help: "topics whose HTTP(S) subscriptions are served; empty: there is no SNS endpoint",
        kind: Kind::Topics { set: |config, topics| config.sns.topics = topics },
    },
    KeyDoc {
        path: "sns.path",
        default: r#""/sns""#,
        help: "the path of the SNS endpoint",
        kind: Kind::Text {
            is: "URL path",
            read: |config, text| text::url_path(text).map(|value| config.sns.path = value),
        },
    },
    KeyDoc {
        path: "sns.acknowledge",
        default: r#""merged""#,
        help: "answer when counts are in memory (a crash loses one flush interval), when they are \
               on disk too, or when CloudWatch has accepted them",
        kind: Kind::Choice {
            options: &[
                ("merged", |config| config.sns.acknowledge = Acknowledge::Merged),
                ("journaled", |config| config.sns.acknowledge = Acknowledge::Journaled),
                ("published", |config| config.sns.acknowledge = Acknowledge::Published),
            ],
        },
    },
    KeyDoc {
        path: "sns.patience",
        default: r#""12s""#,
        help: "from a message's arrival to its answer at most; SNS itself waits 15s",
        kind: Kind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(14),
            set: |config, time| config.sns.patience = time,
        },
    },
    KeyDoc {
        path: "sns.confirm",
        default: "true",
        help: "confirm subscriptions to these topics; `false` logs what confirms them",
        kind: Kind::Switch { set: |config, on| config.sns.confirm = on },
    },
    KeyDoc {
        path: "sns.chain",
        default: "true",
        help: "check the signing certificate up to a root of the system, and fetch its issuer from \
               amazontrust.com; `false`: it rests on the TLS connection to SNS",
        kind: Kind::Switch { set: |config, on| config.sns.chain = on },
    },
    KeyDoc {
        path: "sns.signature_versions",
        default: "[1, 2]",
        help: "versions of signatures that are accepted; `[2]` rejects those made with SHA-1, the \
               default of a topic",
        kind: Kind::SignatureVersions {
            set: |config, versions| config.sns.signature_versions = versions,
        },
    },
    KeyDoc {
        path: "sns.certificate_directory",
        default: r#""""#,
        help: "where signing certificates are kept for the next start; empty: `certificates` in \
               journal.directory, if there is one",
        kind: Kind::Text {
            is: "directory",
            read: |config, text| {
                config.sns.certificate_directory = text::directory(text);
                Ok(())
            },
        },
    },
    KeyDoc {
        path: "sns.credentials",
        default: "[]",
        help: "any of them is accepted of raw deliveries, which have no signature; empty: those are \
               refused",
        kind: Kind::Credentials { set: |config, list| config.sns.credentials = list },
    },
    KeyDoc {
        path: "sns.max_age",
        default: r#""1h""#,
        help: "a message that was published longer ago is refused; SNS repeats for an hour at most",
        kind: Kind::Duration {
            least: Duration::from_mins(1),
            most: Duration::from_hours(24),
            set: |config, time| config.sns.max_age = time,
        },
    },
    KeyDoc {
        path: "sqs.queue_url",
        default: r#""""#,
        help: "a queue that events are taken from; `[[sqs]]` may stand several times",
        kind: Kind::Text {
            is: "queue URL",
            read: |config, text| {
                text::queue_url(text).map(|value| with_queue(config, |sqs| sqs.queue_url = value))
            },
        },
    },
    KeyDoc {
        path: "sqs.acknowledge",
        default: r#""published""#,
        help: "delete a message when CloudWatch has accepted its counts, when they are on disk, or \
               when they are in memory",
        kind: Kind::Choice {
            options: &[
                ("published", |config| {
                    with_queue(config, |sqs| sqs.acknowledge = Acknowledge::Published);
                }),
                ("journaled", |config| {
                    with_queue(config, |sqs| sqs.acknowledge = Acknowledge::Journaled);
                }),
                ("merged", |config| {
                    with_queue(config, |sqs| sqs.acknowledge = Acknowledge::Merged);
                }),
            ],
        },
    },
    KeyDoc {
        path: "sqs.visibility",
        default: r#""60s""#,
        help: "how long others do not see a message that was taken; lengthened while it is held",
        kind: Kind::Duration {
            least: Duration::from_secs(2),
            most: Duration::from_hours(1),
            set: |config, time| with_queue(config, |sqs| sqs.visibility = time),
        },
    },
    KeyDoc {
        path: "sqs.held_messages",
        default: "20000",
        help: "messages held at once, in about 1 kB each; beyond it nothing is taken",
        kind: Kind::Number {
            least: 10,
            // SQS gives out no more of a standard queue.
            most: 120_000,
            set: |config, number| with_queue(config, |sqs| sqs.held_messages = size(number)),
        },
    },
    KeyDoc {
        path: "sqs.pollers",
        default: "8",
        help: "requests for messages at once, at most; one while there are few messages",
        kind: Kind::Number {
            least: 1,
            most: 64,
            set: |config, number| with_queue(config, |sqs| sqs.pollers = size(number)),
        },
    },
    KeyDoc {
        path: "sqs.buckets",
        default: "[]",
        help: "buckets whose objects messages may name; empty: any bucket of sqs.bucket_owner, by its \
               plain name",
        kind: Kind::Buckets {
            set: |config, buckets| with_queue(config, |sqs| sqs.buckets = buckets),
        },
    },
    KeyDoc {
        path: "sqs.bucket_owner",
        default: r#""""#,
        help: "the account that owns the buckets: 12 digits, or `any`; empty: the account in the \
               queue's URL",
        kind: Kind::Text {
            is: "account",
            read: |config, text| {
                text::bucket_owner(text)
                    .map(|value| with_queue(config, |sqs| sqs.bucket_owner = value))
            },
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
    KeyDoc {
        path: "ses_api.listen",
        default: r#""""#,
        help: "where the SES API is answered, such as `127.0.0.1:8128`; empty: nowhere. Changes go to `definitions`",
        kind: Kind::Text {
            is: "address:port",
            read: |config, text| {
                text::optional_address(text).map(|value| config.ses_api.listen = value)
            },
        },
    },
    KeyDoc {
        path: "ses_api.auth",
        default: r#""sigv4""#,
        help: "`sigv4`: clients sign with one of the keys (AWS Signature Version 4). `none`: every \
               local program may read and change, on loopback alone; web pages may not",
        kind: Kind::Choice {
            options: &[
                ("sigv4", |config| config.ses_api.auth = ApiAuth::SigV4),
                ("none", |config| config.ses_api.auth = ApiAuth::None),
            ],
        },
    },
    KeyDoc {
        path: "ses_api.access_keys",
        default: "[]",
        help: "access keys that may read and change",
        kind: Kind::ApiKeys { set: |config, keys| config.ses_api.access_keys = keys },
    },
    KeyDoc {
        path: "ses_api.read_only_access_keys",
        default: "[]",
        help: "access keys that may read",
        kind: Kind::ApiKeys { set: |config, keys| config.ses_api.read_only_access_keys = keys },
    },
    KeyDoc {
        path: "ses_api.requests_per_second",
        default: "20",
        help: "reads, and apart from them changes, that each access key may request in a second; \
               more are rejected with `TooManyRequestsException`. SES itself allows one a second",
        kind: Kind::Number {
            least: 1,
            most: 10_000,
            set: |config, number| config.ses_api.requests_per_second = number,
        },
    },
];

/// Sizes are read as `u32`, whose every value fits.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Keys of a queue are read into the last one.
fn with_queue(config: &mut Config, set: impl FnOnce(&mut Sqs)) {
    config.sqs.last_mut().map(set);
}
