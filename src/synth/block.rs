//! The block of each event type.

use super::clock::{UNREADABLE, push_odd_timestamp, push_timestamp};
use super::draft::{BlockTime, Draft, pick};
use super::fields::DraftBounce;
use super::text::push_number;
use super::words::{AGENTS, COLORS, FEEDBACK, PLACEMENTS};
use crate::ses::EventType;

/// The key of a type's block.
pub(super) const fn block_name(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Send => "send",
        EventType::Reject => "reject",
        EventType::Bounce => "bounce",
        EventType::Complaint => "complaint",
        EventType::Delivery => "delivery",
        EventType::Open => "open",
        EventType::Click => "click",
        EventType::RenderingFailure => "failure",
        EventType::DeliveryDelay => "deliveryDelay",
        EventType::Subscription => "subscription",
    }
}

impl Draft<'_> {
    pub(super) fn block(&mut self) {
        let name = block_name(self.event_type);
        if self.odd(10) {
            // The last of two equal keys wins as a whole.
            let earlier = r#"{"timestamp":"2001-01-01T00:00:00Z","linkTags":{"only-here":["x"]}}"#;
            self.raw(name, earlier);
        }
        if self.odd(20) {
            self.sibling_block();
        }
        self.key(name);
        self.out.push('{');
        match self.event_type {
            EventType::Send => {}
            EventType::Reject => self.raw("reason", "\"Bad content\""),
            EventType::Bounce => self.bounce(),
            EventType::Complaint => self.complaint(),
            EventType::Delivery => self.delivery(),
            EventType::Open => self.engagement(),
            EventType::Click => self.click(),
            EventType::RenderingFailure => {
                let template = format!("receipt-{}", self.rng.u8(1..9));
                self.member("templateName", &template);
                let fault =
                    "Attribute 'first_name' is not present in the rendering data.\n{\"id\":7}";
                self.member("errorMessage", fault);
            }
            EventType::DeliveryDelay => self.delivery_delay(),
            EventType::Subscription => self.subscription(),
        }
        self.unread();
        self.out.push('}');
    }

    /// A block of another type, which has no meaning for this event.
    fn sibling_block(&mut self) {
        let other = pick(self.rng, &["open", "click", "send", "bounce"]);
        if other != block_name(self.event_type) {
            let json = pick(
                self.rng,
                &[
                    "null",
                    r#"{"timestamp":"2001-01-01T00:00:00Z","linkTags":{"placement":["decoy"]}}"#,
                ],
            );
            self.raw(other, json);
        }
    }

    fn block_timestamp(&mut self) {
        match self.block_time {
            BlockTime::Valid => {}
            BlockTime::Unreadable => {
                let text = pick(self.rng, &UNREADABLE);
                self.member("timestamp", text);
                return;
            }
            BlockTime::Absent => {
                let json =
                    pick(self.rng, &["null", "1795176000", "[\"2001-01-01T00:00:00Z\"]", ""]);
                if !json.is_empty() {
                    self.raw("timestamp", json);
                }
                return;
            }
        }
        if self.odd(10) {
            self.raw("timestamp", "\"2001-01-01T00:00:00Z\"");
        }
        let ms = self.facts.time_ms;
        self.key("timestamp");
        self.out.push('"');
        if self.odd(200) {
            self.facts.time_ms = push_odd_timestamp(&mut self.out, ms, self.rng);
        } else {
            push_timestamp(&mut self.out, ms);
        }
        self.out.push('"');
    }

    /// Writes `{"emailAddress":…` for each recipient and leaves the rest to `more`.
    fn recipients(&mut self, name: &str, more: impl Fn(&mut Self, &str)) {
        self.key(name);
        self.out.push('[');
        let recipients = std::mem::take(&mut self.recipients);
        for recipient in &recipients {
            self.comma();
            self.out.push('{');
            self.member("emailAddress", recipient);
            more(self, recipient);
            self.out.push('}');
        }
        self.recipients = recipients;
        self.out.push(']');
    }

    fn feedback_id(&mut self) {
        let id = self.identifier();
        self.member("feedbackId", &id);
    }

    fn bounce(&mut self) {
        let DraftBounce { kind, sub_kind, status, diagnostic } = self.choose_bounce();
        self.feedback_id();
        self.member("bounceType", kind);
        self.member("bounceSubType", sub_kind);
        self.recipients("bouncedRecipients", |draft, _| {
            if !diagnostic.is_empty() {
                draft.member("action", "failed");
                if !status.is_empty() {
                    draft.member("status", status);
                }
                draft.member("diagnosticCode", diagnostic);
            }
        });
        self.block_timestamp();
        if !diagnostic.is_empty() {
            let ip = self.ip();
            self.member("remoteMtaIp", &ip);
            self.member("reportingMTA", "dns; b224-17.smtp-out.eu-west-1.amazonses.com");
        }
    }

    fn complaint(&mut self) {
        self.feedback_id();
        self.raw("complaintSubType", "null");
        self.recipients("complainedRecipients", |_, _| {});
        self.block_timestamp();
        self.member("userAgent", "Feedback-Loop/2.1 (mx.example.net)");
        let feedback = pick(self.rng, &FEEDBACK);
        self.member("complaintFeedbackType", feedback);
        self.tell_complaint(feedback);
        self.key("arrivalDate");
        self.out.push('"');
        push_timestamp(&mut self.out, self.mail_ms);
        self.out.push('"');
    }

    fn delivery(&mut self) {
        self.block_timestamp();
        if self.odd(10) {
            self.raw("processingTimeMillis", "1e999");
        } else {
            self.key("processingTimeMillis");
            let ms = self.rng.u64(300..4000);
            push_number(&mut self.out, ms);
            self.tell_processing_time(ms);
        }
        let recipients = std::mem::take(&mut self.recipients);
        let mut texts: Vec<_> = recipients.iter().map(String::as_str).collect();
        if self.odd(30) {
            // Then those of the mail are meant.
            texts.clear();
        }
        self.list("recipients", &texts);
        self.recipients = recipients;
        let reply = self.choose_reply();
        self.member("smtpResponse", &reply);
        let ip = self.ip();
        self.member("remoteMtaIp", &ip);
        self.member("reportingMTA", "b224-17.smtp-out.eu-west-1.amazonses.com");
    }

    fn engagement(&mut self) {
        let ip = self.ip();
        self.member("ipAddress", &ip);
        self.block_timestamp();
        let agent = pick(self.rng, &AGENTS);
        self.member("userAgent", agent);
        self.actor();
    }

    fn click(&mut self) {
        self.engagement();
        let link = self.choose_link();
        self.member("link", link);
        if self.rng.u32(0..12) == 0 {
            // SES writes null, not an empty object, for a link without tags.
            let nothing = if self.odd(500) { "{}" } else { "null" };
            self.raw("linkTags", nothing);
            return;
        }
        let placement = pick(self.rng, &PLACEMENTS);
        let color = pick(self.rng, &COLORS);
        self.key("linkTags");
        self.out.push('{');
        for (name, value) in [("placement", placement), ("color", color)] {
            if let Some((name, meant)) = self.tag(name, value) {
                self.facts.link_tags.insert(name, meant);
            }
        }
        self.out.push('}');
    }

    fn delivery_delay(&mut self) {
        let (kind, status, diagnostic) = self.choose_delay();
        self.block_timestamp();
        self.member("delayType", kind);
        self.key("expirationTime");
        self.out.push('"');
        push_timestamp(&mut self.out, self.mail_ms + 50_400_000);
        self.out.push('"');
        self.recipients("delayedRecipients", |draft, _| {
            draft.member("status", status);
            draft.member("diagnosticCode", diagnostic);
        });
    }

    fn subscription(&mut self) {
        self.member("contactList", "readers");
        self.block_timestamp();
        self.member("source", "UnsubscribeHeader");
        let topic = pick(self.rng, &["concerts", "new-releases", "offers"]);
        for (name, all, status) in
            [("newTopicPreferences", "true", "OptOut"), ("oldTopicPreferences", "false", "OptIn")]
        {
            self.key(name);
            self.out.push('{');
            self.raw("unsubscribeAll", all);
            self.key("topicSubscriptionStatus");
            self.out.push_str("[{");
            self.member("topicName", topic);
            self.member("subscriptionStatus", status);
            self.out.push_str("}]}");
        }
    }
}
