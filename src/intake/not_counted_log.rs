//! Warns of what requests do not count: a line for each kind, at most once a minute.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::request_key::RequestKey;
use crate::pipeline::{Batch, Names, NotCountedKind};
use crate::printable::shown;
use crate::ses::Compression;
use crate::telemetry::{LogLimiter, Metrics};

/// Interval of the lines of one kind.
const SPAN: Duration = Duration::from_mins(1);

/// What was not counted since the last line of each kind.
#[derive(Debug)]
pub(super) struct NotCountedLog {
    kinds: [KindLog; NotCountedKind::ALL.len()],
}

#[derive(Debug)]
struct KindLog {
    limiter: LogLimiter,
    unlogged: Mutex<Unlogged>,
}

/// Since the last line.
#[derive(Debug, Default)]
struct Unlogged {
    count: u64,
    names: Names,
}

// === impl NotCountedLog ===

impl NotCountedLog {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        let kinds = NotCountedKind::ALL.map(|_| KindLog {
            limiter: LogLimiter::new(SPAN, Arc::clone(metrics)),
            unlogged: Mutex::default(),
        });
        Self { kinds }
    }

    /// Logs what a merged request does not count, with the place of the first: its source, its ID,
    /// and the offset in its text (for Firehose the number of the record). Never its content.
    pub(super) fn note(&self, key: RequestKey<'_>, batch: &Batch) {
        let Some(found) = &batch.not_counted else { return };
        for (kind, first_at, names) in found.kinds() {
            let KindLog { limiter, unlogged } = &self.kinds[kind as usize];
            let mut unlogged = unlogged.lock().unwrap_or_else(PoisonError::into_inner);
            unlogged.count += kind.count(&batch.tally);
            unlogged.names.append(names);
            if !limiter.allow() {
                continue;
            }
            let Unlogged { count, names } = take(&mut *unlogged);
            drop(unlogged);
            let names = names.shown();
            let source = shown(&String::from_utf8_lossy(key.source));
            let (request, reason) = (shown(key.request), kind.name());
            let is_malformed = kind == NotCountedKind::Malformed;
            let lost_bytes = is_malformed.then_some(batch.tally.lost_bytes);
            let compression = found.compression().filter(|_| is_malformed);
            let compression = compression.map(Compression::advice);
            tracing::warn!(
                reason,
                count,
                names,
                source,
                request,
                first_at,
                lost_bytes,
                compression,
                "{}",
                message(kind)
            );
        }
    }
}

fn message(kind: NotCountedKind) -> &'static str {
    match kind {
        NotCountedKind::Malformed => "unreadable values skipped",
        NotCountedKind::Foreign => "values that are not SES events skipped",
        NotCountedKind::UnknownType => "events of unknown types skipped",
        NotCountedKind::Unrouted => "events of configuration sets without definitions not counted",
        NotCountedKind::Unmatched => {
            "events of types that no enabled destination matches not counted"
        }
        NotCountedKind::InvalidValue => "counts with invalid dimension values dropped",
    }
}
