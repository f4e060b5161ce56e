//! Access keys, compared in constant time.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::config::AccessKey;

/// The accepted keys, as digests: all have the same length, and no secret is stored.
#[derive(Clone)]
pub(crate) struct AccessKeys(Vec<[u8; 32]>);

// === impl AccessKeys ===

impl AccessKeys {
    /// Without keys every sender is accepted; the configuration allows that only on loopback.
    #[must_use]
    pub(crate) fn new(keys: &[AccessKey]) -> Self {
        Self(keys.iter().map(|key| Sha256::digest(key.as_bytes()).into()).collect())
    }

    /// Whether a key is accepted. Compares all keys, so that the time reveals nothing.
    #[must_use]
    pub(crate) fn accept(&self, sent: Option<&[u8]>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let digest: [u8; 32] = Sha256::digest(sent.unwrap_or_default()).into();
        let same = self.0.iter().fold(Choice::from(0), |same, key| same | key.ct_eq(&digest));
        bool::from(same) && sent.is_some()
    }
}

/// Shows only the number of keys, because the digest of a short key reveals it.
impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessKeys").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_keys_is_accepted_and_nothing_else() {
        let keys = AccessKeys::new(&[AccessKey::new("old"), AccessKey::new("new")]);
        assert!(keys.accept(Some(b"old")));
        assert!(keys.accept(Some(b"new")));
        for wrong in [&b"ol"[..], b"old ", b"OLD", b"", b"oldnew"] {
            assert!(!keys.accept(Some(wrong)));
        }
        assert!(!keys.accept(None));
        assert!(AccessKeys::new(&[]).accept(None));
        assert_eq!(format!("{keys:?}"), "AccessKeys(2)");
    }
}
