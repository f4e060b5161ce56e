//! Reading JSON without ever failing on its shape: a field of an unexpected kind is absent, and a
//! repeated key replaces what was there before, as a whole.
//!
//! These seeds drive any [`serde::Deserializer`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::value::Text;

/// What a walk over an object's members does with them.
pub(super) trait Members<'de> {
    type Field;

    fn field(&self, key: &[u8]) -> Option<Self::Field>;

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: Self::Field,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// One member of an object, if it is a text.
pub(super) struct TextMember<'a> {
    name: &'static str,
    pub(super) text: Option<Text<'a>>,
}

impl TextMember<'_> {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, text: None }
    }
}

impl<'de> Members<'de> for TextMember<'de> {
    type Field = ();

    fn field(&self, key: &[u8]) -> Option<()> {
        (key == self.name.as_bytes()).then_some(())
    }

    fn member<A: MapAccess<'de>>(&mut self, (): (), map: &mut A) -> Result<(), A::Error> {
        self.text = map.next_value_seed(TextSeed)?;
        Ok(())
    }
}

/// Reads an object through `Members`. Gives false, and reads on, when the value is none.
pub(super) struct ObjectSeed<'m, M>(pub &'m mut M);

struct KeySeed<'m, M>(&'m M);

/// Reads a string; any other kind is `None`.
pub(super) struct TextSeed;

/// Reads a string, or the first element of a list if that is a string.
pub(super) struct TagValueSeed;

/// Reads each element of a list with a seed made by the first closure, and hands it to the second.
/// Gives false when the value is no list.
pub(super) struct ListSeed<F, G>(pub F, pub G);

/// The parts of the visitors that are the same for each: what to do with the other kinds.
macro_rules! other_kinds {
    ($absent:expr; $($kind:ident)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        $($crate::ses::seed::other_kinds!(@ $kind $absent);)*
    };
    (@ scalars $absent:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { Ok($absent) }
    };
    (@ strings $absent:expr) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> { Ok($absent) }
        fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Self::Value, E> { Ok($absent) }
    };
    (@ texts $wrap:expr) => {
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Owned(text.as_bytes().to_vec())))
        }
        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Borrowed(text.as_bytes())))
        }
        fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Owned(text.to_vec())))
        }
        fn visit_borrowed_bytes<E: Error>(self, text: &'de [u8]) -> Result<Self::Value, E> {
            Ok($wrap(Cow::Borrowed(text)))
        }
    };
    (@ list $absent:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
            drain_list(list)?;
            Ok($absent)
        }
    };
    (@ object $absent:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($absent)
        }
    };
}

pub(super) fn drain_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for ObjectSeed<'_, M> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for ObjectSeed<'_, M> {
    type Value = bool;

    other_kinds!(false; scalars strings list);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(field) = map.next_key_seed(KeySeed(self.0))? {
            match field {
                Some(field) => self.0.member(field, &mut map)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for KeySeed<'_, M> {
    type Value = Option<M::Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for KeySeed<'_, M> {
    type Value = Option<M::Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(key.as_bytes()))
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.field(key))
    }
}

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Option<Text<'de>>;

    other_kinds!(None; scalars list object);
    other_kinds!(@ texts Some);
}

impl<'de> DeserializeSeed<'de> for TagValueSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TagValueSeed {
    type Value = Option<Text<'de>>;

    other_kinds!(None; scalars object);
    other_kinds!(@ texts Some);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(TextSeed)?.flatten();
        drain_list(list)?;
        Ok(first)
    }
}

impl<'de, T, F, G> DeserializeSeed<'de> for ListSeed<F, G>
where
    T: DeserializeSeed<'de>,
    F: FnMut() -> T,
    G: FnMut(T::Value),
{
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, F, G> Visitor<'de> for ListSeed<F, G>
where
    T: DeserializeSeed<'de>,
    F: FnMut() -> T,
    G: FnMut(T::Value),
{
    type Value = bool;

    other_kinds!(false; scalars strings object);

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<bool, A::Error> {
        while let Some(element) = list.next_element_seed((self.0)())? {
            (self.1)(element);
        }
        Ok(true)
    }
}

pub(super) use other_kinds;
