//! An event under construction: its JSON and its facts.

use fastrand::Rng;

use super::facts::{FactValue, Facts};
use super::profile::Profile;
use super::text::{push_hex, push_string, push_string_escaped};
use super::words::{ABSENT, BLANK, BROKEN, INVALID, MailDomain, UNREAD, UNREAD_NAMES};
use crate::ses::EventType;

/// The timestamp in the block of the event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockTime {
    Valid,
    Unreadable,
    Absent,
}

pub(super) struct Draft<'a> {
    pub rng: &'a mut Rng,
    pub profile: &'a Profile,
    pub out: String,
    pub facts: Facts,
    pub event_type: EventType,
    pub legacy: bool,
    pub block_time: BlockTime,
    pub mail_ms: i64,
    pub message_id: String,
    pub recipients: Vec<String>,
    /// The domain of each recipient.
    pub domains: Vec<MailDomain>,
    pub sender: (&'static str, &'static str),
    pub subject: &'static str,
    pub campaign: &'a str,
    pub genre: &'a str,
    pub set: &'a str,
}

/// A random element of a list that is not empty.
pub(super) fn pick<'a, T: ?Sized>(rng: &mut Rng, list: &[&'a T]) -> &'a T {
    list[rng.usize(0..list.len())]
}

impl Draft<'_> {
    /// True with a probability of `per_mille`, and only if awkward events are requested.
    pub(super) fn odd(&mut self, per_mille: u32) -> bool {
        self.profile.awkward && self.rng.u32(0..1000) < per_mille
    }

    /// Writes a comma unless this is the first member, the key and a colon.
    pub(super) fn key(&mut self, name: &str) {
        self.comma();
        if self.odd(3) {
            push_string_escaped(&mut self.out, name, self.rng);
            self.out.push_str(" :\t");
            return;
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// Writes a comma unless this is the first member or item.
    pub(super) fn comma(&mut self) {
        if !self.out.ends_with(['{', '[']) {
            self.out.push(',');
        }
    }

    pub(super) fn string(&mut self, text: &str) {
        if self.odd(10) {
            push_string_escaped(&mut self.out, text, self.rng);
        } else {
            push_string(&mut self.out, text);
        }
    }

    pub(super) fn member(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    /// Writes a member whose value needs no escaping, such as an address or a number.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.out.push_str(json);
    }

    /// Writes a list of texts under a key.
    pub(super) fn list(&mut self, name: &str, texts: &[&str]) {
        self.key(name);
        self.out.push('[');
        for text in texts {
            self.comma();
            self.string(text);
        }
        self.out.push(']');
    }

    /// Sometimes writes a field that no reader uses.
    pub(super) fn unread(&mut self) {
        if self.odd(40) {
            let name = pick(self.rng, &UNREAD_NAMES);
            self.key(name);
            self.out.push_str(pick(self.rng, &UNREAD));
        }
    }

    pub(super) fn ip(&mut self) -> String {
        let net = pick(self.rng, &["192.0.2.", "198.51.100.", "203.0.113."]);
        format!("{net}{}", self.rng.u8(1..255))
    }

    pub(super) fn identifier(&mut self) -> String {
        let mut id = String::with_capacity(60);
        push_hex(&mut id, 0x0100_019a_0000_0000 | self.rng.u64(0..1 << 32), 16);
        for digits in [8, 4, 4, 4, 12] {
            id.push('-');
            push_hex(&mut id, self.rng.u64(..), digits);
        }
        id.push_str("-000000");
        id
    }

    /// Writes one of the sender's tags in one of the forms that a consumer receives. Returns its
    /// meaning: a name and a value, or `None` if there is no value.
    pub(super) fn tag(&mut self, name: &str, value: &str) -> Option<(String, FactValue)> {
        if self.odd(15) {
            // Names are case-sensitive: this is another tag, and the wanted one is missing.
            let other = name.to_ascii_uppercase();
            self.key(&other);
            self.array(value);
            return Some((other, value.into()));
        }
        self.tag_value(name, value).map(|meant| (name.to_owned(), meant))
    }

    fn tag_value(&mut self, name: &str, value: &str) -> Option<FactValue> {
        if !self.profile.awkward {
            self.key(name);
            self.array(value);
            return Some(value.into());
        }
        match self.rng.u32(0..90) {
            0 | 1 => None,
            2 | 3 => {
                let (json, meant) = INVALID[self.rng.usize(0..INVALID.len())];
                self.raw_array(name, json);
                Some(meant.into())
            }
            4 => {
                let (json, meant) = BROKEN[self.rng.usize(0..BROKEN.len())];
                self.raw_array(name, json);
                Some(FactValue::Broken(meant.to_owned()))
            }
            5 | 6 => {
                let (json, meant) = BLANK[self.rng.usize(0..BLANK.len())];
                self.raw_array(name, json);
                Some(meant.into())
            }
            7 | 8 => {
                let json = pick(self.rng, &ABSENT);
                self.raw(name, json);
                None
            }
            9 | 10 => {
                let second =
                    pick(self.rng, &["\"second\"", "\"\",\"third\"", "4,null", "\"\\ud800\""]);
                self.key(name);
                self.out.push('[');
                self.string(value);
                self.out.push(',');
                self.out.push_str(second);
                self.out.push(']');
                Some(value.into())
            }
            11 | 12 => {
                self.member(name, value);
                Some(value.into())
            }
            13 => {
                self.key(name);
                self.out.push('[');
                push_string_escaped(&mut self.out, value, self.rng);
                self.out.push(']');
                Some(value.into())
            }
            14 => {
                let first = pick(self.rng, &["[\"overridden\"]", "[]", "\"\\ud800\"", "{\"x\":1}"]);
                self.raw(name, first);
                self.key(name);
                self.array(value);
                Some(value.into())
            }
            15 => {
                let long = "x".repeat(self.rng.usize(254..=257));
                self.key(name);
                self.array(&long);
                Some(FactValue::Text(long))
            }
            _ => {
                self.key(name);
                self.array(value);
                Some(value.into())
            }
        }
    }

    pub(super) fn array(&mut self, value: &str) {
        self.out.push('[');
        self.string(value);
        self.out.push(']');
    }

    fn raw_array(&mut self, name: &str, json: &str) {
        self.key(name);
        self.out.push_str("[\"");
        self.out.push_str(json);
        self.out.push_str("\"]");
    }
}
