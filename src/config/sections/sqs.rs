//! `[[sqs]]`.

use std::time::Duration;

use crate::config::acknowledge::Acknowledge;
use crate::config::kinds::{choice, duration, number, text};
use crate::config::list_kind::list;
use crate::config::section::section;
use crate::config::text::{ARN_BYTES_MAX, Fault, is_account, quoted};

/// The limit of SQS for messages in flight of a standard queue.
pub(in crate::config) const HELD_MESSAGES_MAX: u32 = 120_000;

section! {
    /// A queue with events, or with notifications of S3 objects that contain events. Repeat the
    /// section for each queue; without it, no queue is read.
    pub struct SqsConfig as [[sqs]] {
        /// URL of a queue to receive events from, as `aws sqs get-queue-url` prints it. `[[sqs]]`
        /// may be repeated for several queues.
        ///
        /// The region is that of the URL. The task needs `sqs:ReceiveMessage`, `sqs:DeleteMessage`,
        /// `sqs:ChangeMessageVisibility` and `sqs:GetQueueAttributes` (to warn about a queue
        /// without a redrive policy), and for objects also `s3:GetObject`.
        queue_url: String = String::new(),
            text(
                "queue URL",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events",
                queue_url,
                String::clone,
            );

        /// When to delete a message: when its counts are in memory, when they are also in the
        /// journal, or when CloudWatch has accepted them.
        ///
        /// With `merged`, a crash loses counts that are not published.
        acknowledge: Acknowledge = Acknowledge::Published, choice();

        /// Visibility timeout of a received message. It is extended while the message is in flight.
        ///
        /// So this is also how soon another daemon gets the messages of a daemon that died.
        visibility: Duration = Duration::from_mins(1),
            duration(Duration::from_secs(2), Duration::from_hours(1));

        /// Messages in flight at once, about 1 kB of memory each. At the limit, no messages are
        /// received.
        ///
        /// With `published`, this and the flush interval bound the throughput: 20000 messages in
        /// about 11 s by default.
        held_messages: usize = 20_000, number(10, HELD_MESSAGES_MAX);

        /// Maximum number of concurrent receive requests. While there are few messages, there is
        /// only one.
        pollers: usize = 8, number(1, 64);

        /// Buckets whose objects messages may name. Empty: any bucket of `sqs.bucket_owner`, by its
        /// plain name.
        ///
        /// A message that names another bucket is not read: it stays in the queue until its redrive
        /// policy moves it, and is counted in `postmeter_s3_objects_total{outcome="forbidden"}`.
        /// ARNs and access points must be listed.
        buckets: Vec<String> = Vec::new(),
            list(text("bucket names", "mail-events", bucket, String::clone));

        /// Account that owns the buckets: 12 digits, or `any`. Empty: the account in the queue URL.
        ///
        /// S3 rejects a bucket of any other account (`AccessDenied`).
        bucket_owner: BucketOwner = BucketOwner::OfQueue,
            text("account", "123456789012", bucket_owner, BucketOwner::print);
    }
}

/// The owner of the buckets that messages name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketOwner {
    /// The account in the queue's URL.
    OfQueue,
    /// This account (12 digits).
    Account(String),
    /// Any account.
    Any,
}

// === impl BucketOwner ===

impl BucketOwner {
    fn print(&self) -> String {
        match self {
            Self::OfQueue => String::new(),
            Self::Account(account) => account.clone(),
            Self::Any => "any".to_owned(),
        }
    }
}

/// The URL of a queue, as SQS returns it: a scheme, a host, an account and a name.
fn queue_url(text: &str) -> Result<String, Fault> {
    let fix = "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as \
                `aws sqs get-queue-url` prints it";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let parts: Vec<&str> = rest.unwrap_or_default().split('/').collect();
    let is_sound = parts.len() >= 2
        && parts.iter().all(|part| !part.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound {
        Ok(text.to_owned())
    } else {
        Err((format!("{} is not a valid queue URL", quoted(text)), fix.to_owned()))
    }
}

/// The name of a bucket, or another identifier by which a notification can name one, such as an
/// ARN.
fn bucket(text: &str) -> Result<String, Fault> {
    let is_sound = (1..=ARN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a valid bucket name", quoted(text));
    Err((what, "write only the name, such as \"mail-events\"".into()))
}

fn bucket_owner(text: &str) -> Result<BucketOwner, Fault> {
    match text {
        "" => Ok(BucketOwner::OfQueue),
        "any" => Ok(BucketOwner::Any),
        _ if is_account(text) => Ok(BucketOwner::Account(text.to_owned())),
        _ => Err((
            format!("{} is not a valid account", quoted(text)),
            "write the 12 digits of an account, \"any\", or leave it empty for the queue's account"
                .into(),
        )),
    }
}
