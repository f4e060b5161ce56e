//! Assembles a replay: the plan of what to read, and the engine that publishes it.
//!
//! The engine is the daemon's, without its sockets and with a journal in the state directory. An
//! object is a request: it is on disk before it is merged, and known from then on. So an
//! interrupted replay is resumed by the next run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::drain::Ended;
use super::engine::Engine;
use super::engine_deps::EngineDeps;
use super::environment::Environment;
use super::error::StartError;
use super::sink::AppSink;
use super::{definitions, journal};
use crate::ack::{DoneWhen, Ledger};
use crate::aggregate::{Line, SeriesOverflow, sorted_lines};
use crate::aws::{AwsEnvironment, S3Clients};
use crate::config::{Acknowledge, Ambiguous, Config, DeadLettersConfig, Publish, SesApiConfig};
use crate::intake::SourceIntake;
use crate::journal::OpenedJournal;
use crate::label::Label;
use crate::limits::{DATUMS_PER_CALL_MAX, REPLAY_ID_LIFE};
use crate::offload::offload;
use crate::pipeline::{Batch, Times};
use crate::replay::{
    self, BatchTarget, ListingError, ObjectReader, ReplayInput, ReplayPlan, ReplayProgress,
    ReplayTotals, ReplayWork, SkippedObjects, TimeRange,
};
use crate::rules::{Layouts, RuleSet};
use crate::source::s3::{Buckets, Objects};
use crate::supervisor::Supervisor;
use crate::telemetry::{DoubtCause, DropReason, Metrics};

/// What is to be replayed, and how.
#[derive(Clone, Debug)]
pub(crate) struct ReplaySettings {
    pub inputs: Vec<ReplayInput>,
    pub range: TimeRange,
    pub objects_at_once: usize,
    /// The state directory; `None`: nothing is published or stored.
    pub state: Option<PathBuf>,
}

/// Why a replay does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Start(#[from] StartError),
    /// The inputs cannot be listed.
    #[error(transparent)]
    Listing(#[from] ListingError),
}

/// A replay that is planned but not running yet.
#[derive(Debug)]
pub(crate) struct Replay {
    work: Arc<ReplayWork>,
    at_once: usize,
    skipped: SkippedObjects,
    publishing: Option<Publishing>,
    layouts: Layouts,
    now_ms: i64,
    grace: Duration,
}

#[derive(Debug)]
struct Publishing {
    engine: Engine<AppSink>,
    resumed: u64,
    doubtful_earlier: u64,
}

/// The result of a replay.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub totals: ReplayTotals,
    pub skipped: SkippedObjects,
    /// Objects of the plan that were not started or not merged.
    pub left: u64,
    /// The replay was stopped before its end.
    pub interrupted: bool,
    pub outcome: ReplayOutcome,
}

/// What happened to the counts.
#[derive(Debug)]
pub(crate) enum ReplayOutcome {
    /// Nothing: they were only counted.
    Counted {
        lines: Vec<Line>,
        /// Sum of those that are too old for CloudWatch.
        too_old: u64,
    },
    Published(Published),
}

/// Sums of counts, and where they went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// Left in the state by an earlier run.
    pub resumed: u64,
    pub accepted: u64,
    pub accepted_datums: u64,
    /// Left in the state by this run.
    pub pending: u64,
    pub dropped: Vec<(&'static str, u64)>,
    /// In calls whose outcome is unknown.
    pub doubtful_ambiguous: u64,
    /// In calls that an earlier process was making when it died.
    pub doubtful_crash: u64,
    /// That earlier runs found, whether or not they lived to report it.
    pub doubtful_earlier: u64,
}

// === impl Replay ===

impl Replay {
    /// Lists the inputs, and restores what an earlier run left in the state. `say` gets a message
    /// for each object that cannot be read.
    ///
    /// # Errors
    /// As for [`super::App::bind`]; or the inputs cannot be listed or hold too many objects.
    pub(crate) async fn plan(
        config: Config,
        environment: Environment,
        settings: ReplaySettings,
        say: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, ReplayError> {
        let Environment { clock, aws, .. } = environment.clone();
        let config = for_replay(config, &settings)?;
        let metrics = Metrics::new()
            .map_err(|error| StartError::Configuration(format!("metrics: {error}")))?;
        let layouts = Layouts::default();
        let document = definitions::document(&config, &environment).await?;
        let compiler = definitions::compiler(&config, &layouts)?;
        let rules = definitions::first(&compiler, &document).await?.rules;
        let deps = EngineDeps {
            config: &config,
            layouts: layouts.clone(),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            datums_per_call: DATUMS_PER_CALL_MAX,
            dead_letters: None,
            // A replay only counts; it does not forward again.
            forwarder: None,
            // An object beyond the limit is left to a later run.
            sample: None,
            series_overflow: SeriesOverflow::Refuse,
            supervisor: Supervisor::new(Arc::clone(&metrics)),
        };
        // First, because it takes the lock: two replays of the same objects would count them twice.
        let mut opened = journal::open(&deps).await?;
        // Known objects are not read, so no ledger needs their IDs.
        let known = opened.as_mut().map(|opened| std::mem::take(&mut opened.ids));
        let known = known.unwrap_or_default();
        if opened.is_some() {
            tracing::info!(objects = known.len(), "state read");
        }
        let known = known.into_iter().map(|(id, _)| id);
        let now_ms = clock.now_ms();
        let plan = ReplayPlan::new(settings.range, opened.is_some().then_some(now_ms), known);
        let (plan, reader) = list(plan, &settings, &config, &aws, &metrics).await?;
        let ReplayPlan { chosen, skipped, .. } = plan;

        let stop = CancellationToken::new();
        let times = Times { arrival_ms: now_ms, use_arrival: false };
        let (target, publishing) = if let Some(opened) = opened {
            let sink = AppSink::new(&config, aws.clone()).await?;
            let publishing = Publishing::start(deps, rules, sink, opened).await;
            (publishing.target(), Some(publishing))
        } else {
            (total(rules, times), None)
        };
        let work = ReplayWork::new(chosen, reader, target, stop, Box::new(say));
        let (at_once, grace) = (settings.objects_at_once, config.shutdown.grace);
        Ok(Self { work: Arc::new(work), at_once, skipped, publishing, layouts, now_ms, grace })
    }

    /// The number of objects to read, and their bytes.
    #[must_use]
    pub(crate) fn size(&self) -> (u64, u64) {
        let objects = &self.work.objects;
        (objects.len() as u64, objects.iter().map(|object| object.bytes).sum())
    }

    #[must_use]
    pub(crate) fn progress(&self) -> Arc<ReplayProgress> {
        Arc::clone(&self.work.progress)
    }

    /// Reads and publishes everything; after `stop`, publishes what is merged by then, within the
    /// grace period.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> Replayed {
        let Self { work, at_once, skipped, publishing, layouts, now_ms, grace } = self;
        let mut working = tokio::spawn(Arc::clone(&work).run(at_once));
        let mut interrupted = true;
        let outcome = if let Some(Publishing { engine, resumed, doubtful_earlier }) = publishing {
            let publisher = engine.publisher.clone();
            let stop = async {
                tokio::select! {
                    biased;
                    () = stop => {}
                    () = async {
                        let _ = (&mut working).await;
                        publisher.settled().await;
                    } => interrupted = false,
                }
            };
            let ended = engine.run(stop, work.stop.clone(), grace).await;
            ReplayOutcome::Published(Published {
                resumed,
                doubtful_earlier,
                ..Published::of(&engine.metrics, &ended)
            })
        } else {
            tokio::select! {
                biased;
                () = stop => {}
                _ = &mut working => interrupted = false,
            }
            let lines = lines(&work.target, &layouts);
            ReplayOutcome::Counted { too_old: replay::counts_too_old(&lines, now_ms), lines }
        };
        // At the end of the grace period a worker may still be reading.
        working.abort();
        let totals = work.progress.totals();
        let done = totals.read + totals.missing + totals.failed;
        let left = (work.objects.len() as u64).saturating_sub(done);
        Replayed { totals, skipped, left, interrupted, outcome }
    }
}

/// The daemon's configuration, adapted for a replay.
fn for_replay(mut config: Config, settings: &ReplaySettings) -> Result<Config, StartError> {
    if settings.state.is_some() && config.cloudwatch.publish != Publish::Aws {
        let what = "cloudwatch.publish is \"memory\", so nothing would be published";
        let fix = "pass a configuration that publishes (--config), or use --dry-run";
        return Err(StartError::Configuration(format!("{what}; {fix}")));
    }
    // A replay reads no other source; of the Firehose endpoint only the acknowledgement mode
    // matters.
    config.sqs.clear();
    config.firehose.acknowledge =
        if settings.state.is_some() { Acknowledge::Journaled } else { Acknowledge::Merged };
    config.journal.directory.clone_from(&settings.state);
    // They are the state: none may be forgotten.
    config.limits.request_ids = usize::MAX;
    // Unreadable values stay in their objects.
    config.dead_letters = DeadLettersConfig::default();
    // A replay has no SES API, so the definitions must exist.
    config.ses_api = SesApiConfig::default();
    let in_flight = &mut config.limits.in_flight_requests;
    *in_flight = settings.objects_at_once.max(*in_flight);
    Ok(config)
}

/// Lists all inputs.
async fn list(
    mut plan: ReplayPlan,
    settings: &ReplaySettings,
    config: &Config,
    aws: &AwsEnvironment,
    metrics: &Arc<Metrics>,
) -> Result<(ReplayPlan, ObjectReader), ReplayError> {
    let s3 = if settings.inputs.iter().any(|input| matches!(input, ReplayInput::Bucket { .. })) {
        let sdk = match aws.load(None).await {
            None => aws.load(config.cloudwatch.region.as_deref()).await,
            found => found,
        };
        let none = || StartError::Configuration("no AWS region for S3: set AWS_REGION".to_owned());
        Some(S3Clients::new(&sdk.ok_or_else(none)?))
    } else {
        None
    };
    for input in &settings.inputs {
        match input {
            ReplayInput::Bucket { bucket, prefix } => {
                let Some(clients) = &s3 else { continue };
                let range = plan.range;
                let mut offer = |found| plan.offer(found);
                replay::bucket::list(clients, bucket, prefix, range, &mut offer).await?;
            }
            ReplayInput::Path(path) => {
                let path = path.clone();
                let listing = offload(move || {
                    replay::folder::list(&path, &mut |found| plan.offer(found)).map(|()| plan)
                });
                plan = listing.await.map_err(|_| ListingError::Panicked)??;
            }
        }
    }
    plan.sort();
    let objects = |s3| {
        let buckets = Arc::new(Buckets::new(s3, None));
        Objects::new(buckets, settings.objects_at_once, Arc::clone(metrics))
    };
    let reader = ObjectReader { objects: s3.map(objects) };
    Ok((plan, reader))
}

fn total(rules: RuleSet, times: Times) -> BatchTarget {
    BatchTarget::Total(Box::new(Mutex::new(Batch::new(Arc::new(rules), times))))
}

// === impl Publishing ===

impl Publishing {
    async fn start(
        deps: EngineDeps<'_>,
        rules: RuleSet,
        sink: AppSink,
        opened: OpenedJournal,
    ) -> Self {
        let mut resumed: u64 = opened.outstanding.iter().map(|(_, count)| count).sum();
        if deps.config.cloudwatch.ambiguous == Ambiguous::Drop {
            // They are dropped in this run and reported as dropped.
            resumed += opened.doubtful;
        }
        let doubtful_earlier = opened.doubtful_before;
        let engine = Engine::start(deps, rules, sink, Some(opened)).await;
        Self { engine, resumed, doubtful_earlier }
    }

    fn target(&self) -> BatchTarget {
        let publisher = self.engine.publisher.clone();
        BatchTarget::Engine(replay::ReplayEngine {
            source: SourceIntake {
                intake: Arc::clone(&self.engine.intake),
                // Each ID is used once, so done IDs need not be kept.
                ledger: Ledger::new(DoneWhen::Merged, REPLAY_ID_LIFE, 0),
                until_settled: false,
                is_journaled: true,
                id_life: Some(REPLAY_ID_LIFE),
                activity: Arc::default(),
            },
            make_room: Arc::new(move || publisher.flush_now()),
        })
    }
}

// === impl Published ===

impl Published {
    /// What this run did.
    fn of(metrics: &Metrics, ended: &Ended) -> Self {
        let dropped = DropReason::ALL.iter();
        let dropped = dropped.map(|reason| (reason.as_str(), metrics.dropped.get(*reason)));
        Self {
            accepted: metrics.accepted_counts.get(),
            accepted_datums: metrics.accepted_datums.get(),
            pending: ended.counts,
            dropped: dropped.collect(),
            doubtful_ambiguous: metrics.doubtful.get(DoubtCause::Ambiguous),
            doubtful_crash: metrics.doubtful.get(DoubtCause::Crash),
            ..Self::default()
        }
    }
}

/// The totals, if they were collected.
fn lines(target: &BatchTarget, layouts: &Layouts) -> Vec<Line> {
    match target {
        BatchTarget::Engine(_) => Vec::new(),
        BatchTarget::Total(total) => {
            let total = total.lock().unwrap_or_else(PoisonError::into_inner);
            sorted_lines(total.delta.iter(), layouts)
        }
    }
}
