//! Verifies the signature of a message.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::certificate::SigningKey;
use super::message::{Envelope, Version};

/// RSA with PKCS#1 v1.5 padding and at least 2048 bits, by AWS-LC, which TLS uses too. SNS signs
/// version 1, the default of a topic, with SHA-1.
#[must_use]
pub(super) fn is_signed(envelope: &Envelope, key: &SigningKey) -> bool {
    let Ok(signature) = STANDARD.decode(&envelope.signature) else { return false };
    let way: &'static RsaParameters = match envelope.signature_version {
        Version::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Version::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
    };
    let key = UnparsedPublicKey::new(way, key.public_key());
    key.verify(envelope.signed_text().as_bytes(), &signature).is_ok()
}
