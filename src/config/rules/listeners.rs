//! Rules of the listeners: addresses, TLS, idle connections.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Rule, finding};
use crate::config::Config;
use crate::config::given::Given;
use crate::config::sections::is_loopback;
use crate::config::text::duration;
use crate::finding::{Finding, Severity};

/// The default idle timeout of an Application Load Balancer.
const BALANCER_IDLE_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) const RULES: &[Rule] = &[
    open_to_strangers,
    same_address,
    metrics_beyond_loopback,
    short_keep_alive,
    half_of_tls,
    client_ca_without_tls,
];

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

/// Whether the second listener could not be bound after the first. Port 0 never overlaps, because
/// the system chooses a free port.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
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
}
