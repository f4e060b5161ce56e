//! Which keys were given, and where, for rules across several keys.

use std::collections::{BTreeMap, BTreeSet};

use super::keys;
use crate::finding::Place;

/// The keys that were given.
pub(super) struct Given {
    places: BTreeMap<&'static str, Place>,
    faulty: BTreeSet<&'static str>,
    whole: bool,
    home: Option<Place>,
}

// === impl Given ===

impl Given {
    /// `whole`: no line was lost to broken syntax. `home`: the place where a missing key would be
    /// written; None: its variable.
    pub(super) fn new(whole: bool, home: Option<Place>) -> Self {
        Self { places: BTreeMap::new(), faulty: BTreeSet::new(), whole, home }
    }

    /// Adds a key; in a repeated section, the first place counts.
    pub(super) fn add(&mut self, path: &'static str, place: &Place, is_faulty: bool) {
        if is_faulty {
            self.faulty.insert(path);
        }
        self.places.entry(path).or_insert_with(|| place.clone());
    }

    /// The place where a missing key would be written; None: its variable.
    pub(super) fn home(&self) -> Option<&Place> {
        self.home.as_ref()
    }

    /// Whether all these keys were read without errors, so that a rule can check them.
    pub(super) fn sound(&self, paths: &[&'static str]) -> bool {
        self.whole && paths.iter().all(|path| !self.faulty.contains(path))
    }

    /// The place and path of the first of these keys that was given; if none was, the place where
    /// the first would be written.
    pub(super) fn place(&self, paths: &[&'static str]) -> (Place, String) {
        for path in paths {
            if let Some(place) = self.places.get(path) {
                return (place.clone(), (*path).to_owned());
            }
        }
        let first = paths.first().copied().unwrap_or_default();
        let variable = || Place::Environment { variable: keys::variable(first) };
        (self.home.clone().unwrap_or_else(variable), first.to_owned())
    }
}
