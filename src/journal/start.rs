//! Detects a journal that crashes the process at every start, and sets aside the part that causes
//! it.
//!
//! The file `starting` names the current part of a start (a file that is read, or the counts that
//! are restored) and how many starts in a row ended there. It is removed when the restored counts
//! are merged, and written again if a task of the daemon fails before they are settled. So it
//! survives a panic, an abort, and an out-of-memory kill while the journal is read; it does not
//! exist when the process is killed while counts wait for CloudWatch. The third start sets the part
//! aside: a log or checkpoint is renamed and not read, and restored counts go to a file of their
//! own, in the format of a checkpoint.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{AppendFile, Disk};

/// Records the progress of a start in the directory. Dropping it without a panic ends the start.
#[derive(Debug)]
pub(crate) struct StartGuard {
    disk: Arc<dyn Disk>,
    /// Where the previous start ended, if it did not finish.
    before: Option<StartMarker>,
    now: Mutex<StartProgress>,
    /// A failure to write the marker was logged: on a full disk each part would fail.
    has_warned: AtomicBool,
}

/// A part of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartPart {
    Read(String),
    Restore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct StartMarker {
    /// The number of starts in a row that began this part.
    starts: u32,
    part: StartPart,
}

#[derive(Debug)]
enum StartProgress {
    Nothing,
    In(StartPart),
    /// The restored counts are merged but not settled yet.
    Merged,
    /// Nothing is recorded any more.
    Over,
}

/// A disk that records each file read as a part of the start.
#[derive(Debug)]
pub(crate) struct WatchedDisk<'g>(pub &'g StartGuard);

/// The number of starts that may end at the same part before it is set aside.
const STARTS_MAX: u32 = 2;
const MARKER: &str = "starting";
const UNFINISHED: &str = "starting.unfinished";
/// Far more than a marker needs.
const MARKER_BYTES_MAX: u64 = 1000;

// === impl StartGuard ===

impl StartGuard {
    /// Reads where the previous start ended.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let before = if disk.list()?.iter().any(|name| name == MARKER) {
            let mut text = Vec::new();
            disk.read(MARKER)?.take(MARKER_BYTES_MAX).read_to_end(&mut text)?;
            StartMarker::parse(&String::from_utf8_lossy(&text))
        } else {
            None
        };
        Ok(Self {
            disk,
            before,
            now: Mutex::new(StartProgress::Nothing),
            has_warned: AtomicBool::new(false),
        })
    }

    /// The part at which too many starts ended.
    #[must_use]
    pub(crate) fn culprit(&self) -> Option<&StartPart> {
        self.before.as_ref().filter(|before| before.starts >= STARTS_MAX).map(|before| &before.part)
    }

    /// Enters a part. A failure to record it must not stop the start.
    pub(crate) fn enter(&self, part: StartPart) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        match &*now {
            StartProgress::Over => return,
            StartProgress::In(current) if *current == part => return,
            _ => {}
        }
        self.mark(&part);
        *now = StartProgress::In(part);
    }

    /// Records the current part, and increments its number of starts if the previous start ended
    /// there.
    fn mark(&self, part: &StartPart) {
        let known = self.before.as_ref().filter(|before| before.part == *part);
        let starts = known.map_or(0, |before| before.starts) + 1;
        let marker = StartMarker { starts, part: part.clone() };
        // Not synced: a process crash loses nothing, and a machine crash says nothing about this
        // part.
        let written = self.disk.create(UNFINISHED).and_then(|mut file| {
            file.append(marker.to_text().as_bytes())?;
            self.disk.rename(UNFINISHED, MARKER)
        });
        if let Err(error) = written
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "cannot write the start marker in the journal directory");
        }
    }

    /// The restored counts are merged. A kill from now on is not their fault, but a failed task may
    /// be.
    pub(crate) fn merged(&self) {
        self.pass(StartProgress::Merged);
    }

    /// The start is over: later crashes have other causes.
    pub(crate) fn over(&self) {
        self.pass(StartProgress::Over);
    }

    fn pass(&self, next: StartProgress) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*now, StartProgress::Over) {
            return;
        }
        let is_marked = match *now {
            StartProgress::Nothing => self.before.is_some(),
            StartProgress::In(_) => true,
            StartProgress::Merged | StartProgress::Over => false,
        };
        if is_marked
            && let Err(error) = self.disk.remove(MARKER)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "cannot remove the start marker from the journal directory");
        }
        *now = next;
    }

    /// The process fails, possibly because of the restored counts: the next start is told.
    pub(crate) fn failed(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*now, StartProgress::Merged) {
            self.mark(&StartPart::Restore);
        }
        *now = StartProgress::Over;
    }
}

impl Drop for StartGuard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.over();
        }
    }
}

// === impl StartMarker ===

impl StartMarker {
    fn to_text(&self) -> String {
        match &self.part {
            StartPart::Read(file) => format!("{} read {file}\n", self.starts),
            StartPart::Restore => format!("{} restore\n", self.starts),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (starts, part) = text.strip_suffix('\n')?.split_once(' ')?;
        let part = match part.split_once(' ') {
            Some(("read", file)) => StartPart::Read(file.to_owned()),
            None if part == "restore" => StartPart::Restore,
            _ => return None,
        };
        Some(Self { starts: starts.parse().ok()?, part })
    }
}

// === impl WatchedDisk ===

impl Disk for WatchedDisk<'_> {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        self.0.enter(StartPart::Read(name.to_owned()));
        self.0.disk.read(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn AppendFile>> {
        self.0.disk.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.disk.sync()
    }
}
