//! Records whose `data` is Base64 as Firehose writes it: the standard alphabet, padding optional.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::simd::Simd;

use crate::ses::json::raw::Raw;
use crate::ses::work;

static ENGINE: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

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
        let len = ENGINE.decode_slice(text, &mut self.0).ok()?;
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
