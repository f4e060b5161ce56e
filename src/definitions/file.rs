//! A document in a file: replaced by a rename, so that nobody ever reads half of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::document::{EMPTY, WriteError};

/// A file with a text. Cheap to clone; clones know the same version.
#[derive(Clone, Debug)]
pub struct FileDocument {
    path: PathBuf,
    /// Begin with an empty document if there is none.
    may_be_absent: bool,
    /// Whether the text that was read before is not given again.
    tells_changes: bool,
    seen: Arc<Mutex<Seen>>,
}

/// What was read or written last.
#[derive(Debug, Default)]
enum Seen {
    #[default]
    Nothing,
    /// There was no file.
    Absent,
    Text(String),
}

// === impl FileDocument ===

impl FileDocument {
    /// A file that people change, and that is read when they say so.
    #[must_use]
    pub fn read_only(path: PathBuf) -> Self {
        Self { path, may_be_absent: false, tells_changes: false, seen: Arc::default() }
    }

    /// A file that this process changes too, and that need not be there yet.
    #[must_use]
    pub fn store(path: PathBuf) -> Self {
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(&path).unwrap_or(path);
        Self { path, may_be_absent: true, tells_changes: true, seen: Arc::default() }
    }

    /// Whether it says by itself that it has changed.
    #[must_use]
    pub fn tells_changes(&self) -> bool {
        self.tells_changes
    }

    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// See [`Document::read`](super::Document::read). A file that was there and is gone is an
    /// error: to forget everything takes more than that.
    pub fn read(&self) -> Result<Option<String>, String> {
        let read = fs::read_to_string(&self.path);
        let mut seen = self.seen();
        let text = match read {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_be_absent => {
                return match *seen {
                    Seen::Nothing => {
                        *seen = Seen::Absent;
                        Ok(Some(EMPTY.to_owned()))
                    }
                    Seen::Absent => Ok(None),
                    Seen::Text(_) => Err("it is gone; put it back".to_owned()),
                };
            }
            Err(error) => return Err(error.to_string()),
        };
        if self.tells_changes && matches!(&*seen, Seen::Text(known) if *known == text) {
            return Ok(None);
        }
        *seen = Seen::Text(text.clone());
        Ok(Some(text))
    }

    /// Keeps other processes from changing the file, until what is given is dropped; `None` when
    /// one of them keeps us from it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn try_lock(&self) -> Result<Option<File>, WriteError> {
        let failed = |error: io::Error| WriteError::Failed(self.failure(&error));
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let lock = options.open(self.beside("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Replaces the file. When this returns `Ok`, the new text survives a loss of power.
    ///
    /// # Errors
    /// What the system says; the old text stands, or nobody knows.
    pub fn write(&self, text: String) -> Result<(), WriteError> {
        let written = self.write_beside(&text).and_then(|new| {
            fs::rename(new, &self.path)?;
            File::open(self.directory())?.sync_all()
        });
        written.map_err(|error| WriteError::Failed(self.failure(&error)))?;
        *self.seen() = Seen::Text(text);
        Ok(())
    }

    fn write_beside(&self, text: &str) -> io::Result<PathBuf> {
        let new = self.beside("new");
        let mut file = File::create(&new)?;
        if let Ok(old) = fs::metadata(&self.path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(new)
    }

    /// A hidden file in the same directory, and so on the same disk.
    fn beside(&self, ending: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.directory().join(format!(".{name}.{ending}"))
    }

    fn directory(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn failure(&self, error: &io::Error) -> String {
        format!("cannot write {}: {error}", self.path.display())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_given_once_and_again_when_it_has_changed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("d.json");
        let file = FileDocument::store(path.clone());
        assert_eq!(file.read(), Ok(Some(EMPTY.to_owned())));
        assert_eq!(file.read(), Ok(None));
        file.write("one".to_owned()).expect("it is written");
        assert_eq!(file.read(), Ok(None), "it is ours");
        fs::write(&path, "two").expect("a hand edits it");
        assert_eq!(file.read(), Ok(Some("two".to_owned())));
        assert_eq!(file.read(), Ok(None));
        fs::remove_file(&path).expect("it is there");
        assert!(file.read().is_err());
        // Nobody else's business: a file that is read when somebody says so is always given.
        fs::write(&path, "three").expect("it is written");
        let plain = FileDocument::read_only(path);
        assert_eq!(plain.read(), Ok(Some("three".to_owned())));
        assert_eq!(plain.read(), Ok(Some("three".to_owned())));
    }

    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().expect("a directory");
        let (real, link) = (directory.path().join("real.json"), directory.path().join("link.json"));
        fs::write(&real, "old").expect("it is written");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("they are set");
        symlink(&real, &link).expect("a link");
        FileDocument::store(link.clone()).write("new".to_owned()).expect("it is written");
        assert_eq!(fs::read_to_string(&real).expect("a file"), "new");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        let mode = fs::metadata(&real).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn two_do_not_change_it_at_once_and_one_that_cannot_says_so() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("d.json");
        let (one, two) = (FileDocument::store(path.clone()), FileDocument::store(path));
        let lock = one.try_lock().expect("it can be written");
        assert!(lock.is_some());
        assert!(two.try_lock().expect("it can be written").is_none());
        drop(lock);
        assert!(two.try_lock().expect("it can be written").is_some());

        let nowhere = FileDocument::store(directory.path().join("none/d.json"));
        assert!(matches!(nowhere.try_lock(), Err(WriteError::Failed(why)) if why.contains("none")));
        assert!(matches!(nowhere.write(String::new()), Err(WriteError::Failed(_))));
    }
}
