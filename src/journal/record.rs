//! What stands in a journal: records in CBOR, each in a frame.
//!
//! ```text
//! frame: "pmj1" | length (4) | CRC-32 (4) | record      numbers little-endian
//! ```
//!
//! The version of the format stands in every frame's mark. A number in `#[n(…)]` is never given to
//! anything else.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};

use crate::aggregate::Key;

const MARK: [u8; 4] = *b"pmj1";
const HEAD_BYTES: usize = 12;
/// A record is at most this long: the counts of the largest request are a tenth of it.
const RECORD_BYTES_MAX: usize = 512 << 20;

/// A record, borrowed from the bytes that it was read from.
#[derive(Debug, Decode, Encode)]
pub enum Record<'b> {
    /// The first of a file. Of each file named here no more than so many bytes are to be read:
    /// writing what follows them has failed.
    #[n(0)]
    Begin {
        #[n(0)]
        trusted: Vec<Trusted>,
    },
    /// What a number at the start of keys stands for, in this file.
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
    /// The counts of a request, and when (Unix milliseconds) it was counted. Once for an id.
    #[n(2)]
    Delta {
        #[b(0)]
        id: &'b ByteSlice,
        #[n(1)]
        at_ms: i64,
        #[b(2)]
        counts: Vec<Count<'b>>,
        /// The fingerprints of its events one behind the other, if copies are left out.
        #[b(3)]
        fingerprints: Option<&'b ByteSlice>,
        /// How long the id is to be known; not said for one of Firehose.
        #[n(4)]
        life_ms: Option<u64>,
        /// Further ids of the request, one behind the other.
        #[b(5)]
        also: Option<&'b ByteSlice>,
    },
    /// A call that is about to be sent.
    #[n(3)]
    Call {
        #[n(0)]
        call: u64,
        #[b(1)]
        counts: Vec<Count<'b>>,
    },
    #[n(4)]
    Verdict {
        #[n(0)]
        call: u64,
        #[n(1)]
        verdict: Verdict,
    },
    /// Counts given up for a counted reason, without a call.
    #[n(5)]
    GivenUp {
        #[b(0)]
        counts: Vec<Count<'b>>,
    },
    /// Counts neither accepted nor given up; in a checkpoint.
    #[n(6)]
    Outstanding {
        #[b(0)]
        counts: Vec<Count<'b>>,
    },
    /// Requests that are known, and events; in a checkpoint.
    #[n(7)]
    Known {
        #[b(0)]
        ids: Vec<KnownId<'b>>,
        #[b(1)]
        events: Option<KnownEvents<'b>>,
    },
    /// The last of a checkpoint.
    #[n(8)]
    End,
}

/// How much of a file is to be read.
#[derive(Clone, Copy, Debug, Decode, Encode, PartialEq, Eq)]
pub struct Trusted {
    #[n(0)]
    pub file: u64,
    #[n(1)]
    pub bytes: u64,
}

/// A key as [`crate::aggregate::KeyBuilder`] makes it, and how much.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub struct Count<'b> {
    #[b(0)]
    pub key: &'b ByteSlice,
    #[n(1)]
    pub count: u64,
}

/// The id of a request, and when (Unix milliseconds) it was counted.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub struct KnownId<'b> {
    #[b(0)]
    pub id: &'b ByteSlice,
    #[n(1)]
    pub at_ms: i64,
    /// How long it is to be known; not said for one of Firehose.
    #[n(2)]
    pub life_ms: Option<u64>,
}

/// The fingerprints of events, one behind the other, and when (Unix milliseconds) they were counted.
#[derive(Clone, Copy, Debug, Decode, Encode)]
pub struct KnownEvents<'b> {
    #[b(0)]
    pub fingerprints: &'b ByteSlice,
    #[n(1)]
    pub at_ms: i64,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, Decode, Encode, PartialEq, Eq)]
pub enum Verdict {
    #[n(0)]
    Accepted,
    /// Given up for a counted reason.
    #[n(1)]
    GivenUp,
    /// Surely not ingested, and cut up or put off: its counts are outstanding as before.
    #[n(2)]
    Void,
}

/// What comes next in a file.
#[derive(Debug)]
pub enum Next<'b> {
    Record(Record<'b>),
    /// The file ends behind a whole record.
    End,
    /// Here stands no whole and sound record.
    Unreadable,
}

/// The records of a file, one after the other.
pub struct Records<R> {
    file: R,
    frame: Vec<u8>,
    /// Bytes of whole records so far.
    pub read: u64,
}

// === impl Count ===

impl<'b> Count<'b> {
    pub fn new(key: &'b [u8], count: u64) -> Self {
        Self { key: key.into(), count }
    }

    pub fn list(counts: &'b [(Key, u64)]) -> Vec<Self> {
        counts.iter().map(|(key, count)| Self::new(key, *count)).collect()
    }
}

/// Appends a record in its frame.
pub fn put_record(to: &mut Vec<u8>, record: &Record<'_>) {
    let start = to.len();
    to.extend_from_slice(&MARK);
    to.extend_from_slice(&[0; HEAD_BYTES - MARK.len()]);
    // Writing into memory cannot fail, nor do these records.
    let written = minicbor::encode(record, &mut *to);
    debug_assert!(written.is_ok());
    let body = &to[start + HEAD_BYTES..];
    let (len, crc) = (u32::try_from(body.len()).unwrap_or(u32::MAX), crc32fast::hash(body));
    to[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    to[start + 8..start + HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// Where the first whole and sound record begins behind the first byte.
pub fn next_record(bytes: &[u8]) -> Option<usize> {
    let mut marks = memchr::memmem::find_iter(bytes.get(1..)?, &MARK);
    marks
        .find(|at| matches!(Records::new(&bytes[at + 1..]).next(), Ok(Next::Record(_))))
        .map(|at| at + 1)
}

// === impl Records ===

impl<R: Read> Records<R> {
    pub fn new(file: R) -> Self {
        Self { file, frame: Vec::new(), read: 0 }
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// What the system says; never for what is in the file.
    pub fn next(&mut self) -> io::Result<Next<'_>> {
        let mut head = [0; HEAD_BYTES];
        match self.fill(&mut head)? {
            0 => return Ok(Next::End),
            HEAD_BYTES if head.starts_with(&MARK) => {}
            _ => return Ok(Next::Unreadable),
        }
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (len, crc) = (number(4) as usize, number(8));
        if len > RECORD_BYTES_MAX {
            return Ok(Next::Unreadable);
        }
        self.frame.clear();
        // As much as is there, whatever the length says.
        let read = self.file.by_ref().take(len as u64).read_to_end(&mut self.frame)?;
        if read < len || crc32fast::hash(&self.frame) != crc {
            return Ok(Next::Unreadable);
        }
        // A panic is damage as any other.
        let decoding = catch_unwind(AssertUnwindSafe(|| minicbor::decode(&self.frame)));
        let Ok(Ok(record)) = decoding else { return Ok(Next::Unreadable) };
        self.read += (HEAD_BYTES + len) as u64;
        Ok(Next::Record(record))
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
