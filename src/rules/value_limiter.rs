//! A limit on the values of a dimension in an hour of processing.
//!
//! The first values stand for themselves, and all others are counted together: the sum over the
//! values is always the total. A request takes the places of its new values while it is read, and
//! returns them if it is rejected, so a rejected request leaves no trace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::quality::RandomState;

use super::utc_hour::{hour_of, is_in_force};

/// The values of one dimension of a destination that stand for themselves in this hour. It outlives
/// a version of the definitions.
#[derive(Debug, Default)]
pub(crate) struct ValueLimiter(Mutex<ValuesOfHour>);

#[derive(Debug, Default)]
struct ValuesOfHour {
    /// Since 1970.
    hour: u32,
    values: HashMap<Box<[u8]>, ValuePlace, RandomState>,
}

/// Who needs the place of a value.
#[derive(Debug, Default)]
struct ValuePlace {
    /// The number of requests that are not yet merged or rejected.
    requests: u32,
    /// A merged request has the value.
    is_counted: bool,
}

/// The limiters of all versions of the definitions in use, by the names of configuration set, event
/// destination and dimension.
#[derive(Clone, Debug, Default)]
pub(super) struct ValueLimiters(Arc<Mutex<HashMap<[String; 3], Weak<ValueLimiter>>>>);

// === impl ValueLimiter ===

impl ValueLimiter {
    /// Takes a place of a value for a request, if there is one: at most `max` values have places in
    /// an hour. A taken place must be released.
    #[must_use]
    pub(crate) fn take(&self, value: &[u8], max: usize, now_ms: i64) -> bool {
        let mut state = self.lock();
        if !is_in_force(state.hour, now_ms) {
            state.hour = hour_of(now_ms);
            // A request that is being read keeps its decisions.
            state.values.retain(|_, place| {
                place.is_counted = false;
                place.requests > 0
            });
        }
        if let Some(place) = state.values.get_mut(value) {
            place.requests += 1;
            return true;
        }
        if state.values.len() >= max {
            return false;
        }
        state.values.insert(value.into(), ValuePlace { requests: 1, is_counted: false });
        true
    }

    /// A request with a value that it took a place of is merged.
    pub(crate) fn counted(&self, value: &[u8]) {
        if let Some(place) = self.lock().values.get_mut(value) {
            place.is_counted = true;
        }
    }

    /// A request that took the place of a value is merged or rejected.
    pub(crate) fn release(&self, value: &[u8]) {
        let mut state = self.lock();
        let Some(place) = state.values.get_mut(value) else { return };
        place.requests = place.requests.saturating_sub(1);
        if place.requests == 0 && !place.is_counted {
            state.values.remove(value);
        }
    }

    /// The number of values that have a place.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().values.len()
    }

    fn lock(&self) -> MutexGuard<'_, ValuesOfHour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl ValueLimiters ===

impl ValueLimiters {
    /// The limiter of a dimension of a destination: that of the definitions in use, if they have it.
    pub(super) fn limiter(&self, names: [&str; 3]) -> Arc<ValueLimiter> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, limiter| limiter.strong_count() > 0);
        let names = names.map(str::to_owned);
        if let Some(limiter) = known.get(&names).and_then(Weak::upgrade) {
            return limiter;
        }
        let limiter = Arc::default();
        known.insert(names, Arc::downgrade(&limiter));
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn first_values_of_an_hour_have_places() {
        let limiter = ValueLimiter::default();
        let count = |value: &[u8], now_ms| {
            let taken = limiter.take(value, 2, now_ms);
            if taken {
                limiter.counted(value);
                limiter.release(value);
            }
            taken
        };
        let taken = [b"a", b"b", b"c", b"a", b"b"].map(|value| count(value, 0));
        assert_eq!(taken, [true, true, false, true, true]);
        // A thread that read the clock before the hour ended does not turn it back.
        assert!(count(b"c", HOUR_MS) && count(b"d", HOUR_MS - 1));
        assert_eq!((count(b"a", HOUR_MS), limiter.len()), (false, 2));
    }

    #[test]
    fn rejected_request_returns_its_places() {
        let limiter = ValueLimiter::default();
        assert!(limiter.take(b"a", 1, 0) && limiter.take(b"a", 1, 0));
        assert!(!limiter.take(b"b", 1, 0));
        limiter.release(b"a");
        // Another request has it.
        assert!(!limiter.take(b"b", 1, 0));
        limiter.release(b"a");
        assert!(limiter.take(b"b", 1, 0));
        limiter.counted(b"b");
        limiter.release(b"b");
        assert!(!limiter.take(b"a", 1, 0));
    }

    #[test]
    fn request_that_is_read_over_the_full_hour_keeps_its_places() {
        let limiter = ValueLimiter::default();
        assert!(limiter.take(b"a", 2, 0) && limiter.take(b"b", 2, 0));
        limiter.counted(b"b");
        limiter.release(b"b");
        assert!(limiter.take(b"c", 2, HOUR_MS));
        assert_eq!((limiter.take(b"b", 2, HOUR_MS), limiter.len()), (false, 2));
        limiter.counted(b"a");
        limiter.release(b"a");
        assert!(!limiter.take(b"b", 2, HOUR_MS), "a is counted in the new hour");
    }

    #[test]
    fn limiter_outlives_a_version_of_the_definitions_that_keeps_the_dimension() {
        let limiters = ValueLimiters::default();
        let first = limiters.limiter(["prod", "by-campaign", "campaign"]);
        let second = limiters.limiter(["prod", "by-campaign", "campaign"]);
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &limiters.limiter(["prod", "by-campaign", "genre"])));
        assert!(first.take(b"a", 1, 0));
        drop((first, second));
        let third = limiters.limiter(["prod", "by-campaign", "campaign"]);
        assert_eq!(third.len(), 0);
        assert_eq!(limiters.0.lock().unwrap().len(), 1);
    }
}
