//! A deserializer over JSON that is known to be well-formed, for what `serde_json` refuses there:
//! numbers beyond an `f64`, and lone surrogates in strings or keys.
//!
//! Slower than `serde_json` itself, since each level is scanned again; met only where that one
//! gave up.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use serde_json::value::RawValue;

/// One well-formed JSON value.
#[derive(Clone, Copy)]
pub struct Lenient<'de>(&'de RawValue);

impl<'de> Lenient<'de> {
    /// `json` must be one JSON value in UTF-8.
    pub fn new(json: &'de [u8]) -> Result<Self, Error> {
        serde_json::from_slice(json).map(Self)
    }
}

impl<'de> Deserializer<'de> for Lenient<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.0.get();
        let mut json = serde_json::Deserializer::from_str(text);
        match text.as_bytes().first() {
            Some(b'{') => json.deserialize_map(Nested(visitor)),
            Some(b'[') => json.deserialize_seq(Nested(visitor)),
            // Read as bytes, a lone surrogate is three bytes and no fault.
            Some(b'"') => json.deserialize_bytes(visitor),
            Some(b't' | b'f') => visitor.visit_bool(text == "true"),
            Some(b'n') => visitor.visit_unit(),
            Some(_) => visitor.visit_f64(text.parse().unwrap_or(f64::NAN)),
            None => Err(Error::custom("no value")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// Hands a visitor objects and lists whose elements are [`Lenient`] again.
struct Nested<T>(T);

impl<'de, V: Visitor<'de>> Visitor<'de> for Nested<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Nested(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Nested(list))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Nested<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Key(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let raw = self.0.next_value::<&'de RawValue>()?;
        seed.deserialize(Lenient(raw)).map_err(A::Error::custom)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Nested<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let Some(raw) = self.0.next_element::<&'de RawValue>()? else { return Ok(None) };
        seed.deserialize(Lenient(raw)).map(Some).map_err(A::Error::custom)
    }
}

/// Asks for a key as bytes, whatever the seed asks for: a lone surrogate in it is then no fault.
struct Key<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(KeyDeserializer(deserializer))
    }
}

struct KeyDeserializer<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for KeyDeserializer<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
