//! The event types as the console names and explains them.

use crate::ses::EventType;

/// An event type in a form.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventTypeChoice {
    pub event_type: EventType,
    pub name: &'static str,
    pub help: &'static str,
}

const fn choice(event_type: EventType, name: &'static str, help: &'static str) -> EventTypeChoice {
    EventTypeChoice { event_type, name, help }
}

/// A group of types under one heading.
pub(super) const GROUPS: [(&str, &[EventTypeChoice]); 2] = [
    (
        "Sending and delivery",
        &[
            choice(
                EventType::Send,
                "Sends",
                "SES accepted the request and will try to deliver the message.",
            ),
            choice(
                EventType::RenderingFailure,
                "Rendering failures",
                "A template and its data do not fit, so no message was sent.",
            ),
            choice(
                EventType::Reject,
                "Rejects",
                "SES found a virus in the message after accepting it, and did not send it.",
            ),
            choice(
                EventType::Delivery,
                "Deliveries",
                "The recipient's mail server accepted the message.",
            ),
            choice(
                EventType::Bounce,
                "Hard bounces",
                "The recipient's mail server refused the message for good, or SES gave up retrying.",
            ),
            choice(
                EventType::Complaint,
                "Complaints",
                "The recipient marked a delivered message as spam.",
            ),
            choice(
                EventType::DeliveryDelay,
                "Delivery delays",
                "A temporary problem, such as a full inbox, keeps the message from being delivered.",
            ),
            choice(
                EventType::Subscription,
                "Subscriptions",
                "The recipient unsubscribed or changed topics, by a header or the footer's link.",
            ),
        ],
    ),
    (
        "Open and click tracking",
        &[
            choice(EventType::Open, "Opens", "The recipient opened the message."),
            choice(EventType::Click, "Clicks", "The recipient followed a link in the message."),
        ],
    ),
];

/// The name of a type for people.
pub(super) fn name_of(event_type: EventType) -> &'static str {
    let mut choices = GROUPS.iter().flat_map(|(_, choices)| *choices);
    let found = choices.find(|choice| choice.event_type == event_type);
    found.map_or(event_type.metric_name(), |choice| choice.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_is_in_one_group() {
        let mut types: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, choices)| *choices)
            .map(|choice| choice.event_type)
            .collect();
        types.sort_unstable();
        assert_eq!(types, EventType::ALL);
    }
}
