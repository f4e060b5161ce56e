//! Rules of the journal.

use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::{Acknowledge, Config};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] = &[journaled_nowhere, nothing_journaled];

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
