//! Events in the wrappings that other services put around them.

use super::documents::{any_text, list};
use super::random::Random;
use super::tree::Tree;

/// An event in a wrapping of SNS, `EventBridge`, SQS or Firehose.
pub(super) fn wrapped(event: &Tree, random: &mut Random) -> Tree {
    match random.below(4) {
        0 => Tree::object([
            ("Type", Tree::text("Notification")),
            ("MessageId", Tree::text("1")),
            ("TopicArn", Tree::text("arn:aws:sns:eu-west-1:1:a")),
            ("Message", quoted(event, random)),
        ]),
        1 => Tree::object([
            ("version", Tree::text("0")),
            ("detail-type", Tree::text("Email Sent")),
            ("source", Tree::text("aws.ses")),
            ("resources", list(any_text(random))),
            ("detail", event.clone()),
        ]),
        2 => {
            let body = if random.once_in(2) { quoted(event, random) } else { event.clone() };
            Tree::object([("Records", list(Tree::object([("body", body)])))])
        }
        _ => Tree::object([
            ("requestId", any_text(random)),
            ("timestamp", Tree::token("1")),
            ("records", list(Tree::object([("data", any_text(random))]))),
        ]),
    }
}

/// A text that holds a value.
fn quoted(value: &Tree, random: &mut Random) -> Tree {
    let mut text = Vec::new();
    value.write(random, false, &mut text);
    let escaped = text.iter().flat_map(|byte| match byte {
        b'"' | b'\\' => vec![b'\\', *byte],
        _ => vec![*byte],
    });
    Tree::Text(escaped.collect())
}
