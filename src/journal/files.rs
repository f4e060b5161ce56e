//! The files of a journal: `N.log` in the order of N, and `N.checkpoint`, which replaces all logs
//! up to N.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use foldhash::fast::RandomState;

use super::disk::Disk;
use super::known::{KnownInFile, KnownRequest};
use super::record::{NextRecord, Record, Records, TrustedSize, next_record, put_record};
use super::state::{JournalState, SeriesKeys};
use crate::ack::RequestId;
use crate::rules::{LayoutId, Layouts};

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
pub(crate) struct JournalNames {
    pub logs: BTreeSet<u64>,
    pub checkpoints: BTreeSet<u64>,
    /// The highest number of a file that was set aside.
    aside: u64,
    /// Temporary files of a process that died.
    pub strays: Vec<String>,
}

/// Which known requests of a checkpoint are read into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointIds {
    Read,
    /// None: the next checkpoint copies them from file to file.
    Leave,
}

/// The suffix of a file that was set aside.
const ASIDE: &str = ".set-aside";

pub(crate) fn log_name(number: u64) -> String {
    format!("{number:016}.log")
}

pub(crate) fn checkpoint_name(number: u64) -> String {
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
    ids: CheckpointIds,
) -> io::Result<(JournalState, JournalReport, u64)> {
    let names = JournalNames::of(disk)?;
    let mut report = JournalReport::default();
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
    let log = |number| {
        let limit = trusted.get(&number).copied();
        LogFile { disk, name: log_name(number), limit, is_last: number >= begun }
    };
    // The IDs of the logs come first: so those of the checkpoint, which may be millions, need no
    // place in memory to find a delta that is counted already.
    let mut noted = JournalState::default();
    for number in names.logs.iter().copied().filter(|number| *number <= last) {
        let note = &mut |record: &Record<'_>, _: &mut SeriesKeys<'_>| noted.note(record);
        log(number).read(layouts, &mut JournalReport::default(), note)?;
    }
    let (mut state, mut base) = (noted, 0);
    for number in names.checkpoints.iter().rev().copied().filter(|number| *number <= last) {
        let in_logs = state.in_logs.clone();
        if let Some(sound) = read_checkpoint(disk, layouts, number, ids, in_logs)? {
            (state, base) = (sound, number);
            break;
        }
        // Nothing of it is used: what its parts mean together is unknown.
        let name = checkpoint_name(number);
        let bytes = io::copy(&mut disk.read(&name)?, &mut io::sink())?;
        report.corrupt.insert(name, bytes);
    }
    for number in names.logs.range(base + 1..).copied().filter(|number| *number <= last) {
        let apply = &mut |record: &Record<'_>, keys: &mut SeriesKeys<'_>| state.apply(record, keys);
        log(number).read(layouts, &mut report, apply)?;
    }
    // A new file never gets the name of one that was set aside.
    Ok((state, report, newest.max(base).max(names.aside)))
}

/// Reads a checkpoint; `None` when it is incomplete.
fn read_checkpoint(
    disk: &dyn Disk,
    layouts: &Layouts,
    number: u64,
    ids: CheckpointIds,
    in_logs: HashMap<RequestId, Option<KnownRequest>, RandomState>,
) -> io::Result<Option<JournalState>> {
    let mut records = Records::new(io::BufReader::new(disk.read(&checkpoint_name(number))?));
    let in_file = (ids == CheckpointIds::Leave)
        .then(|| KnownInFile { checkpoint: number, ..KnownInFile::default() });
    let mut state = JournalState { in_logs, in_file, ..JournalState::default() };
    let mut keys = SeriesKeys::new(layouts);
    loop {
        match records.next()? {
            NextRecord::Record(record) => {
                if !is_applied(&mut |record, keys| state.apply(record, keys), &record, &mut keys) {
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

/// Takes the records of a file one by one.
type Apply<'a> = dyn FnMut(&Record<'_>, &mut SeriesKeys<'_>) + 'a;

/// Applies a record. Returns false if it panicked, which is treated as damage.
fn is_applied(apply: &mut Apply<'_>, record: &Record<'_>, keys: &mut SeriesKeys<'_>) -> bool {
    catch_unwind(AssertUnwindSafe(|| apply(record, keys))).is_ok()
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
        &self,
        layouts: &Layouts,
        report: &mut JournalReport,
        apply: &mut Apply<'_>,
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
                    if !is_applied(apply, &record, &mut keys) {
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
                        if !is_applied(apply, &record, &mut keys) {
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

/// Writes a record that defines the number of a layout.
pub(crate) fn put_layout(out: &mut Vec<u8>, layouts: &Layouts, id: LayoutId) {
    // Every number in a key comes from these layouts.
    let Some(layout) = layouts.get(id) else { return };
    let record = Record::Layout {
        id: id.0,
        namespace: &layout.namespace,
        metric: layout.metric.name(),
        dimensions: layout.dimensions.iter().map(String::as_str).collect(),
    };
    put_record(out, &record);
}

// === impl JournalNames ===

impl JournalNames {
    pub(crate) fn of(disk: &dyn Disk) -> io::Result<Self> {
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
