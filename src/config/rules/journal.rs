//! Rules of the journal.

use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::sections::is_loopback;
use crate::config::{Acknowledge, Config};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[journaled_nowhere, nothing_journaled, partly_journaled];

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

/// Warns if the journal has only a part of the counts.
fn partly_journaled(config: &Config, given: &Given) -> Option<Finding> {
    if !config.has(Acknowledge::Journaled) {
        return None;
    }
    // The Firehose endpoint always exists, but without these nothing outside reaches it.
    let has_firehose = !config.firehose.access_keys.is_empty() || !is_loopback(config.listen.http);
    let queues = config.sqs.iter().map(|sqs| ("sqs.acknowledge", sqs.acknowledge));
    let sns =
        (!config.sns.topics.is_empty()).then_some(("sns.acknowledge", config.sns.acknowledge));
    let firehose = has_firehose.then_some(("firehose.acknowledge", config.firehose.acknowledge));
    let mut others = queues.chain(sns).chain(firehose);
    let (key, other) = others.find(|(_, mode)| *mode != Acknowledge::Journaled)?;
    let meaning = if other == Acknowledge::Published {
        "after a crash they come again from their sender, and those in calls on their way may be \
         counted twice, which no counter shows"
    } else {
        "a crash loses those that are not published"
    };
    finding(
        Severity::Warning,
        given,
        &[key, "journal.directory"],
        format!(
            "the journal has only the counts of \"journaled\" sources, not those of {key} = \"{}\": \
             {meaning}",
            other.word(),
        ),
        "choose \"journaled\" there too, or keep the combination if that is what you want",
    )
}
