//! Workers that process objects one by one: each is read completely, and merged in one step or not
//! at all.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::object::ObjectPlace;
use super::plan::ChosenObject;
use super::progress::{FailureReason, ReplayProgress};
use super::reader::ObjectReader;
use crate::ack::{Admission, Refusal, RefusalReason};
use crate::aggregate::SeriesFull;
use crate::intake::{LetterContent, MakeRoom, MeteredBatch, Patience, RequestKey, SourceIntake};
use crate::pipeline::{Batch, unreadable};

/// How many failed objects are listed by name, and how many with unreadable values.
const NAMED_MAX: u64 = 1000;
/// After this many failures in a row the cause is not the objects, so the replay stops.
const FAILURES_IN_A_ROW_MAX: u64 = 100;

/// The work of a replay.
pub(crate) struct ReplayWork {
    pub objects: Vec<ChosenObject>,
    pub reader: ObjectReader,
    pub target: BatchTarget,
    pub progress: Arc<ReplayProgress>,
    /// Cancelled to start no more objects.
    pub stop: CancellationToken,
    /// Prints a message for the user.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
    next: AtomicUsize,
    failures_in_a_row: AtomicU64,
    /// Objects with unreadable values.
    unreadable: AtomicU64,
}

/// What happens to a batch that was read.
#[derive(Debug)]
pub(crate) enum BatchTarget {
    /// Its counts are only added up.
    Total(Box<Mutex<Batch>>),
    Engine(ReplayEngine),
}

/// Merges batches into counts that a publisher takes.
pub(crate) struct ReplayEngine {
    /// Its ledger issues the tickets; the plan excludes objects that were counted before.
    pub source: SourceIntake,
    /// Called when too many counts are waiting to be published.
    pub make_room: MakeRoom,
}

/// How the work on an object ended.
enum ObjectEnd {
    Done,
    Missing,
    Failed(String),
    /// It has more new series than the limit still allows. Nothing of it is counted.
    OverSeriesLimit(SeriesFull),
    /// It was not done.
    Left,
}

// === impl ReplayWork ===

impl ReplayWork {
    #[must_use]
    pub(crate) fn new(
        objects: Vec<ChosenObject>,
        reader: ObjectReader,
        target: BatchTarget,
        stop: CancellationToken,
        say: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        Self {
            objects,
            reader,
            target,
            progress: Arc::default(),
            stop,
            say,
            next: AtomicUsize::new(0),
            failures_in_a_row: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
        }
    }

    /// Processes objects until none is left or `stop` is cancelled; this many at once.
    pub(crate) async fn run(self: Arc<Self>, at_once: usize) {
        let mut workers = JoinSet::new();
        for _ in 0..at_once.min(self.objects.len()) {
            let work = Arc::clone(&self);
            workers.spawn(async move { work.work().await });
        }
        while let Some(worker) = workers.join_next().await {
            if worker.is_err() {
                tracing::error!("processing an object panicked; the object is not counted");
            }
        }
    }

    async fn work(&self) {
        while !self.stop.is_cancelled() {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = self.objects.get(next) else { return };
            let end = match &self.target {
                BatchTarget::Total(total) => self.add(object, total).await,
                BatchTarget::Engine(engine) => self.merge(object, engine).await,
            };
            match end {
                ObjectEnd::Done => self.failures_in_a_row.store(0, Ordering::Relaxed),
                ObjectEnd::Missing => {
                    self.progress.missing(object.bytes);
                    (self.say)(&format!(
                        "{} no longer exists or has changed; not counted",
                        object.place
                    ));
                }
                ObjectEnd::Failed(why) => {
                    self.failed(object, FailureReason::Other, &why);
                    self.count_failure();
                }
                // The next object may have known series only.
                ObjectEnd::OverSeriesLimit(full) => {
                    let why = format!("{} is not counted: {full}", object.place);
                    self.failed(object, FailureReason::SeriesLimit, &why);
                }
                ObjectEnd::Left => return,
            }
        }
    }

    async fn add(&self, object: &ChosenObject, total: &Mutex<Batch>) -> ObjectEnd {
        let blank = total.lock().unwrap_or_else(PoisonError::into_inner).blank(None);
        let fresh = || MeteredBatch::unbounded(blank.blank(None));
        let mut batch = match read(&self.reader, &object.place, fresh).await {
            Ok(Some(batch)) => batch,
            Ok(None) => return ObjectEnd::Missing,
            Err(refusal) => return ObjectEnd::Failed(refusal.message.into_owned()),
        };
        self.has_read(object, &batch);
        total.lock().unwrap_or_else(PoisonError::into_inner).absorb(&mut batch);
        ObjectEnd::Done
    }

    async fn merge(&self, object: &ChosenObject, engine: &ReplayEngine) -> ObjectEnd {
        let source = &engine.source;
        let Ok(charge) = source.enter(0) else { return ObjectEnd::Left };
        let id = object.place.id();
        let Admission::New(ticket) = source.ledger.admit(id) else { return ObjectEnd::Left };
        let (name, version) = (object.place.to_string(), object.place.version());
        let key = RequestKey { source: name.as_bytes(), request: &version, ids: &[id] };
        let blank = source.intake.archived_batch();
        let budget = source.intake.budget(charge);
        let fresh = || MeteredBatch::new(blank.blank(None), &budget);
        let mut batch = match read(&self.reader, &object.place, fresh).await {
            Ok(Some(batch)) => batch,
            Ok(None) => return ObjectEnd::Missing,
            Err(refusal) => {
                let refusal = source.refuse(key, ticket, refusal, LetterContent::None);
                return ObjectEnd::Failed(refusal.message.into_owned());
            }
        };
        // Before the merge, which would have to drop counts, and the journal would know the object.
        if let Err(full) = source.intake.reserve_series(&batch) {
            let refusal = Refusal::new(RefusalReason::GivenUp, full.to_string());
            source.refuse(key, ticket, refusal, LetterContent::None);
            return ObjectEnd::OverSeriesLimit(full);
        }
        let again = |blank: Batch| read_again(self.reader.clone(), object.place.clone(), blank);
        let mut patience = Patience::new(&source.intake, self.stop.clone())
            .making_room(Arc::clone(&engine.make_room));
        let committed =
            source.commit_patiently(key, ticket, &mut batch, again, &mut patience).await;
        if let Err((ticket, refusal)) = committed {
            return match source.refuse(key, ticket, refusal, LetterContent::None) {
                Refusal { reason: RefusalReason::Draining, .. } => ObjectEnd::Left,
                Refusal { message, .. } => {
                    ObjectEnd::Failed(format!("{} is rejected: {message}", object.place))
                }
            };
        }
        // Before the charge ends, because a waiter for the charge reads these totals.
        self.has_read(object, &batch);
        drop(budget.committed());
        ObjectEnd::Done
    }

    /// Adds an object to the totals, and names it if it has unreadable values.
    fn has_read(&self, object: &ChosenObject, batch: &Batch) {
        let name = object.place.to_string();
        self.progress.read(&name, object.bytes, batch);
        let found = batch.not_counted.as_deref();
        let sentence = found.and_then(|found| unreadable(&name, found, &batch.tally));
        let Some(sentence) = sentence else { return };
        let named = self.unreadable.fetch_add(1, Ordering::Relaxed) + 1;
        if named <= NAMED_MAX {
            (self.say)(&sentence);
        }
        if named == NAMED_MAX {
            (self.say)("further objects with unreadable values are counted but not listed");
        }
    }

    fn failed(&self, object: &ChosenObject, reason: FailureReason, why: &str) {
        let failed = self.progress.failed(object.bytes, reason);
        if failed <= NAMED_MAX {
            (self.say)(why);
        }
        if failed == NAMED_MAX {
            (self.say)("further failed objects are counted but not listed");
        }
    }

    fn count_failure(&self) {
        let in_a_row = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if in_a_row == FAILURES_IN_A_ROW_MAX {
            (self.say)(&format!("{in_a_row} objects in a row cannot be read; skipping the rest"));
            self.stop.cancel();
        }
    }
}

/// Reads an object; `None`: it no longer exists or has changed.
async fn read(
    reader: &ObjectReader,
    place: &ObjectPlace,
    fresh: impl Fn() -> MeteredBatch,
) -> Result<Option<Batch>, Refusal> {
    let reading = reader.read(place, fresh).await?;
    Ok(reading.map(MeteredBatch::finish).transpose()?)
}

async fn read_again(
    reader: ObjectReader,
    place: ObjectPlace,
    blank: Batch,
) -> Result<Batch, Refusal> {
    // It was within its budget before.
    let read = read(&reader, &place, || MeteredBatch::unbounded(blank.blank(None))).await?;
    let gone =
        || Refusal::new(RefusalReason::GivenUp, format!("{place} no longer exists or has changed"));
    read.ok_or_else(gone)
}

impl fmt::Debug for ReplayWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("objects", &self.objects.len()).finish_non_exhaustive()
    }
}

// === impl ReplayEngine ===

impl fmt::Debug for ReplayEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
