//! An event without what no dimension reads, and without addresses.
//!
//! [`minimal_event`] writes the smallest event in which every dimension has the value that it has in
//! the original: type, times, tags, headers, link tags, and what the fields are made from. Instead of
//! a text before an `@` it writes a code, so that equal values stay equal, different ones different,
//! and invalid ones invalid. It keeps no IP address, no link and no response of a mail server.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::address_codes::AddressCodes;
use super::block::EventBlock;
use super::event_type::EventType;
use super::field::minimal::{own_members, sender_members};
use super::interest::Interest;
use crate::ses::json::raw::Raw;

/// The longest name of a dimension.
const NAME_BYTES_MAX: usize = 255;

/// A minimal event that is longer is not kept.
const EVENT_BYTES_MAX: usize = 16 << 10;

/// Headers about people or about one mail alone. They are kept only if a definition reads them.
const LEFT_OUT_HEADERS: [&str; 23] = [
    "authentication-results",
    "bcc",
    "cc",
    "comments",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "dkim-signature",
    "in-reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-id",
    "mime-version",
    "received",
    "references",
    "resent-to",
    "return-path",
    "subject",
    "thread-topic",
    "to",
    "x-original-to",
    "x-ses-receipt",
];

type Members = Map<String, Json>;

/// The minimal form of an event; `None` if it is too long. `event` is the valid JSON object that was
/// read as this type.
#[must_use]
pub(crate) fn minimal_event(
    event: &[u8],
    event_type: EventType,
    interest: &Interest,
    codes: &AddressCodes,
) -> Option<String> {
    let raw = Raw::new(event);
    let mail = raw.member("mail");
    let mut kept_mail = sender_members(mail, codes);
    put_time(&mut kept_mail, mail, codes);
    put_object(&mut kept_mail, "tags", tags(mail.member("tags"), codes));
    let headers = headers(mail.member("headers"), interest, codes);
    if !headers.is_empty() {
        kept_mail.insert("headers".to_owned(), Json::Array(headers));
    }
    let mut kept = Members::new();
    if let Some(block) = EventBlock::of(event_type) {
        let own = raw.member(block.name());
        let mut kept_own = own_members(block, own, codes);
        put_time(&mut kept_own, own, codes);
        if block == EventBlock::Click {
            put_object(&mut kept_own, "linkTags", tags(own.member("linkTags"), codes));
        }
        if own.is_object() {
            kept.insert(block.name().to_owned(), Json::Object(kept_own));
        }
    }
    kept.insert("eventType".to_owned(), json!(event_type.metric_name()));
    kept.insert("mail".to_owned(), Json::Object(kept_mail));
    let text = Json::Object(kept).to_string();
    (text.len() <= EVENT_BYTES_MAX).then_some(text)
}

fn put_time(kept: &mut Members, block: Raw<'_>, codes: &AddressCodes) {
    codes.put(kept, "timestamp", block.member("timestamp"));
}

fn put_object(kept: &mut Members, name: &str, members: Members) {
    if !members.is_empty() {
        kept.insert(name.to_owned(), Json::Object(members));
    }
}

/// Tags or link tags, each with the value that counts: a string, or the first of a list.
fn tags(tags: Raw<'_>, codes: &AddressCodes) -> Members {
    let mut kept = Members::new();
    for (name, value) in tags.members() {
        let Some(name) = dimension_name(&name) else { continue };
        let first = || codes.text(value.elements().next()?);
        match codes.text(value).or_else(first) {
            Some(text) => kept.insert(name.to_owned(), json!([text])),
            None => kept.remove(name),
        };
    }
    kept
}

/// The first header of each name.
fn headers(headers: Raw<'_>, interest: &Interest, codes: &AddressCodes) -> Vec<Json> {
    let (mut kept, mut known) = (Vec::new(), BTreeSet::new());
    for header in headers.elements() {
        let Some(name) = header.member("name").text() else { continue };
        let Some(name) = dimension_name(&name) else { continue };
        let lower = name.to_ascii_lowercase();
        let is_left_out = LEFT_OUT_HEADERS.contains(&&*lower);
        if is_left_out && interest.header(name.as_bytes()).is_none() || !known.insert(lower) {
            continue;
        }
        let value = codes.text(header.member("value")).unwrap_or_default();
        kept.push(json!({"name": name, "value": value}));
    }
    kept
}

/// A name that a dimension can have.
fn dimension_name(name: &[u8]) -> Option<&str> {
    let can_be = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'@');
    str::from_utf8(name).ok().filter(|_| can_be)
}
