//! Signed texts: sessions in cookies, and tokens in forms. Both expire, and neither is stored here, so
//! tasks that share a key accept each other's.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::config::AccessKey;

/// Signs and verifies. Comparisons take constant time.
#[derive(Clone)]
pub(super) struct Signer(hmac::Key);

/// A visitor who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Empty for the holder of a one-time token.
    pub user: String,
    /// Distinguishes sessions of one user.
    pub id: String,
    /// Unix time in seconds.
    pub expires: i64,
}

// === impl Signer ===

impl Signer {
    /// Signs with a shared key, or with a random one.
    pub(super) fn new(key: Option<&AccessKey>) -> Self {
        let key = key.map_or_else(random, |key| key.as_bytes().to_vec());
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// `purpose` keeps a signature of one kind from being used as another.
    fn signature(&self, purpose: &str, text: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{purpose}\n{text}").as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(tag)
    }

    fn is_valid(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(tag) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
        hmac::verify(&self.0, format!("{purpose}\n{text}").as_bytes(), &tag).is_ok()
    }

    /// The value of the cookie of a session. `secret`: what the session depends on, such as the hash
    /// of the user's password; when it changes, the session ends.
    pub(super) fn cookie(&self, session: &Session, secret: &str) -> String {
        let user = BASE64_URL_SAFE_NO_PAD.encode(&session.user);
        let text = format!("{user}.{}.{}", session.id, session.expires);
        let signature = self.signature("session", &format!("{text}\n{secret}"));
        format!("{text}.{signature}")
    }

    /// The session of a cookie, if it is valid and has not expired. `secret_of` returns what the
    /// session of a user depends on; `None` if there is no such user.
    pub(super) fn session<'s>(
        &self,
        cookie: &str,
        now: i64,
        secret_of: impl FnOnce(&str) -> Option<&'s str>,
    ) -> Option<Session> {
        let (text, signature) = cookie.rsplit_once('.')?;
        let mut parts = text.split('.');
        let (user, id, expires) = (parts.next()?, parts.next()?, parts.next()?);
        let user = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
        let secret = secret_of(&user)?;
        let is_valid = self.is_valid("session", &format!("{text}\n{secret}"), signature);
        let expires: i64 = expires.parse().ok()?;
        (is_valid && now < expires).then(|| Session { user, id: id.to_owned(), expires })
    }

    /// The token of the forms of a session.
    pub(super) fn form_token(&self, session_id: &str, expires: i64) -> String {
        let signature = self.signature("form", &format!("{session_id}\n{expires}"));
        format!("{expires}.{signature}")
    }

    /// Whether a form was made for this session and has not expired.
    pub(super) fn accepts_form(&self, token: &str, session_id: &str, now: i64) -> bool {
        let Some((expires, signature)) = token.split_once('.') else { return false };
        let Ok(expires) = expires.parse::<i64>() else { return false };
        self.is_valid("form", &format!("{session_id}\n{expires}"), signature) && now < expires
    }
}

fn random() -> Vec<u8> {
    let mut key = vec![0; 32];
    // Fails only if the system has no random numbers at all; nothing would work then.
    aws_lc_rs::rand::fill(&mut key).expect("the system has random numbers");
    key
}

/// A random text of 128 bits.
pub(super) fn random_id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&random()[..16])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signer(key: char) -> Signer {
        Signer::new(Some(&AccessKey::new(key.to_string().repeat(32))))
    }

    fn session() -> Session {
        Session { user: "ada@example.com".to_owned(), id: random_id(), expires: 1000 }
    }

    #[test]
    fn session_is_valid_until_it_expires_or_the_secret_changes() {
        let (signer, session) = (signer('a'), session());
        let cookie = signer.cookie(&session, "hash");
        let read = |now, secret| {
            signer.session(&cookie, now, |user| {
                assert_eq!(user, "ada@example.com");
                secret
            })
        };
        assert_eq!(read(999, Some("hash")), Some(session.clone()));
        assert_eq!(read(1000, Some("hash")), None);
        assert_eq!(read(999, Some("other")), None);
        assert_eq!(read(999, None), None);
        // Another task with the same key accepts it, one with another key does not.
        assert!(self::signer('a').session(&cookie, 0, |_| Some("hash")).is_some());
        assert!(self::signer('b').session(&cookie, 0, |_| Some("hash")).is_none());
        assert!(Signer::new(None).session(&cookie, 0, |_| Some("hash")).is_none());
    }

    #[test]
    fn form_token_is_valid_for_one_session_and_time() {
        let signer = signer('a');
        let token = signer.form_token("one", 1000);
        assert!(signer.accepts_form(&token, "one", 999));
        assert!(!signer.accepts_form(&token, "one", 1000));
        assert!(!signer.accepts_form(&token, "two", 999));
        assert!(!signer.accepts_form(&token.replace("1000", "2000"), "one", 999));
        assert!(!signer.accepts_form("", "one", 999));
    }

    proptest! {
        #[test]
        fn changed_cookie_is_rejected(at in 0_usize..80, byte in b'!'..b'~') {
            let signer = signer('a');
            let cookie = signer.cookie(&session(), "hash");
            let mut changed = cookie.clone().into_bytes();
            let at = at % changed.len();
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            let changed = String::from_utf8(changed).expect("ASCII");
            prop_assert!(signer.session(&changed, 0, |_| Some("hash")).is_none(), "{changed}");
        }
    }
}
