//! Shared secrets.

use std::fmt;

/// What Firehose allows in `X-Amz-Firehose-Access-Key`.
pub(super) const ACCESS_KEY_BYTES_MAX: usize = 4096;
/// Long enough that it cannot be guessed over a network.
pub(super) const ACCESS_KEY_BYTES_WEAK: usize = 16;

/// A shared secret. It has no `Display`, and no `PartialEq` because a comparison must take constant
/// time.
#[derive(Clone)]
pub struct AccessKey(String);

// === impl AccessKey ===

impl AccessKey {
    /// Wraps a key as it is; only [`load`](super::load()) validates it.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The secret, for a comparison in constant time.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The secret, for kinds of values, which print only defaults.
    pub(super) fn print(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
