//! Approximate counts of recent events, in a fixed amount of memory.

use std::hash::{BuildHasher, Hash, RandomState};

use tokio::time::{Duration, Instant};

const CELLS: usize = 4096;
/// Counts are halved this often.
const SPAN: Duration = Duration::from_mins(1);

/// Counts by hash. Two keys may share a cell, but an attacker can neither predict nor choose that.
#[derive(Debug)]
pub(super) struct Sketch {
    cells: Box<[u32]>,
    hasher: RandomState,
    halved: Instant,
}

// === impl Sketch ===

impl Sketch {
    #[must_use]
    pub(super) fn new(now: Instant) -> Self {
        Self { cells: vec![0; CELLS].into(), hasher: RandomState::new(), halved: now }
    }

    /// Counts one more; returns the recent count including this one.
    pub(super) fn add(&mut self, what: &impl Hash, now: Instant) -> u32 {
        let cell = self.cell(what, now);
        *cell = cell.saturating_add(1);
        *cell
    }

    /// The recent count.
    pub(super) fn get(&mut self, what: &impl Hash, now: Instant) -> u32 {
        *self.cell(what, now)
    }

    fn cell(&mut self, what: &impl Hash, now: Instant) -> &mut u32 {
        let spans = now.duration_since(self.halved).as_secs() / SPAN.as_secs();
        if spans > 0 {
            let by = u32::try_from(spans).unwrap_or(u32::MAX);
            self.cells.iter_mut().for_each(|cell| *cell = cell.checked_shr(by).unwrap_or(0));
            self.halved = now;
        }
        let at = self.hasher.hash_one(what) % CELLS as u64;
        &mut self.cells[usize::try_from(at).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sketch_counts_are_separate_and_fade() {
        let mut sketch = Sketch::new(Instant::now());
        for _ in 0..100 {
            sketch.add(&"often", Instant::now());
        }
        sketch.add(&"once", Instant::now());
        assert!(sketch.get(&"often", Instant::now()) >= 100);
        tokio::time::advance(SPAN).await;
        assert!((50..60).contains(&sketch.get(&"often", Instant::now())));
        tokio::time::advance(40 * SPAN).await;
        assert_eq!(sketch.get(&"often", Instant::now()), 0);
    }
}
