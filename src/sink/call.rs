//! Sealed counts cut into calls: pure, without a client or a clock.
//!
//! The same counts give the same calls, whatever order they come in.

use std::collections::BTreeSet;

use super::{Amount, Datum};
use crate::aggregate::{SeriesKey, minute_of, resolve};
use crate::destination::Layouts;
use crate::limits::{CALL_BYTES_MAX, DATUM_AGE_MAX, DATUM_AHEAD_MAX, DATUMS_PER_CALL_MAX};

/// A datum this close to a limit of its age is given up: its call may be on its way for a while.
const AGE_MARGIN_MS: i64 = 60_000;

/// Bytes of a call beside its datums and namespace.
const CALL_OVERHEAD: usize = 128;

/// One `PutMetricData` request. Never empty; its bytes never change while it is repeated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub keys: Vec<(SeriesKey, u64)>,
    pub datums: Vec<Datum>,
}

/// Calls, and what no call may carry.
#[derive(Debug, Default)]
pub struct Packed {
    pub calls: Vec<Call>,
    pub too_old: Vec<(SeriesKey, u64)>,
    pub too_new: Vec<(SeriesKey, u64)>,
    /// Keys without a layout: none are ever made.
    pub unresolved: Vec<(SeriesKey, u64)>,
}

/// Cuts the counts of one namespace into calls within CloudWatch's limits. With `now_ms`, datums
/// that are too old or too far ahead are set aside; `None` keeps them all.
#[must_use]
pub fn pack(
    mut counts: Vec<(SeriesKey, u64)>,
    namespace: &str,
    layouts: &Layouts,
    now_ms: Option<i64>,
) -> Packed {
    counts.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    let mut packed = Packed::default();
    let mut open = Call::default();
    let start = CALL_OVERHEAD + namespace.len();
    let mut bytes = start;
    for (key, count) in counts {
        match now_ms.map_or(Age::Fits, |now_ms| age(&key, now_ms)) {
            Age::TooOld => {
                packed.too_old.push((key, count));
                continue;
            }
            Age::TooNew => {
                packed.too_new.push((key, count));
                continue;
            }
            Age::Fits => {}
        }
        let Some(series) = resolve(key.as_bytes(), layouts) else {
            packed.unresolved.push((key, count));
            continue;
        };
        let datum = Datum { series, amount: Amount::Ones(count) };
        let size = size_max(&datum);
        let full = open.datums.len() == DATUMS_PER_CALL_MAX || bytes + size > CALL_BYTES_MAX;
        if full && !open.datums.is_empty() {
            packed.calls.push(std::mem::take(&mut open));
            bytes = start;
        }
        bytes += size;
        open.keys.push((key, count));
        open.datums.push(datum);
    }
    if !open.datums.is_empty() {
        packed.calls.push(open);
    }
    packed
}

enum Age {
    Fits,
    TooOld,
    TooNew,
}

fn age(key: &SeriesKey, now_ms: i64) -> Age {
    let ms =
        |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let age_ms = now_ms - minute_of(key.as_bytes()).start_seconds() * 1000;
    if age_ms > ms(DATUM_AGE_MAX) - AGE_MARGIN_MS {
        Age::TooOld
    } else if -age_ms > ms(DATUM_AHEAD_MAX) - AGE_MARGIN_MS {
        Age::TooNew
    } else {
        Age::Fits
    }
}

/// An upper bound of a datum's bytes in CBOR: keys and heads, then the texts.
fn size_max(datum: &Datum) -> usize {
    let dimension = |(name, value): &(String, String)| 24 + name.len() + value.len();
    96 + datum.series.metric.len() + datum.series.dimensions.iter().map(dimension).sum::<usize>()
}

// === impl Call ===

impl Call {
    #[must_use]
    pub fn len(&self) -> usize {
        self.datums.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datums.is_empty()
    }

    /// Sum of the counts.
    #[must_use]
    pub fn counts(&self) -> u64 {
        self.keys.iter().map(|(_, count)| count).sum()
    }

    /// Cuts the call in two.
    #[must_use]
    pub fn halves(mut self) -> (Self, Self) {
        let middle = self.len() / 2;
        let keys = self.keys.split_off(middle);
        let datums = self.datums.split_off(middle);
        (self, Self { keys, datums })
    }

    /// Takes the datums at these places out: gives the rest, and them.
    #[must_use]
    pub fn without(self, places: &BTreeSet<usize>) -> (Self, Self) {
        let (mut rest, mut taken) = (Self::default(), Self::default());
        for (at, (key, datum)) in self.keys.into_iter().zip(self.datums).enumerate() {
            let call = if places.contains(&at) { &mut taken } else { &mut rest };
            call.keys.push(key);
            call.datums.push(datum);
        }
        (rest, taken)
    }

    /// Adds the datums of another call behind its own.
    pub fn append(&mut self, mut other: Self) {
        self.keys.append(&mut other.keys);
        self.datums.append(&mut other.datums);
    }
}
