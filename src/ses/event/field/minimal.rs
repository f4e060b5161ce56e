//! What the fields of a minimal event are made from: see [`crate::ses::event::minimal`].

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::domain::{domain_of_address, host_of_link};
use super::reader::FieldMembers;
use crate::ses::event::address_codes::AddressCodes;
use crate::ses::event::block::EventBlock;
use crate::ses::event::identity::recipient;
use crate::ses::json::raw::Raw;

/// Recipients of one mail: SES allows 50.
const RECIPIENTS_MAX: usize = 50;

/// The members of `mail` from which fields are made.
pub(in crate::ses::event) fn sender_members(
    mail: Raw<'_>,
    codes: &AddressCodes,
) -> Map<String, Json> {
    let mut members = FieldMembers::default();
    members.read_block(mail, EventBlock::Mail);
    let mut kept = Map::new();
    if members.destination.elements().next().is_some() {
        kept.insert("destination".to_owned(), Json::Array(domains(members.destination)));
    }
    codes.put(&mut kept, "sendingAccountId", members.account);
    if let Some(region) = members.region() {
        let region = String::from_utf8_lossy(&region).replace('@', "");
        kept.insert("sourceArn".to_owned(), json!(format!("arn:aws:ses:{region}:")));
    }
    kept
}

/// The members of the block of an event's type from which fields are made.
pub(in crate::ses::event) fn own_members(
    block: EventBlock,
    own: Raw<'_>,
    codes: &AddressCodes,
) -> Map<String, Json> {
    let mut members = FieldMembers::default();
    members.read_block(own, block);
    let mut kept = Map::new();
    for (name, raw) in [
        ("bounceType", members.bounce_type),
        ("bounceSubType", members.bounce_sub_type),
        ("delayType", members.delay_type),
        ("isBotEvent", members.is_bot_event),
        ("complaintSubType", members.complaint_sub_type),
        ("complaintFeedbackType", members.feedback_type),
    ] {
        codes.put(&mut kept, name, raw);
    }
    let milliseconds = members.processing_time.number();
    if let Some(number) = milliseconds.and_then(|text| serde_json::from_slice::<Json>(text).ok()) {
        kept.insert("processingTimeMillis".to_owned(), number);
    }
    if let Some(host) = members.link.text().and_then(host_of_link) {
        // An empty port and a dot at the end: what reading takes off once more.
        let host = String::from_utf8_lossy(&host).into_owned();
        kept.insert("link".to_owned(), json!(format!("https://{host}.:/")));
    }
    let mut recipients = if members.recipients.elements().next().is_some() {
        domains(members.recipients)
    } else {
        Vec::new()
    };
    if let Some(status) = members.smtp_status() {
        let status = String::from_utf8_lossy(&status).into_owned();
        match recipients.first_mut() {
            Some(first) if block != EventBlock::Delivery => first["status"] = json!(status),
            _ => drop(kept.insert("smtpResponse".to_owned(), json!(status))),
        }
    }
    let list = match block {
        EventBlock::Bounce => "bouncedRecipients",
        EventBlock::Complaint => "complainedRecipients",
        EventBlock::Delivery => "recipients",
        EventBlock::DeliveryDelay => "delayedRecipients",
        _ => return kept,
    };
    if !recipients.is_empty() {
        kept.insert(list.to_owned(), Json::Array(recipients));
    }
    kept
}

/// The different domains of a list of recipients, each once; never an empty list.
fn domains(list: Raw<'_>) -> Vec<Json> {
    let recipients = list.elements().take(RECIPIENTS_MAX).filter_map(recipient);
    let domains: BTreeSet<_> = recipients.filter_map(domain_of_address).collect();
    if domains.is_empty() {
        return vec![json!({})];
    }
    let domain =
        |domain: &[u8]| json!({"emailAddress": format!("@{}.", String::from_utf8_lossy(domain))});
    domains.iter().map(|text| domain(text)).collect()
}
