//! Rules of the SES API.

use super::listeners::overlap;
use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::sections::is_loopback;
use crate::config::{ApiAuth, Config, DefinitionsSource};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[
    nowhere_to_keep_changes,
    open_to_strangers,
    no_access_keys,
    same_address,
    read_by_strangers,
    keys_for_nothing,
];

fn nowhere_to_keep_changes(config: &Config, given: &Given) -> Option<Finding> {
    config.ses_api.listen?;
    let what = match &config.definitions {
        Some(DefinitionsSource::Path(_) | DefinitionsSource::S3 { .. }) => return None,
        Some(DefinitionsSource::Env(_)) => "changes cannot be stored in an environment variable",
        None => "changes have nowhere to be stored",
    };
    finding(
        Severity::Error,
        given,
        &["ses_api.listen", "definitions"],
        what.to_owned(),
        "set `definitions` to a file or \"s3://BUCKET/KEY\", which need not exist yet",
    )
}

fn open_to_strangers(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.ses_api.listen.filter(|address| !is_loopback(*address))?;
    if config.ses_api.auth != ApiAuth::None {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["ses_api.auth", "ses_api.listen"],
        format!("{address} is reachable from other hosts, so any client could change definitions"),
        "set ses_api.auth to \"sigv4\", or listen on 127.0.0.1",
    )
}

fn no_access_keys(config: &Config, given: &Given) -> Option<Finding> {
    let api = &config.ses_api;
    let has_keys = !api.access_keys.is_empty() || !api.read_only_access_keys.is_empty();
    if api.listen.is_none() || api.auth == ApiAuth::None || has_keys {
        return None;
    }
    finding(
        Severity::Error,
        given,
        &["ses_api.access_keys", "ses_api.listen"],
        "the SES API has no access keys, so no client can authenticate".to_owned(),
        "set ses_api.access_keys to [\"ID:SECRET\"], or, on loopback, ses_api.auth to \"none\"",
    )
}

fn same_address(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.ses_api.listen?;
    let others = [("listen.http", config.listen.http), ("listen.admin", config.listen.admin)];
    let (name, other) = others.into_iter().find(|(_, other)| overlap(address, *other))?;
    finding(
        Severity::Error,
        given,
        &["ses_api.listen"],
        format!("{address} overlaps {name}, {other}"),
        "choose a different port for each listener",
    )
}

fn read_by_strangers(config: &Config, given: &Given) -> Option<Finding> {
    let address = config.ses_api.listen.filter(|address| !is_loopback(*address))?;
    if config.ses_api.auth == ApiAuth::None || config.listen.tls_certificate.is_some() {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["ses_api.listen", "listen.tls_certificate"],
        format!("{address} is reachable from other hosts over plain HTTP"),
        "signatures prevent changes by others, but not eavesdropping: set listen.tls_certificate \
         and listen.tls_key, or terminate TLS at a load balancer",
    )
}

fn keys_for_nothing(config: &Config, given: &Given) -> Option<Finding> {
    let api = &config.ses_api;
    let has_keys = !api.access_keys.is_empty() || !api.read_only_access_keys.is_empty();
    if !has_keys || (api.listen.is_some() && api.auth == ApiAuth::SigV4) {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["ses_api.access_keys", "ses_api.read_only_access_keys"],
        "the access keys of the SES API are not used".to_owned(),
        "set ses_api.listen and ses_api.auth to \"sigv4\", or remove the keys",
    )
}
