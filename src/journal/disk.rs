//! The file operations that the journal needs: synced data survives a crash, other data may be
//! lost.

use std::fmt;
use std::io::{self, Read};

/// A flat directory. Errors are those of the system.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading, from its start.
    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Creates a file, or truncates an existing one.
    fn create(&self, name: &str) -> io::Result<Box<dyn AppendFile>>;

    /// Renames a file, replacing the target.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all created, renamed and removed files durable.
    fn sync(&self) -> io::Result<()>;
}

/// An append-only file.
pub(crate) trait AppendFile: fmt::Debug + Send {
    /// Appends bytes. After an error any part of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all appended bytes durable. After an error nothing appended since the last success can
    /// be trusted, even if a later call succeeds: the system may have dropped it
    /// (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
    fn sync(&mut self) -> io::Result<()>;

    /// Removes all bytes from a length on. A crash of the machine may bring them back.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}
