//! A document in a file, replaced by a rename, so that a reader never sees half of it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{DocumentError, WriteError};
use crate::definitions::EMPTY_DOCUMENT;
use crate::private;

/// A file with a text. Cheap to clone; clones share the known version.
#[derive(Clone, Debug)]
pub struct FileDocument {
    path: PathBuf,
    /// Whether to start with an empty document if there is no file.
    may_be_absent: bool,
    /// Whether an unchanged text is not returned again.
    reports_changes: bool,
    seen: Arc<Mutex<FileVersion>>,
}

/// The text that was read or written last.
#[derive(Debug, Default)]
enum FileVersion {
    #[default]
    Nothing,
    /// There was no file.
    Absent,
    Text(String),
}

// === impl FileDocument ===

impl FileDocument {
    /// A file that people change, and that is read on request.
    #[must_use]
    pub(crate) fn read_only(path: PathBuf) -> Self {
        Self { path, may_be_absent: false, reports_changes: false, seen: Arc::default() }
    }

    /// A file that this process also changes, and that need not exist yet.
    ///
    /// # Errors
    /// The path is a symbolic link. Replacing the link would detach it from its owner (such as a
    /// Kubernetes `ConfigMap`); following it would write to a place that others choose.
    pub fn store(path: PathBuf) -> io::Result<Self> {
        let file = Self { path, may_be_absent: true, reports_changes: true, seen: Arc::default() };
        file.refuse_link()?;
        Ok(file)
    }

    fn refuse_link(&self) -> io::Result<()> {
        let is_link = fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_symlink());
        if !is_link {
            return Ok(());
        }
        let target = fs::canonicalize(&self.path).map_or_else(
            |_| "a file that does not exist".to_owned(),
            |target| target.display().to_string(),
        );
        let why = format!("{} is a symbolic link (to {target})", self.path.display());
        let fix =
            "set `definitions` to a regular file in a directory that this process can write to";
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{why}; {fix}")))
    }

    /// Whether it can report changes.
    #[must_use]
    pub(crate) fn reports_changes(&self) -> bool {
        self.reports_changes
    }

    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// See [`Document::read`](super::Document::read). A file that has disappeared is an error,
    /// because a missing file must not delete all definitions.
    pub fn read(&self) -> Result<Option<String>, DocumentError> {
        let read = fs::read_to_string(&self.path);
        let mut seen = self.seen();
        let text = match read {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_be_absent => {
                return match *seen {
                    FileVersion::Nothing => {
                        *seen = FileVersion::Absent;
                        Ok(Some(EMPTY_DOCUMENT.to_owned()))
                    }
                    FileVersion::Absent => Ok(None),
                    FileVersion::Text(_) => Err(DocumentError::Gone),
                };
            }
            Err(error) => return Err(error.into()),
        };
        if self.reports_changes && matches!(&*seen, FileVersion::Text(known) if *known == text) {
            return Ok(None);
        }
        *seen = FileVersion::Text(text.clone());
        Ok(Some(text))
    }

    /// Locks the file against changes by other processes, until the returned value is dropped;
    /// `None` if another process holds the lock.
    ///
    /// # Errors
    /// The directory is not writable.
    pub(crate) fn try_lock(&self) -> Result<Option<File>, WriteError> {
        let failed = |error: io::Error| WriteError::Failed(self.failure(&error));
        let mut options = private::options();
        options.create(true).truncate(false).write(true);
        let lock = private::open(&options, &self.beside("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Replaces the file. When this returns `Ok`, the new text survives a loss of power.
    ///
    /// # Errors
    /// The error of the system; the old text remains, or the outcome is unknown.
    pub fn write(&self, text: String) -> Result<(), WriteError> {
        let written = self.refuse_link().and_then(|()| self.write_beside(&text)).and_then(|new| {
            fs::rename(new, &self.path)?;
            File::open(self.directory())?.sync_all()
        });
        written.map_err(|error| WriteError::Failed(self.failure(&error)))?;
        *self.seen() = FileVersion::Text(text);
        Ok(())
    }

    fn write_beside(&self, text: &str) -> io::Result<PathBuf> {
        let new = self.beside("new");
        let mut file = private::create_anew(&new)?;
        // Without the setuid and setgid bits.
        if let Ok(old) = fs::symlink_metadata(&self.path) {
            file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777))?;
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

    fn seen(&self) -> MutexGuard<'_, FileVersion> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn store(path: PathBuf) -> FileDocument {
        FileDocument::store(path).expect("it is no link")
    }

    #[test]
    fn text_is_returned_once_and_again_after_a_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("d.json");
        let file = store(path.clone());
        let read = |file: &FileDocument| file.read().expect("it is there");
        assert_eq!(read(&file).as_deref(), Some(EMPTY_DOCUMENT));
        assert_eq!(read(&file), None);
        file.write("one".to_owned()).expect("it is written");
        assert_eq!(read(&file), None, "it is ours");
        fs::write(&path, "two").expect("a hand edits it");
        assert_eq!(read(&file).as_deref(), Some("two"));
        assert_eq!(read(&file), None);
        fs::remove_file(&path).expect("it is there");
        assert!(matches!(file.read(), Err(DocumentError::Gone)));
        // A file that is read on request always returns its text.
        fs::write(&path, "three").expect("it is written");
        let plain = FileDocument::read_only(path);
        assert_eq!(read(&plain).as_deref(), Some("three"));
        assert_eq!(read(&plain).as_deref(), Some("three"));
    }

    #[test]
    fn permissions_stay_and_new_file_is_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("d.json");
        let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o7777;
        let file = store(path.clone());
        file.write("new".to_owned()).expect("it is written");
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("they are set");
        file.write("newer".to_owned()).expect("it is written");
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn link_is_rejected_at_the_start_and_later() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("real.json"), "old").expect("it is written");
        symlink(at("real.json"), at("link.json")).expect("a link");
        let error = FileDocument::store(at("link.json")).expect_err("it is a link").to_string();
        assert!(error.contains("link.json is a symbolic link (to "), "{error}");
        assert!(error.contains("real.json); set `definitions`"), "{error}");

        let file = store(at("d.json"));
        file.write("ours".to_owned()).expect("it is written");
        for (name, target) in [("d.json", "real.json"), (".d.json.lock", "real.json")] {
            let _ = fs::remove_file(at(name));
            symlink(at(target), at(name)).expect("a link");
        }
        assert!(matches!(file.write("x".to_owned()), Err(WriteError::Failed(_))));
        assert!(matches!(file.try_lock(), Err(WriteError::Failed(_))));
        // A leftover of a crash, or a planted link, is replaced and not followed.
        fs::remove_file(at("d.json")).expect("it is there");
        symlink(at("real.json"), at(".d.json.new")).expect("a link");
        file.write("again".to_owned()).expect("it is written");
        assert_eq!(fs::read_to_string(at("real.json")).expect("text"), "old");
        assert_eq!(fs::read_to_string(at("d.json")).expect("text"), "again");
    }

    #[test]
    fn file_is_locked_against_a_second_writer() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("d.json");
        let (one, two) = (store(path.clone()), store(path));
        let lock = one.try_lock().expect("it can be written");
        assert!(lock.is_some());
        assert!(two.try_lock().expect("it can be written").is_none());
        drop(lock);
        assert!(two.try_lock().expect("it can be written").is_some());

        let nowhere = store(directory.path().join("none/d.json"));
        assert!(matches!(nowhere.try_lock(), Err(WriteError::Failed(why)) if why.contains("none")));
        assert!(matches!(nowhere.write(String::new()), Err(WriteError::Failed(_))));
    }
}
