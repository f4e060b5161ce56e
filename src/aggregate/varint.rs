//! Variable-length numbers: seven bits per byte, lowest first.

/// Appends a number: 1 byte below 128, at most 10.
#[inline]
pub(crate) fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// Reads a number and returns the bytes after it. `None` when the bytes end too early.
#[inline]
pub fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes {
        [byte, rest @ ..] if *byte < 0x80 => Some((u64::from(*byte), rest)),
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every number round-trips, and the remaining bytes are returned.
        #[test]
        fn number_reads_as_it_was_put(number: u64, bits in 0_u32..64, rest: Vec<u8>) {
            let number = number >> bits;
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            prop_assert!(bytes.len() <= 10 && (number >= 128 || bytes.len() == 1));
            prop_assert_eq!(varint(&bytes[..bytes.len() - 1]), None);
            bytes.extend(&rest);
            prop_assert_eq!(varint(&bytes), Some((number, rest.as_slice())));
        }
    }
}
