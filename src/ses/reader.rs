//! Texts that do not fit in memory: files and pipes.

use std::io::Read;

use super::interest::Interest;
use super::text::Progress;
use super::unwrap::{LEVELS_MAX, Other, Path, Visit, judge_found};

/// Reads a text of any length from a stream, keeping one value in memory at a time.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    buffer: Vec<u8>,
    progress: Progress,
    offset: u64,
    /// Bytes asked of the input at a time, at first.
    chunk: usize,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    const CHUNK: usize = 256 << 10;

    pub fn new(input: R) -> Self {
        let progress = Progress::default();
        Self { input, buffer: Vec::new(), progress, offset: 0, chunk: Self::CHUNK }
    }

    #[cfg(test)]
    pub(super) fn with_chunk(input: R, chunk: usize) -> Self {
        Self { chunk, ..Self::new(input) }
    }

    /// Reads the whole text. A torn gzip stream in the input shows as
    /// [`std::io::ErrorKind::UnexpectedEof`] or `InvalidData` when `gzip` is set: what came out of
    /// it is read, then one `malformed` counted.
    ///
    /// # Errors
    /// Whatever the input fails with otherwise; what came before is read.
    pub fn read(
        &mut self,
        gzip: bool,
        interest: &Interest,
        visit: &mut impl Visit,
    ) -> std::io::Result<()> {
        let mut unread = 0;
        loop {
            // A value that does not fit makes the buffer grow by half, so that reading it again
            // from its start costs no more than a few times its length.
            let target = (unread + self.chunk).max(unread + unread / 2);
            let got = self.fill(unread, target);
            let torn = match &got {
                Err(error) => gzip && is_torn_gzip(error),
                Ok(()) => false,
            };
            let last = got.is_err() || self.buffer.len() < target;
            unread = self.walk(last, interest, visit);
            if torn {
                if !self.progress.ended_inside {
                    visit.other(Other::Malformed, &Path::default(), self.offset);
                }
                return Ok(());
            }
            got?;
            if last {
                return Ok(());
            }
        }
    }

    /// Appends to the unread bytes until `target` are there or the input ends.
    fn fill(&mut self, unread: usize, target: usize) -> std::io::Result<()> {
        debug_assert_eq!(self.buffer.len(), unread);
        let mut input = (&mut self.input).take((target - unread) as u64);
        input.read_to_end(&mut self.buffer).map(|_| ())
    }

    /// Reads the values in the buffer; gives how many bytes stay in it.
    fn walk(&mut self, last: bool, interest: &Interest, visit: &mut impl Visit) -> usize {
        let offset = self.offset;
        let path = Path::default();
        let done = self.progress.read(&self.buffer, last, interest, LEVELS_MAX, |found, at| {
            judge_found(found, interest, &path, offset + at as u64, visit);
        });
        self.buffer.drain(..done);
        self.offset += done as u64;
        self.buffer.len()
    }
}

fn is_torn_gzip(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}
