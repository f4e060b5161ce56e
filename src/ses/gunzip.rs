//! gzip, known by its magic bytes, of one or several members.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

/// What came out of some gzip bytes.
#[derive(Debug)]
pub struct Gunzipped {
    pub bytes: Vec<u8>,
    /// The stream ended early, is broken, or expands beyond the limit; `bytes` holds what came
    /// out before.
    pub torn: bool,
    /// The reason of `torn` is the limit.
    pub over_limit: bool,
}

/// Whether bytes begin as gzip does (RFC 1952 section 2.3.1).
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Expands gzip bytes, to at most `limit` bytes. `admit` is asked before so many bytes more are
/// taken; its no ends the expansion as the limit does.
#[must_use]
pub fn gunzip(bytes: &[u8], limit: usize, mut admit: impl FnMut(usize) -> bool) -> Gunzipped {
    let mut gzip = MultiGzDecoder::new(bytes);
    let mut out = Vec::new();
    loop {
        let step = STEP.min(limit.saturating_sub(out.len()) + 1);
        if !admit(step) {
            return Gunzipped { bytes: out, torn: true, over_limit: true };
        }
        let before = out.len();
        let result = gzip.by_ref().take(step as u64).read_to_end(&mut out);
        let over_limit = out.len() > limit;
        out.truncate(limit);
        let ended = out.len() - before < step;
        if over_limit || result.is_err() || ended {
            return Gunzipped { bytes: out, torn: over_limit || result.is_err(), over_limit };
        }
    }
}

/// Bytes expanded between two questions.
const STEP: usize = 1 << 20;
