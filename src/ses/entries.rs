//! The entries of lists in wrappings: `Records` of a Lambda batch, `records` of a Firehose request.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};

use super::interest::Interest;
use super::members::WrappedSeed;
use super::seed::{Members, ObjectSeed, TextMember};
use super::value::{Entry, Levels, Text};

/// An entry of `Records`, as SQS and SNS hand them to Lambda.
pub struct EntrySeed<'i> {
    pub interest: &'i Interest,
    pub levels: Levels,
}

struct EntryMembers<'i, 'a> {
    entry: Entry<'a>,
    seed: EntrySeed<'i>,
}

#[derive(Clone, Copy)]
enum EntryField {
    Body,
    Sns,
}

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Entry<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut members = EntryMembers { entry: Entry::default(), seed: self };
        ObjectSeed(&mut members).deserialize(deserializer)?;
        Ok(members.entry)
    }
}

impl<'de> Members<'de> for EntryMembers<'_, 'de> {
    type Field = EntryField;

    fn field(&self, key: &[u8]) -> Option<EntryField> {
        match key {
            b"body" => Some(EntryField::Body),
            b"Sns" => Some(EntryField::Sns),
            _ => None,
        }
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        field: EntryField,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let EntrySeed { interest, levels } = self.seed;
        let wrapped = map.next_value_seed(WrappedSeed { interest, levels })?;
        match field {
            EntryField::Body => self.entry.body = wrapped,
            EntryField::Sns => self.entry.sns = wrapped,
        }
        Ok(())
    }
}

/// The `data` of a Firehose record.
pub struct DataSeed;

impl<'de> DeserializeSeed<'de> for DataSeed {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mut data = TextMember::new("data");
        ObjectSeed(&mut data).deserialize(deserializer)?;
        Ok(data.text)
    }
}
