//! The rows of the table of keys.

use std::time::Duration;

use super::{KeyDoc, KeyKind};
use crate::config::text;
use crate::config::{Acknowledge, Ambiguous, ApiAuth, Config, Publish, SqsConfig, TimestampSource};
use crate::telemetry::LogFormat;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;
const GIB: u32 = 1 << 30;

/// Short enough for tests; no operator needs a shorter time.
const SHORTEST: Duration = Duration::from_millis(50);

pub(super) const KEYS: &[KeyDoc] = &[
    KeyDoc {
        path: "definitions",
        default: r#""""#,
        help: "configuration sets and event destinations: path of a file, `s3://BUCKET/KEY` of an \
               object, or `env:NAME` of an environment variable that holds the document",
        kind: KeyKind::Text {
            is: "path, `s3://BUCKET/KEY` or `env:NAME`",
            read: |config, text| text::definitions(text).map(|value| config.definitions = value),
        },
    },
    KeyDoc {
        path: "definitions_interval",
        default: r#""10s""#,
        help: "how often to check for changed definitions: those in S3, or in a file that the SES \
               API changes; 10s costs about $0.10 a month in S3",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_hours(1),
            set: |config, time| config.definitions_interval = time,
        },
    },
    KeyDoc {
        path: "default_configuration_set",
        default: r#""""#,
        help: "configuration set of events that do not name one; empty: these events are unrouted",
        kind: KeyKind::Text {
            is: "set name",
            read: |config, text| {
                text::configuration_set(text).map(|value| config.default_configuration_set = value)
            },
        },
    },
    KeyDoc {
        path: "forward_patience",
        default: r#""15s""#,
        help: "how long to retry forwarding an event, holding its request's response; after that \
               it becomes a dead letter",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(2),
            set: |config, time| config.forward_patience = time,
        },
    },
    KeyDoc {
        path: "forward_source",
        default: r#""postmeter.ses""#,
        help: "`source` of forwarded events on EventBridge; `aws.ses` is reserved for AWS",
        kind: KeyKind::Text {
            is: "source",
            read: |config, text| {
                text::event_source(text).map(|value| config.forward_source = value)
            },
        },
    },
    KeyDoc {
        path: "listen.http",
        default: r#""127.0.0.1:8127""#,
        help: "address that receives events; other addresses than loopback require an access key",
        kind: KeyKind::Address { set: |config, address| config.listen.http = address },
    },
    KeyDoc {
        path: "listen.admin",
        default: r#""127.0.0.1:9127""#,
        help: "address that serves metrics, series and health checks",
        kind: KeyKind::Address { set: |config, address| config.listen.admin = address },
    },
    KeyDoc {
        path: "listen.admin_token",
        default: r#""""#,
        help: "token that `/metrics` and `/series` require as `Authorization: Bearer TOKEN`; \
               empty: no token is required, and on loopback only requests for a loopback `Host` \
               that do not come from a web page are served",
        kind: KeyKind::Text {
            is: "token",
            read: |config, text| {
                text::admin_token(text).map(|value| config.listen.admin_token = value)
            },
        },
    },
    KeyDoc {
        path: "listen.keep_alive",
        default: r#""75s""#,
        help: "how long an idle connection stays open; must be longer than the idle timeout of a \
               load balancer in front",
        kind: KeyKind::Duration {
            least: Duration::from_secs(1),
            most: Duration::from_hours(1),
            set: |config, time| config.listen.keep_alive = time,
        },
    },
    KeyDoc {
        path: "listen.tls_certificate",
        default: r#""""#,
        help: "file with the certificate chain (PEM); enables TLS on every listener and is \
               reloaded when it changes; empty: plain HTTP",
        kind: KeyKind::Text {
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
        help: "file with the private key of the certificate (PEM)",
        kind: KeyKind::Text {
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
        help: "file with the CA certificates (PEM) that sign client certificates; clients of \
               `listen.http` and `ses_api.listen` then need a client certificate, clients of \
               `listen.admin` do not",
        kind: KeyKind::Text {
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
        help: "largest request body as received, in bytes; a larger one gets 400",
        kind: KeyKind::Number {
            least: KIB,
            most: 256 * MIB,
            set: |config, number| config.limits.body_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.expanded_bytes",
        default: "134217728",
        help: "largest size in bytes to which gzip in one request, message or object may expand, \
               all nested levels together (except the outermost level of an object); a larger one \
               is rejected permanently",
        kind: KeyKind::Number {
            least: KIB,
            most: GIB,
            set: |config, number| config.limits.expanded_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.object_bytes",
        default: "1073741824",
        help: "largest S3 object that a message may name, in bytes after decompression; a larger \
               one is rejected and left to the queue's redrive policy",
        kind: KeyKind::Number {
            least: KIB,
            most: u32::MAX,
            set: |config, number| config.limits.object_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.in_flight_bytes",
        default: "268435456",
        help: "bytes of requests held in memory at once: bodies, their expanded content, and what \
               is parsed from them; above the limit, newer requests get 503 and are retried",
        kind: KeyKind::Number {
            least: 1,
            most: u32::MAX,
            set: |config, number| config.limits.in_flight_bytes = size(number),
        },
    },
    KeyDoc {
        path: "limits.in_flight_requests",
        default: "512",
        help: "requests in flight at once; above the limit, requests get 503 and are retried",
        kind: KeyKind::Number {
            least: 1,
            most: 1_000_000,
            set: |config, number| config.limits.in_flight_requests = size(number),
        },
    },
    KeyDoc {
        path: "limits.series",
        default: "10000",
        help: "distinct series per UTC hour, about $0.30 each per month; above the limit, events \
               of new series are dropped and counted",
        kind: KeyKind::Number {
            least: 1,
            most: 10_000_000,
            set: |config, number| config.limits.series = size(number),
        },
    },
    KeyDoc {
        path: "limits.entries",
        default: "1000000",
        help: "pairs of series and minute not yet accepted by CloudWatch; above the limit, \
               requests get 503 and are retried",
        kind: KeyKind::Number {
            least: 1,
            most: 1_000_000_000,
            set: |config, number| config.limits.entries = size(number),
        },
    },
    KeyDoc {
        path: "limits.forward_bytes",
        default: "33554432",
        help: "bytes of events waiting to be forwarded, per destination; above the limit, requests \
               get 503 and are retried",
        kind: KeyKind::Number {
            least: KIB,
            most: GIB,
            set: |config, number| config.limits.forward_bytes = number,
        },
    },
    KeyDoc {
        path: "firehose.path",
        default: r#""/firehose""#,
        help: "path of the Firehose HTTP endpoint",
        kind: KeyKind::Text {
            is: "URL path",
            read: |config, text| text::url_path(text).map(|value| config.firehose.path = value),
        },
    },
    KeyDoc {
        path: "firehose.access_keys",
        default: "[]",
        help: "access keys that Firehose may send; each one is accepted, so a key can be replaced \
               without downtime",
        kind: KeyKind::AccessKeys { set: |config, keys| config.firehose.access_keys = keys },
    },
    KeyDoc {
        path: "firehose.acknowledge",
        default: r#""merged""#,
        help: "when to respond: when counts are in memory (a crash loses one flush interval), when \
               they are also on disk, or when CloudWatch has accepted them",
        kind: KeyKind::Choice {
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
        help: "how long the sender, or a load balancer in front, waits for the response",
        kind: KeyKind::Duration {
            least: SHORTEST,
            // Firehose itself gives up after 3 minutes.
            most: Duration::from_secs(170),
            set: |config, time| config.firehose.patience = time,
        },
    },
    KeyDoc {
        path: "sns.topics",
        default: "[]",
        help: "topics whose HTTP(S) subscriptions are accepted; empty: no SNS endpoint",
        kind: KeyKind::Topics { set: |config, topics| config.sns.topics = topics },
    },
    KeyDoc {
        path: "sns.path",
        default: r#""/sns""#,
        help: "path of the SNS endpoint",
        kind: KeyKind::Text {
            is: "URL path",
            read: |config, text| text::url_path(text).map(|value| config.sns.path = value),
        },
    },
    KeyDoc {
        path: "sns.acknowledge",
        default: r#""merged""#,
        help: "when to respond: when counts are in memory (a crash loses one flush interval), when \
               they are also on disk, or when CloudWatch has accepted them",
        kind: KeyKind::Choice {
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
        help: "longest time from receiving a message to the response; SNS waits 15s",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(14),
            set: |config, time| config.sns.patience = time,
        },
    },
    KeyDoc {
        path: "sns.confirm",
        default: "true",
        help: "whether to confirm subscriptions to these topics; `false` logs the URL that \
               confirms them",
        kind: KeyKind::Switch { set: |config, on| config.sns.confirm = on },
    },
    KeyDoc {
        path: "sns.chain",
        default: "true",
        help: "whether to verify the signing certificate's chain up to a system root, fetching its \
               issuer from amazontrust.com; `false` relies on the TLS connection to SNS",
        kind: KeyKind::Switch { set: |config, on| config.sns.chain = on },
    },
    KeyDoc {
        path: "sns.signature_versions",
        default: "[1, 2]",
        help: "accepted SNS signature versions; `[2]` rejects SHA-1 signatures, the default of a \
               topic",
        kind: KeyKind::SignatureVersions {
            set: |config, versions| config.sns.signature_versions = versions,
        },
    },
    KeyDoc {
        path: "sns.certificate_directory",
        default: r#""""#,
        help: "directory that caches signing certificates across restarts; empty: `certificates` \
               in journal.directory, if that is set",
        kind: KeyKind::Text {
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
        help: "credentials accepted from raw deliveries, which have no signature; empty: raw \
               deliveries are rejected",
        kind: KeyKind::Credentials { set: |config, list| config.sns.credentials = list },
    },
    KeyDoc {
        path: "sns.max_age",
        default: r#""1h""#,
        help: "largest age of a message; an older one is rejected; SNS retries for at most one \
               hour",
        kind: KeyKind::Duration {
            least: Duration::from_mins(1),
            most: Duration::from_hours(24),
            set: |config, time| config.sns.max_age = time,
        },
    },
    KeyDoc {
        path: "sqs.queue_url",
        default: r#""""#,
        help: "URL of a queue to receive events from; `[[sqs]]` may be repeated for several \
               queues",
        kind: KeyKind::Text {
            is: "queue URL",
            read: |config, text| {
                text::queue_url(text).map(|value| with_queue(config, |sqs| sqs.queue_url = value))
            },
        },
    },
    KeyDoc {
        path: "sqs.acknowledge",
        default: r#""published""#,
        help: "when to delete a message: when CloudWatch has accepted its counts, when they are on \
               disk, or when they are in memory",
        kind: KeyKind::Choice {
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
        help: "visibility timeout of a received message; extended while the message is in flight",
        kind: KeyKind::Duration {
            least: Duration::from_secs(2),
            most: Duration::from_hours(1),
            set: |config, time| with_queue(config, |sqs| sqs.visibility = time),
        },
    },
    KeyDoc {
        path: "sqs.held_messages",
        default: "20000",
        help: "messages in flight at once, about 1 kB of memory each; at the limit, no messages \
               are received",
        kind: KeyKind::Number {
            least: 10,
            // The limit of SQS for messages in flight of a standard queue.
            most: 120_000,
            set: |config, number| with_queue(config, |sqs| sqs.held_messages = size(number)),
        },
    },
    KeyDoc {
        path: "sqs.pollers",
        default: "8",
        help: "maximum number of concurrent receive requests; only one while there are few \
               messages",
        kind: KeyKind::Number {
            least: 1,
            most: 64,
            set: |config, number| with_queue(config, |sqs| sqs.pollers = size(number)),
        },
    },
    KeyDoc {
        path: "sqs.buckets",
        default: "[]",
        help: "buckets whose objects messages may name; empty: any bucket of sqs.bucket_owner, by \
               its plain name",
        kind: KeyKind::Buckets {
            set: |config, buckets| with_queue(config, |sqs| sqs.buckets = buckets),
        },
    },
    KeyDoc {
        path: "sqs.bucket_owner",
        default: r#""""#,
        help: "account that owns the buckets: 12 digits, or `any`; empty: the account in the queue \
               URL",
        kind: KeyKind::Text {
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
        help: "whether to skip an event that was already counted and arrives again under another \
               request id",
        kind: KeyKind::Switch { set: |config, on| config.copies.remove = on },
    },
    KeyDoc {
        path: "copies.window",
        default: r#""2h""#,
        help: "how long an event is remembered for detecting copies",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_hours(24),
            set: |config, time| config.copies.window = time,
        },
    },
    KeyDoc {
        path: "copies.events",
        default: "1000000",
        help: "maximum number of remembered events, about 30 bytes each; above the limit, the \
               oldest are forgotten early and counted",
        kind: KeyKind::Number {
            least: 1,
            most: 100_000_000,
            set: |config, number| config.copies.events = size(number),
        },
    },
    KeyDoc {
        path: "cloudwatch.publish",
        default: r#""aws""#,
        help: "where to publish: `aws` sends counts to CloudWatch; `memory` keeps them for GET \
               /series only and sends nothing",
        kind: KeyKind::Choice {
            options: &[
                ("aws", |config| config.cloudwatch.publish = Publish::Aws),
                ("memory", |config| config.cloudwatch.publish = Publish::Memory),
            ],
        },
    },
    KeyDoc {
        path: "cloudwatch.namespace",
        default: r#""SES""#,
        help: "CloudWatch namespace of definitions that do not name one",
        kind: KeyKind::Text {
            is: "namespace",
            read: |config, text| {
                text::namespace(text).map(|value| config.cloudwatch.namespace = value)
            },
        },
    },
    KeyDoc {
        path: "cloudwatch.region",
        default: r#""""#,
        help: "AWS region to publish to; empty: the region that the SDK finds",
        kind: KeyKind::Text {
            is: "region",
            read: |config, text| text::region(text).map(|value| config.cloudwatch.region = value),
        },
    },
    KeyDoc {
        path: "cloudwatch.role_arn",
        default: r#""""#,
        help: "role to assume for publishing; empty: no role",
        kind: KeyKind::Text {
            is: "role ARN",
            read: |config, text| {
                text::role_arn(text).map(|value| config.cloudwatch.role_arn = value)
            },
        },
    },
    KeyDoc {
        path: "cloudwatch.flush_interval",
        default: r#""10s""#,
        help: "time between publications; a shorter interval costs more requests, a longer one \
               loses more in a crash with `merged`",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(5),
            set: |config, time| config.cloudwatch.flush_interval = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.settle_deadline",
        default: r#""45s""#,
        help: "longest time that counts may wait for CloudWatch; while older counts are \
               unpublished, `published` sources accept nothing new",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(160),
            set: |config, time| config.cloudwatch.settle_deadline = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.timestamp",
        default: r#""event""#,
        help: "minute in which an event is counted: the minute of the event, or of its arrival",
        kind: KeyKind::Choice {
            options: &[
                ("event", |config| config.cloudwatch.timestamp = TimestampSource::Event),
                ("arrival", |config| config.cloudwatch.timestamp = TimestampSource::Arrival),
            ],
        },
    },
    KeyDoc {
        path: "cloudwatch.ambiguous",
        default: r#""retry""#,
        help: "after a call with unknown outcome: retry it (possibly counted twice) or drop it \
               (possibly not counted)",
        kind: KeyKind::Choice {
            options: &[
                ("retry", |config| config.cloudwatch.ambiguous = Ambiguous::Retry),
                ("drop", |config| config.cloudwatch.ambiguous = Ambiguous::Drop),
            ],
        },
    },
    KeyDoc {
        path: "cloudwatch.requests_per_second",
        default: "100",
        help: "PutMetricData calls per second; the account quota is 500 per region, shared by all \
               clients",
        kind: KeyKind::Number {
            least: 1,
            most: 500,
            set: |config, number| config.cloudwatch.requests_per_second = number,
        },
    },
    KeyDoc {
        path: "cloudwatch.concurrency",
        default: "4",
        help: "concurrent calls, and so the largest number of calls that can be in doubt at once",
        kind: KeyKind::Number {
            least: 1,
            most: 64,
            set: |config, number| config.cloudwatch.concurrency = size(number),
        },
    },
    KeyDoc {
        path: "cloudwatch.connect_timeout",
        default: r#""3s""#,
        help: "timeout for opening a connection, including TLS",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_secs(30),
            set: |config, time| config.cloudwatch.connect_timeout = time,
        },
    },
    KeyDoc {
        path: "cloudwatch.attempt_timeout",
        default: r#""5s""#,
        help: "timeout for one call on an open connection; after a timeout the outcome is unknown",
        kind: KeyKind::Duration {
            least: SHORTEST,
            most: Duration::from_mins(1),
            set: |config, time| config.cloudwatch.attempt_timeout = time,
        },
    },
    KeyDoc {
        path: "journal.directory",
        default: r#""""#,
        help: "directory where `journaled` keeps counts until CloudWatch has accepted them; must \
               outlive the task",
        kind: KeyKind::Text {
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
        help: "directory for files with values that cannot be read; empty: no files",
        kind: KeyKind::Text {
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
        help: "Firehose delivery stream for values that cannot be read, instead of files; empty: \
               no stream",
        kind: KeyKind::Text {
            is: "stream name",
            read: |config, text| {
                text::stream_name(text).map(|value| config.dead_letters.stream = value)
            },
        },
    },
    KeyDoc {
        path: "dead_letters.keep",
        default: r#"["malformed", "unknown_type"]"#,
        help: "which values to keep",
        kind: KeyKind::Unread { set: |config, keep| config.dead_letters.keep = keep },
    },
    KeyDoc {
        path: "dead_letters.file_bytes",
        default: "16777216",
        help: "size in bytes at which a new file is started",
        kind: KeyKind::Number {
            least: MIB,
            most: GIB,
            set: |config, number| config.dead_letters.file_bytes = number.into(),
        },
    },
    KeyDoc {
        path: "dead_letters.bytes",
        default: "1073741824",
        help: "total size of all files in bytes; above the limit, new values are not kept but \
               counted",
        kind: KeyKind::Number {
            least: MIB,
            most: u32::MAX,
            set: |config, number| config.dead_letters.bytes = number.into(),
        },
    },
    KeyDoc {
        path: "shutdown.grace",
        default: r#""25s""#,
        help: "longest time from SIGTERM to exit; must be below the stopTimeout of ECS",
        kind: KeyKind::Duration {
            least: SHORTEST,
            // The longest stopTimeout that Fargate allows.
            most: Duration::from_mins(2),
            set: |config, time| config.shutdown.grace = time,
        },
    },
    KeyDoc {
        path: "telemetry.log",
        default: r#""info""#,
        help: "log level, or a filter such as `warn,postmeter=debug`",
        kind: KeyKind::Text {
            is: "log filter",
            read: |config, text| text::log_filter(text).map(|value| config.telemetry.log = value),
        },
    },
    KeyDoc {
        path: "telemetry.log_format",
        default: r#""auto""#,
        help: "log format; `auto`: pretty on a terminal, else json",
        kind: KeyKind::Choice {
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
        help: "CloudWatch namespace of postmeter's own totals; empty: totals are not sent",
        kind: KeyKind::Text {
            is: "namespace",
            read: |config, text| {
                text::own_namespace(text).map(|value| config.telemetry.own_namespace = value)
            },
        },
    },
    KeyDoc {
        path: "ses_api.listen",
        default: r#""""#,
        help: "address that serves the SES API, such as `127.0.0.1:8128`, which changes the \
               document at `definitions`; empty: the API is off",
        kind: KeyKind::Text {
            is: "address:port",
            read: |config, text| {
                text::optional_address(text).map(|value| config.ses_api.listen = value)
            },
        },
    },
    KeyDoc {
        path: "ses_api.auth",
        default: r#""sigv4""#,
        help: "`sigv4`: clients must sign with one of the access keys (AWS Signature Version 4); \
               `none`: every local program may read and change definitions, on loopback only and \
               not from web pages",
        kind: KeyKind::Choice {
            options: &[
                ("sigv4", |config| config.ses_api.auth = ApiAuth::SigV4),
                ("none", |config| config.ses_api.auth = ApiAuth::None),
            ],
        },
    },
    KeyDoc {
        path: "ses_api.access_keys",
        default: "[]",
        help: "access keys that may read and change definitions",
        kind: KeyKind::ApiKeys { set: |config, keys| config.ses_api.access_keys = keys },
    },
    KeyDoc {
        path: "ses_api.read_only_access_keys",
        default: "[]",
        help: "access keys that may only read definitions",
        kind: KeyKind::ApiKeys { set: |config, keys| config.ses_api.read_only_access_keys = keys },
    },
    KeyDoc {
        path: "ses_api.requests_per_second",
        default: "20",
        help: "reads per second, and separately changes per second, allowed for each access key; \
               more are rejected with `TooManyRequestsException`; SES itself allows one per \
               second",
        kind: KeyKind::Number {
            least: 1,
            most: 10_000,
            set: |config, number| config.ses_api.requests_per_second = number,
        },
    },
];

/// Sizes are read as `u32`; every `u32` fits in a `usize`.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Keys of a queue belong to the queue that was added last.
fn with_queue(config: &mut Config, set: impl FnOnce(&mut SqsConfig)) {
    config.sqs.last_mut().map(set);
}
