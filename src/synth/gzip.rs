//! Builds gzip from parts that were compressed in advance.
//!
//! A part consists of whole deflate blocks that end at a byte boundary and have no back references
//! to other parts. Parts can therefore be concatenated in one member (RFC 1952); its checksum is
//! combined from theirs.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// The header of a member: deflate, no name, no time, unknown system.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Maximum bytes of a stored block.
const STORED_MAX: usize = 0xffff;

/// Compressed content.
#[derive(Debug)]
pub struct GzipPart {
    pub deflate: Vec<u8>,
    crc: Crc,
}

/// The checksum of the parts of a member so far.
#[derive(Debug, Default)]
pub struct GzipMember(Crc);

// === impl GzipPart ===

impl GzipPart {
    /// Compresses content.
    ///
    /// # Panics
    /// When the compressed bytes exceed their bound, which would be a mistake of the library.
    pub fn compress(content: &[u8], level: Compression) -> Self {
        // Reserves the worst case by miniz's own bound, because a flush that is split for lack of
        // space can be invalid.
        let mut deflate = Vec::with_capacity(content.len() + content.len() / 10 + 256);
        let mut compress = Compress::new(level, false);
        compress
            .compress_vec(content, &mut deflate, FlushCompress::Full)
            .expect("memory takes every byte");
        let is_whole = compress.total_in() == content.len() as u64;
        assert!(is_whole && deflate.len() < deflate.capacity(), "the bound holds");
        deflate.shrink_to_fit();
        Self { deflate, crc: crc_of(content) }
    }

    /// Stores short content uncompressed, which costs nothing; content after 64 KiB is cut.
    pub fn store(content: &[u8]) -> Self {
        let content = &content[..content.len().min(STORED_MAX)];
        let len = u16::try_from(content.len()).unwrap_or(u16::MAX);
        let mut deflate = Vec::with_capacity(5 + content.len());
        deflate.push(0); // not the last block, stored
        deflate.extend_from_slice(&len.to_le_bytes());
        deflate.extend_from_slice(&(!len).to_le_bytes());
        deflate.extend_from_slice(content);
        Self { deflate, crc: crc_of(content) }
    }

    /// What comes before and after this part in a member that begins with other short content.
    pub fn after(&self, start: &[u8]) -> (Vec<u8>, [u8; 13]) {
        let start = Self::store(start);
        let mut member = GzipMember::default();
        member.add(&start);
        member.add(self);
        ([&HEADER[..], &start.deflate].concat(), member.trailer())
    }
}

fn crc_of(content: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(content);
    crc
}

// === impl GzipMember ===

impl GzipMember {
    /// Adds the next part to the checksum.
    pub fn add(&mut self, part: &GzipPart) {
        self.0.combine(&part.crc);
    }

    /// The end of a member: an empty last block, checksum and length.
    pub fn trailer(&self) -> [u8; 13] {
        let mut trailer = [1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        trailer[5..9].copy_from_slice(&self.0.sum().to_le_bytes());
        trailer[9..].copy_from_slice(&self.0.amount().to_le_bytes());
        trailer
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn member(parts: &[&GzipPart]) -> Vec<u8> {
        let (mut bytes, mut member) = (HEADER.to_vec(), GzipMember::default());
        for part in parts {
            bytes.extend_from_slice(&part.deflate);
            member.add(part);
        }
        bytes.extend_from_slice(&member.trailer());
        bytes
    }

    /// For any parts in any order, the member expands to their contents in this order.
    #[test]
    fn gzip_parts_make_one_member() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..50 {
            let contents: Vec<Vec<u8>> = (0..rng.usize(0..5))
                .map(|_| {
                    let (len, letters) = (rng.usize(0..200_000), rng.u8(1..255));
                    (0..len).map(|_| rng.u8(..letters)).collect()
                })
                .collect();
            let mut parts = vec![GzipPart::store(b"head")];
            parts.extend(
                contents.iter().map(|content| GzipPart::compress(content, Compression::fast())),
            );
            let again: Vec<&GzipPart> = parts.iter().chain(&parts).collect();
            let mut plain = Vec::new();
            GzDecoder::new(&member(&again)[..]).read_to_end(&mut plain).unwrap();
            let once = [b"head".to_vec(), contents.concat()].concat();
            assert_eq!(plain, [once.clone(), once].concat());
        }
    }

    #[test]
    fn made_up_events_shrink() {
        let content = "{\"eventType\":\"Send\",\"mail\":{}}\n".repeat(1000);
        let part = GzipPart::compress(content.as_bytes(), Compression::fast());
        assert!(part.deflate.len() * 10 < content.len());
    }
}
