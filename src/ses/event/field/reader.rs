//! Makes the wanted fields of an event from members of `mail` and of the block of its type.

use super::bounce_class::bounce_class;
use super::complaint_kind::complaint_kind;
use super::domain::host_of_link;
use super::smtp_status::first_status;
use super::{EventField, recipients};
use crate::ses::event::block::EventBlock;
use crate::ses::event::event_type::EventType;
use crate::ses::event::interest::Interest;
use crate::ses::event::value::Value;
use crate::ses::json::raw::{Raw, Text};

/// The members of an event from which its fields are made: of `mail`, and of the block of its type.
#[derive(Clone, Copy, Default)]
pub(in crate::ses::event) struct FieldMembers<'a> {
    pub bounce_type: Raw<'a>,
    pub bounce_sub_type: Raw<'a>,
    pub delay_type: Raw<'a>,
    smtp_response: Raw<'a>,
    pub is_bot_event: Raw<'a>,
    pub link: Raw<'a>,
    /// Those that the block names.
    pub recipients: Raw<'a>,
    /// All recipients of the mail.
    pub destination: Raw<'a>,
    pub account: Raw<'a>,
    source_arn: Raw<'a>,
    pub complaint_sub_type: Raw<'a>,
    pub feedback_type: Raw<'a>,
    pub processing_time: Raw<'a>,
}

/// Reads the wanted fields that events of the type have. `own` is the block of the type, `mail` the
/// block of all types.
pub(in crate::ses::event) fn read<'a>(
    event_type: EventType,
    (own, mail): (Raw<'a>, Raw<'a>),
    interest: &Interest,
    value: &mut Value<'a>,
) {
    let mut members = FieldMembers::default();
    if let Some(block) = EventBlock::of(event_type) {
        members.read_block(own, block);
    }
    members.read_block(mail, EventBlock::Mail);
    members.put_fields(event_type, interest, value);
}

// === impl FieldMembers ===

impl<'a> FieldMembers<'a> {
    /// Puts the wanted fields that events of the type have into a value.
    pub(in crate::ses::event) fn put_fields(
        self,
        event_type: EventType,
        interest: &Interest,
        value: &mut Value<'a>,
    ) {
        let mut found = None;
        for (field, slot) in interest.fields() {
            if !field.is_of(event_type) {
                continue;
            }
            let text = match field {
                EventField::BounceClass => Some(self.bounce_class().into()),
                EventField::BounceSubType => self.bounce_sub_type.text(),
                EventField::DelayType => self.delay_type.text(),
                EventField::SmtpStatus => self.smtp_status(),
                EventField::Actor => Some(self.actor().into()),
                EventField::LinkDomain => self.link.text().and_then(host_of_link),
                EventField::RecipientDomain | EventField::MailboxProvider => {
                    let read = || recipients::read(self.recipients(), interest.mailbox_providers());
                    let recipients = found.get_or_insert_with(read);
                    match field {
                        EventField::RecipientDomain => recipients.domain.clone(),
                        _ => recipients.provider.clone(),
                    }
                }
                EventField::Account => self.account.text(),
                EventField::Region => self.region(),
                EventField::ComplaintKind => Some(self.complaint_kind().into()),
                EventField::ProcessingTime => self.processing_time.number().map(Text::Borrowed),
            };
            value.put(slot, text);
        }
    }

    pub(super) fn read_block(&mut self, raw: Raw<'a>, block: EventBlock) {
        for (key, member) in raw.members() {
            if let Some(place) = self.place(&key, block) {
                *place = member;
            }
        }
    }

    /// The place of a block's member, if a field is made from it. A repeated member replaces the
    /// earlier one.
    pub(in crate::ses::event) fn place(
        &mut self,
        key: &[u8],
        block: EventBlock,
    ) -> Option<&mut Raw<'a>> {
        Some(match (block, key) {
            (EventBlock::Mail, b"destination") => &mut self.destination,
            (EventBlock::Mail, b"sendingAccountId") => &mut self.account,
            (EventBlock::Mail, b"sourceArn") => &mut self.source_arn,
            (EventBlock::Bounce, b"bounceType") => &mut self.bounce_type,
            (EventBlock::Bounce, b"bounceSubType") => &mut self.bounce_sub_type,
            (EventBlock::Bounce, b"bouncedRecipients")
            | (EventBlock::Complaint, b"complainedRecipients")
            | (EventBlock::Delivery, b"recipients")
            | (EventBlock::DeliveryDelay, b"delayedRecipients") => &mut self.recipients,
            (EventBlock::Delivery, b"smtpResponse") => &mut self.smtp_response,
            (EventBlock::DeliveryDelay, b"delayType") => &mut self.delay_type,
            (EventBlock::Complaint, b"complaintSubType") => &mut self.complaint_sub_type,
            (EventBlock::Complaint, b"complaintFeedbackType") => &mut self.feedback_type,
            (EventBlock::Delivery, b"processingTimeMillis") => &mut self.processing_time,
            (EventBlock::Open | EventBlock::Click, b"isBotEvent") => &mut self.is_bot_event,
            (EventBlock::Click, b"link") => &mut self.link,
            _ => return None,
        })
    }

    fn bounce_class(&self) -> &'static [u8] {
        let text = |raw: Raw<'a>| raw.text().unwrap_or_default();
        bounce_class(&text(self.bounce_type), &text(self.bounce_sub_type)).as_bytes()
    }

    fn complaint_kind(&self) -> &'static [u8] {
        let text = |raw: Raw<'a>| raw.text().unwrap_or_default();
        complaint_kind(&text(self.complaint_sub_type), &text(self.feedback_type)).as_bytes()
    }

    /// Absent is never human: events before August 2026 do not say it.
    fn actor(&self) -> &'static [u8] {
        match self.is_bot_event.text() {
            Some(text) if text.eq_ignore_ascii_case(b"Likely") => b"machine",
            Some(text) if text.eq_ignore_ascii_case(b"Unlikely") => b"human",
            _ => b"unknown",
        }
    }

    /// The status of the first recipient, else the first in a recipient's diagnostic code, or in the
    /// response of the receiving server.
    pub(super) fn smtp_status(&self) -> Option<Text<'a>> {
        let first = |text: Text<'a>| first_status(&text).map(|status| status.to_vec().into());
        let diagnostic = |recipient: Raw<'a>| recipient.member("diagnosticCode").text();
        let of_first =
            self.recipients.elements().next().and_then(|one| one.member("status").text());
        of_first
            .and_then(first)
            .or_else(|| self.recipients.elements().filter_map(diagnostic).find_map(first))
            .or_else(|| self.smtp_response.text().and_then(first))
    }

    /// The recipients that the event names.
    fn recipients(&self) -> Raw<'a> {
        let of_block = self.recipients.elements().next();
        if of_block.is_some() { self.recipients } else { self.destination }
    }

    /// The region of the sender's identity: `arn:aws:ses:REGION:…`. Opens and Clicks have none.
    pub(super) fn region(&self) -> Option<Text<'a>> {
        let arn = self.source_arn.text()?;
        let mut parts = arn.split(|byte| *byte == b':');
        let is_arn = parts.next() == Some(b"arn");
        let region = parts.nth(2).filter(|_| is_arn)?;
        Some(region.to_vec().into())
    }
}
