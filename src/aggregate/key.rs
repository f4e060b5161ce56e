//! The key of a count: a series and a minute, as bytes.
//!
//! `layout id (1 to 5) | length (1) value | .. | index of a value (2)? | minute (8)`. The minute comes
//! last, so the bytes before it are the series. Only layouts of metrics other than counts have the
//! index, so such a metric has a series for each of its values; [`metric_of`] is what they share. No
//! series is a prefix of another.

use std::sync::Arc;

use super::varint::{put_varint, varint};
use crate::rules::{Layout, LayoutId, Layouts, ValueIndex};
use crate::ses::Minute;

const MINUTE_BYTES: usize = 8;
const VALUE_BYTES: usize = 2;

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
    pub unit: &'static str,
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

    /// Adds the value of a metric whose keys name one, after the dimensions.
    pub(crate) fn push_value(&mut self, value: ValueIndex) {
        // The highest byte first, so that larger values are larger bytes.
        self.0.extend_from_slice(&value.0.to_be_bytes());
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

/// The part of a series that all values of its metric share: the metric with its dimensions. It is
/// the series itself for counts.
#[must_use]
pub(crate) fn metric_of(series: &[u8]) -> &[u8] {
    if layout_of(series).has_values() {
        &series[..series.len().saturating_sub(VALUE_BYTES)]
    } else {
        series
    }
}

/// The index that ends a series of a metric whose keys name a value.
#[must_use]
pub(crate) fn value_of(series: &[u8]) -> Option<ValueIndex> {
    let index = series.last_chunk::<VALUE_BYTES>().filter(|_| layout_of(series).has_values());
    index.map(|index| ValueIndex(u16::from_be_bytes(*index)))
}

/// Whether the bytes after the layout ID are a value for each dimension, the index of a value of the
/// metric if it has any, and a minute.
#[must_use]
pub(crate) fn is_of_layout(mut values: &[u8], layout: &Layout) -> bool {
    for _ in &layout.dimensions {
        let Some((len, rest)) = values.split_first() else { return false };
        let Some((_, rest)) = rest.split_at_checked(usize::from(*len)) else { return false };
        values = rest;
    }
    if layout.metric.has_values() {
        let Some((index, rest)) = values.split_first_chunk::<VALUE_BYTES>() else { return false };
        if layout.metric.value(ValueIndex(u16::from_be_bytes(*index))).is_none() {
            return false;
        }
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
        metric: layout.metric.name(),
        dimensions,
        minute,
        unit: layout.metric.unit(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::SeriesMetric;
    use crate::ses::EventType;

    proptest! {
        /// For every layout, values and minute, a key resolves to what it was built from.
        #[test]
        fn key_resolves_to_what_it_was_built_from(
            values in prop::collection::vec("[A-Za-z0-9_.@-]{1,255}", 0..10),
            minute in -2_000_000_000_i64..5_000_000_000,
            metric in prop_oneof![
                Just((SeriesMetric::Count(EventType::Click), 0)),
                Just((SeriesMetric::HardBounceRate, 1)),
                (0_u16..200).prop_map(|index| (SeriesMetric::DeliveryTime, index)),
            ],
        ) {
            let (metric, index) = metric;
            let layouts = Layouts::default();
            let names: Vec<_> = (0..values.len()).map(|at| format!("name{at}")).collect();
            let layout = Layout { namespace: Arc::from("SES"), metric, dimensions: names.clone() };
            let id = layouts.id(layout);
            let mut builder = KeyBuilder::default();
            builder.start(id);
            for value in &values {
                builder.push(value.as_bytes());
            }
            if metric.has_values() {
                builder.push_value(ValueIndex(index));
            }
            let key = builder.finish(Minute(minute));
            let layout = layouts.get(id).expect("it is known");
            let (_, rest) = varint(key).expect("a key begins with its layout");
            prop_assert_eq!(is_of_layout(rest, &layout), Minute(minute).is_of_calendar());
            let other = [rest, b"x"].concat();
            let cut = &rest[..rest.len() - 1];
            prop_assert!(!is_of_layout(cut, &layout) && !is_of_layout(&other, &layout));
            let series = series_of(key);
            let full = resolve(series, minute_of(key), &layouts);
            let full = full.expect("the layout is known");
            prop_assert_eq!(full.minute, Minute(minute));
            prop_assert_eq!((full.metric, full.unit), (metric.name(), metric.unit()));
            prop_assert_eq!(full.dimensions, names.into_iter().zip(values).collect::<Vec<_>>());
            prop_assert_eq!(layout_of(key), id);
            let value = metric.has_values().then_some(ValueIndex(index));
            prop_assert_eq!(value_of(series), value);
            prop_assert_eq!(metric_of(series).len(), series.len() - 2 * value.iter().count());
        }
    }

    #[test]
    fn key_of_a_count_names_no_value() {
        let layouts = Layouts::default();
        let layout = |metric| Layout { namespace: "SES".into(), metric, dimensions: Vec::new() };
        let (send, rate) = (SeriesMetric::from(EventType::Send), SeriesMetric::HardBounceRate);
        let [send, rate] = [send, rate].map(|metric| layouts.id(layout(metric)));
        let key = |id, index: Option<u16>| {
            let mut builder = KeyBuilder::default();
            builder.start(id);
            if let Some(index) = index {
                builder.push_value(ValueIndex(index));
            }
            builder.finish(Minute(29_000_000)).to_vec()
        };
        let is_sound = |id, key: &[u8]| {
            let (_, rest) = varint(key).expect("a key begins with its layout");
            is_of_layout(rest, &layouts.get(id).expect("it is known"))
        };
        assert_eq!(key(send, None).len(), 1 + 8);
        assert!(is_sound(send, &key(send, None)) && !is_sound(send, &key(send, Some(1))));
        // A bounce is hard or not.
        let sound =
            [None, Some(0), Some(1), Some(2)].map(|index| is_sound(rate, &key(rate, index)));
        assert_eq!(sound, [false, true, true, false]);
    }
}
