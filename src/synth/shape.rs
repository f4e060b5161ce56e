//! The outermost object of an event: the order of its parts, the name of its type, and events of
//! unknown type.

use super::block::block_name;
use super::draft::{BlockTime, Draft, pick};
use super::event::SynthEvent;
use super::facts::Facts;
use super::mail::DECOY;
use super::text::push_string_escaped;
use crate::ses::EventType;

impl Draft<'_> {
    pub(super) fn choose_block_time(&mut self) {
        let timeless = matches!(
            self.event_type,
            EventType::Send | EventType::Reject | EventType::RenderingFailure
        );
        if !timeless && self.odd(40) {
            let unreadable = self.rng.bool();
            self.block_time = if unreadable { BlockTime::Unreadable } else { BlockTime::Absent };
            self.facts.time_ms = self.mail_ms;
        }
    }

    pub(super) fn write(&mut self) {
        self.out.push('{');
        let parts = match self.rng.u32(0..10) {
            0 => [2, 0, 1],
            1 => [0, 1, 2],
            2 => [1, 2, 0],
            _ if self.block_first() => [0, 2, 1],
            _ => [0, 1, 2],
        };
        for part in parts {
            match part {
                0 => self.type_name(),
                1 => {
                    if self.odd(15) {
                        self.raw("mail", DECOY);
                    }
                    self.mail();
                }
                _ => self.block(),
            }
            self.unread();
        }
        self.out.push('}');
    }

    /// SES puts the block of these types before the mail.
    fn block_first(&self) -> bool {
        matches!(
            self.event_type,
            EventType::Bounce | EventType::Complaint | EventType::Open | EventType::Click
        )
    }

    fn type_name(&mut self) {
        let name = match self.event_type {
            EventType::RenderingFailure => "Rendering Failure",
            other => other.metric_name(),
        };
        if self.legacy {
            if self.odd(200) {
                let absent = pick(self.rng, &["null", "7", "[\"Send\"]"]);
                self.raw("eventType", absent);
            }
            self.member("notificationType", name);
            return;
        }
        if self.odd(15) {
            self.raw("eventType", "\"Open\"");
        }
        match if self.profile.awkward { self.rng.u32(0..50) } else { 50 } {
            0 => self.member("eventType", self.event_type.api_name()),
            1 => self.member("eventType", block_name_as_type(self.event_type)),
            2 => {
                self.key("eventType");
                push_string_escaped(&mut self.out, name, self.rng);
            }
            3 => {
                // Both names: this one wins in any position.
                self.member("eventType", name);
                self.member("notificationType", "Complaint");
            }
            _ => self.member("eventType", name),
        }
    }

    /// An event of a type that SES does not publish, or without a mail.
    pub(super) fn unknown(mut self) -> SynthEvent {
        self.facts = Facts::new(None, self.facts.time_ms);
        self.out.push('{');
        match self.rng.u32(0..5) {
            0 => {
                self.member("eventType", "TEXT_DELIVERED");
                self.raw("isFinal", "true");
                self.raw("destinationPhoneNumber", "\"+15555550100\"");
            }
            1 => {
                let name = pick(self.rng, &["Received", "Send", "Open", "DeliveryDelay"]);
                self.member("notificationType", name);
                self.mail();
                self.legacy = true;
            }
            2 => {
                let name =
                    pick(self.rng, &["Sent", "Unsubscribe", "", "Sends", "Bounce2", "\u{c9}nvoi"]);
                self.member("eventType", name);
                self.mail();
            }
            3 => {
                self.raw("eventType", "\"Send\\ud800\"");
                self.mail();
            }
            _ => {
                self.member("eventType", "Send");
                let mail = pick(self.rng, &["null", "[]", "\"mail\"", "7", ""]);
                if !mail.is_empty() {
                    self.raw("mail", mail);
                }
                self.raw("send", "{\"mail\":{\"timestamp\":\"2026-11-20T12:00:00Z\"}}");
            }
        }
        self.out.push('}');
        SynthEvent {
            facts: Facts::new(None, self.facts.time_ms),
            legacy: self.legacy,
            json: self.out,
        }
    }
}

/// The v1 spelling of a type, such as `renderingFailure`.
const fn block_name_as_type(event_type: EventType) -> &'static str {
    match event_type {
        EventType::RenderingFailure => "renderingFailure",
        other => block_name(other),
    }
}
