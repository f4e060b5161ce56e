//! The start of an engine, as the daemon does it.

use std::future::Future;
use std::sync::Arc;

use super::cloud_link::CloudLink;
use super::definitions::rules;
use super::settings::LifeSettings;
use crate::aggregate::SeriesOverflow;
use crate::app::{Engine, EngineDeps, open_journal_on};
use crate::clock::Clock;
use crate::journal::simulated::SimulatedDisk;
use crate::journal::{Disk, OpenedJournal};
use crate::rules::Layouts;
use crate::supervisor::Supervisor;
use crate::telemetry::Metrics;

/// The parts of an engine, without forwards.
pub(super) fn deps<'s>(
    settings: &'s LifeSettings,
    metrics: &Arc<Metrics>,
    clock: Clock,
) -> EngineDeps<'s> {
    EngineDeps {
        config: &settings.config,
        layouts: Layouts::default(),
        supervisor: Supervisor::new(Arc::clone(metrics)),
        metrics: Arc::clone(metrics),
        clock,
        datums_per_call: settings.datums_per_call,
        dead_letters: None,
        forwarder: None,
        sample: None,
        series_overflow: SeriesOverflow::Drop,
    }
}

/// Reads the journal on a disk.
pub(super) fn open(
    disk: SimulatedDisk,
    deps: &EngineDeps<'_>,
    log_bytes: u64,
) -> impl Future<Output = std::io::Result<OpenedJournal>> {
    open_journal_on(|| Ok(Arc::new(disk) as Arc<dyn Disk>), deps, log_bytes)
}

/// Starts an engine; `None` when its journal cannot be used.
pub(super) async fn start(
    deps: EngineDeps<'_>,
    disk: SimulatedDisk,
    settings: &LifeSettings,
    link: CloudLink,
    also: bool,
) -> Option<Engine<CloudLink>> {
    let opened = if settings.is_journaled() {
        Some(open(disk, &deps, settings.log_bytes).await.ok()?)
    } else {
        None
    };
    let rules = rules(also, &deps.layouts);
    Some(Engine::start(deps, rules, link, opened).await)
}
