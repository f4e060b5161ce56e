//! Files as the journal needs them: what is synced survives, what is not may be gone.

use std::fmt;
use std::io::{self, Read};

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
