//! Why a message has no key to verify it with.

use std::sync::Arc;

use super::certificate::SigningKey;
use super::certificate_error::CertificateError;

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// SNS could not be reached.
    Away(String),
    /// SNS responded without a certificate.
    Missing(String),
    /// The certificate is not valid for SNS.
    Wrong(String),
}

/// A key, or why there is none.
pub(super) type KeyResult = Result<Arc<SigningKey>, NoKey>;

// === impl NoKey ===

impl From<CertificateError> for NoKey {
    fn from(error: CertificateError) -> Self {
        Self::Wrong(error.to_string())
    }
}
