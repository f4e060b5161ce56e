//! The key that a count stands under: a series and a minute, as bytes.
//!
//! `layout id (4) | length (1) value | .. | minute (8)`: the minute stands last so that the bytes
//! before it are the series.

use std::sync::Arc;

use crate::destination::{LayoutId, Layouts};
use crate::ses::Minute;

const LAYOUT_BYTES: usize = 4;
const MINUTE_BYTES: usize = 8;

/// A series and a minute; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey(Arc<[u8]>);

/// Builds keys in a buffer that is used again.
#[derive(Clone, Debug, Default)]
pub struct KeyBuilder(Vec<u8>);

/// A key in full: what CloudWatch is told, and what is printed.
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
        self.0.extend_from_slice(&layout.0.to_le_bytes());
    }

    /// Adds the value of the next dimension, by name. A value has at most 255 bytes.
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

// === impl SeriesKey ===

impl SeriesKey {
    /// A key of bytes that a [`KeyBuilder`] finished.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for SeriesKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// The layout of a key's bytes.
#[must_use]
pub fn layout_of(key: &[u8]) -> LayoutId {
    LayoutId(key.first_chunk::<LAYOUT_BYTES>().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
}

/// The series of a key's bytes: all but the minute.
#[must_use]
pub fn series_of(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(MINUTE_BYTES)]
}

/// The minute of a key's bytes.
#[must_use]
pub fn minute_of(key: &[u8]) -> Minute {
    Minute(key.last_chunk::<MINUTE_BYTES>().map_or(0, |bytes| i64::from_le_bytes(*bytes)))
}

/// A key in full; `None` only for bytes that no [`KeyBuilder`] of this process made.
#[must_use]
pub fn resolve(key: &[u8], layouts: &Layouts) -> Option<SeriesMinute> {
    let layout = layouts.get(layout_of(key))?;
    let mut values = series_of(key).get(LAYOUT_BYTES..)?;
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
        minute: minute_of(key),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::destination::Layout;
    use crate::ses::EventType;

    proptest! {
        /// For every layout, values and minute, a key resolves to what it was built from.
        #[test]
        fn a_key_resolves_to_what_it_was_built_from(
            values in prop::collection::vec("[A-Za-z0-9_.@-]{1,255}", 1..10),
            minute in -1_000_000_000_i64..5_000_000_000,
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
            let key = SeriesKey::new(builder.finish(Minute(minute)));
            let full = resolve(key.as_bytes(), &layouts).expect("the layout is known");
            prop_assert_eq!(full.minute, Minute(minute));
            prop_assert_eq!(full.metric, "Click");
            prop_assert_eq!(full.dimensions, names.into_iter().zip(values).collect::<Vec<_>>());
            prop_assert_eq!(layout_of(key.as_bytes()), id);
        }
    }
}
