//! The journal's files in a local directory.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::disk::{AppendFile, Disk};
use crate::private;

/// A local directory, locked for this process.
#[derive(Debug)]
pub(crate) struct LocalDisk {
    directory: PathBuf,
    /// Holds the lock while it is open.
    _lock: File,
}

#[derive(Debug)]
struct LocalFile(File);

const LOCK: &str = "lock";

// === impl LocalDisk ===

impl LocalDisk {
    /// Opens and locks a directory, creating it if it is missing.
    ///
    /// # Errors
    /// `WouldBlock` when another process has locked it; other errors of the system.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let directory = private::directory(directory, "journal.directory")?;
        let mut options = private::options();
        options.create(true).truncate(false).write(true);
        let lock = private::open(&options, &directory.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { directory, _lock: lock })
    }
}

impl Disk for LocalDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        // A name that is not UTF-8 does not belong to the journal.
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let file = private::open(private::options().read(true), &self.directory.join(name))?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn AppendFile>> {
        let mut options = private::options();
        options.create(true).truncate(true).write(true);
        let file = private::open(&options, &self.directory.join(name))?;
        private::restrict(&file)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

impl AppendFile for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn directory_belongs_to_one_process_and_its_files_to_one_user() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal");
        let disk = LocalDisk::open(&path).expect("it is free");
        let taken = LocalDisk::open(&path).expect_err("it is taken");
        assert_eq!(taken.kind(), io::ErrorKind::WouldBlock);
        disk.create("a").and_then(|mut file| file.append(b"x")).expect("it is written");
        disk.rename("a", "b").and_then(|()| disk.sync()).expect("it is renamed");
        let mut names = disk.list().expect("names");
        names.sort();
        assert_eq!(names, ["b", LOCK]);
        assert_eq!((mode_of(&path), mode_of(&path.join("b"))), (0o700, 0o600));
        drop(disk);
        LocalDisk::open(&path).expect("it is free again");
    }

    #[test]
    fn links_are_neither_written_nor_read_through() {
        let outer = tempfile::tempdir().expect("a directory");
        let (path, victim) = (outer.path().join("journal"), outer.path().join("victim"));
        fs::write(&victim, "kept").expect("it is written");
        let disk = LocalDisk::open(&path).expect("it is free");
        symlink(&victim, path.join("a")).expect("a link");
        let error = disk.create("a").expect_err("it is a link");
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
        assert!(disk.read("a").is_err());
        disk.create("b").expect("a file");
        disk.rename("b", "a").expect("the link is replaced");
        drop(disk);
        fs::remove_file(path.join(LOCK)).expect("it is there");
        symlink(&victim, path.join(LOCK)).expect("a link");
        assert!(LocalDisk::open(&path).is_err());
        assert_eq!(fs::read_to_string(&victim).expect("text"), "kept");
        assert!(fs::symlink_metadata(path.join("a")).expect("a file").is_file());
    }
}
