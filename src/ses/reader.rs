//! Texts that do not fit in memory, on one thread.

use std::io::Read;

use super::blocks::Blocks;
use super::interest::Interest;
use super::scan::Scan;
use super::unwrap::Visit;

/// Reads a text of any length from a stream, keeping a block and one value in memory.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    block_bytes: usize,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    const BLOCK_BYTES: usize = 256 << 10;

    pub fn new(input: R) -> Self {
        Self { input, block_bytes: Self::BLOCK_BYTES }
    }

    #[cfg(test)]
    pub(super) fn with_block_bytes(input: R, block_bytes: usize) -> Self {
        Self { input, block_bytes }
    }

    /// Reads the whole text, or until the visitor is over its budget. A torn gzip stream in the input shows as
    /// [`std::io::ErrorKind::UnexpectedEof`] or `InvalidData` when `gzip` is set: what came out of
    /// it is read, then one `malformed` counted.
    ///
    /// # Errors
    /// Whatever the input fails with otherwise; what came before is read.
    pub fn read(
        self,
        gzip: bool,
        interest: &Interest,
        visit: &mut impl Visit,
    ) -> std::io::Result<()> {
        let mut blocks = Blocks::new(self.input, gzip, self.block_bytes);
        let mut scan = Scan::default();
        let mut buffer = Vec::new();
        while let Some(block) = blocks.next(buffer) {
            scan.read(&block, interest, visit);
            if visit.is_over() {
                break;
            }
            if let Some(end) = block.end {
                return scan.end(end, visit);
            }
            buffer = block.bytes;
        }
        Ok(())
    }
}
