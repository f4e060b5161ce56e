//! Records whose `data` is Base64 as Firehose writes it: the standard alphabet, padding optional.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::ses::json::raw::Raw;
use crate::ses::work;

/// Decides what is Base64: padding is optional, and trailing bits are ignored. [`base64_turbo`] is
/// tried before it, because it is several times as fast; it accepts only the usual form.
const REFERENCE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A reusable buffer for decoded texts.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

// === impl Buffer ===

impl Buffer {
    /// The decoded bytes; `None` when the text is not Base64.
    pub(crate) fn decode(&mut self, text: &[u8]) -> Option<&[u8]> {
        work::scanned(text.len());
        let len = base64::decoded_len_estimate(text.len());
        if self.0.len() < len {
            self.0.resize(len, 0);
        }
        let is_padded = text.len().is_multiple_of(4);
        let fast = if is_padded { base64_turbo::STANDARD } else { base64_turbo::STANDARD_NO_PAD };
        let len = fast
            .decode_slice(text, &mut self.0)
            .ok()
            .or_else(|| REFERENCE.decode_slice(text, &mut self.0).ok())?;
        Some(&self.0[..len])
    }
}

/// Passes the decoded `data` of each record in a list, with the record and its number, while `take`
/// returns true.
pub(super) fn each_data(
    records: Raw<'_>,
    mut take: impl FnMut(Option<&[u8]>, Raw<'_>, u64) -> bool,
) {
    let (mut escaped, mut buffer) = (Vec::new(), Buffer::default());
    let mut records = records.elements();
    for at in 0.. {
        let mut data = Raw::default();
        let record = records.next_object(|key, member| {
            if key == b"data" {
                data = member;
            }
        });
        let Some(record) = record else { return };
        let text = data.text_in(&mut escaped);
        if !take(text.and_then(|text| buffer.decode(text)), record, at) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes encoded, with some of the text replaced or cut off.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::collection::vec(any::<u8>(), 0..700);
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
        (bytes, changes, 0_usize..4).prop_map(|(bytes, changes, cut)| {
            let mut text = REFERENCE.encode(bytes).into_bytes();
            text.truncate(text.len().saturating_sub(cut));
            if !text.is_empty() {
                for (at, byte) in changes {
                    let at = at.index(text.len());
                    text[at] = byte;
                }
            }
            text
        })
    }

    proptest! {
        #[test]
        fn text_is_decoded_as_by_the_reference(text in texts()) {
            let mut buffer = Buffer::default();
            // Bytes of a text before it must not be seen.
            buffer.decode(b"////////////");
            let expected = REFERENCE.decode(&text).ok();
            prop_assert_eq!(buffer.decode(&text), expected.as_deref());
        }
    }

    #[test]
    fn padding_is_optional_and_trailing_bits_are_ignored() {
        let mut buffer = Buffer::default();
        for text in ["aGk=", "aGk", "aGl=", "aGl"] {
            assert_eq!(buffer.decode(text.as_bytes()), Some(&b"hi"[..]), "{text}");
        }
        for text in ["aGk==", "a", "aGk aGk=", "aG-k", "aGk=aGk="] {
            assert_eq!(buffer.decode(text.as_bytes()), None, "{text}");
        }
    }
}
