//! Rules of single sources: queues, and the endpoints of Firehose and SNS.

use super::{Rule, finding};
use crate::config::Config;
use crate::config::given::Given;
use crate::config::sections::HELD_MESSAGES_MAX;
use crate::finding::{Finding, Severity};

pub(super) const RULES: &[Rule] =
    &[same_queue, too_many_held, same_path, no_topics, no_signature_versions];

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

/// Warns if two daemons could hold more messages than SQS allows: while a new version is deployed,
/// the old and the new daemon both run.
fn too_many_held(config: &Config, given: &Given) -> Option<Finding> {
    let most = config.sqs.iter().map(|sqs| sqs.held_messages).max()?;
    if most <= HELD_MESSAGES_MAX as usize / 2 {
        return None;
    }
    finding(
        Severity::Warning,
        given,
        &["sqs.held_messages"],
        format!(
            "two daemons would hold {} messages, and SQS allows {HELD_MESSAGES_MAX} messages of a \
             queue in flight, of all its consumers together",
            2 * most
        ),
        "reduce it so that all daemons that read the queue stay below, including those that run \
         only during a deployment",
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
