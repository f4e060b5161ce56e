//! Reads an event exactly as SES writes it, and a wrapping as AWS does.
//!
//! [`super::members`] handles values of any form. This reader handles the one form that nearly all
//! traffic has, in one walk. Anything unusual (a repeated key, a key with escapes, a field with an
//! unexpected type) stops it, and the general code must read the value.

use super::block::EventBlock;
use super::field::reader::FieldMembers;
use super::identity::Part;
use super::interest::{Interest, Slot};
use super::members::{BlockField, HeaderField, ValueField};
use super::value::Value;
use crate::ses::json::raw::Text;
use crate::ses::json::walk::{Cursor, Stepped, ValueWalk, WalkStop};

/// Reads an object that may be an event into an empty value. Each method steps over what it reads.
pub(crate) struct PlainEvent<'v, 'i, 'a, 'e> {
    pub walk: ValueWalk<'a, 'e>,
    pub interest: &'i Interest,
    pub value: &'v mut Value<'a>,
    /// Members from which fields are made, if some are wanted. They may be invalid as long as the
    /// value may be.
    pub fields: Option<&'v mut FieldMembers<'a>>,
}

/// The fields of an object that were seen: a bit for each.
#[derive(Clone, Copy, Default)]
struct SeenFields(u32);

// The bits of a block's fields. Those of `Part` are behind them.
const TIMESTAMP: usize = 0;
const TAGS: usize = 1;
const HEADERS: usize = 2;
const PARTS: usize = 3;

// How many lists and objects are open around a value that is skipped.
const IN_EVENT: usize = 1;
const IN_BLOCK: usize = 2;
const IN_TAGS: usize = 3;
const IN_TAG: usize = 4;
/// Also in a recipient.
const IN_HEADER: usize = 4;

// === impl SeenFields ===

impl SeenFields {
    /// Marks a field; a second time is unusual.
    #[inline]
    fn once(&mut self, field: usize) -> Result<(), WalkStop> {
        let bit = 1 << field;
        if self.0 & bit != 0 {
            return Err(WalkStop::Unusual);
        }
        self.0 |= bit;
        Ok(())
    }
}

// === impl PlainEvent ===

impl<'a> PlainEvent<'_, '_, 'a, '_> {
    /// Reads the event at a cursor.
    pub(crate) fn read(mut self, cursor: Cursor) -> Stepped {
        let walk = self.walk;
        let mut seen = SeenFields::default();
        walk.members(cursor, |key, cursor| match ValueField::of(key) {
            None => walk.skip(cursor, IN_EVENT),
            Some(ValueField::Block(block)) => {
                seen.once(block as usize)?;
                self.value.has_mail |= block == EventBlock::Mail;
                self.block(block, cursor)
            }
            Some(ValueField::EventType) if self.may_set_event_type() => {
                self.text(cursor, |value, text| value.event_type = Some(text))
            }
            Some(ValueField::NotificationType) if self.value.notification_type.is_none() => {
                self.text(cursor, |value, text| value.notification_type = Some(text))
            }
            Some(ValueField::Wrapper(field)) => {
                // Of a repeated one, the last counts.
                let end = walk.skip(cursor, IN_EVENT)?;
                *self.value.wrapper().place(field) = walk.raw(cursor, end)?;
                Ok(end)
            }
            // A repeated type.
            Some(_) => Err(WalkStop::Unusual),
        })
    }

    /// Once, and not where it replaces the type by which blocks were read.
    fn may_set_event_type(&self) -> bool {
        self.value.event_type.is_none()
            && (self.fields.is_none() || self.value.notification_type.is_none())
    }

    /// Whether members of a block are to be kept for fields. Where that depends on a type that is
    /// not known yet, the event is unusual.
    fn has_fields_in(&self, block: EventBlock) -> Result<bool, WalkStop> {
        if self.fields.is_none() || block == EventBlock::Mail {
            return Ok(self.fields.is_some());
        }
        let event_type = self.value.event_type().ok_or(WalkStop::Unusual)?;
        Ok(EventBlock::of(event_type) == Some(block))
    }

    /// Keeps a member between two cursors, if a field is made from it.
    fn keep_member(
        &mut self,
        (key, block): (&[u8], EventBlock),
        (start, end): (Cursor, Cursor),
    ) -> Result<(), WalkStop> {
        let place = self.fields.as_mut().and_then(|fields| fields.place(key, block));
        if let Some(place) = place {
            *place = self.walk.raw(start, end)?;
        }
        Ok(())
    }

    /// A field that is a string.
    #[inline]
    fn text(&mut self, cursor: Cursor, put: impl FnOnce(&mut Value<'a>, Text<'a>)) -> Stepped {
        let (text, cursor) = self.walk.text(cursor)?;
        put(self.value, text);
        Ok(cursor)
    }

    /// `mail`, `click` and the other blocks.
    fn block(&mut self, block: EventBlock, cursor: Cursor) -> Stepped {
        let walk = self.walk;
        let mut seen = SeenFields::default();
        let has_fields = self.has_fields_in(block)?;
        walk.members(cursor, |key, start| {
            let end = self.member(key, block, start, &mut seen)?;
            if has_fields {
                self.keep_member((key, block), (start, end))?;
            }
            Ok(end)
        })
    }

    /// A member of a block.
    #[inline]
    fn member(
        &mut self,
        key: &[u8],
        block: EventBlock,
        cursor: Cursor,
        seen: &mut SeenFields,
    ) -> Stepped {
        let (walk, interest) = (self.walk, self.interest);
        match BlockField::of(key, block, interest) {
            None => walk.skip(cursor, IN_BLOCK),
            Some(BlockField::Timestamp) => {
                seen.once(TIMESTAMP)?;
                self.text(cursor, |value, text| value.set_time(block, text))
            }
            Some(BlockField::Tags) => {
                seen.once(TAGS)?;
                self.tags(cursor, |name| interest.tag(name))
            }
            Some(BlockField::LinkTags) => {
                seen.once(TAGS)?;
                match walk.peek(cursor)? {
                    // SES writes `"linkTags": null` for a link without tags.
                    (b'n', cursor) => walk.skip(cursor, IN_BLOCK),
                    (_, cursor) => self.tags(cursor, |name| interest.link_tag(name)),
                }
            }
            Some(BlockField::Headers) => {
                seen.once(HEADERS)?;
                walk.elements(cursor, |cursor| self.header(cursor))
            }
            Some(BlockField::Identity(part)) => {
                seen.once(PARTS + part.index())?;
                if part == Part::Recipient {
                    walk.elements(cursor, |cursor| self.recipient(block, cursor))
                } else {
                    self.text(cursor, |value, text| value.add_identity(block, part, text))
                }
            }
        }
    }

    /// `tags` or `linkTags`.
    #[inline]
    fn tags(&mut self, cursor: Cursor, slot: impl Fn(&[u8]) -> Option<Slot>) -> Stepped {
        let walk = self.walk;
        walk.members(cursor, |name, cursor| match slot(name) {
            Some(slot) => self.tag(slot, cursor),
            None => walk.skip(cursor, IN_TAGS),
        })
    }

    /// A tag's value: the first string of a list.
    fn tag(&mut self, slot: Slot, cursor: Cursor) -> Stepped {
        let walk = self.walk;
        let mut first = None;
        let cursor = walk.elements(cursor, |cursor| {
            if first.is_some() {
                return walk.skip(cursor, IN_TAG);
            }
            let (text, cursor) = walk.text(cursor)?;
            first = Some(text);
            Ok(cursor)
        })?;
        self.value.put(slot, first);
        Ok(cursor)
    }

    /// One of `headers`.
    #[inline]
    fn header(&mut self, cursor: Cursor) -> Stepped {
        let Some((header, cursor)) = self.walk.usual_header(cursor) else {
            return self.header_of_any_form(cursor);
        };
        if let Some(slot) = self.interest.header(header.name) {
            self.put_header(slot, self.walk.header_value(&header));
        }
        Ok(cursor)
    }

    /// The first header with a name counts, even without a value.
    fn put_header(&mut self, slot: Slot, text: Text<'a>) {
        if self.value.fields().get(slot).is_none() {
            self.value.put(slot, Some(text));
        }
    }

    fn header_of_any_form(&mut self, cursor: Cursor) -> Stepped {
        let walk = self.walk;
        let mut seen = SeenFields::default();
        let (mut slot, mut value) = (None, None);
        let cursor = walk.members(cursor, |key, cursor| match HeaderField::of(key) {
            None => walk.skip(cursor, IN_HEADER),
            Some(field) => {
                seen.once(field as usize)?;
                let (text, cursor) = walk.text(cursor)?;
                match field {
                    HeaderField::Name => slot = self.interest.header(&text),
                    HeaderField::Value => value = Some(text),
                }
                Ok(cursor)
            }
        })?;
        if let Some(slot) = slot {
            self.put_header(slot, value.unwrap_or_default());
        }
        Ok(cursor)
    }

    /// A recipient that a block names: an address, or an object with an `emailAddress`.
    fn recipient(&mut self, block: EventBlock, cursor: Cursor) -> Stepped {
        let walk = self.walk;
        let add = |value: &mut Value<'a>, text| value.add_identity(block, Part::Recipient, text);
        if let (b'"', cursor) = walk.peek(cursor)? {
            return self.text(cursor, add);
        }
        let mut address = None;
        let cursor = walk.members(cursor, |key, cursor| {
            if key != b"emailAddress" {
                return walk.skip(cursor, IN_HEADER);
            }
            let (text, cursor) = walk.text(cursor)?;
            match address.replace(text) {
                None => Ok(cursor),
                Some(_) => Err(WalkStop::Unusual),
            }
        })?;
        add(self.value, address.ok_or(WalkStop::Unusual)?);
        Ok(cursor)
    }
}
