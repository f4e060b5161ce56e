//! The files of a journal: `N.log` in the order of N, and `N.checkpoint`, which replaces all logs
//! up to N.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::disk::{AppendFile, Disk};
use super::record::{
    KnownEvents, KnownId, NextRecord, Record, RecordCount, Records, TrustedSize, next_record,
    put_record,
};
use super::state::{JournalState, KnownRequest, SeriesKeys};
use crate::aggregate::layout_of;
use crate::rules::{LayoutId, Layouts};
use crate::ses::Fingerprint;

/// What reading found besides valid records.
#[derive(Debug, Default)]
pub(crate) struct JournalReport {
    /// Bytes at the end of the last log that were not completely written.
    pub torn_bytes: u64,
    /// Files with unreadable bytes in the middle, and the number of these bytes. The files are
    /// kept.
    pub corrupt: BTreeMap<String, u64>,
}

/// The file names in a directory.
#[derive(Debug, Default)]
struct JournalNames {
    logs: BTreeSet<u64>,
    checkpoints: BTreeSet<u64>,
    /// The highest number of a file that was set aside.
    aside: u64,
    /// Temporary files of a process that died.
    strays: Vec<String>,
}

/// Approximate size of one record in a checkpoint.
const CHUNK: usize = 1 << 20;
/// The suffix of a file that was set aside.
const ASIDE: &str = ".set-aside";
/// Counts and IDs in one record of a checkpoint.
const PER_RECORD: usize = 1000;

pub(crate) fn log_name(number: u64) -> String {
    format!("{number:016}.log")
}

fn checkpoint_name(number: u64) -> String {
    format!("{number:016}.checkpoint")
}

/// The name of a journal file after it is set aside.
pub(crate) fn aside_name(file: &str) -> String {
    format!("{file}{ASIDE}")
}

/// Reads all files up to the log `last`. Also returns the number of the last file, 0 when there is
/// none. `suspects` are logs that can be trusted only up to the given length, unless a later log
/// says so itself.
///
/// # Errors
/// Errors of the system. Invalid content is never an error.
pub(crate) fn read(
    disk: &dyn Disk,
    layouts: &Layouts,
    last: u64,
    suspects: &[TrustedSize],
) -> io::Result<(JournalState, JournalReport, u64)> {
    let names = JournalNames::of(disk)?;
    let mut report = JournalReport::default();
    let (mut state, mut base) = (JournalState::default(), 0);
    for number in names.checkpoints.iter().rev().copied().filter(|number| *number <= last) {
        if let Some(sound) = read_checkpoint(disk, layouts, number)? {
            (state, base) = (sound, number);
            break;
        }
        report.corrupt.insert(checkpoint_name(number), 0);
    }
    let mut trusted: BTreeMap<_, _> =
        suspects.iter().map(|suspect| (suspect.file, suspect.bytes)).collect();
    // Later logs were created on a disk that could not be written, so none of them says what failed.
    let mut begun = 0;
    for number in &names.logs {
        let mut records = Records::new(disk.read(&log_name(*number))?);
        if let NextRecord::Record(Record::Begin { trusted: told }) = records.next()? {
            begun = *number;
            trusted.extend(told.iter().map(|told| (told.file, told.bytes)));
        }
    }
    let newest = names.logs.last().copied().unwrap_or(0);
    for number in names.logs.range(base + 1..).copied().filter(|number| *number <= last) {
        let limit = trusted.get(&number).copied();
        let mut log = LogFile { disk, name: log_name(number), limit, is_last: number >= begun };
        log.read(&mut state, layouts, &mut report)?;
    }
    // A new file never gets the name of one that was set aside.
    Ok((state, report, newest.max(base).max(names.aside)))
}

/// Reads a checkpoint; `None` when it is incomplete.
fn read_checkpoint(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
) -> io::Result<Option<JournalState>> {
    let mut records = Records::new(io::BufReader::new(disk.read(&checkpoint_name(number))?));
    let (mut state, mut keys) = (JournalState::default(), SeriesKeys::new(layouts));
    loop {
        match records.next()? {
            NextRecord::Record(record) => {
                if !apply(&mut state, &record, &mut keys) {
                    return Ok(None);
                }
                if matches!(record, Record::End { .. }) {
                    return Ok((state.contradictions == 0).then_some(state));
                }
            }
            NextRecord::End | NextRecord::Unreadable => return Ok(None),
        }
    }
}

/// Applies a record. Returns false if it panicked, which is treated as damage.
fn apply(state: &mut JournalState, record: &Record<'_>, keys: &mut SeriesKeys<'_>) -> bool {
    catch_unwind(AssertUnwindSafe(|| state.apply(record, keys))).is_ok()
}

/// A log that is being read.
struct LogFile<'d> {
    disk: &'d dyn Disk,
    name: String,
    limit: Option<u64>,
    /// No later log has records: this one may end with a write that failed or was cut short.
    is_last: bool,
}

// === impl LogFile ===

impl LogFile<'_> {
    fn read(
        &mut self,
        state: &mut JournalState,
        layouts: &Layouts,
        report: &mut JournalReport,
    ) -> io::Result<()> {
        let mut keys = SeriesKeys::new(layouts);
        let limit = self.limit.unwrap_or(u64::MAX);
        let mut records = Records::new(io::BufReader::new(self.disk.read(&self.name)?));
        let at = loop {
            if records.read >= limit {
                return Ok(());
            }
            let before = records.read;
            match records.next()? {
                NextRecord::Record(record) => {
                    if !apply(state, &record, &mut keys) {
                        self.corrupt(report, records.read - before);
                    }
                }
                NextRecord::End => return Ok(()),
                NextRecord::Unreadable => break records.read,
            }
        };
        // Rare: the rest of the file is searched in memory.
        let mut rest = Vec::new();
        let mut file = self.disk.read(&self.name)?.take(limit);
        io::copy(&mut file.by_ref().take(at), &mut io::sink())?;
        file.read_to_end(&mut rest)?;
        let mut rest = &rest[..];
        loop {
            let Some(skip) = next_record(rest) else {
                // A log without its first record holds nothing that was acknowledged.
                if self.is_last || at == 0 {
                    report.torn_bytes += rest.len() as u64;
                } else {
                    self.corrupt(report, rest.len() as u64);
                }
                return Ok(());
            };
            self.corrupt(report, skip as u64);
            let mut records = Records::new(&rest[skip..]);
            let read = loop {
                let before = records.read;
                match records.next()? {
                    NextRecord::Record(record) => {
                        if !apply(state, &record, &mut keys) {
                            self.corrupt(report, records.read - before);
                        }
                    }
                    NextRecord::End => return Ok(()),
                    NextRecord::Unreadable => break records.read,
                }
            };
            rest = &rest[skip + usize::try_from(read).unwrap_or(usize::MAX)..];
        }
    }

    fn corrupt(&self, report: &mut JournalReport, bytes: u64) {
        *report.corrupt.entry(self.name.clone()).or_default() += bytes;
    }
}

/// Writes a checkpoint that replaces all logs up to a number, and removes those. Corrupt files are
/// kept under another name.
///
/// # Errors
/// Errors of the system; the previous files are then still valid.
pub(crate) fn write_checkpoint(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
    state: &JournalState,
    report: &JournalReport,
) -> io::Result<()> {
    let (name, unfinished) = (checkpoint_name(number), format!("{number:016}.unfinished"));
    // They take the room that this checkpoint needs.
    for stray in JournalNames::of(disk)?.strays {
        disk.remove(&stray)?;
    }
    let written = disk.create(&unfinished).and_then(|mut file| {
        write_state(&mut *file, layouts, state)?;
        file.sync()
    });
    if let Err(error) = written {
        let _ = disk.remove(&unfinished);
        return Err(error);
    }
    let keep = |corrupt: &String| disk.rename(corrupt, &format!("{corrupt}.corrupt"));
    // Nothing was read from an incomplete checkpoint, and its name may be needed. Logs that were
    // read must stay until the new checkpoint is on disk.
    let (checkpoints, logs): (Vec<_>, Vec<_>) =
        report.corrupt.keys().partition(|name| name.contains(".checkpoint"));
    checkpoints.into_iter().try_for_each(keep)?;
    disk.rename(&unfinished, &name)?;
    disk.sync()?;
    logs.into_iter().try_for_each(keep)?;
    let names = JournalNames::of(disk)?;
    let logs = names.logs.range(..=number).map(|number| log_name(*number));
    let checkpoints = names.checkpoints.range(..number).map(|number| checkpoint_name(*number));
    for name in logs.chain(checkpoints) {
        disk.remove(&name)?;
    }
    Ok(())
}

/// Writes a state that is set aside, in the format of a checkpoint; returns the file's name.
///
/// # Errors
/// Errors of the system.
pub(crate) fn write_aside(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
    state: &JournalState,
) -> io::Result<String> {
    let name = aside_name(&checkpoint_name(number));
    let mut file = disk.create(&name)?;
    write_state(&mut *file, layouts, state)?;
    file.sync()?;
    disk.sync()?;
    Ok(name)
}

fn write_state(
    file: &mut dyn AppendFile,
    layouts: &Layouts,
    state: &JournalState,
) -> io::Result<()> {
    let mut out = Vec::new();
    put_record(&mut out, &Record::Begin { trusted: Vec::new() });
    let outstanding: Vec<_> = state.outstanding.iter().collect();
    let in_calls = state.calls.values().flatten().map(|(key, _)| key);
    let keys = outstanding.iter().map(|(key, _)| *key).chain(in_calls);
    let used: BTreeSet<_> = keys.map(|key| layout_of(key)).collect();
    for id in used {
        put_layout(&mut out, layouts, id);
    }
    for chunk in outstanding.chunks(PER_RECORD) {
        let counts = chunk.iter().map(|(key, held)| RecordCount::new(key, **held)).collect();
        put_record(&mut out, &Record::Outstanding { counts });
        flush(file, &mut out, CHUNK)?;
    }
    for (call, counts) in &state.calls {
        put_record(&mut out, &Record::Call { call: *call, counts: RecordCount::list(counts) });
        flush(file, &mut out, CHUNK)?;
    }
    let ids: Vec<_> = state.ids.iter().map(|(id, counted)| (id.to_bytes(), *counted)).collect();
    for chunk in ids.chunks(PER_RECORD) {
        let ids = chunk.iter().map(|(id, KnownRequest { at_ms, life_ms })| KnownId {
            id: id[..].into(),
            at_ms: *at_ms,
            life_ms: *life_ms,
        });
        put_record(&mut out, &Record::Known { ids: ids.collect(), events: None });
        flush(file, &mut out, CHUNK)?;
    }
    for (at_ms, fingerprints) in &state.events {
        let fingerprints = joined(fingerprints);
        let events = KnownEvents { fingerprints: fingerprints[..].into(), at_ms: *at_ms };
        put_record(&mut out, &Record::Known { ids: Vec::new(), events: Some(events) });
        flush(file, &mut out, CHUNK)?;
    }
    let doubtful = (state.doubtful > 0).then_some(state.doubtful);
    put_record(&mut out, &Record::End { doubtful });
    flush(file, &mut out, 0)
}

/// Concatenates fingerprints.
pub(crate) fn joined(fingerprints: &[Fingerprint]) -> Vec<u8> {
    fingerprints.iter().flat_map(Fingerprint::bytes).copied().collect()
}

fn flush(file: &mut dyn AppendFile, out: &mut Vec<u8>, beyond: usize) -> io::Result<()> {
    if out.len() > beyond {
        file.append(out)?;
        out.clear();
    }
    Ok(())
}

/// Writes a record that defines the number of a layout.
pub(crate) fn put_layout(out: &mut Vec<u8>, layouts: &Layouts, id: LayoutId) {
    // Every number in a key comes from these layouts.
    let Some(layout) = layouts.get(id) else { return };
    let record = Record::Layout {
        id: id.0,
        namespace: &layout.namespace,
        metric: layout.metric.metric_name(),
        dimensions: layout.dimensions.iter().map(String::as_str).collect(),
    };
    put_record(out, &record);
}

// === impl JournalNames ===

impl JournalNames {
    fn of(disk: &dyn Disk) -> io::Result<Self> {
        let mut names = Self::default();
        for name in disk.list()? {
            let number = name.split_once('.').and_then(|(number, kind)| {
                (number.len() == 16).then_some((number.parse::<u64>().ok()?, kind))
            });
            match number {
                Some((number, "log")) => _ = names.logs.insert(number),
                Some((number, "checkpoint")) => _ = names.checkpoints.insert(number),
                Some((_, "unfinished")) => names.strays.push(name),
                Some((number, kind)) if kind.ends_with(ASIDE) => {
                    names.aside = names.aside.max(number);
                }
                _ => {}
            }
        }
        Ok(names)
    }
}
