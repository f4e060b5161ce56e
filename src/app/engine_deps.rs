//! What an engine is made of.

use std::sync::Arc;

use crate::aggregate::SeriesOverflow;
use crate::clock::Clock;
use crate::config::Config;
use crate::dead_letters::DeadLetters;
use crate::forward::Forwarder;
use crate::rules::Layouts;
use crate::sample::EventSample;
use crate::supervisor::Supervisor;
use crate::telemetry::Metrics;

/// The parts of an engine, except where its counts go.
#[derive(Clone, Debug)]
pub(crate) struct EngineDeps<'c> {
    pub config: &'c Config,
    pub layouts: Layouts,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub datums_per_call: usize,
    pub dead_letters: Option<DeadLetters>,
    /// `None`: nothing is forwarded, whatever the definitions say.
    pub forwarder: Option<Forwarder>,
    /// Where events are sampled for previews, if anywhere.
    pub sample: Option<Arc<EventSample>>,
    /// What happens to a request beyond the limit of series.
    pub series_overflow: SeriesOverflow,
    /// Owns the engine's long-lived tasks.
    pub supervisor: Supervisor,
}
