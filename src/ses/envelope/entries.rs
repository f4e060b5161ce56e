//! Wrappings that are lists: each entry holds values.

use std::borrow::Cow;

use super::entry_list::{EntryList, FIELDS_MAX};
use super::kept::in_list;
use super::path::{Path, Wrapping};
use super::unwrap::{Unwrapper, holds};
use super::visitor::{NonEventReason, Visitor};
use crate::ses::json::raw::Raw;

/// What holds values in a member of an entry; nothing if the member is absent or of another type.
fn content(wrapping: Wrapping, member: Raw<'_>) -> Option<Raw<'_>> {
    match wrapping {
        Wrapping::Kinesis => Some(member.member("data")).filter(|data| data.is_text()),
        Wrapping::Sqs | Wrapping::LambdaSns => Some(member).filter(|member| holds(*member)),
        _ => Some(member).filter(|member| member.is_text()),
    }
}

impl<V: Visitor> Unwrapper<'_, V> {
    /// Reads the entries of a list, one after another.
    pub(super) fn entries(&mut self, list: EntryList, entries: Raw<'_>, path: &Path) {
        let fields = list.fields();
        let mut buffer = Vec::new();
        let mut entries = entries.elements();
        while self.goes_on() {
            let mut members = [Raw::default(); FIELDS_MAX];
            let entry = entries.next_object(|key, member| {
                if let Some(at) = fields.iter().position(|(name, _)| name.as_bytes() == key) {
                    members[at] = member;
                }
            });
            let Some(entry) = entry else { return };
            let mut found = fields.iter().zip(members);
            let found = found.find_map(|((_, wrapping), member)| {
                content(*wrapping, member).map(|content| (*wrapping, content))
            });
            let alone = |visitor: &V| {
                if visitor.keeps() {
                    Cow::Owned(in_list(list.name(), entry.bytes()))
                } else {
                    Cow::Borrowed(entry.bytes())
                }
            };
            match found {
                Some((Wrapping::Kinesis, data)) => {
                    let raw = alone(self.visitor);
                    self.encoded(data, &path.with(Wrapping::Kinesis), &raw);
                }
                Some((wrapping, content)) => {
                    self.member(content, &path.with(wrapping), &mut buffer);
                }
                None => {
                    let raw = alone(self.visitor);
                    self.non_event(NonEventReason::Foreign(entry.bytes()), path, &raw);
                }
            }
        }
    }
}
