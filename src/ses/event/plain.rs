//! Reads a bare event exactly as SES writes it.
//!
//! [`super::members`] handles values of any form. These seeds handle the one form that nearly all
//! traffic has, at half the cost. Anything unusual (a wrapping, a repeated key, a field with an
//! unexpected type) is an error here, and the general code must read the value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::block::EventBlock;
use super::identity::Part;
use super::interest::{Interest, Slot};
use super::members::{BlockField, HeaderField, ValueField};
use super::value::Value;
use crate::ses::json::raw::Text;

/// Reads an object that may be an event into an empty value.
pub(crate) struct EventSeed<'v, 'i, 'a> {
    pub value: &'v mut Value<'a>,
    pub interest: &'i Interest,
}

/// Marks a field as seen; a second time is an error.
fn once<E: Error>(seen: &mut bool) -> Result<(), E> {
    if std::mem::replace(seen, true) { Err(unusual()) } else { Ok(()) }
}

#[cold]
fn unusual<E: Error>() -> E {
    E::invalid_value(Unexpected::Map, &"a plain event")
}

/// Implements a seed that accepts one kind of value and visits it itself.
macro_rules! seed {
    ($seed:ident<$($life:lifetime),*> as $kind:ident -> $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $seed<$($life),*> {
            type Value = $value;

            #[inline]
            fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<$value, D::Error> {
                json.$kind(self)
            }
        }
    };
}

macro_rules! expecting {
    ($what:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($what)
        }
    };
}

/// Maps a key to its meaning.
struct KeySeed<F>(F);

impl<'de, T, F: FnOnce(&[u8]) -> T> DeserializeSeed<'de> for KeySeed<F> {
    type Value = T;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<T, D::Error> {
        json.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&[u8]) -> T> Visitor<'_> for KeySeed<F> {
    type Value = T;

    expecting!("a key");

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key.as_bytes()))
    }
}

/// A string.
struct PlainText;

seed!(PlainText<> as deserialize_str -> Text<'de>);

impl<'de> Visitor<'de> for PlainText {
    type Value = Text<'de>;

    expecting!("a string");

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    #[cold]
    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Cow::Owned(text.as_bytes().to_vec()))
    }
}

seed!(EventSeed<'_, '_, 'de> as deserialize_map -> ());

impl<'de> Visitor<'de> for EventSeed<'_, '_, 'de> {
    type Value = ();

    expecting!("an event");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { value, interest } = self;
        let mut seen_blocks = [false; 8];
        while let Some(field) = map.next_key_seed(KeySeed(ValueField::of))? {
            match field {
                Some(ValueField::EventType) if value.event_type.is_none() => {
                    value.event_type = Some(map.next_value_seed(PlainText)?);
                }
                Some(ValueField::NotificationType) if value.notification_type.is_none() => {
                    value.notification_type = Some(map.next_value_seed(PlainText)?);
                }
                Some(ValueField::Block(block)) => {
                    once(&mut seen_blocks[block as usize])?;
                    value.has_mail |= block == EventBlock::Mail;
                    map.next_value_seed(BlockSeed { value, interest, block })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                // A wrapping, or a repeated type.
                Some(_) => return Err(unusual()),
            }
        }
        Ok(())
    }
}

/// `mail`, `click` and the other blocks.
struct BlockSeed<'v, 'i, 'a> {
    value: &'v mut Value<'a>,
    interest: &'i Interest,
    block: EventBlock,
}

seed!(BlockSeed<'_, '_, 'de> as deserialize_map -> ());

impl<'de> Visitor<'de> for BlockSeed<'_, '_, 'de> {
    type Value = ();

    expecting!("a block of an event");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { value, interest, block } = self;
        let (mut seen_timestamp, mut seen_tags, mut seen_headers) = (false, false, false);
        let mut seen_parts = [false; Part::UserAgent as usize + 1];
        let field = |key: &[u8]| BlockField::of(key, block, interest);
        while let Some(field) = map.next_key_seed(KeySeed(field))? {
            match field {
                Some(BlockField::Timestamp) => {
                    once(&mut seen_timestamp)?;
                    value.set_time(block, map.next_value_seed(PlainText)?);
                }
                Some(BlockField::Tags) => {
                    once(&mut seen_tags)?;
                    let slot = |name: &[u8]| interest.tag(name);
                    map.next_value_seed(TagsSeed { value, slot })?;
                }
                Some(BlockField::LinkTags) => {
                    once(&mut seen_tags)?;
                    let slot = |name: &[u8]| interest.link_tag(name);
                    map.next_value_seed(OrNull(TagsSeed { value, slot }))?;
                }
                Some(BlockField::Headers) => {
                    once(&mut seen_headers)?;
                    map.next_value_seed(HeadersSeed { value, interest })?;
                }
                Some(BlockField::Identity(part)) => {
                    once(&mut seen_parts[part as usize])?;
                    if part == Part::Recipient {
                        map.next_value_seed(RecipientsSeed { value, block })?;
                    } else {
                        value.add_identity(block, part, map.next_value_seed(PlainText)?);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The value of the seed, or null: SES writes `"linkTags": null` for a link without tags.
struct OrNull<S>(S);

impl<'de, S: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for OrNull<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> Visitor<'de> for OrNull<S> {
    type Value = ();

    expecting!("null or a value");

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.deserialize(json)
    }
}

/// `tags` or `linkTags`.
struct TagsSeed<'v, 'a, F> {
    value: &'v mut Value<'a>,
    slot: F,
}

impl<'de, F: Fn(&[u8]) -> Option<Slot>> DeserializeSeed<'de> for TagsSeed<'_, 'de, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, F: Fn(&[u8]) -> Option<Slot>> Visitor<'de> for TagsSeed<'_, 'de, F> {
    type Value = ();

    expecting!("tags");

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(slot) = map.next_key_seed(KeySeed(&self.slot))? {
            match slot {
                Some(slot) => self.value.put(slot, map.next_value_seed(TagSeed)?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A tag's value: the first string of a list.
struct TagSeed;

seed!(TagSeed<> as deserialize_seq -> Option<Text<'de>>);

impl<'de> Visitor<'de> for TagSeed {
    type Value = Option<Text<'de>>;

    expecting!("a list of strings");

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(PlainText)?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

/// `headers`.
struct HeadersSeed<'v, 'i, 'a> {
    value: &'v mut Value<'a>,
    interest: &'i Interest,
}

seed!(HeadersSeed<'_, '_, 'de> as deserialize_seq -> ());

impl<'de> Visitor<'de> for HeadersSeed<'_, '_, 'de> {
    type Value = ();

    expecting!("a list of headers");

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(header) = list.next_element_seed(HeaderSeed(self.interest))? {
            // The first header with a name counts, even without a value.
            if let Some((slot, text)) = header
                && self.value.fields().get(slot).is_none()
            {
                self.value.put(slot, Some(text));
            }
        }
        Ok(())
    }
}

/// A header's slot, if it is wanted, and its value.
struct HeaderSeed<'i>(&'i Interest);

/// Whether a header is wanted.
struct HeaderName<'i>(&'i Interest);

seed!(HeaderName<'_> as deserialize_str -> Option<Slot>);

impl Visitor<'_> for HeaderName<'_> {
    type Value = Option<Slot>;

    expecting!("a header's name");

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<Option<Slot>, E> {
        Ok(self.0.header(name.as_bytes()))
    }
}

seed!(HeaderSeed<'_> as deserialize_map -> Option<(Slot, Text<'de>)>);

impl<'de> Visitor<'de> for HeaderSeed<'_> {
    type Value = Option<(Slot, Text<'de>)>;

    expecting!("a header");

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut slot, mut named) = (None, false);
        let mut text = None;
        while let Some(field) = map.next_key_seed(KeySeed(HeaderField::of))? {
            match field {
                Some(HeaderField::Name) => {
                    once(&mut named)?;
                    slot = map.next_value_seed(HeaderName(self.0))?;
                }
                // Whether a value is wanted is known only after its name.
                Some(HeaderField::Value) if !named || text.is_some() => return Err(unusual()),
                Some(HeaderField::Value) if slot.is_some() => {
                    text = Some(map.next_value_seed(PlainText)?);
                }
                Some(HeaderField::Value) | None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(slot.map(|slot| (slot, text.unwrap_or_default())))
    }
}

/// The recipients that a block names.
struct RecipientsSeed<'v, 'a> {
    value: &'v mut Value<'a>,
    block: EventBlock,
}

seed!(RecipientsSeed<'_, 'de> as deserialize_seq -> ());

impl<'de> Visitor<'de> for RecipientsSeed<'_, 'de> {
    type Value = ();

    expecting!("a list of recipients");

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(text) = list.next_element_seed(RecipientSeed)? {
            self.value.add_identity(self.block, Part::Recipient, text);
        }
        Ok(())
    }
}

/// An address, or an object with an `emailAddress`.
struct RecipientSeed;

seed!(RecipientSeed<> as deserialize_any -> Text<'de>);

impl<'de> Visitor<'de> for RecipientSeed {
    type Value = Text<'de>;

    expecting!("a recipient");

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        PlainText.visit_borrowed_str(text)
    }

    #[cold]
    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        PlainText.visit_str(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        let mut address = None;
        while let Some(is_address) =
            map.next_key_seed(KeySeed(|key: &[u8]| key == b"emailAddress"))?
        {
            if !is_address {
                map.next_value::<IgnoredAny>()?;
            } else if address.replace(map.next_value_seed(PlainText)?).is_some() {
                return Err(unusual());
            }
        }
        address.ok_or_else(unusual)
    }
}
