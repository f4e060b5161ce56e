//! The console: postmeter in a browser.
//!
//! A request passes its [`guard`] (host, origin, session, form token) and reaches a page. A page is
//! made of the [`Console`]'s state and of the [`Visit`]: who asks, and what the form says. Every
//! response has the headers of [`headers`]. Pages work without scripts: forms and links carry all
//! state, and scripts only add comfort.
//!
//! A change goes through [`change`] to the same [`Catalog`] as those of the SES API, with the
//! same validation, and only if no other editor has changed the same thing meanwhile.

mod access;
mod assets;
mod change;
mod chart;
mod destination_draft;
mod destination_fields;
mod destination_json;
mod destination_view;
mod ended_sessions;
mod event_types;
mod fields;
mod form;
mod guard;
mod headers;
mod html;
mod layout;
mod live;
mod notice;
mod pages;
mod password;
mod preview;
mod recent_series;
mod router;
mod series_row;
mod series_search;
mod session;
mod shown;
mod sign_in;
mod throttle;
mod version;
mod visit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::assets::Assets;
use self::preview::Previews;
use self::recent_series::RecentSeries;
use self::series_search::SeriesSearch;
use crate::aggregate::Aggregator;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::ShownSetting;
use crate::rules::RuleSet;
use crate::sample::EventSample;
use crate::telemetry::Metrics;

pub(crate) use access::{ConsoleAccess, ConsoleSettings};
pub(crate) use live::{Live, LiveDeps};
pub(crate) use password::hash_password;
pub(crate) use router::console_router;

/// What the pages show and change.
pub(crate) struct ConsoleDeps {
    pub catalog: Catalog,
    pub aggregator: Arc<Aggregator>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    /// The rules in force.
    pub rules: Arc<dyn Fn() -> Arc<RuleSet> + Send + Sync>,
    /// The last hour's events, for previews.
    pub sample: Option<Arc<EventSample>>,
    pub live: Arc<Live>,
    /// The configuration in force, without secrets.
    pub settings: Vec<ShownSetting>,
    /// Whether the daemon accepts requests, as `/readyz` says.
    pub is_ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether the definitions may be changed here, and why not.
    pub write: WriteAccess,
    /// The namespace of destinations that name none.
    pub namespace: String,
    /// How long other tasks take to read a change; `None` if no other task can.
    pub others_read_within: Option<Duration>,
}

/// Whether the console may change definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WriteAccess {
    Allowed,
    /// The reason, one sentence.
    Refused(String),
}

/// The state of the console. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Console(Arc<ConsoleShared>);

pub(crate) struct ConsoleShared {
    pub deps: ConsoleDeps,
    access: Arc<ConsoleAccess>,
    assets: Assets,
    recent: RecentSeries,
    previews: Previews,
    series: SeriesSearch,
}

// === impl Console ===

impl Console {
    #[must_use]
    pub(crate) fn new(access: Arc<ConsoleAccess>, deps: ConsoleDeps) -> Self {
        Self(Arc::new(ConsoleShared {
            access,
            assets: Assets::new(),
            recent: RecentSeries::default(),
            previews: Previews::default(),
            series: SeriesSearch::new(Arc::clone(&deps.aggregator)),
            deps,
        }))
    }

    /// What the pages show and change.
    pub(crate) fn deps(&self) -> &ConsoleDeps {
        &self.0.deps
    }

    fn access(&self) -> &ConsoleAccess {
        &self.0.access
    }

    fn previews(&self) -> &Previews {
        &self.0.previews
    }

    fn recent(&self) -> &RecentSeries {
        &self.0.recent
    }

    fn series(&self) -> &SeriesSearch {
        &self.0.series
    }

    fn live(&self) -> &Live {
        &self.0.deps.live
    }

    fn assets(&self) -> &Assets {
        &self.0.assets
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}
