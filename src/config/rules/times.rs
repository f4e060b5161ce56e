//! Rules of times that must fit into each other.

use super::{Rule, finding};
use crate::config::given::Given;
use crate::config::text::duration;
use crate::config::{Acknowledge, Config};
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] =
    &[never_in_time, deadline_beyond_patience, forwarded_too_late, answered_too_late_for_sns];

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
