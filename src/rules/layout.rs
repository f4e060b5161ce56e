//! What the series of one metric have in common: namespace, metric and dimension names.
//!
//! A [`LayoutId`] stands for these in the keys that are counted under. It is never given twice in
//! a process, so that counts made by old definitions keep their meaning after a reload; and equal
//! layouts of different destinations have one id, so that their counts add up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ses::EventType;

/// The shape of a series, without the dimensions' values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    pub namespace: Arc<str>,
    pub metric: EventType,
    /// Sorted by name, without repeats.
    pub dimensions: Vec<String>,
}

/// Stands for a [`Layout`] within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayoutId(pub(crate) u32);

/// Every layout that this process has met.
#[derive(Clone, Debug, Default)]
pub struct Layouts(Arc<RwLock<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    ids: HashMap<Arc<Layout>, LayoutId>,
    layouts: Vec<Arc<Layout>>,
}

// === impl Layouts ===

impl Layouts {
    /// The id of a layout, old or new.
    #[must_use]
    pub fn id(&self, layout: Layout) -> LayoutId {
        let mut registry = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = registry.ids.get(&layout) {
            return *id;
        }
        let layout = Arc::new(layout);
        // A process would need 2^32 different definitions to run out.
        let id = LayoutId(u32::try_from(registry.layouts.len()).unwrap_or(u32::MAX));
        registry.layouts.push(Arc::clone(&layout));
        registry.ids.insert(layout, id);
        id
    }

    /// The layout of an id given by [`Layouts::id`].
    #[must_use]
    pub fn get(&self, id: LayoutId) -> Option<Arc<Layout>> {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        registry.layouts.get(id.0 as usize).cloned()
    }
}
