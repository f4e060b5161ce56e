//! Limits log lines about buckets that deny access.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Interval of log lines about one bucket.
const SPAN: Duration = Duration::from_mins(1);
/// Maximum number of buckets in one interval: senders choose their names.
const BUCKETS_MAX: usize = 100;

/// The buckets that denied access in the last minute, with the time of their log line.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<HashMap<String, Instant>>);

// === impl Denials ===

impl Denials {
    /// Whether a line about this bucket may be written now.
    pub(super) fn allow(&self, bucket: &str) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        buckets.retain(|_, logged_at| now < *logged_at + SPAN);
        if buckets.contains_key(bucket) || buckets.len() >= BUCKETS_MAX {
            return false;
        }
        buckets.insert(bucket.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_bucket_is_named_once_a_minute_and_their_number_is_limited() {
        let denials = Denials::default();
        for minute in 0..3 {
            let lines = |bucket| (0..50).filter(|_| denials.allow(bucket)).count();
            assert_eq!((lines("a"), lines("b")), (1, 1), "{minute}");
            advance(SPAN).await;
        }
        let names = (0..1000).map(|at| format!("b{at}"));
        assert_eq!(names.filter(|name| denials.allow(name)).count(), BUCKETS_MAX);
    }
}
