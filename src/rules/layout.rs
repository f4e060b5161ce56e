//! The common part of the series of one metric: namespace, metric name and dimension names.
//!
//! A [`LayoutId`] represents a layout in the keys of counts. An id is never reused in a process, so
//! counts of old definitions keep their meaning after a reload. Equal layouts of different
//! destinations share an id, so their counts add up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ses::EventType;

/// The shape of a series, without dimension values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    pub namespace: Arc<str>,
    pub metric: EventType,
    /// Sorted by name, without duplicates.
    pub dimensions: Vec<String>,
}

/// The id of a [`Layout`] within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayoutId(pub(crate) u32);

/// All layouts that this process has used.
#[derive(Clone, Debug, Default)]
pub struct Layouts(Arc<RwLock<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    ids: HashMap<Arc<Layout>, LayoutId>,
    layouts: Vec<Arc<Layout>>,
}

// === impl Layouts ===

impl Layouts {
    /// The id of a layout; a new layout gets a new id.
    #[must_use]
    pub fn id(&self, layout: Layout) -> LayoutId {
        let mut registry = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = registry.ids.get(&layout) {
            return *id;
        }
        let layout = Arc::new(layout);
        // Only 2^32 different layouts would exhaust the ids.
        let id = LayoutId(u32::try_from(registry.layouts.len()).unwrap_or(u32::MAX));
        registry.layouts.push(Arc::clone(&layout));
        registry.ids.insert(layout, id);
        id
    }

    /// The layout of an id returned by [`Layouts::id`].
    #[must_use]
    pub fn get(&self, id: LayoutId) -> Option<Arc<Layout>> {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        registry.layouts.get(id.0 as usize).cloned()
    }
}
