//! Files as the journal needs them: what is synced survives, what is not may be gone.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// A flat directory. Errors are the system's.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file to be read from its start.
    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Makes a file, or empties one that is there.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// Renames a file over another.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes what was created, renamed and removed survive.
    fn sync(&self) -> io::Result<()>;
}

/// A file that grows.
pub trait Append: fmt::Debug + Send {
    /// Appends bytes. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all that was appended survive. After an error nothing appended since the last success
    /// may be trusted, whatever a later call says: the system may have dropped it
    /// (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the system, locked for this process.
#[derive(Debug)]
pub struct LocalDisk {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

#[derive(Debug)]
struct LocalFile(File);

const LOCK: &str = "lock";

// === impl LocalDisk ===

impl LocalDisk {
    /// Opens a directory, which is made if it is not there, and locks it.
    ///
    /// # Errors
    /// `WouldBlock` when another process has it; else what the system says.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let mut options = OpenOptions::new();
        let lock = private(options.create(true).truncate(false).write(true));
        let lock = lock.open(directory.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { directory, _lock: lock })
    }
}

/// Readable by us alone: a journal tells who was sent what campaign.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

impl Disk for LocalDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        // What is no text is none of ours.
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.directory.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut options = OpenOptions::new();
        let options = private(options.create(true).truncate(true).write(true));
        Ok(Box::new(LocalFile(options.open(self.directory.join(name))?)))
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

impl Append for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_process_and_its_files_to_its_user() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal");
        let disk = LocalDisk::open(path.clone()).expect("it is free");
        let taken = LocalDisk::open(path.clone()).expect_err("it is taken");
        assert_eq!(taken.kind(), io::ErrorKind::WouldBlock);
        disk.create("a").and_then(|mut file| file.append(b"x")).expect("it is written");
        disk.rename("a", "b").and_then(|()| disk.sync()).expect("it is renamed");
        let mut names = disk.list().expect("names");
        names.sort();
        assert_eq!(names, ["b", LOCK]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path.join("b")).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(disk);
        LocalDisk::open(path).expect("it is free again");
    }
}
