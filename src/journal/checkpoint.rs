//! Writes checkpoints, which replace logs.

use std::collections::BTreeSet;
use std::io;

use super::disk::{AppendFile, Disk};
use super::files::{
    JournalNames, JournalReport, aside_name, checkpoint_name, log_name, put_layout,
};
use super::known::{KnownInFile, KnownRequest, put_group};
use super::record::{KnownEvents, NextRecord, Record, RecordCount, Records, put_record};
use super::state::JournalState;
use crate::aggregate::layout_of;
use crate::rules::Layouts;
use crate::ses::Fingerprint;

/// A checkpoint that is being written.
struct CheckpointFile<'f> {
    file: &'f mut dyn AppendFile,
    /// Records that are not written yet.
    out: Vec<u8>,
    /// Bytes written so far.
    bytes: u64,
}

/// Approximate size of one write.
const CHUNK: usize = 1 << 20;
/// Counts in one record.
const PER_RECORD: usize = 1000;
const ID_BYTES: usize = 16;

/// Writes a checkpoint that replaces all logs up to a number, and removes those. Corrupt files are
/// kept under another name. Returns its size.
///
/// # Errors
/// Errors of the system; the previous files are then still valid.
pub(crate) fn write_checkpoint(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
    state: &JournalState,
    report: &JournalReport,
) -> io::Result<u64> {
    let (name, unfinished) = (checkpoint_name(number), format!("{number:016}.unfinished"));
    // They take the room that this checkpoint needs.
    for stray in JournalNames::of(disk)?.strays {
        disk.remove(&stray)?;
    }
    let written = disk.create(&unfinished).and_then(|mut file| {
        let bytes = write_state(disk, &mut *file, layouts, state)?;
        file.sync()?;
        Ok(bytes)
    });
    let bytes = written.inspect_err(|_| {
        let _ = disk.remove(&unfinished);
    })?;
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
    Ok(bytes)
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
    write_state(disk, &mut *file, layouts, state)?;
    file.sync()?;
    disk.sync()?;
    Ok(name)
}

/// Writes the records of a checkpoint; returns their size.
fn write_state(
    disk: &dyn Disk,
    file: &mut dyn AppendFile,
    layouts: &Layouts,
    state: &JournalState,
) -> io::Result<u64> {
    let mut to = CheckpointFile { file, out: Vec::new(), bytes: 0 };
    put_record(&mut to.out, &Record::Begin { trusted: Vec::new() });
    let outstanding: Vec<_> = state.outstanding.iter().collect();
    let in_calls = state.calls.values().flatten().map(|(key, _)| key);
    let keys = outstanding.iter().map(|(key, _)| *key).chain(in_calls);
    let used: BTreeSet<_> = keys.map(|key| layout_of(key)).collect();
    for id in used {
        put_layout(&mut to.out, layouts, id);
    }
    for chunk in outstanding.chunks(PER_RECORD) {
        let counts = chunk.iter().map(|(key, held)| RecordCount::new(key, **held)).collect();
        put_record(&mut to.out, &Record::Outstanding { counts });
        to.flush(CHUNK)?;
    }
    for (call, counts) in &state.calls {
        put_record(&mut to.out, &Record::Call { call: *call, counts: RecordCount::list(counts) });
        to.flush(CHUNK)?;
    }
    if let Some(in_file) = &state.in_file {
        to.copy_ids(disk, in_file)?;
    }
    for (counted, ids) in state.ids.groups() {
        put_group(&mut to.out, counted, ids);
        to.flush(CHUNK)?;
    }
    for (at_ms, fingerprints) in &state.events {
        let fingerprints = joined(fingerprints);
        let events = KnownEvents { fingerprints: fingerprints[..].into(), at_ms: *at_ms };
        put_record(&mut to.out, &Record::Known { ids: Vec::new(), events: Some(events) });
        to.flush(CHUNK)?;
    }
    let doubtful = (state.doubtful > 0).then_some(state.doubtful);
    put_record(&mut to.out, &Record::End { doubtful });
    to.flush(0)?;
    Ok(to.bytes)
}

/// Concatenates fingerprints.
pub(crate) fn joined(fingerprints: &[Fingerprint]) -> Vec<u8> {
    fingerprints.iter().flat_map(Fingerprint::bytes).copied().collect()
}

// === impl CheckpointFile ===

impl CheckpointFile<'_> {
    /// Writes what is collected, if it is longer than this.
    fn flush(&mut self, beyond: usize) -> io::Result<()> {
        if self.out.len() > beyond {
            self.file.append(&self.out)?;
            self.bytes += self.out.len() as u64;
            self.out.clear();
        }
        Ok(())
    }

    /// Copies the IDs of another checkpoint, except for those that are forgotten.
    fn copy_ids(&mut self, disk: &dyn Disk, from: &KnownInFile) -> io::Result<()> {
        let file = io::BufReader::new(disk.read(&checkpoint_name(from.checkpoint))?);
        let (mut records, mut surplus) = (Records::new(file), from.surplus);
        loop {
            let record = match records.next()? {
                NextRecord::Record(Record::End { .. }) => return Ok(()),
                NextRecord::Record(record) => record,
                NextRecord::End | NextRecord::Unreadable => {
                    return Err(io::Error::other("the previous checkpoint cannot be read again"));
                }
            };
            // Each process writes its first checkpoint from memory, so there are no others.
            let Record::KnownIds { at_ms, life_ms, ids } = record else { continue };
            if !from.groups.contains_key(&KnownRequest { at_ms, life_ms }) {
                continue;
            }
            let number = (ids.len() / ID_BYTES) as u64;
            let goes = surplus.min(number);
            surplus -= goes;
            let kept = &ids[usize::try_from(goes).unwrap_or(usize::MAX) * ID_BYTES..];
            if !kept.is_empty() {
                put_record(&mut self.out, &Record::KnownIds { at_ms, life_ms, ids: kept.into() });
                self.flush(CHUNK)?;
            }
        }
    }
}
