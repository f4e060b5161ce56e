//! The `mail` object: addresses, headers and message tags.

use super::clock::{UNREADABLE, push_mail_date, push_odd_timestamp, push_timestamp};
use super::draft::{BlockTime, Draft, pick};
use super::facts::FactValue;
use super::text::{push_hex, push_string};
use super::words::{
    BLANK, BROKEN, DECOY_SUBJECTS, IDENTITIES, INVALID, LISTS, OPERATIONS, POOLS, REGIONS, VARIANTS,
};
use crate::ses::EventType;

const SET_TAG: &str = "ses:configuration-set";
const FIELDS: usize = 10;

/// A whole `mail` that a later `mail` of the same event replaces.
pub(super) const DECOY: &str = r#"{"timestamp":"2001-01-01T00:00:00Z","headers":[{"name":"X-Mailer-Pool","value":"decoy"}],"tags":{"ses:configuration-set":["decoy"],"campaign":["decoy"],"only-here":["decoy"]}}"#;

impl Draft<'_> {
    pub(super) fn mail(&mut self) {
        self.key("mail");
        self.out.push('{');
        // SES writes its fields in one order for some types and sorted for others.
        let first = if self.rng.u32(0..4) == 0 { self.rng.usize(0..FIELDS) } else { 0 };
        for step in 0..FIELDS {
            self.mail_field((first + step) % FIELDS);
        }
        if self.legacy {
            let ip = self.ip();
            self.member("sourceIp", &ip);
            self.member("callerIdentity", IDENTITIES[0]);
        }
        self.unread();
        self.out.push('}');
    }

    fn mail_field(&mut self, field: usize) {
        // SES leaves headers out of some types, and the sender's ARN out of others.
        let engaged = matches!(self.event_type, EventType::Open | EventType::Click);
        match field {
            0 => self.mail_timestamp(),
            1 => self.member("source", self.sender.0),
            2 if !engaged => {
                let arn = format!("arn:aws:ses:eu-west-1:123456789012:identity/{}", self.sender.1);
                self.member("sourceArn", &arn);
                self.tell_region("eu-west-1");
            }
            3 if self.odd(20) => self.raw("sendingAccountId", "123456789012"),
            3 => {
                self.raw("sendingAccountId", "\"123456789012\"");
                self.tell_account("123456789012");
            }
            4 => self.message_id(),
            5 => {
                let recipients = std::mem::take(&mut self.recipients);
                let texts: Vec<_> = recipients.iter().map(String::as_str).collect();
                self.list("destination", &texts);
                self.recipients = recipients;
                self.tell_recipients();
            }
            6 => self.raw("headersTruncated", "false"),
            7 => self.headers(),
            8 => self.common_headers(),
            9 if !self.legacy => self.tags(),
            _ => {}
        }
    }

    fn message_id(&mut self) {
        self.key("messageId");
        push_string(&mut self.out, &self.message_id);
    }

    fn mail_timestamp(&mut self) {
        let own = matches!(
            self.event_type,
            EventType::Send | EventType::Reject | EventType::RenderingFailure
        );
        if self.odd(10) {
            self.raw("timestamp", "\"2001-01-01T00:00:00Z\"");
        }
        if !own && self.block_time == BlockTime::Valid && self.odd(20) {
            self.member("timestamp", UNREADABLE[0]);
            return;
        }
        self.key("timestamp");
        self.out.push('"');
        if self.odd(200) {
            let meant = push_odd_timestamp(&mut self.out, self.mail_ms, self.rng);
            if own || self.block_time != BlockTime::Valid {
                self.facts.time_ms = meant;
            }
        } else {
            push_timestamp(&mut self.out, self.mail_ms);
        }
        self.out.push('"');
    }

    fn slim(&self) -> bool {
        matches!(self.event_type, EventType::DeliveryDelay | EventType::RenderingFailure)
            && self.mail_ms & 1 == 0
    }

    fn common_headers(&mut self) {
        if self.slim() {
            return;
        }
        self.key("commonHeaders");
        self.out.push('{');
        self.list("from", &[self.sender.0]);
        let to = self.recipients.join(", ");
        self.list("to", &[&to]);
        self.message_id();
        let subject = self.subject;
        self.member("subject", subject);
        if self.odd(30) {
            self.raw("campaign", "[\"decoy\"]");
        }
        self.out.push('}');
    }

    fn headers(&mut self) {
        if self.slim() {
            return;
        }
        if self.odd(15) {
            let nothing =
                pick(self.rng, &["[]", "null", "{\"name\":\"X-Mailer-Pool\"}", "\"none\""]);
            self.raw("headers", nothing);
            return;
        }
        if self.odd(10) {
            self.raw("headers", r#"[{"name":"List-Id","value":"overridden"}]"#);
        }
        self.key("headers");
        self.out.push('[');
        let to = self.recipients.join(", ");
        let (subject, mut date) = (self.subject, String::new());
        push_mail_date(&mut date, self.mail_ms);
        self.header("From", self.sender.0);
        self.header("To", to);
        self.header("Subject", subject);
        self.header("Date", date);
        let id = format!("<{}@{}>", &self.message_id[8..32], self.sender.1);
        self.header("Message-ID", id);
        self.pool_header();
        self.header("MIME-Version", "1.0");
        let boundary = self.rng.u32(..);
        let content = format!("multipart/alternative; boundary=\"=_part_{boundary:08x}\"");
        self.header("Content-Type", content);
        let list = pick(self.rng, &LISTS);
        self.header("List-Id", list);
        let leave = format!("<https://{}/leave?m={boundary:08x}>", self.sender.1);
        self.header("List-Unsubscribe", leave);
        let set = self.set;
        self.header("X-SES-CONFIGURATION-SET", set);
        let tags = format!("campaign={}, genre={}", self.campaign, self.genre);
        self.header("X-SES-MESSAGE-TAGS", tags);
        self.more_headers();
        self.out.push(']');
    }

    /// Headers of relays and senders that no reader uses.
    fn more_headers(&mut self) {
        let end = self.out.len() + self.profile.header_bytes;
        let mut number = 1;
        while self.out.len() < end {
            let mut value = String::with_capacity(80);
            for _ in 0..5 {
                push_hex(&mut value, self.rng.u64(..), 16);
            }
            self.header(&format!("X-Entity-{number}"), value);
            number += 1;
        }
    }

    fn header(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        self.comma();
        if self.odd(4) {
            // The other order, with an unused field and an overridden name.
            self.out.push_str("{\"position\":1e999,\"name\":\"X-Overridden\"");
            self.member("value", &value);
            self.member("name", name);
        } else {
            self.out.push('{');
            self.member("name", name);
            self.member("value", &value);
        }
        self.out.push('}');
        self.facts.headers.push((name.to_owned(), FactValue::Text(value)));
    }

    fn pool_header(&mut self) {
        let pool = pick(self.rng, &POOLS);
        if self.rng.u32(0..10) == 0 {
            return;
        }
        let form = if self.profile.awkward { self.rng.u32(0..30) } else { 30 };
        match form {
            0 => self.header("x-mailer-pool", pool),
            1 => self.header("X-MAILER-POOL", pool),
            2 => {
                self.header("X-Mailer-Pool", pool);
                self.header("X-Mailer-Pool", "repeated");
            }
            3 => {
                self.header("x-Mailer-pool", pool);
                self.header("X-Mailer-Pool", "two words");
            }
            4 => {
                let (json, meant) = INVALID[self.rng.usize(0..INVALID.len())];
                self.raw_header(json, meant.into());
            }
            5 => {
                let (json, meant) = BROKEN[self.rng.usize(0..BROKEN.len())];
                self.raw_header(json, FactValue::Broken(meant.to_owned()));
            }
            6 => {
                let (json, meant) = BLANK[self.rng.usize(0..BLANK.len())];
                self.raw_header(json, meant.into());
            }
            7 => {
                self.comma();
                self.out.push_str("{\"name\":\"X-Mailer-Pool\",\"value\":null}");
            }
            8 => {
                self.comma();
                self.out
                    .push_str("{\"name\":\"X-Mailer-Pool\"},\"X-Mailer-Pool\",{\"value\":\"x\"},7");
            }
            _ => self.header("X-Mailer-Pool", pool),
        }
    }

    fn raw_header(&mut self, json: &str, meant: FactValue) {
        self.comma();
        self.out.push_str("{\"name\":\"X-Mailer-Pool\",\"value\":\"");
        self.out.push_str(json);
        self.out.push_str("\"}");
        self.facts.headers.push(("X-Mailer-Pool".to_owned(), meant));
    }

    fn tags(&mut self) {
        if self.odd(10) {
            self.raw("tags", r#"{"campaign":["overridden"],"only-here":["overridden"]}"#);
        }
        self.key("tags");
        self.out.push('{');
        self.set_tag();
        if !self.slim() {
            self.auto_tags();
            let (campaign, genre) = (self.campaign, self.genre);
            self.own_tag("campaign", campaign);
            self.own_tag("genre", genre);
            let variant = pick(self.rng, &VARIANTS);
            self.own_tag("variant", variant);
            let region = pick(self.rng, &REGIONS);
            self.own_tag("region", region);
        }
        self.out.push('}');
    }

    fn auto_tags(&mut self) {
        let operation = pick(self.rng, &OPERATIONS);
        self.auto_tag("ses:operation", operation);
        let ip = if self.odd(20) { "2001:db8::25".to_owned() } else { self.ip() };
        self.auto_tag("ses:source-ip", ip);
        self.auto_tag("ses:from-domain", self.sender.1);
        let identity = if self.odd(20) { "Deploy Role" } else { pick(self.rng, &IDENTITIES) };
        self.auto_tag("ses:caller-identity", identity);
        if self.event_type == EventType::Delivery {
            let outgoing = self.ip();
            self.auto_tag("ses:outgoing-ip", outgoing);
        }
    }

    fn auto_tag(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        self.key(name);
        self.array(&value);
        self.facts.tags.insert(name.to_owned(), FactValue::Text(value));
    }

    fn own_tag(&mut self, name: &str, value: &str) {
        if let Some((name, meant)) = self.tag(name, value) {
            self.facts.tags.insert(name, meant);
        }
    }

    fn set_tag(&mut self) {
        let set = self.set;
        let form = if self.profile.awkward { self.rng.u32(0..60) } else { 60 };
        let told = match form {
            0 | 1 => {
                self.raw(SET_TAG, "[\"retired-set\"]");
                Some("retired-set")
            }
            2 | 3 => None,
            4 => {
                let absent = pick(self.rng, &["[]", "null", "[7]", "{}"]);
                self.raw(SET_TAG, absent);
                None
            }
            5 => {
                self.raw(SET_TAG, "[\" \\t\"]");
                Some(" \t")
            }
            6 => {
                self.raw(SET_TAG, "[\"overridden\"]");
                self.member(SET_TAG, set);
                Some(set)
            }
            7 => {
                self.list(SET_TAG, &[set, "second"]);
                Some(set)
            }
            _ => {
                self.key(SET_TAG);
                self.array(set);
                Some(set)
            }
        };
        let Some(told) = told else { return };
        self.facts.tags.insert(SET_TAG.to_owned(), told.into());
        if !FactValue::from(told).is_blank() {
            self.facts.configuration_set = Some(told.to_owned());
        }
    }

    /// A subject; an awkward one may look like JSON or like a tag.
    pub(super) fn choose_subject(&mut self, plain: &'static str) {
        self.subject = if self.odd(40) { pick(self.rng, &DECOY_SUBJECTS) } else { plain };
    }
}
