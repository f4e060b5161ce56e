//! `[console]`.

use std::net::SocketAddr;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;

use super::{MIB, SHORTEST};
use crate::config::access_key::AccessKey;
use crate::config::kinds::{address, duration, number, optional, switch, text};
use crate::config::list_kind::list_by_spaces;
use crate::config::section::section;
use crate::config::text::Fault;

section! {
    /// The console: postmeter in a browser.
    pub struct ConsoleConfig as [console] {
        /// Address that serves the console. Empty: the console is off.
        ///
        /// On loopback it needs no users; beyond loopback it does. Without any configuration, `serve`
        /// listens on 127.0.0.1:8129, and `demo` on a free port. It shares certificate and key with
        /// the other listeners.
        listen: Option<SocketAddr> = None, optional(address());

        /// Whether the console may change definitions; otherwise it only shows them.
        ///
        /// Changes go to the document at `definitions`, a file or an object in S3, as those of the
        /// SES API do. A document in a variable (`env:NAME`) cannot be changed.
        write: bool = false, switch();

        /// Users who may sign in, each with a role and the hash of a password; required beyond
        /// loopback.
        ///
        /// A `reader` sees everything, a `writer` may also change definitions if `write` is true.
        /// `postmeter hash-password` prints the hash of a password. Spaces separate users in
        /// `POSTMETER__CONSOLE__USERS`, because hashes contain commas.
        users: Vec<ConsoleUser> = Vec::new(),
            list_by_spaces(
                text("`name:role:hash`", USER_EXAMPLE, user, ConsoleUser::print).secret()
            );

        /// How long a sign-in lasts.
        session: Duration = Duration::from_hours(12),
            duration(SHORTEST, Duration::from_hours(24 * 30));

        /// Key that signs sessions, so that a sign-in is valid on all tasks behind a load balancer
        /// and after a restart. Empty: a random one for each process.
        ///
        /// At least 32 characters, the same for all tasks. Prefer `POSTMETER__CONSOLE__SIGNING_KEY`
        /// to this file.
        signing_key: Option<AccessKey> = None,
            optional(text("secret", SIGNING_KEY_EXAMPLE, signing_key, AccessKey::print).secret());

        /// Memory for a sample of the last hour's events, from which the console shows what a new
        /// event destination would make. 0: no sample and no preview.
        ///
        /// It holds only what dimensions can read, without recipients, and is never written or shown
        /// as events.
        sample_bytes: usize = 8 << 20, number(0, 256 * MIB);
    }
}

const USER_EXAMPLE: &str =
    "ada:writer:$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q";
const SIGNING_KEY_EXAMPLE: &str = "a-random-secret-of-at-least-32-bytes";
/// A signature is as strong as its key.
const SIGNING_KEY_BYTES_MIN: usize = 32;
/// Bounds of the work that one sign-in may cost: KiB of memory, and passes over it.
const HASH_MEMORY_MAX: u32 = 256 << 10;
const HASH_PASSES_MAX: u32 = 16;

/// A user of the console.
#[derive(Clone, Debug)]
pub struct ConsoleUser {
    pub name: String,
    pub role: ConsoleRole,
    /// An Argon2 hash in the PHC format.
    pub hash: AccessKey,
}

/// What a user of the console may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleRole {
    /// Sees everything.
    Reader,
    /// Also changes definitions, where the console may do so.
    Writer,
}

// === impl ConsoleUser ===

impl ConsoleUser {
    fn print(&self) -> String {
        format!("{}:{}:{}", self.name, self.role.as_str(), self.hash.print())
    }
}

// === impl ConsoleRole ===

impl ConsoleRole {
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
        }
    }
}

/// The fault names the part that is wrong, never its content.
fn user(text: &str) -> Result<ConsoleUser, Fault> {
    let fix = "write `name:role:hash` with the role reader or writer and the output of `postmeter \
               hash-password`";
    let fault = |what: &str| -> Fault { (what.to_owned(), fix.to_owned()) };
    let mut parts = text.splitn(3, ':');
    let (Some(name), Some(role), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(fault("this is not a valid user"));
    };
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte));
    if !is_name {
        return Err(fault("the name of a user has 1 to 64 characters (A-Z a-z 0-9 _ . @ -)"));
    }
    let role = match role {
        "reader" => ConsoleRole::Reader,
        "writer" => ConsoleRole::Writer,
        _ => return Err(fault("the role of a user is not reader or writer")),
    };
    if !is_hash(hash) {
        return Err(fault("the hash of a user is not an Argon2 hash"));
    }
    Ok(ConsoleUser { name: name.to_owned(), role, hash: AccessKey::new(hash) })
}

fn is_hash(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let within = |name: &str, most: u32| {
        hash.params.get_decimal(name).is_some_and(|number| (1..=most).contains(&number))
    };
    hash.algorithm.as_str().starts_with("argon2")
        && hash.salt.is_some()
        && hash.hash.is_some()
        && within("m", HASH_MEMORY_MAX)
        && within("t", HASH_PASSES_MAX)
}

fn signing_key(text: &str) -> Result<AccessKey, Fault> {
    if text.len() < SIGNING_KEY_BYTES_MIN {
        let what = format!("the key has fewer than {SIGNING_KEY_BYTES_MIN} characters");
        return Err((what, "generate one, for example with `openssl rand -hex 32`".to_owned()));
    }
    Ok(AccessKey::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_has_name_role_and_hash() {
        let read = user(USER_EXAMPLE).expect("a user");
        assert_eq!((read.name.as_str(), read.role), ("ada", ConsoleRole::Writer));
        assert_eq!(read.print(), USER_EXAMPLE);
        let hash = USER_EXAMPLE.split_once(":writer:").expect("it has a role").1;
        for wrong in [
            "ada".to_owned(),
            format!("ada:{hash}"),
            format!(":reader:{hash}"),
            format!("a b:reader:{hash}"),
            format!("ada:admin:{hash}"),
            "ada:reader:secret".to_owned(),
            "ada:reader:$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy".to_owned(),
            format!("ada:reader:{}", hash.replace("m=19456", "m=4000000")),
            format!("ada:reader:{}", hash.replace("t=2", "t=4000")),
        ] {
            let (what, _) = user(&wrong).expect_err(&wrong);
            assert!(!what.contains("secret") && !what.contains('$'), "{what}");
        }
    }

    #[test]
    fn signing_key_is_long() {
        assert!(signing_key(&"k".repeat(31)).is_err());
        assert!(signing_key(&"k".repeat(32)).is_ok());
    }
}
