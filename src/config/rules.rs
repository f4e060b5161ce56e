//! Rules across keys: each key is fine by itself, and together they do not work.
//!
//! A rule judges only what the operator meant: where one of its keys could not be read, its
//! default stands in the configuration, and the rule stays silent.

mod ses_api;

use std::net::SocketAddr;
use std::time::Duration;

use super::load::Given;
use super::text::duration;
use super::{Acknowledge, Config, Publish};
use crate::finding::{Finding, Severity};

/// The default idle timeout of an Application Load Balancer.
const BALANCER_IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Looks at one thing that must be right.
type Rule = fn(&Config, &Given) -> Option<Finding>;

/// Adds what every rule finds.
pub(super) fn check(config: &Config, given: &Given, findings: &mut Vec<Finding>) {
    let rules: [Rule; 23] = [
        no_definitions,
        open_to_strangers,
        same_address,
        metrics_beyond_loopback,
        short_keep_alive,
        half_of_tls,
        client_ca_without_tls,
        journaled_nowhere,
        nothing_journaled,
        never_in_time,
        deadline_beyond_patience,
        same_namespace,
        two_places,
        nothing_kept,
        same_queue,
        no_queues_in_this_build,
        forwarded_too_late,
        no_stream_in_this_build,
        answered_too_late_for_sns,
        same_path,
        no_topics,
        no_signature_versions,
        no_sns_in_this_build,
    ];
    let rules = rules.iter().chain(ses_api::RULES);
    findings.extend(rules.filter_map(|rule| rule(config, given)));
}

/// A finding at the first of the keys that was given.
fn finding(
    severity: Severity,
    given: &Given,
    paths: &[&'static str],
    what: String,
    fix: &str,
) -> Option<Finding> {
    if !given.sound(paths) {
        return None;
    }
    let (place, path) = given.place(paths);
    Some(Finding { severity, place, path, what, fix: fix.to_owned() })
}

fn no_definitions(config: &Config, given: &Given) -> Option<Finding> {
    if config.definitions.is_some() || config.cloudwatch.publish != Publish::Aws {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["definitions", "cloudwatch.publish"],
        "definitions are needed to publish".to_owned(),
        "set `definitions` to a file or to \"env:NAME\", or cloudwatch.publish to \"memory\"",
    )
}

fn open_to_strangers(config: &Config, given: &Given) -> Option<Finding> {
    if !config.firehose.access_keys.is_empty() || is_loopback(config.listen.http) {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["listen.http", "firehose.access_keys"],
        format!("{} is beyond loopback and there is no access key", config.listen.http),
        "set firehose.access_keys, or listen on 127.0.0.1",
    )
}

fn same_address(config: &Config, given: &Given) -> Option<Finding> {
    if !overlap(config.listen.http, config.listen.admin) {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["listen.admin", "listen.http"],
        format!("{} overlaps listen.http, {}", config.listen.admin, config.listen.http),
        "give each listener its own port",
    )
}

fn metrics_beyond_loopback(config: &Config, given: &Given) -> Option<Finding> {
    if config.listen.admin_token.is_some() || is_loopback(config.listen.admin) {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["listen.admin", "listen.admin_token"],
        format!("{} is beyond loopback, and metrics ask for no token", config.listen.admin),
        "set listen.admin_token, or make sure that only your monitoring reaches this port",
    )
}

fn half_of_tls(config: &Config, given: &Given) -> Option<Finding> {
    let listen = &config.listen;
    let (missing, other) = match (&listen.tls_certificate, &listen.tls_key) {
        (None, Some(_)) => ("listen.tls_certificate", "listen.tls_key"),
        (Some(_), None) => ("listen.tls_key", "listen.tls_certificate"),
        _ => return None,
    };
    finding(
        Severity::Error,
        given,
        &[other, missing],
        format!("{missing} is not set, and TLS needs both"),
        "set both to files in PEM, or neither",
    )
}

fn client_ca_without_tls(config: &Config, given: &Given) -> Option<Finding> {
    let listen = &config.listen;
    if listen.tls_client_ca.is_none()
        || listen.tls_certificate.is_some()
        || listen.tls_key.is_some()
    {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["listen.tls_client_ca", "listen.tls_certificate", "listen.tls_key"],
        "client certificates need TLS".to_owned(),
        "set listen.tls_certificate and listen.tls_key",
    )
}

fn short_keep_alive(config: &Config, given: &Given) -> Option<Finding> {
    if config.listen.keep_alive > BALANCER_IDLE_TIMEOUT {
        return None;
    }
    let time = duration(config.listen.keep_alive);
    finding(
        Severity::Warning,
        given,
        &["listen.keep_alive"],
        format!("{time} is no longer than a balancer's idle timeout, by default 60s"),
        "behind a balancer choose more, such as \"75s\", or some of its requests fail with 502",
    )
}

fn journaled_nowhere(config: &Config, given: &Given) -> Option<Finding> {
    if !config.has(Acknowledge::Journaled) || config.journal.directory.is_some() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["firehose.acknowledge", "sqs.acknowledge", "sns.acknowledge", "journal.directory"],
        "\"journaled\" needs a journal".to_owned(),
        "set journal.directory to a directory on a disk that outlives the task",
    )
}

fn nothing_journaled(config: &Config, given: &Given) -> Option<Finding> {
    if config.has(Acknowledge::Journaled) || config.journal.directory.is_none() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["journal.directory"],
        "nothing is journaled, and what a journal there still holds is not published".to_owned(),
        "set firehose.acknowledge to \"journaled\", or leave journal.directory empty",
    )
}

fn never_in_time(config: &Config, given: &Given) -> Option<Finding> {
    let cloudwatch = &config.cloudwatch;
    let needed =
        cloudwatch.flush_interval + cloudwatch.connect_timeout + cloudwatch.attempt_timeout;
    if !config.has(Acknowledge::Published) || needed <= cloudwatch.settle_deadline {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &[
            "cloudwatch.settle_deadline",
            "cloudwatch.flush_interval",
            "cloudwatch.attempt_timeout",
            "cloudwatch.connect_timeout",
            "firehose.acknowledge",
            "sqs.acknowledge",
            "sns.acknowledge",
        ],
        format!(
            "a flush interval and one attempt can take {}, longer than the settle deadline of {}",
            duration(needed),
            duration(cloudwatch.settle_deadline)
        ),
        "lengthen settle_deadline, or shorten flush_interval, connect_timeout or attempt_timeout",
    )
}

fn deadline_beyond_patience(config: &Config, given: &Given) -> Option<Finding> {
    let (deadline, patience) = (config.cloudwatch.settle_deadline, config.firehose.patience);
    if config.firehose.acknowledge != Acknowledge::Published || deadline <= patience {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["cloudwatch.settle_deadline", "firehose.patience", "firehose.acknowledge"],
        format!(
            "the settle deadline of {} is longer than firehose.patience, {}",
            duration(deadline),
            duration(patience)
        ),
        "shorten settle_deadline, or lengthen firehose.patience if the sender waits as long",
    )
}

fn same_namespace(config: &Config, given: &Given) -> Option<Finding> {
    if config.telemetry.own_namespace.as_deref() != Some(config.cloudwatch.namespace.as_str()) {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["telemetry.own_namespace", "cloudwatch.namespace"],
        "postmeter's own totals go to the namespace of the events".to_owned(),
        "choose another own_namespace, such as \"Postmeter\"",
    )
}

fn two_places(config: &Config, given: &Given) -> Option<Finding> {
    let letters = &config.dead_letters;
    if letters.directory.is_none() || letters.stream.is_none() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["dead_letters.stream", "dead_letters.directory"],
        "dead letters are kept in one place, a directory or a stream".to_owned(),
        "leave one of them empty",
    )
}

fn nothing_kept(config: &Config, given: &Given) -> Option<Finding> {
    let letters = &config.dead_letters;
    let has_place = letters.directory.is_some() || letters.stream.is_some();
    if !has_place || !letters.keep.is_empty() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["dead_letters.keep"],
        "there is a place for dead letters, and none are kept".to_owned(),
        "name some, such as [\"malformed\"], or leave dead_letters.directory and .stream empty",
    )
}

fn same_queue(config: &Config, given: &Given) -> Option<Finding> {
    let urls = || config.sqs.iter().map(|sqs| &sqs.queue_url);
    let twice = urls().enumerate().find(|(at, url)| urls().take(*at).any(|before| before == *url));
    let (_, url) = twice?;
    finding(
        Severity::Error,
        given,
        &["sqs.queue_url"],
        format!("the queue {url} stands twice"),
        "remove one of them; `pollers` says how many requests are made of a queue at once",
    )
}

fn no_queues_in_this_build(config: &Config, given: &Given) -> Option<Finding> {
    if cfg!(feature = "sqs") || config.sqs.is_empty() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["sqs.queue_url"],
        "this build reads no queues".to_owned(),
        "build with the feature `sqs`, or remove the section",
    )
}

fn forwarded_too_late(config: &Config, given: &Given) -> Option<Finding> {
    let (forward, patience) = (config.forward_patience, config.firehose.patience);
    if forward < patience {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["forward_patience", "firehose.patience"],
        format!(
            "forward_patience, {}, is no shorter than firehose.patience, {}",
            duration(forward),
            duration(patience)
        ),
        "shorten forward_patience, or requests whose events cannot be forwarded come again",
    )
}

fn no_stream_in_this_build(config: &Config, given: &Given) -> Option<Finding> {
    if cfg!(feature = "to-firehose") || config.dead_letters.stream.is_none() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["dead_letters.stream"],
        "this build sends nothing to Firehose".to_owned(),
        "build with the feature `to-firehose`, or set dead_letters.directory instead",
    )
}

fn answered_too_late_for_sns(config: &Config, given: &Given) -> Option<Finding> {
    let (deadline, sns) = (config.cloudwatch.settle_deadline, &config.sns);
    let waits = !sns.topics.is_empty() && sns.acknowledge == Acknowledge::Published;
    if !waits || deadline <= sns.patience {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["sns.acknowledge", "cloudwatch.settle_deadline", "sns.patience"],
        format!(
            "the settle deadline of {} is longer than sns.patience, {}; SNS waits 15s",
            duration(deadline),
            duration(sns.patience)
        ),
        "shorten settle_deadline and with it flush_interval, or choose \"merged\" or \"journaled\"",
    )
}

fn same_path(config: &Config, given: &Given) -> Option<Finding> {
    if config.sns.topics.is_empty() || config.sns.path != config.firehose.path {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["sns.path", "firehose.path"],
        format!("{} is the path of both Firehose's and SNS's endpoint", config.sns.path),
        "give each its own path",
    )
}

fn no_topics(config: &Config, given: &Given) -> Option<Finding> {
    if !config.sns.topics.is_empty() || config.sns.credentials.is_empty() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["sns.credentials", "sns.topics"],
        "there are credentials for SNS and no topics, so nothing is taken from it".to_owned(),
        "name the topics in sns.topics, or remove the credentials",
    )
}

fn no_signature_versions(config: &Config, given: &Given) -> Option<Finding> {
    if !config.sns.signature_versions.is_empty() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["sns.signature_versions"],
        "no version of signatures is accepted, so every signed message would be rejected"
            .to_owned(),
        "write [1, 2], or [2] to reject SHA-1",
    )
}

fn no_sns_in_this_build(config: &Config, given: &Given) -> Option<Finding> {
    if cfg!(feature = "sns") || config.sns.topics.is_empty() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["sns.topics"],
        "this build has no SNS endpoint".to_owned(),
        "build with the feature `sns`, or remove the section",
    )
}

pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether the second listener could not be bound after the first. Port 0 is a new port each time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // `[::]` takes IPv4 as well on Linux.
    let covers = |wide: SocketAddr, narrow: SocketAddr| {
        wide.ip().is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
    };
    one.port() == other.port()
        && one.port() != 0
        && (one.ip().to_canonical() == other.ip().to_canonical()
            || covers(one, other)
            || covers(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_overlap_where_one_address_covers_the_other() {
        let overlap =
            |one: &str, other: &str| overlap(one.parse().unwrap(), other.parse().unwrap());
        assert!(overlap("127.0.0.1:80", "127.0.0.1:80"));
        assert!(overlap("0.0.0.0:80", "127.0.0.1:80"));
        assert!(overlap("127.0.0.1:80", "[::]:80"));
        assert!(overlap("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!overlap("0.0.0.0:80", "[::1]:80"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"));
    }

    #[test]
    fn loopback_is_seen_through_mapped_addresses() {
        for inside in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_loopback(inside.parse().unwrap()), "{inside}");
        }
        for beyond in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!is_loopback(beyond.parse().unwrap()), "{beyond}");
        }
    }
}
