//! Rules across keys: combinations that do not work although each key is valid by itself.
//!
//! A rule is skipped if one of its keys could not be read, because the configuration then contains
//! the default and not what the operator meant.

mod ses_api;

use std::net::SocketAddr;
use std::time::Duration;

use super::load::Given;
use super::text::duration;
use super::{Acknowledge, Config, Publish};
use crate::finding::{Finding, Severity};

/// The default idle timeout of an Application Load Balancer.
const BALANCER_IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Checks one rule.
type Rule = fn(&Config, &Given) -> Option<Finding>;

/// Adds the findings of all rules.
pub(super) fn check(config: &Config, given: &Given, findings: &mut Vec<Finding>) {
    let rules: [Rule; 20] = [
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
        forwarded_too_late,
        answered_too_late_for_sns,
        same_path,
        no_topics,
        no_signature_versions,
    ];
    let rules = rules.iter().chain(ses_api::RULES);
    findings.extend(rules.filter_map(|rule| rule(config, given)));
}

/// A finding at the place of the first of the keys that was given.
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
        "publishing requires definitions".to_owned(),
        "set `definitions` to a file or \"env:NAME\", or set cloudwatch.publish to \"memory\"",
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
        format!(
            "{} is reachable from other hosts, but no access key is configured",
            config.listen.http
        ),
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
        "choose a different port for each listener",
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
        format!(
            "{} is reachable from other hosts, but metrics require no token",
            config.listen.admin
        ),
        "set listen.admin_token, or make sure that only your monitoring can reach this port",
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
        format!("{missing} is not set, but TLS requires both"),
        "set both to PEM files, or leave both empty",
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
        "client certificates require TLS".to_owned(),
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
        format!("{time} is not longer than the default idle timeout of a load balancer, 60s"),
        "behind a load balancer, choose a longer time such as \"75s\", or some requests fail with \
         502",
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
        "\"journaled\" requires a journal".to_owned(),
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
        "nothing uses the journal, and counts left in an existing journal are not published"
            .to_owned(),
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
            "a flush interval and one attempt can take {}, longer than settle_deadline, {}",
            duration(needed),
            duration(cloudwatch.settle_deadline)
        ),
        "increase settle_deadline, or reduce flush_interval, connect_timeout or attempt_timeout",
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
            "settle_deadline, {}, is longer than firehose.patience, {}",
            duration(deadline),
            duration(patience)
        ),
        "reduce settle_deadline, or increase firehose.patience if the sender waits that long",
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
        "postmeter's own totals go to the same namespace as the metrics of events".to_owned(),
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
        "dead letters can go to a directory or to a stream, not to both".to_owned(),
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
        "a destination for dead letters is set, but nothing is kept".to_owned(),
        "list what to keep, such as [\"malformed\"], or leave dead_letters.directory and .stream \
         empty",
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
        format!("queue {url} is listed twice"),
        "remove one of them; `pollers` sets the number of concurrent requests for a queue",
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
            "forward_patience, {}, is not shorter than firehose.patience, {}",
            duration(forward),
            duration(patience)
        ),
        "reduce forward_patience, or Firehose retries requests whose events cannot be forwarded",
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
            "settle_deadline, {}, is longer than sns.patience, {} (SNS waits 15s)",
            duration(deadline),
            duration(sns.patience)
        ),
        "reduce settle_deadline and flush_interval, or choose \"merged\" or \"journaled\"",
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
        format!("{} is the path of both the Firehose and the SNS endpoint", config.sns.path),
        "choose a different path for each",
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
        "SNS credentials are set, but no topics are, so there is no SNS endpoint".to_owned(),
        "list the topics in sns.topics, or remove the credentials",
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
        "no signature version is accepted, so every signed message would be rejected".to_owned(),
        "set it to [1, 2], or to [2] to reject SHA-1",
    )
}

pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether the second listener could not be bound after the first. Port 0 never overlaps, because
/// the system chooses a free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // On Linux, `[::]` also binds IPv4.
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
