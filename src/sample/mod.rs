//! A uniform sample of the last hour's events, in memory, for previews of definitions.
//!
//! Each event flips coins until the first tails: its *level* is the number of heads. A sample at
//! level `n` holds the events with at least `n` heads, one of 2ⁿ, whatever happened before. If it
//! grows above its limit, its level rises and about half of its events go.
//!
//! [`Draw`] collects events of one request and shares nothing with others. A merged request adds its
//! draw to the [`EventSample`], which has one [`Slice`] for each minute. A snapshot holds the events
//! at the highest level of all slices, so that each event of the hour is in it with the same chance.
//!
//! Events are kept in their minimal form (`ses::minimal_event`): no addresses, nothing that no
//! dimension reads. They are never written.

mod draw;
mod slice;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::slice::Slice;
use crate::ses::AddressCodes;

pub(crate) use self::draw::Draw;

/// How far the sample reaches back.
const MINUTES: i64 = 60;
/// A minute's share of the memory.
const SHARES: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// The sample of one process.
#[derive(Debug)]
pub(crate) struct EventSample {
    bytes_max: usize,
    codes: Arc<AddressCodes>,
    /// The seed of the next draw.
    seed: AtomicU64,
    /// The level at which requests draw.
    level: AtomicU8,
    minutes: Mutex<Minutes>,
}

/// Slices by minute of arrival, oldest first.
#[derive(Debug, Default)]
struct Minutes {
    slices: VecDeque<(i64, Slice)>,
    /// Later requests draw one level lower, because the minute before the newest took little.
    is_lowered: bool,
}

/// What the sample holds at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampleSnapshot {
    /// Minimal events, in no particular order.
    pub events: Vec<Arc<str>>,
    /// The events of the same time from which they were taken.
    pub seen: u64,
    /// Minutes from the oldest event to now, at most 60; 0 without events.
    pub minutes: u64,
}

// === impl EventSample ===

impl EventSample {
    /// An empty sample within a limit of memory. The seed chooses the events.
    #[must_use]
    pub(crate) fn new(bytes_max: usize, seed: u64) -> Self {
        Self {
            bytes_max,
            codes: Arc::default(),
            seed: AtomicU64::new(seed),
            level: AtomicU8::new(0),
            minutes: Mutex::default(),
        }
    }

    /// An empty draw for one request.
    #[must_use]
    pub(crate) fn draw(&self) -> Draw {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let bytes_max = self.bytes_max.min(Draw::BYTES_MAX);
        Draw::new(self.level.load(Ordering::Relaxed), bytes_max, Arc::clone(&self.codes), seed)
    }

    /// Adds the events of a merged request.
    pub(crate) fn add(&self, draw: Draw, now_ms: i64) {
        let slice = draw.into_slice();
        if slice.seen() == 0 {
            return;
        }
        let mut minutes = self.minutes();
        minutes.forget_before(now_ms);
        let level = minutes.add(slice, now_ms / MINUTE_MS, self.bytes_max);
        self.level.store(level, Ordering::Relaxed);
    }

    /// The events of the last hour.
    #[must_use]
    pub(crate) fn snapshot(&self, now_ms: i64) -> SampleSnapshot {
        let mut minutes = self.minutes();
        minutes.forget_before(now_ms);
        let slices = || minutes.slices.iter().map(|(_, slice)| slice);
        let level = slices().map(Slice::level).max().unwrap_or(0);
        let oldest = minutes.slices.front().map(|(minute, _)| *minute);
        let age = oldest.map_or(0, |oldest| (now_ms / MINUTE_MS - oldest + 1).clamp(1, MINUTES));
        SampleSnapshot {
            events: slices().flat_map(|slice| slice.at_level(level)).collect(),
            seen: slices().map(Slice::seen).sum(),
            minutes: age.unsigned_abs(),
        }
    }

    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Minutes ===

impl Minutes {
    /// Adds the events of a request to those of its minute. Returns the level for later requests.
    fn add(&mut self, slice: Slice, minute: i64, bytes_max: usize) -> u8 {
        // A clock that was set back adds to the newest minute.
        match self.slices.back_mut() {
            Some((newest, newest_slice)) if *newest >= minute => newest_slice.append(slice),
            _ => {
                // The last minute took less than half of its share: one level lower, it had fitted.
                let last = self.slices.back().map_or(0, |(_, slice)| slice.bytes());
                self.is_lowered = last <= bytes_max / (2 * SHARES);
                self.slices.push_back((minute, slice));
            }
        }
        while self.bytes() > bytes_max {
            self.is_lowered = false;
            self.thin_out();
        }
        let level = self.slices.back().map_or(0, |(_, slice)| slice.level());
        level.saturating_sub(u8::from(self.is_lowered))
    }

    /// Raises the level of the slices with the lowest one, which hold the most.
    fn thin_out(&mut self) {
        let holds = |(_, slice): &&mut (i64, Slice)| slice.bytes() > 0;
        let lowest = self.slices.iter_mut().filter(holds).map(|(_, slice)| slice.level()).min();
        for (_, slice) in &mut self.slices {
            if Some(slice.level()) == lowest {
                slice.thin_out();
            }
        }
    }

    fn bytes(&self) -> usize {
        self.slices.iter().map(|(_, slice)| slice.bytes()).sum()
    }

    fn forget_before(&mut self, now_ms: i64) {
        let oldest = now_ms / MINUTE_MS - MINUTES + 1;
        while self.slices.front().is_some_and(|(minute, _)| *minute < oldest) {
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
