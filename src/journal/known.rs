//! The requests that a journal knows: 16 bytes each, in groups.
//!
//! Requests that were counted in the same minute form a group. It is as old as the end of its
//! minute, so no ID is forgotten early.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::{Record, put_record};
use crate::ack::RequestId;
use crate::limits::FIREHOSE_ID_LIFE;

/// When (Unix milliseconds) requests were counted, and how long their IDs are remembered, if not for
/// the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownRequest {
    pub at_ms: i64,
    pub life_ms: Option<u64>,
}

/// Known requests, oldest group first.
#[derive(Debug, Default)]
pub(crate) struct KnownIds {
    groups: BTreeMap<KnownRequest, Vec<RequestId>>,
}

/// Known requests that stay in the file of a checkpoint: the number of each group.
#[derive(Debug, Default)]
pub(crate) struct KnownInFile {
    pub checkpoint: u64,
    pub groups: BTreeMap<KnownRequest, u64>,
    /// How many of the oldest are forgotten, because there are too many.
    pub surplus: u64,
}

/// Known requests with their remaining lifetimes, the shortest first.
#[derive(Debug, Default)]
pub(crate) struct RememberedIds(Vec<(Duration, Vec<RequestId>)>);

const MINUTE_MS: i64 = 60_000;
/// IDs in one record.
const PER_RECORD: usize = 1000;

// === impl KnownRequest ===

impl KnownRequest {
    /// The remaining lifetime; `id_life` by default.
    pub(crate) fn left(&self, now_ms: i64, id_life: Duration) -> Duration {
        let life = self.life_ms.map_or(id_life, Duration::from_millis);
        let age_ms = now_ms.saturating_sub(self.at_ms);
        life.saturating_sub(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }

    /// Whether a ledger may have forgotten it at a time: it knows when the lifetime ends to the
    /// millisecond, a group to the minute.
    pub(crate) fn is_forgotten(&self, at_ms: i64) -> bool {
        self.left(at_ms.saturating_add(MINUTE_MS), FIREHOSE_ID_LIFE).is_zero()
    }

    /// The group of a request.
    pub(crate) fn group(self) -> Self {
        let minutes = self.at_ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS);
        Self { at_ms: minutes.saturating_mul(MINUTE_MS), ..self }
    }
}

// === impl KnownIds ===

impl KnownIds {
    pub(crate) fn insert(&mut self, id: RequestId, counted: KnownRequest) {
        self.groups.entry(counted.group()).or_default().push(id);
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.values().map(Vec::len).sum()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (KnownRequest, &[RequestId])> {
        self.groups.iter().map(|(counted, ids)| (*counted, ids.as_slice()))
    }

    /// Removes groups whose lifetime is over, and the oldest IDs above a limit. Those that stay in a
    /// file count too, and go first. Returns how many IDs are removed early.
    pub(crate) fn forget(
        &mut self,
        in_file: &mut KnownInFile,
        now_ms: i64,
        id_life: Duration,
        ids_max: usize,
    ) -> u64 {
        let is_alive = |counted: &KnownRequest| !counted.left(now_ms, id_life).is_zero();
        self.groups.retain(|counted, _| is_alive(counted));
        in_file.groups.retain(|counted, _| is_alive(counted));
        let older: u64 = in_file.groups.values().sum();
        let surplus = (older + self.len() as u64).saturating_sub(ids_max as u64);
        in_file.surplus = surplus.min(older);
        let mut excess = usize::try_from(surplus - in_file.surplus).unwrap_or(usize::MAX);
        for ids in self.groups.values_mut() {
            let goes = excess.min(ids.len());
            ids.drain(..goes);
            excess -= goes;
        }
        self.groups.retain(|_, ids| !ids.is_empty());
        surplus
    }

    /// When the last request was counted, to the minute.
    pub(crate) fn last_ms(&self) -> Option<i64> {
        self.groups.keys().map(|counted| counted.at_ms).max()
    }

    /// Makes all requests younger by this time.
    pub(crate) fn shift(&mut self, by_ms: i64) {
        for (mut counted, ids) in std::mem::take(&mut self.groups) {
            counted.at_ms = counted.at_ms.saturating_add(by_ms);
            self.groups.entry(counted.group()).or_default().extend(ids);
        }
    }

    pub(crate) fn remembered(self, now_ms: i64, id_life: Duration) -> RememberedIds {
        let left = |(counted, ids): (KnownRequest, _)| (counted.left(now_ms, id_life), ids);
        let mut groups: Vec<_> = self.groups.into_iter().map(left).collect();
        groups.sort_by_key(|(left, _)| *left);
        RememberedIds(groups)
    }
}

/// Appends the records of a group.
pub(crate) fn put_group(to: &mut Vec<u8>, counted: KnownRequest, ids: &[RequestId]) {
    for chunk in ids.chunks(PER_RECORD) {
        let ids: Vec<_> = chunk.iter().flat_map(|id| id.to_bytes()).collect();
        let KnownRequest { at_ms, life_ms } = counted;
        put_record(to, &Record::KnownIds { at_ms, life_ms, ids: ids[..].into() });
    }
}

// === impl RememberedIds ===

impl RememberedIds {
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|(_, ids)| ids.len()).sum()
    }
}

impl IntoIterator for RememberedIds {
    type Item = (RequestId, Duration);
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        let groups = self.0.into_iter();
        Box::new(groups.flat_map(|(left, ids)| ids.into_iter().map(move |id| (id, left))))
    }
}
