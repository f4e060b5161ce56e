//! The sum of a journal's records: outstanding = counted - accepted - dropped.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::known::{KnownIds, KnownInFile, KnownRequest};
use super::record::{Record, RecordCount, Verdict};
use crate::ack::RequestId;
use crate::aggregate::{Key, is_of_layout, put_varint, varint};
use crate::rules::{Layout, LayoutId, Layouts, SeriesMetric};
use crate::ses::Fingerprint;

/// The sum of a journal's records.
#[derive(Debug, Default)]
pub(crate) struct JournalState {
    /// Neither accepted nor dropped, including those in calls.
    pub outstanding: HashMap<Key, u64, RandomState>,
    /// Calls without a verdict.
    pub calls: BTreeMap<u64, Vec<(Key, u64)>>,
    /// Known requests.
    pub ids: KnownIds,
    /// The IDs of deltas in logs, each with the request of it that was counted last, if one was.
    pub in_logs: HashMap<RequestId, Option<KnownRequest>, RandomState>,
    /// Known requests of the checkpoint, if only those of logs are in `ids`.
    pub in_file: Option<KnownInFile>,
    /// Events of requests and when they were counted, in the order of the records.
    pub events: Vec<(i64, Vec<Fingerprint>)>,
    /// Counts that earlier calls left in doubt, by their verdicts.
    pub doubtful: u64,
    /// Records that contradict earlier ones, or hold impossible counts. Only a damaged journal has
    /// any.
    pub contradictions: u64,
}

/// Translates the keys of one file into keys of this process.
#[derive(Debug)]
pub(crate) struct SeriesKeys<'l> {
    layouts: &'l Layouts,
    known: HashMap<u64, LayoutId, RandomState>,
}

/// Far more than any series counts in a minute, yet small enough that sums cannot overflow.
const COUNT_MAX: u64 = 1 << 40;

/// A record with this time panics, for tests.
#[cfg(test)]
pub(crate) const PANICS_AT_MS: i64 = i64::MIN;

// === impl JournalState ===

impl JournalState {
    /// Notes the ID of a delta, before any record is applied.
    pub(crate) fn note(&mut self, record: &Record<'_>) {
        if let Record::Delta { id, .. } = record {
            self.in_logs.extend(RequestId::from_bytes(id).map(|id| (id, None)));
        }
    }

    /// Applies a record of a file.
    pub(crate) fn apply(&mut self, record: &Record<'_>, keys: &mut SeriesKeys<'_>) {
        #[cfg(test)]
        assert!(
            !matches!(record, Record::Delta { at_ms: PANICS_AT_MS, .. }),
            "a record that panics"
        );
        let sound = match record {
            Record::Begin { .. } => true,
            Record::End { doubtful } => self.doubted(*doubtful),
            Record::Layout { id, namespace, metric, dimensions } => {
                keys.learn(*id, namespace, metric, dimensions)
            }
            Record::Delta { id, at_ms, counts, fingerprints, life_ms, also } => {
                let counted = KnownRequest { at_ms: *at_ms, life_ms: *life_ms };
                match RequestId::from_bytes(id) {
                    // An ID counts once in its lifetime, however many records have it.
                    Some(id) if self.counts_now(id, counted) => {
                        self.ids.insert(id, counted);
                        let also = also.map_or(&[][..], |bytes| bytes);
                        let is_whole = self.known(counted, also, false);
                        let fingerprints = fingerprints.map_or(&[][..], |bytes| bytes);
                        let sound = self.events(*at_ms, fingerprints) && is_whole;
                        self.add(counts, keys) && sound
                    }
                    Some(_) => true,
                    None => false,
                }
            }
            Record::Outstanding { counts } => self.add(counts, keys),
            Record::Known { ids, events } => {
                let mut sound = true;
                for known in ids {
                    let counted = KnownRequest { at_ms: known.at_ms, life_ms: known.life_ms };
                    sound &= known.id.len() == 16 && self.known(counted, known.id, true);
                }
                let events = events.map(|events| self.events(events.at_ms, events.fingerprints));
                events.unwrap_or(true) && sound
            }
            Record::KnownIds { at_ms, life_ms, ids } => {
                self.known(KnownRequest { at_ms: *at_ms, life_ms: *life_ms }, ids, true)
            }
            Record::Call { call, counts } => {
                let keyed = keys.all(counts);
                let sound = keyed.len() == counts.len();
                self.calls.insert(*call, keyed).is_none() && sound
            }
            Record::Verdict { call, verdict, doubtful } => {
                let sound = match (self.calls.remove(call), verdict) {
                    (Some(_), Verdict::Void) => true,
                    (Some(counts), Verdict::Accepted | Verdict::GivenUp) => self.subtract(counts),
                    (None, _) => false,
                };
                self.doubted(*doubtful) && sound
            }
            Record::GivenUp { counts } => self.subtract(keys.all(counts)),
        };
        self.contradictions += u64::from(!sound);
    }

    /// Whether a delta with this ID is the first one, or that of a later request: the ledger had
    /// forgotten the one before.
    fn counts_now(&mut self, id: RequestId, counted: KnownRequest) -> bool {
        let Some(last) = self.in_logs.get_mut(&id) else { return false };
        let is_new = last.is_none_or(|last| last.is_forgotten(counted.at_ms));
        if is_new {
            *last = Some(counted);
        }
        is_new
    }

    /// Concatenated IDs of known requests, `in_file` if they are of a checkpoint.
    fn known(&mut self, counted: KnownRequest, ids: &[u8], in_file: bool) -> bool {
        let (whole, rest) = ids.as_chunks::<16>();
        for id in whole.iter().filter_map(|id| RequestId::from_bytes(id)) {
            if let Some(last) = self.in_logs.get_mut(&id) {
                *last = Some(counted);
            }
            match self.in_file.as_mut().filter(|_| in_file) {
                Some(left) => *left.groups.entry(counted).or_default() += 1,
                None => self.ids.insert(id, counted),
            }
        }
        rest.is_empty()
    }

    fn events(&mut self, at_ms: i64, fingerprints: &[u8]) -> bool {
        let (whole, rest) = fingerprints.as_chunks();
        if !whole.is_empty() {
            self.events.push((at_ms, whole.iter().copied().map(Fingerprint::new).collect()));
        }
        rest.is_empty()
    }

    /// Lets lifetimes go on from where they stood when the previous process died: a sender is told
    /// nothing while no process runs, and the wall clock may have been set since.
    pub(crate) fn resume(&mut self, now_ms: i64) {
        let events = self.events.iter().map(|(at_ms, _)| *at_ms);
        let last_ms = events.chain(self.ids.last_ms()).max().unwrap_or(now_ms);
        let down_ms = now_ms.saturating_sub(last_ms);
        self.ids.shift(down_ms);
        for (at_ms, _) in &mut self.events {
            *at_ms = at_ms.saturating_add(down_ms);
        }
    }

    /// Removes expired requests and the oldest above their limit. Most IDs have the lifetime
    /// `id_life`. Returns how many IDs are removed early.
    pub(crate) fn forget_ids(&mut self, now_ms: i64, id_life: Duration, ids_max: usize) -> u64 {
        let mut none = KnownInFile::default();
        let in_file = self.in_file.as_mut().unwrap_or(&mut none);
        self.ids.forget(in_file, now_ms, id_life, ids_max)
    }

    /// Removes events counted before a time (Unix milliseconds), and the oldest above their limit.
    pub(crate) fn forget_events(&mut self, events_since_ms: i64, events_max: usize) {
        self.events.retain(|(at_ms, _)| *at_ms > events_since_ms);
        self.events.sort_by_key(|(at_ms, _)| *at_ms);
        let mut room = events_max;
        for (_, fingerprints) in self.events.iter_mut().rev() {
            let surplus = fingerprints.len().saturating_sub(room);
            fingerprints.drain(..surplus);
            room -= fingerprints.len();
        }
        self.events.retain(|(_, fingerprints)| !fingerprints.is_empty());
    }

    fn add(&mut self, counts: &[RecordCount<'_>], keys: &SeriesKeys<'_>) -> bool {
        let mut sound = true;
        for count in counts {
            let Some((key, count)) = keys.count(count) else {
                sound = false;
                continue;
            };
            let held = self.outstanding.entry(key).or_default();
            sound &= *held + count <= COUNT_MAX;
            *held = COUNT_MAX.min(*held + count);
        }
        sound
    }

    fn subtract(&mut self, counts: Vec<(Key, u64)>) -> bool {
        let mut sound = true;
        for (key, count) in counts {
            let left = self.outstanding.get(&key).and_then(|held| held.checked_sub(count));
            sound &= left.is_some();
            match left {
                Some(left) if left > 0 => _ = self.outstanding.insert(key, left),
                _ => _ = self.outstanding.remove(&key),
            }
        }
        sound
    }

    fn doubted(&mut self, counts: Option<u64>) -> bool {
        let counts = counts.unwrap_or(0);
        let is_possible = counts <= COUNT_MAX;
        if is_possible {
            self.doubtful = self.doubtful.saturating_add(counts);
        }
        is_possible
    }

    /// Decides on the calls without a verdict: their counts are sent again, or dropped. Returns the
    /// counts.
    pub(crate) fn end_calls(&mut self, send_again: bool) -> u64 {
        let calls = std::mem::take(&mut self.calls);
        let counts = calls.values().flatten().map(|(_, count)| count).sum();
        if !send_again {
            for call in calls.into_values() {
                let sound = self.subtract(call);
                self.contradictions += u64::from(!sound);
            }
        }
        counts
    }
}

// === impl SeriesKeys ===

impl<'l> SeriesKeys<'l> {
    pub(crate) fn new(layouts: &'l Layouts) -> Self {
        Self { layouts, known: HashMap::default() }
    }

    fn learn(&mut self, id: u32, namespace: &str, metric: &str, dimensions: &[&str]) -> bool {
        let Some(metric) = SeriesMetric::parse(metric) else { return false };
        let dimensions = dimensions.iter().map(|&name| name.to_owned()).collect();
        let layout = Layout { namespace: namespace.into(), metric, dimensions };
        self.known.insert(id.into(), self.layouts.id(layout));
        true
    }

    /// All valid counts.
    fn all(&self, counts: &[RecordCount<'_>]) -> Vec<(Key, u64)> {
        counts.iter().filter_map(|count| self.count(count)).collect()
    }

    /// `None` for a key without a known layout, and for an impossible count.
    fn count(&self, of: &RecordCount<'_>) -> Option<(Key, u64)> {
        let (layout, rest) = varint(of.key)?;
        let layout = self.known.get(&layout)?;
        let is_sound = is_of_layout(rest, &*self.layouts.get(*layout)?) && of.count <= COUNT_MAX;
        if !is_sound {
            return None;
        }
        let mut ours = Vec::with_capacity(of.key.len() + 4);
        put_varint(&mut ours, layout.0.into());
        ours.extend_from_slice(rest);
        Some((ours.into(), of.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::KeyBuilder;
    use crate::ses::{EventType, Minute};

    /// A valid checksum is not enough: a count must belong to a series that can be published, and
    /// must not overflow.
    #[test]
    fn impossible_counts_are_contradictions_and_not_counted() {
        let layouts = Layouts::default();
        let dimensions = vec!["campaign".to_owned()];
        let layout = layouts.id(Layout {
            namespace: "SES".into(),
            metric: EventType::Send.into(),
            dimensions,
        });
        let mut sound = KeyBuilder::default();
        sound.start(layout);
        sound.push(b"spring");
        let sound: Key = sound.finish(Minute(29_000_000)).into();
        let learn = Record::Layout {
            id: layout.0,
            namespace: "SES",
            metric: "Send",
            dimensions: vec!["campaign"],
        };
        let cut = &sound[..sound.len() - 1];
        let longer = [&sound[..], b"x"].concat();
        let unknown = [&[9], &sound[1..]].concat();
        let never = [&sound[..sound.len() - 8], &i64::MAX.to_le_bytes()].concat();
        let impossible = [(cut, 1), (&longer, 1), (&unknown, 1), (&never, 1), (&sound, u64::MAX)];
        for (key, count) in impossible {
            let (mut state, mut keys) = (JournalState::default(), SeriesKeys::new(&layouts));
            state.apply(&learn, &mut keys);
            for (key, count) in [(&*sound, 1 << 40), (key, count)] {
                state.apply(
                    &Record::Outstanding { counts: vec![RecordCount::new(key, count)] },
                    &mut keys,
                );
            }
            assert_eq!(state.contradictions, 1, "{key:?} {count}");
            let outstanding: Vec<_> = state.outstanding.into_iter().collect();
            assert_eq!(outstanding, [(sound.clone(), 1 << 40)], "{key:?} {count}");
        }
        // Nor may the sum exceed the limit.
        let (mut state, mut keys) = (JournalState::default(), SeriesKeys::new(&layouts));
        state.apply(&learn, &mut keys);
        let twice = vec![RecordCount::new(&sound, 1 << 40); 2];
        state.apply(&Record::Outstanding { counts: twice }, &mut keys);
        assert_eq!((state.contradictions, state.outstanding[&sound]), (1, 1 << 40));
    }
}
