//! The common part of the series of one metric: namespace, metric name and dimension names.
//!
//! A [`LayoutId`] represents a layout in the keys of counts. An id is never reused in a process, so
//! counts of old definitions keep their meaning after a reload. Equal layouts of different
//! destinations share an id, so their counts add up. An id tells whether the keys of its layout name
//! a value.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::metric::SeriesMetric;
use super::value_limiter::ValueLimiters;

/// The shape of a series, without dimension values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    pub namespace: Arc<str>,
    pub metric: SeriesMetric,
    /// Sorted by name, without duplicates.
    pub dimensions: Vec<String>,
}

/// The id of a [`Layout`] within this process: its place among the layouts, and a bit for those whose
/// keys name a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayoutId(pub(crate) u32);

/// All layouts that this process has used, and what else outlives a version of the definitions.
#[derive(Clone, Debug, Default)]
pub struct Layouts {
    registry: Arc<RwLock<Registry>>,
    /// The limits on values, which hold for an hour.
    pub(super) limiters: ValueLimiters,
}

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
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = registry.ids.get(&layout) {
            return *id;
        }
        let layout = Arc::new(layout);
        // Only 2^31 different layouts would exhaust the ids.
        let place = u32::try_from(registry.layouts.len()).unwrap_or(LayoutId::PLACES);
        let id = LayoutId::new(place, layout.metric.has_values());
        registry.layouts.push(Arc::clone(&layout));
        registry.ids.insert(layout, id);
        id
    }

    /// The layout of an id returned by [`Layouts::id`].
    #[must_use]
    pub fn get(&self, id: LayoutId) -> Option<Arc<Layout>> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let layout = registry.layouts.get(id.place())?;
        (layout.metric.has_values() == id.has_values()).then(|| Arc::clone(layout))
    }

    /// All layouts, each at its place.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<Arc<Layout>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).layouts.clone()
    }
}

// === impl LayoutId ===

impl LayoutId {
    /// The bits of the place. The one above says whether keys name a value: those of counts, which
    /// do not, stay short.
    const PLACES: u32 = u32::MAX >> 1;

    const fn new(place: u32, has_values: bool) -> Self {
        Self(if has_values { place | !Self::PLACES } else { place })
    }

    /// The place among all layouts.
    #[must_use]
    pub(crate) const fn place(self) -> usize {
        (self.0 & Self::PLACES) as usize
    }

    /// Whether the keys of the layout name a value.
    #[must_use]
    pub(crate) const fn has_values(self) -> bool {
        self.0 > Self::PLACES
    }
}
