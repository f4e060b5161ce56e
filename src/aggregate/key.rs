//! The key of a count: a series and a minute, as bytes.
//!
//! `layout id (1 to 5) | length (1) value | .. | minute (8)`. The minute comes last, so the bytes
//! before it are the series. No series is a prefix of another.

use std::sync::Arc;

use super::varint::{put_varint, varint};
use crate::rules::{Layout, LayoutId, Layouts};
use crate::ses::Minute;

const MINUTE_BYTES: usize = 8;

/// Builds keys in a reusable buffer.
#[derive(Clone, Debug, Default)]
pub struct KeyBuilder(Vec<u8>);

/// A key in readable form, as sent to CloudWatch and printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesMinute {
    pub namespace: Arc<str>,
    pub metric: &'static str,
    /// Names and values, sorted by name.
    pub dimensions: Vec<(String, String)>,
    pub minute: Minute,
}

// === impl KeyBuilder ===

impl KeyBuilder {
    /// Begins a key.
    pub fn start(&mut self, layout: LayoutId) {
        self.0.clear();
        put_varint(&mut self.0, u64::from(layout.0));
    }

    /// Adds the value of the next dimension, in the order of names. A value has at most 255 bytes.
    pub fn push(&mut self, value: &[u8]) {
        let len = u8::try_from(value.len()).unwrap_or(u8::MAX);
        self.0.push(len);
        self.0.extend_from_slice(&value[..usize::from(len)]);
    }

    /// Ends the key.
    pub fn finish(&mut self, minute: Minute) -> &[u8] {
        self.0.extend_from_slice(&minute.0.to_le_bytes());
        &self.0
    }
}

/// The bytes of a key.
pub type Key = Box<[u8]>;

/// The key of a series' bytes and a minute.
#[must_use]
pub(crate) fn key_of(series: &[u8], minute: Minute) -> Key {
    [series, &minute.0.to_le_bytes()].concat().into()
}

/// The series in a key's bytes: everything except the minute.
#[must_use]
pub(crate) fn series_of(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(MINUTE_BYTES)]
}

/// The minute of a key's bytes.
#[must_use]
pub(crate) fn minute_of(key: &[u8]) -> Minute {
    Minute(key.last_chunk::<MINUTE_BYTES>().map_or(0, |bytes| i64::from_le_bytes(*bytes)))
}

/// The layout of a series' bytes, or of a key's.
#[must_use]
pub fn layout_of(series: &[u8]) -> LayoutId {
    let (id, _) = varint(series).unwrap_or_default();
    LayoutId(u32::try_from(id).unwrap_or(u32::MAX))
}

/// Whether the bytes after the layout ID are a value for each dimension, and a minute.
#[must_use]
pub(crate) fn is_of_layout(mut values: &[u8], layout: &Layout) -> bool {
    for _ in &layout.dimensions {
        let Some((len, rest)) = values.split_first() else { return false };
        let Some((_, rest)) = rest.split_at_checked(usize::from(*len)) else { return false };
        values = rest;
    }
    values.len() == MINUTE_BYTES && minute_of(values).is_of_calendar()
}

/// A series in readable form; `None` only for bytes that no [`KeyBuilder`] of this process made.
#[must_use]
pub(crate) fn resolve(series: &[u8], minute: Minute, layouts: &Layouts) -> Option<SeriesMinute> {
    let layout = layouts.get(layout_of(series))?;
    let (_, mut values) = varint(series)?;
    let mut dimensions = Vec::with_capacity(layout.dimensions.len());
    for name in &layout.dimensions {
        let (len, rest) = values.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(*len))?;
        values = rest;
        dimensions.push((name.clone(), String::from_utf8_lossy(value).into_owned()));
    }
    Some(SeriesMinute {
        namespace: Arc::clone(&layout.namespace),
        metric: layout.metric.metric_name(),
        dimensions,
        minute,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ses::EventType;

    proptest! {
        /// For every layout, values and minute, a key resolves to what it was built from.
        #[test]
        fn key_resolves_to_what_it_was_built_from(
            values in prop::collection::vec("[A-Za-z0-9_.@-]{1,255}", 1..10),
            minute in -2_000_000_000_i64..5_000_000_000,
        ) {
            let layouts = Layouts::default();
            let names: Vec<_> = (0..values.len()).map(|at| format!("name{at}")).collect();
            let (namespace, metric) = (Arc::from("SES"), EventType::Click);
            let id = layouts.id(Layout { namespace, metric, dimensions: names.clone() });
            let mut builder = KeyBuilder::default();
            builder.start(id);
            for value in &values {
                builder.push(value.as_bytes());
            }
            let key = builder.finish(Minute(minute));
            let layout = layouts.get(id).expect("it is known");
            let (_, rest) = varint(key).expect("a key begins with its layout");
            prop_assert_eq!(is_of_layout(rest, &layout), Minute(minute).is_of_calendar());
            let other = [rest, b"x"].concat();
            let cut = &rest[..rest.len() - 1];
            prop_assert!(!is_of_layout(cut, &layout) && !is_of_layout(&other, &layout));
            let full = resolve(series_of(key), minute_of(key), &layouts);
            let full = full.expect("the layout is known");
            prop_assert_eq!(full.minute, Minute(minute));
            prop_assert_eq!(full.metric, "Click");
            prop_assert_eq!(full.dimensions, names.into_iter().zip(values).collect::<Vec<_>>());
            prop_assert_eq!(layout_of(key), id);
        }
    }
}
