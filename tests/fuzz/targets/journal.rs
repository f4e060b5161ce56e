//! Any bytes as the files of a journal: they are read without a panic, what cannot be read is
//! reported, and what was read is the same when a checkpoint of it is read.
//!
//! An input is files, each behind the mark `pmj!` and a byte that says what it is. Few random bytes
//! have the right checksum, so those of a file's frames are put right unless that byte says no.

#![no_main]

#[path = "../../../src/ack/mod.rs"]
mod ack;
#[path = "../../../src/aggregate/mod.rs"]
mod aggregate;
#[path = "../../../src/clock.rs"]
mod clock;
#[path = "../../../src/definitions/mod.rs"]
mod definitions;
#[path = "../../../src/finding.rs"]
mod finding;
#[path = "../../../src/label.rs"]
mod label;
#[path = "../../../src/limits.rs"]
mod limits;
#[path = "../../../src/printable.rs"]
mod printable;
#[path = "../../../src/rules/mod.rs"]
mod rules;
#[path = "../../../src/ses/mod.rs"]
mod ses;
// Without its writer, which needs the daemon's telemetry and a runtime.
#[path = "../../../src/journal"]
mod journal {
    pub mod checkpoint;
    pub mod disk;
    pub mod files;
    pub mod known;
    pub mod record;
    pub mod simulated;
    pub mod state;
}

use std::collections::{BTreeMap, BTreeSet};

use ack::RequestId;
use aggregate::{Aggregator, Delta, Key, Limits, layout_of, varint};
use clock::Clock;
use rules::{Layout, Layouts};
use journal::disk::Disk;
use journal::checkpoint;
use journal::files::{self, CheckpointIds, JournalReport};
use journal::record::{NextRecord, Record, Records};
use journal::simulated::SimulatedDisk;
use journal::state::JournalState;
use libfuzzer_sys::fuzz_target;

const FILE_MARK: &[u8] = b"pmj!";
const FRAME_MARK: &[u8] = b"pmj1";
const HEAD_BYTES: usize = 12;

/// Bits of the byte that begins a file.
const CHECKPOINT: u8 = 1;
const SAME_NUMBER: u8 = 2;
const AS_IT_IS: u8 = 4;

#[derive(Debug)]
struct File {
    number: u64,
    is_checkpoint: bool,
    bytes: Vec<u8>,
}

/// What a journal amounts to, whatever the numbers of its layouts.
#[derive(Debug, PartialEq)]
struct Told {
    outstanding: BTreeMap<Series, u64>,
    calls: BTreeMap<u64, Vec<(Series, u64)>>,
    /// With when they were counted, and how long they are known.
    ids: BTreeMap<[u8; 16], (i64, Option<u64>)>,
    doubtful: u64,
}

/// Namespace, metric, names of dimensions, and their values with the minute.
type Series = (String, &'static str, Vec<String>, Vec<u8>);

fuzz_target!(|input: &[u8]| {
    let disk = SimulatedDisk::default();
    let files = files_of(input);
    for file in &files {
        let kind = if file.is_checkpoint { "checkpoint" } else { "log" };
        let name = format!("{:016}.{kind}", file.number);
        let mut made = disk.create(&name).expect("the disk is well");
        made.append(&file.bytes).expect("the disk is well");
    }
    let layouts = Layouts::default();
    let (mut state, report, number) =
        files::read(&disk, &layouts, u64::MAX, &[], CheckpointIds::Read).expect("what stands in files is no error");
    assert_reported(&files, &report);
    let told = told(&state, &layouts);
    let counts = told.outstanding.len() + told.calls.values().map(Vec::len).sum::<usize>();
    assert!(counts + told.ids.len() <= input.len(), "more than was written");

    checkpoint::write_checkpoint(&disk, &layouts, number, &state, &report).expect("the disk is well");
    let others = Layouts::default();
    let (namespace, metric) = ("other".into(), ses::EventType::Open.into());
    let _ = others.id(Layout { namespace, metric, dimensions: Vec::new() });
    let (again, report, same) =
        files::read(&disk, &others, u64::MAX, &[], CheckpointIds::Read).expect("the disk is well");
    assert_eq!((self::told(&again, &others), same), (told, number));
    let clean = report.corrupt.is_empty() && report.torn_bytes == 0 && again.contradictions == 0;
    assert!(clean, "{report:?} {again:?}");

    let send_again = input.len() % 2 == 0;
    state.end_calls(send_again);
    if !state.outstanding.is_empty() {
        assert_counted(&state, layouts);
    }
});

fn files_of(input: &[u8]) -> Vec<File> {
    let mut marks: Vec<_> = memchr::memmem::find_iter(input, FILE_MARK).collect();
    marks.push(input.len());
    let mut number = 0;
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for ends in marks.windows(2) {
        let file = &input[ends[0] + FILE_MARK.len()..ends[1]];
        let Some((kind, bytes)) = file.split_first() else { continue };
        number += u64::from(kind & SAME_NUMBER == 0);
        let is_checkpoint = kind & CHECKPOINT != 0;
        let bytes = if kind & AS_IT_IS == 0 { put_right(bytes) } else { bytes.to_vec() };
        if seen.insert((number, is_checkpoint)) {
            files.push(File { number, is_checkpoint, bytes });
        }
    }
    files
}

/// A file whose frames, from mark to mark, have their lengths and checksums.
fn put_right(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let mut marks: Vec<_> = memchr::memmem::find_iter(&file, FRAME_MARK).collect();
    marks.push(file.len());
    for ends in marks.windows(2) {
        let frame = &mut file[ends[0]..ends[1]];
        if let Some((head, body)) = frame.split_at_mut_checked(HEAD_BYTES) {
            let len = u32::try_from(body.len()).expect("inputs are short");
            head[4..8].copy_from_slice(&len.to_le_bytes());
            head[8..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        }
    }
    file
}

/// Whether a file is sound records to its end, and whether it says how far others are to be read.
fn judge(bytes: &[u8]) -> (bool, bool) {
    let mut records = Records::new(bytes);
    let mut tells = false;
    loop {
        match records.next().expect("memory can be read") {
            NextRecord::Record(Record::Begin { trusted }) => tells |= !trusted.is_empty(),
            NextRecord::Record(_) => {}
            NextRecord::End => return (true, tells),
            NextRecord::Unreadable => return (false, tells),
        }
    }
}

fn assert_reported(files: &[File], report: &JournalReport) {
    let name = |file: &File| {
        let kind = if file.is_checkpoint { "checkpoint" } else { "log" };
        format!("{:016}.{kind}", file.number)
    };
    let checkpoints = files.iter().filter(|file| file.is_checkpoint);
    let taken = checkpoints.filter(|file| !report.corrupt.contains_key(&name(file)));
    let base = taken.map(|file| file.number).max().unwrap_or(0);
    let logs = || files.iter().filter(|file| !file.is_checkpoint);
    let tells = logs().any(|file| judge(&file.bytes).1);
    for file in logs().filter(|file| file.number > base) {
        let corrupt = report.corrupt.get(&name(file)).copied();
        assert!(corrupt.unwrap_or(0) <= file.bytes.len() as u64, "{report:?}");
        let sound = judge(&file.bytes).0;
        assert!(!sound || tells || corrupt.is_none(), "{file:?}: {report:?}");
        let silent = corrupt.is_none() && report.torn_bytes == 0;
        assert!(sound || tells || !silent, "{file:?}: {report:?}");
    }
}

fn told(state: &JournalState, layouts: &Layouts) -> Told {
    let series = |key: &Key| {
        let layout = layouts.get(layout_of(key)).expect("it was learnt");
        let (_, rest) = varint(key).expect("a key begins with its layout");
        let Layout { namespace, metric, dimensions } = &*layout;
        (namespace.to_string(), metric.name(), dimensions.clone(), rest.to_vec())
    };
    let counts = |counts: &Vec<(Key, u64)>| {
        counts.iter().map(|(key, count)| (series(key), *count)).collect::<Vec<_>>()
    };
    Told {
        outstanding: state.outstanding.iter().map(|(key, count)| (series(key), *count)).collect(),
        calls: state.calls.iter().map(|(call, list)| (*call, counts(list))).collect(),
        ids: state
            .ids
            .groups()
            .flat_map(|(known, ids)| {
                ids.iter().map(move |id| (id.to_bytes(), (known.at_ms, known.life_ms)))
            })
            .collect(),
        doubtful: state.doubtful,
    }
}

/// What is left is counted, each key as itself.
fn assert_counted(state: &JournalState, layouts: Layouts) {
    let limits = Limits { series: None, entries: u64::MAX };
    let aggregator = Aggregator::new(limits, layouts, Clock::manual(0));
    let mut delta = Delta::default();
    for (key, count) in &state.outstanding {
        delta.add(key, *count);
    }
    aggregator.restore(&delta);
    let counted: u64 = aggregator.recent_lines().iter().map(|line| line.count).sum();
    assert_eq!(counted, state.outstanding.values().sum::<u64>());
    assert_eq!(aggregator.seal().counts.sum(), counted);
}
