//! Decides which text a worker reads next.

use std::sync::{Arc, Mutex};

use super::lock::lock;
use super::text::SharedText;

/// The texts of a run.
pub(super) struct WorkQueue {
    texts: usize,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    /// The first text that no worker has started.
    next: usize,
    /// Texts that still have blocks to take: at most one per worker.
    begun: Vec<Arc<SharedText>>,
}

// === impl WorkQueue ===

impl WorkQueue {
    /// A queue of texts numbered from 0.
    pub(super) fn new(texts: usize) -> Self {
        Self { texts, state: Mutex::default() }
    }

    /// A new text, or else the one with the fewest workers. `None`: nothing is left.
    pub(super) fn next(&self) -> Option<Arc<SharedText>> {
        let mut state = lock(&self.state);
        let text = if state.next < self.texts {
            let text = Arc::new(SharedText::new(state.next));
            state.next += 1;
            state.begun.push(Arc::clone(&text));
            text
        } else {
            Arc::clone(state.begun.iter().min_by_key(|text| text.workers())?)
        };
        text.join();
        Some(text)
    }

    /// Removes a text whose blocks are all taken.
    pub(super) fn drained(&self, text: &Arc<SharedText>) {
        lock(&self.state).begun.retain(|begun| !Arc::ptr_eq(begun, text));
    }
}
