//! Dead letters in local files: lines of JSON, readable by this user only, in files of bounded size
//! whose names sort by time. The daemon never removes files, because an operator may not have read
//! them yet.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Clock;
use crate::private;

const SUFFIX: &str = "ndjson";

/// Maximum number of files created in the same millisecond.
const SAME_TIME_MAX: u32 = 10_000;

/// The end of the year 9999, the last time that file names can hold.
const LAST_MS: u64 = 253_402_300_799_999;

/// A directory of dead letters. Other processes may use it too, and files may be moved out at any
/// time.
#[derive(Debug)]
pub(crate) struct LetterFiles {
    directory: PathBuf,
    file_bytes: u64,
    bytes: u64,
    clock: Clock,
    /// The file that is being written.
    current: Option<PathBuf>,
    /// The known size of all files, in bytes.
    used: u64,
}

/// The result of writing some lines.
#[derive(Debug, Default)]
pub(crate) struct WriteOutcome {
    pub kept: u64,
    /// The directory is at its limit.
    pub full: u64,
    pub failed: u64,
    /// The first error.
    pub why: String,
}

/// A file that is open for writing, and its length.
#[derive(Debug)]
struct OpenFile {
    file: File,
    len: u64,
}

// === impl LetterFiles ===

impl LetterFiles {
    /// Opens a directory, creating it if it is missing. A new file is started when one reaches
    /// `file_bytes`; all files together have at most `bytes`.
    ///
    /// # Errors
    /// The directory cannot be created, read or written.
    pub(crate) fn open(
        directory: &Path,
        file_bytes: u64,
        bytes: u64,
        clock: Clock,
    ) -> io::Result<Self> {
        let directory = private::directory(directory, "dead_letters.directory")?;
        let probe = directory.join(format!(".probe-{}", std::process::id()));
        private::create_anew(&probe)?;
        match fs::remove_file(&probe) {
            // A process in another container may have the same number.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let used = used(&directory)?;
        Ok(Self { directory, file_bytes, bytes, clock, current: None, used })
    }

    /// Appends lines, each with its newline. The file is closed after each write, so that a file
    /// that was moved away is not written any more.
    pub(crate) fn write(&mut self, lines: impl Iterator<Item = Vec<u8>>) -> WriteOutcome {
        let mut written = WriteOutcome::default();
        let mut open = None;
        for line in lines {
            // After the first failure the remaining lines fail too.
            if written.failed > 0 {
                written.failed += 1;
            } else if written.full > 0 {
                written.full += 1;
            } else {
                match self.append(&mut open, &line) {
                    Ok(true) => written.kept += 1,
                    Ok(false) => written.full += 1,
                    Err(error) => {
                        // The problem may be this file, so the next write starts another.
                        self.current = None;
                        written.failed += 1;
                        written.why =
                            format!("cannot write to {}: {error}", self.directory.display());
                    }
                }
            }
        }
        written
    }

    /// Appends a line; returns false when the directory is full.
    fn append(&mut self, open: &mut Option<OpenFile>, line: &[u8]) -> io::Result<bool> {
        let len = line.len() as u64;
        if self.used + len > self.bytes {
            self.used = used(&self.directory)?;
            if self.used + len > self.bytes {
                return Ok(false);
            }
        }
        if open.is_none()
            && let Some(path) = &self.current
        {
            let mut options = private::options();
            *open = Some(OpenFile::new(private::open(options.create(true).append(true), path)?)?);
        }
        if open.as_ref().is_none_or(|open| open.len > 0 && open.len + len > self.file_bytes) {
            *open = Some(self.begin()?);
        }
        let Some(open) = open else { return Ok(false) };
        if let Err(error) = open.file.write_all(line) {
            // Half a line would corrupt the next one. If it cannot be truncated, nothing is
            // appended after it.
            let _ = open.file.set_len(open.len);
            if let Some(empty) = self.current.take().filter(|_| open.len == 0) {
                let _ = fs::remove_file(empty);
            }
            return Err(error);
        }
        open.len += len;
        self.used += len;
        Ok(true)
    }

    /// Starts a new file.
    fn begin(&mut self) -> io::Result<OpenFile> {
        self.used = used(&self.directory)?;
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0).min(LAST_MS);
        let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(now_ms));
        let time = time.to_string().replace(':', "-");
        for number in 0..SAME_TIME_MAX {
            let path = self.directory.join(format!("{time}-{number:04}.{SUFFIX}"));
            let mut options = private::options();
            match private::open(options.create_new(true).append(true), &path) {
                Ok(file) => {
                    self.current = Some(path);
                    return OpenFile::new(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Total size of all dead letter files.
fn used(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if Path::new(&entry.file_name()).extension().is_some_and(|suffix| suffix == SUFFIX) {
            // A file that was moved away in the meantime has no size.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(bytes)
}

// === impl OpenFile ===

impl OpenFile {
    fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn files(directory: &TempDir, file_bytes: u64, bytes: u64) -> LetterFiles {
        let clock = Clock::manual(1_795_176_000_123);
        LetterFiles::open(directory.path(), file_bytes, bytes, clock).expect("it opens")
    }

    fn write(files: &mut LetterFiles, lines: &[&str]) -> (u64, u64, u64) {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec());
        let WriteOutcome { kept, full, failed, .. } = files.write(lines);
        (kept, full, failed)
    }

    /// The contents of all files, in the order of their names.
    fn contents(directory: &TempDir) -> Vec<String> {
        let content = |path| fs::read_to_string(path).expect("text");
        paths(directory).into_iter().map(content).collect()
    }

    fn paths(directory: impl AsRef<Path>) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).expect("a directory");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn files_are_private_and_sort_by_time_and_none_begins_without_a_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 10, 1000);
        assert_eq!(contents(&directory), [""; 0]);
        assert_eq!(write(&mut files, &["abc\n", "defg\n", "h\n"]), (3, 0, 0));
        assert_eq!(write(&mut files, &["longer than a file\n"]), (1, 0, 0));
        files.clock.set_ms(1_795_176_000_124);
        assert_eq!(write(&mut files, &["i\n", "j\n"]), (2, 0, 0));
        let expected = ["abc\ndefg\n", "h\n", "longer than a file\n", "i\nj\n"];
        assert_eq!(contents(&directory), expected);
        let names = paths(&directory);
        let names = names.iter().map(|path| path.file_name().and_then(|name| name.to_str()));
        let expected = [
            "2026-11-20T12-00-00.123Z-0000.ndjson",
            "2026-11-20T12-00-00.123Z-0001.ndjson",
            "2026-11-20T12-00-00.123Z-0002.ndjson",
            "2026-11-20T12-00-00.124Z-0000.ndjson",
        ];
        assert_eq!(names.map(|name| name.expect("text")).collect::<Vec<_>>(), expected);
        for path in paths(&directory) {
            let mode = fs::metadata(path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn full_directory_accepts_nothing_and_loses_nothing_until_files_are_moved_out() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("earlier.ndjson"), "12345\n").expect("written");
        fs::write(directory.path().join("of another program"), [0; 100]).expect("written");
        let mut files = files(&directory, 100, 14);
        assert_eq!(write(&mut files, &["123\n", "123\n", "1\n", "\n"]), (2, 2, 0));
        assert_eq!(write(&mut files, &["\n"]), (0, 1, 0));
        fs::remove_file(directory.path().join("earlier.ndjson")).expect("it is there");
        assert_eq!(write(&mut files, &["12345\n"]), (1, 0, 0));
        assert_eq!(contents(&directory)[0], "123\n123\n12345\n");
    }

    #[test]
    fn file_that_is_moved_away_is_not_written_any_more() {
        let (directory, elsewhere) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let mut files = files(&directory, 100, 1000);
        assert_eq!(write(&mut files, &["1\n"]), (1, 0, 0));
        fs::rename(&paths(&directory)[0], elsewhere.path().join("taken")).expect("it is moved");
        assert_eq!(write(&mut files, &["2\n"]), (1, 0, 0));
        assert_eq!(
            (contents(&directory), contents(&elsewhere)),
            (vec!["2\n".into()], vec!["1\n".into()])
        );
    }

    #[test]
    fn lines_that_cannot_be_written_fail_and_the_next_starts_a_new_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("letters");
        let mut files =
            LetterFiles::open(&path, 100, 1000, Clock::manual(0)).expect("the directory is made");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::remove_dir(&path).expect("it is empty");
        let written = files.write([b"1\n".to_vec(), b"2\n".to_vec()].into_iter());
        assert_eq!((written.kept, written.full, written.failed), (0, 0, 2));
        assert!(written.why.contains("letters: No such file"), "{}", written.why);
        fs::create_dir(&path).expect("it is gone");
        assert_eq!(write(&mut files, &["3\n"]), (1, 0, 0));
        let current = paths(&path).remove(0);
        fs::remove_file(&current).and_then(|()| fs::create_dir(&current)).expect("a hindrance");
        assert_eq!(write(&mut files, &["4\n"]), (0, 0, 1));
        assert_eq!(write(&mut files, &["5\n"]), (1, 0, 0));
        fs::remove_dir(&current).expect("it is empty");
        assert!(LetterFiles::open(&paths(&path)[0], 1, 1, Clock::manual(0)).is_err());
    }

    #[test]
    fn letters_are_never_written_through_a_link() {
        let (directory, elsewhere) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let mut files = files(&directory, 100, 1000);
        assert_eq!(write(&mut files, &["1\n"]), (1, 0, 0));
        let (current, victim) = (paths(&directory).remove(0), elsewhere.path().join("victim"));
        fs::write(&victim, "kept").expect("it is written");
        fs::remove_file(&current).expect("it is there");
        symlink(&victim, &current).expect("a link");
        assert_eq!(write(&mut files, &["2\n"]), (0, 0, 1));
        assert_eq!(write(&mut files, &["3\n"]), (1, 0, 0), "into another file");
        assert_eq!(fs::read_to_string(&victim).expect("text"), "kept");
    }
}
