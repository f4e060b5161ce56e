//! `[firehose]`.

use std::time::Duration;

use super::SHORTEST;
use crate::config::access_key::{ACCESS_KEY_BYTES_MAX, ACCESS_KEY_BYTES_WEAK, AccessKey};
use crate::config::acknowledge::Acknowledge;
use crate::config::kinds::{choice, duration, text};
use crate::config::list_kind::list;
use crate::config::section::section;
use crate::config::text::{Fault, url_path};

/// Firehose itself gives up after 3 minutes.
const PATIENCE_MAX: Duration = Duration::from_secs(170);

section! {
    /// The Firehose HTTP endpoint.
    pub struct FirehoseConfig as [firehose] {
        /// Path of the Firehose HTTP endpoint on `listen.http`.
        ///
        /// It cannot be `/livez` or `/readyz`.
        path: String = "/firehose".to_owned(),
            text("URL path", "/events", url_path, String::clone);

        /// Access keys that Firehose may send. Each one is accepted, so a key can be replaced
        /// without downtime. The list may be empty only on loopback.
        ///
        /// Firehose sends a key as `X-Amz-Firehose-Access-Key`: 1 to 4096 bytes of printable ASCII,
        /// preferably at least 16. Prefer `POSTMETER__FIREHOSE__ACCESS_KEYS=key1,key2` to this
        /// file.
        access_keys: Vec<AccessKey> = Vec::new(),
            list(
                text("access keys", "a-random-key-of-16-bytes", access_key, AccessKey::print).secret()
                    .warns(weakness),
            );

        /// When to respond with 200: when counts are in memory, when they are also in the journal,
        /// or when CloudWatch has accepted them.
        ///
        /// - `merged`: fast; a crash loses unpublished counts: one flush interval, or the whole
        ///   outage while CloudWatch is down.
        /// - `journaled`: nearly as fast; a crash loses nothing as long as the disk outlives the
        ///   task, see `journal.directory`.
        /// - `published`: a crash loses nothing, and Firehose retries requests without a response;
        ///   each request takes at least one flush interval.
        acknowledge: Acknowledge = Acknowledge::Merged, choice();

        /// How long the sender, or a load balancer in front, waits for the response.
        ///
        /// Firehose itself waits 3 minutes, an Application Load Balancer 60s by default.
        patience: Duration = Duration::from_secs(55), duration(SHORTEST, PATIENCE_MAX);
    }
}

/// The fault describes only the shape of the key, never its content.
fn access_key(text: &str) -> Result<AccessKey, Fault> {
    if text.is_empty() {
        return Err(("the key is empty".into(), "write a key, or remove it from the list".into()));
    }
    if text.len() > ACCESS_KEY_BYTES_MAX {
        let what = format!("the key is longer than {ACCESS_KEY_BYTES_MAX} bytes");
        return Err((what, "write a shorter key; Firehose does not send longer ones".into()));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        let what = "the key contains a character that is not printable ASCII".into();
        return Err((what, "use letters, digits and punctuation".into()));
    }
    // HTTP strips spaces around a header value, so such a key would never match.
    if text.trim() != text {
        return Err(("the key starts or ends with a space".into(), "remove the space".into()));
    }
    Ok(AccessKey::new(text))
}

/// What a key that can be guessed is warned of with.
fn weakness(key: &AccessKey) -> Option<Fault> {
    let fix = "generate a long random key, for example with `openssl rand -hex 32`";
    (key.as_bytes().len() < ACCESS_KEY_BYTES_WEAK)
        .then(|| (format!("the key is shorter than {ACCESS_KEY_BYTES_WEAK} bytes"), fix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_is_printable_and_has_an_end() {
        for right in ["k".to_owned(), "a b,c".to_owned(), "~".repeat(4096)] {
            assert_eq!(access_key(&right).unwrap().as_bytes(), right.as_bytes());
        }
        for wrong in ["", " ", "a ", " a", "ä", "a\tb", "a\n"] {
            assert!(access_key(wrong).is_err(), "{wrong:?}");
        }
        assert!(access_key(&"~".repeat(4097)).is_err());
    }
}
