//! An EventBridge event bus, with the detail types that SES uses.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>, 2026-11-22.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Deserialize;

use super::forwards::RawEvent;
use super::target_call::{CallShape, SendOutcome};
use crate::aws::{CallFailure, CallLimits, EntryError};
use crate::definitions::Arn;
use crate::limits::{EVENTS_CALL_BYTES_MAX, EVENTS_CALL_ENTRIES_MAX};
use crate::ses::EventType;

/// Maximum size of an entry without its detail: source, type, time, bus and identity.
const BESIDE_DETAIL: usize = 4 << 10;

/// Error codes of entries that cannot succeed on retry.
const REFUSED: &[&str] = &[
    "InvalidAccountIdException",
    "InvalidArgument",
    "MalformedDetail",
    "NotAuthorizedForDetailTypeException",
    "NotAuthorizedForSourceException",
    "RedactionFailure",
];

#[derive(Debug)]
pub(super) struct EventBridge {
    client: Client,
    bus_arn: String,
    source: String,
}

/// The part of an event that SES repeats next to it.
#[derive(Deserialize)]
struct EntryHead {
    mail: Mail,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default, rename = "sourceArn")]
    source_arn: Option<String>,
}

/// The detail type that SES uses for an event type.
/// <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>, 2026-11-22.
const fn detail_type(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Send => "Email Sent",
        EventType::Reject => "Email Rejected",
        EventType::Bounce => "Email Bounced",
        EventType::Complaint => "Email Complaint Received",
        EventType::Delivery => "Email Delivered",
        EventType::Open => "Email Opened",
        EventType::Click => "Email Clicked",
        EventType::RenderingFailure => "Email Rendering Failed",
        EventType::DeliveryDelay => "Email Delivery Delayed",
        EventType::Subscription => "Email Subscribed",
    }
}

/// The identity that sent the mail, as SES adds it next to the event.
fn identity_of(event: &[u8]) -> Option<String> {
    let head: EntryHead = serde_json::from_slice(event).ok()?;
    head.mail.source_arn.filter(|arn| arn.len() < BESIDE_DETAIL / 2)
}

// === impl EventBridge ===

impl EventBridge {
    pub(super) const SHAPE: CallShape = CallShape {
        limits: CallLimits {
            entries: EVENTS_CALL_ENTRIES_MAX,
            bytes: EVENTS_CALL_BYTES_MAX - EVENTS_CALL_ENTRIES_MAX * BESIDE_DETAIL,
        },
        event_bytes: EVENTS_CALL_BYTES_MAX - BESIDE_DETAIL,
    };

    pub(super) fn new(sdk: &SdkConfig, bus: &Arn, source: &str) -> Self {
        let (bus_arn, source) = (bus.as_str().to_owned(), source.to_owned());
        Self { client: Client::new(sdk), bus_arn, source }
    }

    pub(super) async fn put(&self, events: &[RawEvent]) -> Result<Vec<SendOutcome>, CallFailure> {
        let entries = events.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus_arn)
                .source(&self.source)
                .detail_type(detail_type(event.event_type))
                .set_time(event.time_ms.map(DateTime::from_millis))
                .set_resources(identity_of(&event.bytes).map(|arn| vec![arn]))
                // The event was parsed as JSON, so it is UTF-8.
                .detail(String::from_utf8_lossy(&event.bytes))
                .build()
        });
        let call = self.client.put_events().set_entries(Some(entries.collect()));
        let answer =
            call.send().await.map_err(|error| CallFailure::of(&error, "events:PutEvents"))?;
        let each = answer.entries().iter().map(|entry| match entry.error_code() {
            None => SendOutcome::Taken,
            Some(code) => {
                let why = EntryError::new(code, entry.error_message()).to_string();
                if REFUSED.contains(&code) {
                    SendOutcome::Refused(why)
                } else {
                    SendOutcome::Again(why)
                }
            }
        });
        Ok(each.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_the_mails_and_nothing_elses() {
        let event = br#"{"sourceArn":"no","mail":{"x":{"sourceArn":"no"},"sourceArn":"arn:a"}}"#;
        assert_eq!(identity_of(event).as_deref(), Some("arn:a"));
        for none in [&br#"{"mail":{"sourceArn":null}}"#[..], br#"{"mail":{}}"#, b"{}", b""] {
            assert_eq!(identity_of(none), None);
        }
    }
}
