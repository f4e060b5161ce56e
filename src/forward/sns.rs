//! An SNS topic, with the subject and text that SES uses.
//! <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>, 2026-11-22.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::PublishBatchRequestEntry;

use super::forwards::RawEvent;
use super::target_call::{CallShape, SendOutcome, line};
use crate::aws::{CallFailure, CallLimits, EntryError};
use crate::definitions::Arn;
use crate::limits::{SNS_CALL_BYTES_MAX, SNS_CALL_ENTRIES_MAX, SNS_MESSAGE_BYTES_MAX};

/// The messages are in
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html>,
/// 2026-11-22; the subject is taken from messages that SES sends.
const SUBJECT: &str = "Amazon SES Email Event Notification";

#[derive(Debug)]
pub(super) struct Sns {
    client: Client,
    topic_arn: String,
}

// === impl Sns ===

impl Sns {
    pub(super) const SHAPE: CallShape = CallShape {
        // Leaves room for subjects and newlines.
        limits: CallLimits {
            entries: SNS_CALL_ENTRIES_MAX,
            bytes: SNS_CALL_BYTES_MAX - SNS_CALL_ENTRIES_MAX * (SUBJECT.len() + 1),
        },
        event_bytes: SNS_MESSAGE_BYTES_MAX - SUBJECT.len() - 1,
    };

    pub(super) fn new(sdk: &SdkConfig, topic: &Arn) -> Self {
        Self { client: Client::new(sdk), topic_arn: topic.as_str().to_owned() }
    }

    pub(super) async fn put(&self, events: &[RawEvent]) -> Result<Vec<SendOutcome>, CallFailure> {
        let entries = events.iter().enumerate().map(|(at, event)| {
            // The event was parsed as JSON, so it is UTF-8.
            let message = String::from_utf8_lossy(&line(event)).into_owned();
            let entry = PublishBatchRequestEntry::builder();
            let entry = entry.id(at.to_string()).subject(SUBJECT).message(message).build();
            entry.expect("an entry requires only an ID and a message")
        });
        let call = self.client.publish_batch().topic_arn(&self.topic_arn);
        let call = call.set_publish_batch_request_entries(Some(entries.collect()));
        let answer = call.send().await.map_err(|error| CallFailure::of(&error, "sns:Publish"))?;
        let taken = answer
            .successful()
            .iter()
            .filter_map(|entry| Some((entry.id()?.to_owned(), SendOutcome::Taken)));
        let failed = answer.failed().iter().map(|entry| {
            let why = EntryError::new(entry.code(), entry.message()).to_string();
            let is_invalid = entry.sender_fault() && entry.code().starts_with("InvalidParameter");
            let answer =
                if is_invalid { SendOutcome::Refused(why) } else { SendOutcome::Again(why) };
            (entry.id().to_owned(), answer)
        });
        let mut answers: HashMap<_, _> = taken.chain(failed).collect();
        let unanswered = || SendOutcome::Again("no result for this entry".to_owned());
        let each = 0..events.len();
        Ok(each.map(|at| answers.remove(&at.to_string()).unwrap_or_else(unanswered)).collect())
    }
}
