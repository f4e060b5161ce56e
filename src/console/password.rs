//! Hashes of passwords, by Argon2id.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Of a random password, to take as long for an unknown user as for a known one.
pub(super) const NO_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
/// Longer ones would only cost time.
pub(super) const PASSWORD_BYTES_MAX: usize = 1024;

/// Hashes a password with a random salt; the result is for `console.users`.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

/// Whether a password has this hash. Takes some 20 ms of a core and the hash's memory.
pub(super) fn is_password(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= PASSWORD_BYTES_MAX
        && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_matches_its_own_hash_only() {
        let hash = hash_password("correct horse").expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m="), "{hash}");
        assert!(is_password("correct horse", &hash));
        assert!(!is_password("correct hors", &hash));
        assert!(!is_password("", &hash));
        assert_ne!(hash, hash_password("correct horse").expect("a hash"), "the salt is random");
        assert!(PasswordHash::new(NO_HASH).is_ok());
    }
}
