//! Compressions that are recognised but not read.

use super::path::GZIPS_MAX;
use crate::ses::gunzip::is_gzip;

/// A compression of the bytes at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Zip,
    Snappy,
    HadoopSnappy,
    Bzip2,
    /// gzip inside of as many levels of gzip as are read.
    Gzip,
}

// === impl Compression ===

impl Compression {
    /// The number of bytes after which it is known what a text starts with.
    pub(crate) const START_LEN: usize = 13;

    /// The compression of a text, by its first bytes.
    #[must_use]
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        Some(match text {
            // A local file header, the end of an empty archive, a part of a split one.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Self::Zip,
            // The framing format, and the streams of snappy-java.
            [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..]
            | [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, ..] => Self::Snappy,
            // The first block, or the checksum at the end of an empty stream.
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, b'r', b'E', b'8', b'P', 0x90, ..] => {
                Self::Bzip2
            }
            _ if is_gzip(text) => Self::Gzip,
            _ if is_hadoop_snappy(text) => Self::HadoopSnappy,
            _ => return None,
        })
    }

    /// Whether more bytes can change what a text of at most [`Self::START_LEN`] bytes starts with.
    pub(crate) fn may_follow(text: &[u8]) -> bool {
        let begins = matches!(text.first(), None | Some(b'P' | b'B' | 0xff | 0x82 | 0x1f | 0));
        begins && text.len() < Self::START_LEN
    }

    /// What it is, and how to make it readable.
    #[must_use]
    pub(crate) fn advice(self) -> String {
        let name = match self {
            Self::Zip => "ZIP",
            Self::Snappy => "Snappy",
            Self::HadoopSnappy => "Hadoop-compatible Snappy",
            Self::Bzip2 => "bzip2",
            Self::Gzip => {
                return format!("gzip in more than {GZIPS_MAX} levels, the most that are read");
            }
        };
        format!(
            "{name} compression, which is not read: decompress it, and set the compression of the \
             Firehose stream to GZIP or disable it (CompressionFormat GZIP or UNCOMPRESSED)"
        )
    }
}

/// Whether a text starts with a block of Hadoop's Snappy, which has no magic bytes: the lengths of the
/// block and of its first chunk, big-endian, then the length that the chunk itself states.
fn is_hadoop_snappy(text: &[u8]) -> bool {
    /// Longer blocks do not occur, and other bytes rarely start like this.
    const LEN_MAX: u32 = 1 << 24;
    let Some((block, rest)) = text.split_first_chunk() else { return false };
    let Some((packed, chunk)) = rest.split_first_chunk() else { return false };
    let (block, packed) = (u32::from_be_bytes(*block), u32::from_be_bytes(*packed));
    if block >= LEN_MAX {
        return false;
    }
    let Some(stated) = varint(chunk) else { return false };
    // The longest expansion, from Snappy's `MaxCompressedLength`.
    (1..=block).contains(&stated) && packed > 0 && packed <= 32 + stated + stated / 6
}

/// The number at the start of some bytes, seven bits in each, the lowest first.
fn varint(bytes: &[u8]) -> Option<u32> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        number |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_known_by_its_first_bytes() {
        let of = |text: &[u8]| Compression::of(text);
        assert_eq!(of(b"PK\x03\x04\x14\0"), Some(Compression::Zip));
        assert_eq!(of(b"PK\x05\x06"), Some(Compression::Zip));
        assert_eq!(of(b"\xff\x06\0\0sNaPpY\x01"), Some(Compression::Snappy));
        assert_eq!(of(b"\x82SNAPPY\0\0\0\0\x01"), Some(Compression::Snappy));
        assert_eq!(of(b"BZh91AY&SY\x12"), Some(Compression::Bzip2));
        assert_eq!(of(b"BZh1\x17rE8P\x90"), Some(Compression::Bzip2));
        assert_eq!(of(b"\x1f\x8b\x08"), Some(Compression::Gzip));
        // 300 bytes in 70, and 5 bytes as a literal.
        assert_eq!(of(b"\0\0\x01\x2c\0\0\0\x46\xac\x02\xf0"), Some(Compression::HadoopSnappy));
        assert_eq!(of(b"\0\0\0\x05\0\0\0\x07\x05\x10{\"a\"}"), Some(Compression::HadoopSnappy));
    }

    #[test]
    fn other_bytes_are_no_compression() {
        for text in [
            &b""[..],
            b"{}",
            b"PK",
            b"PK\x03",
            b"BZh9 {}",
            b"BZhello",
            b"\0",
            b"\xff\x06\0\0",
            b"\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\0\0\0\x05\0\0\0\x07\x06",
            b"\0\0\0\x05\0\0\xff\x07\x05",
            b"\0\0\0\x05\0\0\0\x07\x80\x80\x80\x80",
            b"\xef\xbb\xbf",
        ] {
            assert_eq!(Compression::of(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn text_that_may_be_a_compression_is_decided_after_its_first_bytes() {
        for magic in [&b"PK\x03\x04"[..], b"\xff\x06\0\0sNaPpY", b"\x82SNAPPY\0", b"BZh91AY&SY"] {
            for len in 0..magic.len() {
                assert!(Compression::may_follow(&magic[..len]), "{}", magic.escape_ascii());
            }
        }
        assert!(!Compression::may_follow(b"{"));
        assert!(!Compression::may_follow(&[0; Compression::START_LEN]));
    }

    #[test]
    fn advice_names_the_compression_and_what_to_set() {
        let named =
            [Compression::Zip, Compression::Snappy, Compression::HadoopSnappy, Compression::Bzip2];
        for (compression, name) in named.into_iter().zip(["ZIP", "Snappy", "Hadoop", "bzip2"]) {
            let advice = compression.advice();
            assert!(advice.starts_with(name) && advice.contains("GZIP"), "{advice}");
        }
        assert!(Compression::Gzip.advice().contains("2 levels"));
    }
}
