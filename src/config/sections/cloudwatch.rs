//! `[cloudwatch]`.

use std::time::Duration;

use super::SHORTEST;
use crate::config::kinds::{choice, duration, number, optional, text};
use crate::config::section::section;
use crate::config::text::{ARN_BYTES_MAX, Fault, is_account, namespace, quoted};
use crate::config::words::words;

section! {
    /// How metrics are published.
    pub struct CloudWatchConfig as [cloudwatch] {
        /// Where to publish: `aws` sends counts to CloudWatch with PutMetricData; `memory` keeps
        /// them for `GET /series` only, at no cost.
        publish: Publish = Publish::Aws, choice();

        /// CloudWatch namespace of definitions that do not name one.
        namespace: String = "SES".to_owned(), text("namespace", "Mail", namespace, String::clone);

        /// AWS region to publish to. Empty: the region that the SDK finds (`AWS_REGION`, profile,
        /// instance).
        region: Option<String> = None, optional(text("region", "eu-west-1", region, String::clone));

        /// Role to assume for publishing, for metrics in another account. Empty: no role, but the
        /// credentials that the SDK finds.
        role_arn: Option<String> = None,
            optional(text(
                "role ARN",
                "arn:aws:iam::123456789012:role/postmeter",
                role_arn,
                String::clone,
            ));

        /// Time between publications. A shorter interval costs more requests; a longer one loses
        /// more in a crash with `merged`.
        ///
        /// PutMetricData costs $0.01 for 1,000 requests; a month has about (series / 1000, rounded
        /// up) x tasks x 2.6 million / seconds of them. With 1000 series and one task, "10s" is
        /// 260,000 requests, about $2.60, and "1s" about $26.
        flush_interval: Duration = Duration::from_secs(10),
            duration(SHORTEST, Duration::from_mins(5));

        /// Longest time that counts may wait for CloudWatch. While older counts of a namespace are
        /// unpublished, sources that acknowledge `published` accept nothing more for it.
        ///
        /// It must cover `flush_interval`, `connect_timeout` and `attempt_timeout` together, and
        /// must not exceed `firehose.patience`.
        settle_deadline: Duration = Duration::from_secs(45),
            duration(SHORTEST, Duration::from_secs(160));

        /// Minute in which an event is counted: the minute of the event, or of its arrival.
        ///
        /// - `event`: late and replayed events land where they happened. CloudWatch accepts up to
        ///   two weeks back.
        /// - `arrival`: alarms on the current minute see late events too.
        timestamp: TimestampSource = TimestampSource::Event, choice();

        /// After a call with unknown outcome (a timeout, a reset, a 5xx): retry it (possibly
        /// counted twice) or drop it (possibly not counted).
        ///
        /// Either way it is in `postmeter_doubtful_counts_total{cause="ambiguous"}`.
        ambiguous: Ambiguous = Ambiguous::Retry, choice();

        /// PutMetricData calls per second. The default quota of an account is 500 per region,
        /// shared by all clients.
        requests_per_second: u32 = 100, number(1, 500);

        /// Concurrent calls, and so the largest number of calls of a namespace that can be in doubt at
        /// once.
        ///
        /// More calls give more throughput, but more are in doubt after a network failure.
        concurrency: usize = 4, number(1, 64);

        /// Timeout for opening a connection, including TLS.
        ///
        /// Nothing is in doubt if it fails.
        connect_timeout: Duration = Duration::from_secs(3),
            duration(SHORTEST, Duration::from_secs(30));

        /// Timeout for one call on an open connection, from the first byte of the request to the
        /// end of the response. After a timeout the outcome is unknown, see `cloudwatch.ambiguous`.
        ///
        /// Each timeout doubles it for the calls of the namespace, up to a minute, until responses
        /// arrive within half of it.
        attempt_timeout: Duration = Duration::from_secs(5),
            duration(SHORTEST, Duration::from_mins(1));
    }
}

words! {
    /// Where counts go.
    pub enum Publish {
        Aws = "aws",
        /// Kept only for `GET /series`; nothing leaves the process.
        Memory = "memory",
    }
}

words! {
    /// The clock that determines the minute of a count.
    pub enum TimestampSource {
        /// The event's timestamp.
        Event = "event",
        /// The time at which the request arrived.
        Arrival = "arrival",
    }
}

words! {
    /// How to continue after a call with unknown outcome.
    pub enum Ambiguous {
        /// Retry it: possibly counted twice.
        Retry = "retry",
        /// Drop it: possibly not counted.
        Drop = "drop",
    }
}

fn region(text: &str) -> Result<String, Fault> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > 32 || !text.contains('-') || !text.bytes().all(allowed) {
        let what = format!("{} is not a valid region", quoted(text));
        return Err((
            what,
            "write a region such as \"eu-west-1\", or leave it empty for the SDK's region".into(),
        ));
    }
    Ok(text.to_owned())
}

fn role_arn(text: &str) -> Result<String, Fault> {
    if text.len() <= ARN_BYTES_MAX && is_role_arn(text) {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a valid IAM role ARN", quoted(text));
    Err((what, "write an ARN such as \"arn:aws:iam::123456789012:role/name\"".into()))
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else {
        return false;
    };
    let Some(name) = resource.strip_prefix("role/") else {
        return false;
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    partition.starts_with("aws")
        && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && is_account(account)
        && !name.is_empty()
        && !name.ends_with('/')
        && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_partition_account_and_name() {
        for right in [
            "arn:aws:iam::123456789012:role/a",
            "arn:aws-us-gov:iam::123456789012:role/path/name_+=,.@-",
            "arn:aws-cn:iam::123456789012:role/x",
        ] {
            assert_eq!(role_arn(right), Ok(right.to_owned()));
        }
        for wrong in [
            "role/a",
            "arn:aws:iam::12345678901:role/a",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a/",
            "arn:aws:sts::123456789012:role/a",
            "arn:aws:iam:eu-west-1:123456789012:role/a",
            "arn:gcp:iam::123456789012:role/a",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(role_arn(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn regions_have_their_characters() {
        assert_eq!(region("us-gov-west-1"), Ok("us-gov-west-1".into()));
        assert!(region("Ireland").is_err());
        assert!(region("https://eu-west-1").is_err());
    }
}
