//! Sessions whose visitors have signed out.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The most sessions that are remembered. Only a visitor who is in can add one. Beyond it the
/// session that would expire first is forgotten, so its cookie, if it was kept, is valid again.
const SESSIONS_MAX: usize = 10_000;

/// The sessions that have ended before they expire. Only this task knows them.
#[derive(Debug, Default)]
pub(super) struct EndedSessions(Mutex<BTreeSet<(i64, String)>>);

// === impl EndedSessions ===

impl EndedSessions {
    /// Ends a session that expires at this Unix time in seconds.
    pub(super) fn end(&self, id: &str, expires: i64, now: i64) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = ended.split_off(&(now, String::new()));
        ended.insert((expires, id.to_owned()));
        if ended.len() > SESSIONS_MAX {
            ended.pop_first();
        }
    }

    pub(super) fn has(&self, id: &str, expires: i64) -> bool {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains(&(expires, id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_sessions_are_bounded_and_forgotten_when_they_expire() {
        let ended = EndedSessions::default();
        ended.end("one", 100, 0);
        assert!(ended.has("one", 100) && !ended.has("two", 100));
        ended.end("two", 300, 100);
        assert!(ended.has("one", 100), "it expires at this moment");
        ended.end("three", 300, 101);
        assert!(!ended.has("one", 100) && ended.has("two", 300));
        for number in 0..SESSIONS_MAX {
            ended.end(&format!("n{number}"), 400, 101);
        }
        assert!(!ended.has("two", 300) && ended.has("n0", 400));
        assert_eq!(ended.0.lock().expect("no panic").len(), SESSIONS_MAX);
    }
}
