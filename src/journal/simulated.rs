//! A disk in memory that loses unsynced data at a crash, and fails on demand.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{AppendFile, Disk};

/// Cheap to clone; all clones share one disk.
#[derive(Clone, Default)]
pub(crate) struct SimulatedDisk {
    content: Arc<Mutex<FileContent>>,
    /// A handle that was mounted before the last crash is dead.
    mount: u64,
}

#[derive(Default)]
struct FileContent {
    files: Vec<FileData>,
    names: BTreeMap<String, usize>,
    /// The directory as it was last synced, and the changes since then.
    synced_names: BTreeMap<String, usize>,
    changes: Vec<DiskChange>,
    mount: u64,
    /// Bytes appended to all files, of which many are removed by now.
    written: u64,
    faults: DiskFaults,
    /// After this many changes the mounted handle dies.
    death: Option<DiskDeath>,
}

struct DiskDeath {
    changes_left: usize,
    died: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Debug, Default)]
struct FileData {
    bytes: Vec<u8>,
    synced: usize,
}

#[derive(Clone, Debug)]
enum DiskChange {
    Name(String, usize),
    Rename(String, String),
    Remove(String),
}

/// Faults to inject.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DiskFaults {
    /// Maximum size of all files together.
    pub full_at: Option<usize>,
    /// The number of file syncs that succeed before the following ones fail.
    pub syncs_left: Option<usize>,
    /// Syncs report success without doing anything.
    pub syncs_lie: bool,
    /// Every rename fails.
    pub renames_fail: bool,
    /// The number of directory changes that succeed before the following ones fail.
    pub changes_left: Option<usize>,
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

// === impl SimulatedDisk ===

impl SimulatedDisk {
    pub(crate) fn set_faults(&self, faults: DiskFaults) {
        self.content().faults = faults;
    }

    /// Makes the current handle die after this many changes: the last one takes effect, and `died`
    /// is called.
    pub(crate) fn die_after(&self, changes: usize, died: impl FnOnce() + Send + 'static) {
        let death = DiskDeath { changes_left: changes.max(1), died: Some(Box::new(died)) };
        self.content().death = Some(death);
    }

    /// Size of all files.
    pub(crate) fn used(&self) -> usize {
        let content = self.content();
        content.names.values().map(|file| content.files[*file].bytes.len()).sum()
    }

    /// Bytes that were ever written.
    pub(crate) fn written(&self) -> u64 {
        self.content().written
    }

    /// Loses unsynced data, except for the amount that `keep` returns for each list of bytes or
    /// changes.
    pub(crate) fn crash(&self, mut keep: impl FnMut(usize) -> usize) {
        let mut content = self.content();
        let FileContent { files, names, synced_names, changes, .. } = &mut *content;
        for data in files {
            let kept = data.synced + keep(data.bytes.len() - data.synced);
            data.bytes.truncate(kept);
            data.synced = kept;
        }
        let kept = keep(changes.len());
        for change in changes.drain(..).take(kept) {
            change.apply(synced_names);
        }
        names.clone_from(synced_names);
        content.mount += 1;
        content.death = None;
    }

    /// A handle for a process that starts now.
    #[must_use]
    pub(crate) fn mounted(&self) -> Self {
        Self { content: Arc::clone(&self.content), mount: self.content().mount }
    }

    /// Corrupts a byte of a file.
    pub(crate) fn damage(&self, name: &str, at: usize) {
        let mut content = self.content();
        let file = content.names[name];
        content.files[file].bytes[at] ^= 0xff;
    }

    /// Truncates a file.
    pub(crate) fn cut(&self, name: &str, len: usize) {
        let mut content = self.content();
        let file = content.names[name];
        content.files[file].bytes.truncate(len);
        content.files[file].synced = len;
    }

    pub(crate) fn len_of(&self, name: &str) -> usize {
        let content = self.content();
        content.files[content.names[name]].bytes.len()
    }

    fn content(&self) -> MutexGuard<'_, FileContent> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contents, for a live handle that changes something.
    fn changing(&self) -> io::Result<MutexGuard<'_, FileContent>> {
        let mut content = self.alive()?;
        if let Some(death) = &mut content.death {
            death.changes_left -= 1;
            if death.changes_left == 0
                && let Some(died) = death.died.take()
            {
                died();
            }
        }
        Ok(content)
    }

    /// The contents, for a live handle.
    fn alive(&self) -> io::Result<MutexGuard<'_, FileContent>> {
        let content = self.content();
        let died = content.death.as_ref().is_some_and(|death| death.changes_left == 0);
        if died || content.mount != self.mount {
            return Err(io::Error::other("dead"));
        }
        Ok(content)
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").field("mount", &self.mount).finish_non_exhaustive()
    }
}

impl DiskChange {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Name(name, file) => _ = names.insert(name, file),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            Self::Remove(name) => _ = names.remove(&name),
        }
    }
}

// === impl FileContent ===

impl FileContent {
    fn change(&mut self, change: DiskChange) -> io::Result<()> {
        if let Some(left) = &mut self.faults.changes_left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("input/output error"))?;
        }
        change.clone().apply(&mut self.names);
        self.changes.push(change);
        Ok(())
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.alive()?.names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let content = self.alive()?;
        let file = content.file(name)?;
        Ok(Box::new(Cursor::new(content.files[file].bytes.clone())))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn AppendFile>> {
        let mut content = self.changing()?;
        let file = content.files.len();
        content.files.push(FileData::default());
        content.change(DiskChange::Name(name.to_owned(), file))?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut content = self.changing()?;
        if content.faults.renames_fail {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        content.file(from)?;
        content.change(DiskChange::Rename(from.to_owned(), to.to_owned()))?;
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut content = self.changing()?;
        content.file(name)?;
        content.change(DiskChange::Remove(name.to_owned()))?;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.changing()?;
        if !content.faults.syncs_lie {
            content.synced_names = content.names.clone();
            content.changes.clear();
        }
        Ok(())
    }
}

impl AppendFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.disk.changing()?;
        let used: usize = content.names.values().map(|file| content.files[*file].bytes.len()).sum();
        let room = content.faults.full_at.map_or(usize::MAX, |full| full.saturating_sub(used));
        let fits = bytes.len().min(room);
        content.files[self.file].bytes.extend_from_slice(&bytes[..fits]);
        content.written += fits as u64;
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = self.disk.changing()?;
        if let Some(left) = &mut content.faults.syncs_left {
            let Some(fewer) = left.checked_sub(1) else {
                return Err(io::Error::other("input/output error"));
            };
            *left = fewer;
        }
        if !content.faults.syncs_lie {
            let data = &mut content.files[self.file];
            data.synced = data.bytes.len();
        }
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut content = self.disk.changing()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        content.files[self.file].bytes.truncate(len);
        Ok(())
    }
}
