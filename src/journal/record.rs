//! The records of a journal: CBOR, each in a frame.
//!
//! ```text
//! frame: "pmj1" | length (4) | CRC-32 (4) | record      numbers little-endian
//! ```
//!
//! The version of the format is part of every frame's mark. A number in `#[n(…)]` is never reused.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};

use crate::aggregate::Key;

const MARK: [u8; 4] = *b"pmj1";
const HEAD_BYTES: usize = 12;
/// Maximum size of a record: ten times the counts of the largest request.
const RECORD_BYTES_MAX: usize = 512 << 20;

/// A record that borrows the bytes it was read from.
#[derive(Debug, Decode, Encode)]
pub(crate) enum Record<'b> {
    /// The first record of a file. Each file named here may be read only up to the given size,
    /// because writing after that failed.
    #[n(0)]
    Begin {
        #[n(0)]
        trusted: Vec<TrustedSize>,
    },
    /// Defines a layout number that keys in this file use.
    #[n(1)]
    Layout {
        #[n(0)]
        id: u32,
        #[b(1)]
        namespace: &'b str,
        #[b(2)]
        metric: &'b str,
        #[b(3)]
        dimensions: Vec<&'b str>,
    },
    /// The counts of a request, and when (Unix milliseconds) it was counted. Once per ID.
    #[n(2)]
    Delta {
        #[b(0)]
        id: &'b ByteSlice,
        #[n(1)]
        at_ms: i64,
        #[b(2)]
        counts: Vec<RecordCount<'b>>,
        /// The concatenated fingerprints of its events, if duplicates are removed.
        #[b(3)]
        fingerprints: Option<&'b ByteSlice>,
        /// How long the ID is remembered; absent for Firehose.
        #[n(4)]
        life_ms: Option<u64>,
        /// Further IDs of the request, concatenated.
        #[b(5)]
        also: Option<&'b ByteSlice>,
    },
    /// A call that is about to be sent.
    #[n(3)]
    Call {
        #[n(0)]
        call: u64,
        #[b(1)]
        counts: Vec<RecordCount<'b>>,
    },
    #[n(4)]
    Verdict {
        #[n(0)]
        call: u64,
        #[n(1)]
        verdict: Verdict,
        /// Counts in doubt because of this call, whatever its outcome was in the end.
        #[n(2)]
        doubtful: Option<u64>,
    },
    /// Counts that were dropped for a counted reason, without a call.
    #[n(5)]
    GivenUp {
        #[b(0)]
        counts: Vec<RecordCount<'b>>,
    },
    /// Counts neither accepted nor dropped; in a checkpoint.
    #[n(6)]
    Outstanding {
        #[b(0)]
        counts: Vec<RecordCount<'b>>,
    },
    /// Known events, in a checkpoint; and known requests, in one of an earlier version.
    #[n(7)]
    Known {
        #[b(0)]
        ids: Vec<KnownId<'b>>,
        #[b(1)]
        events: Option<KnownEvents<'b>>,
    },
    /// The last record of a checkpoint.
    #[n(8)]
    End {
        /// The sum of what verdicts said.
        #[n(0)]
        doubtful: Option<u64>,
    },
    /// Known requests that were counted (Unix milliseconds) in the same minute; in a checkpoint.
    #[n(9)]
    KnownIds {
        #[n(0)]
        at_ms: i64,
        /// How long they are remembered; absent for Firehose.
        #[n(1)]
        life_ms: Option<u64>,
        /// Their concatenated IDs.
        #[b(2)]
        ids: &'b ByteSlice,
    },
}

/// How much of a file may be read.
#[derive(Clone, Copy, Debug, Decode, Encode, PartialEq, Eq)]
pub(crate) struct TrustedSize {
    #[n(0)]
    pub file: u64,
    #[n(1)]
    pub bytes: u64,
}

/// A key as [`crate::aggregate::KeyBuilder`] makes it, and its count.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub(crate) struct RecordCount<'b> {
    #[b(0)]
    pub key: &'b ByteSlice,
    #[n(1)]
    pub count: u64,
}

/// The ID of a request, and when (Unix milliseconds) it was counted.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub(crate) struct KnownId<'b> {
    #[b(0)]
    pub id: &'b ByteSlice,
    #[n(1)]
    pub at_ms: i64,
    /// How long it is remembered; absent for Firehose.
    #[n(2)]
    pub life_ms: Option<u64>,
}

/// The concatenated fingerprints of events, and when (Unix milliseconds) they were counted.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub(crate) struct KnownEvents<'b> {
    #[b(0)]
    pub fingerprints: &'b ByteSlice,
    #[n(1)]
    pub at_ms: i64,
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, Decode, Encode, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[n(0)]
    Accepted,
    /// Dropped for a counted reason.
    #[n(1)]
    GivenUp,
    /// Certainly not ingested, and split or postponed: its counts are outstanding again.
    #[n(2)]
    Void,
}

/// The result of reading the next record.
#[derive(Debug)]
pub(crate) enum NextRecord<'b> {
    Record(Record<'b>),
    /// The file ends after a complete record.
    End,
    /// The bytes here are not a complete, valid record.
    Unreadable,
}

/// Iterates over the records of a file.
pub(crate) struct Records<R> {
    file: R,
    frame: Vec<u8>,
    /// Bytes of complete records so far.
    pub read: u64,
}

// === impl RecordCount ===

impl<'b> RecordCount<'b> {
    pub(crate) fn new(key: &'b [u8], count: u64) -> Self {
        Self { key: key.into(), count }
    }

    pub(crate) fn list(counts: &'b [(Key, u64)]) -> Vec<Self> {
        counts.iter().map(|(key, count)| Self::new(key, *count)).collect()
    }
}

/// Appends a record in its frame.
pub(crate) fn put_record(to: &mut Vec<u8>, record: &Record<'_>) {
    let start = to.len();
    to.extend_from_slice(&MARK);
    to.extend_from_slice(&[0; HEAD_BYTES - MARK.len()]);
    // Writing these records to memory cannot fail.
    let written = minicbor::encode(record, &mut *to);
    debug_assert!(written.is_ok());
    let body = &to[start + HEAD_BYTES..];
    let (len, crc) = (u32::try_from(body.len()).unwrap_or(u32::MAX), crc32fast::hash(body));
    to[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    to[start + 8..start + HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// The start of the first complete, valid record after the first byte.
pub(crate) fn next_record(bytes: &[u8]) -> Option<usize> {
    let mut marks = memchr::memmem::find_iter(bytes.get(1..)?, &MARK);
    marks
        .find(|at| matches!(Records::new(&bytes[at + 1..]).next(), Ok(NextRecord::Record(_))))
        .map(|at| at + 1)
}

// === impl Records ===

impl<R: Read> Records<R> {
    pub(crate) fn new(file: R) -> Self {
        Self { file, frame: Vec::new(), read: 0 }
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// Errors of the system; never because of the file's content.
    pub(crate) fn next(&mut self) -> io::Result<NextRecord<'_>> {
        let mut head = [0; HEAD_BYTES];
        match self.fill(&mut head)? {
            0 => return Ok(NextRecord::End),
            HEAD_BYTES if head.starts_with(&MARK) => {}
            _ => return Ok(NextRecord::Unreadable),
        }
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (len, crc) = (number(4) as usize, number(8));
        if len > RECORD_BYTES_MAX {
            return Ok(NextRecord::Unreadable);
        }
        self.frame.clear();
        // Reads only the bytes that exist, whatever the length says.
        let read = self.file.by_ref().take(len as u64).read_to_end(&mut self.frame)?;
        if read < len || crc32fast::hash(&self.frame) != crc {
            return Ok(NextRecord::Unreadable);
        }
        // A panic is treated as damage.
        let decoding = catch_unwind(AssertUnwindSafe(|| minicbor::decode(&self.frame)));
        let Ok(Ok(record)) = decoding else { return Ok(NextRecord::Unreadable) };
        self.read += (HEAD_BYTES + len) as u64;
        Ok(NextRecord::Record(record))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
