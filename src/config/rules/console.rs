//! Rules of the console.

use super::listeners::overlap;
use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::sections::is_loopback;
use crate::config::{Config, DefinitionsSource};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[
    open_to_strangers,
    same_address,
    repeated_user,
    changes_in_memory,
    changes_in_a_variable,
    read_by_strangers,
    users_for_nothing,
];

fn open_to_strangers(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.console.listen.filter(|address| !is_loopback(*address))?;
    if !config.console.users.is_empty() {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["console.listen", "console.users"],
        format!("{address} is reachable from other hosts, but the console has no users"),
        "set console.users to [\"NAME:writer:HASH\"] with a hash from `postmeter hash-password`, or \
         listen on 127.0.0.1",
    )
}

fn same_address(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.console.listen?;
    let others = [
        ("listen.http", Some(config.listen.http)),
        ("listen.admin", Some(config.listen.admin)),
        ("ses_api.listen", config.ses_api.listen),
    ];
    let mut others = others.into_iter().filter_map(|(name, other)| Some((name, other?)));
    let (name, other) = others.find(|(_, other)| overlap(address, *other))?;
    finding(
        Severity::Error,
        given,
        &["console.listen"],
        format!("{address} overlaps {name}, {other}"),
        "choose a different port for each listener",
    )
}

fn repeated_user(config: &Config, given: &Given) -> Option<Finding> {
    let users = &config.console.users;
    let repeated = users.iter().enumerate().find_map(|(at, user)| {
        users[..at].iter().any(|other| other.name == user.name).then_some(user)
    })?;
    finding(
        Severity::Error,
        given,
        &["console.users"],
        format!("user {} is listed twice", repeated.name),
        "keep one",
    )
}

fn changes_in_memory(config: &Config, given: &Given) -> Option<Finding> {
    let is_lost = config.console.listen.is_some()
        && config.console.write
        && config.definitions.is_none()
        && config.ses_api.listen.is_none();
    is_lost.then_some(())?;
    finding(
        Severity::Warning,
        given,
        &["console.write", "definitions"],
        "changes in the console are lost when the daemon ends, because no document is configured"
            .to_owned(),
        "set `definitions` to a file or \"s3://BUCKET/KEY\", which need not exist yet",
    )
}

fn changes_in_a_variable(config: &Config, given: &Given) -> Option<Finding> {
    let Some(DefinitionsSource::Env(variable)) = &config.definitions else { return None };
    (config.console.listen.is_some() && config.console.write).then_some(())?;
    finding(
        Severity::Warning,
        given,
        &["console.write", "definitions"],
        format!("the console cannot change the definitions in the variable {variable}"),
        "set `definitions` to a file or \"s3://BUCKET/KEY\", or console.write to false",
    )
}

fn read_by_strangers(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.console.listen.filter(|address| !is_loopback(*address))?;
    if config.console.users.is_empty() || config.listen.tls_certificate.is_some() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["console.listen", "listen.tls_certificate"],
        format!("{address} is reachable from other hosts over plain HTTP, passwords included"),
        "set listen.tls_certificate and listen.tls_key, or terminate TLS at a load balancer",
    )
}

fn users_for_nothing(config: &Config, given: &Given) -> Option<Finding> {
    let console = &config.console;
    let is_plain = console.users.is_empty() && !console.write && console.signing_key.is_none();
    if is_plain || console.listen.is_some() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["console.users", "console.write", "console.signing_key"],
        "the settings of the console are not used".to_owned(),
        "set console.listen, or remove them",
    )
}
