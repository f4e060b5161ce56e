//! Who gets in: everybody on this machine, the holder of a one-time token, or users.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::ended_sessions::EndedSessions;
use super::session::{Session, Signer, random_id};
use super::throttle::SignInThrottle;
use crate::clock::Clock;
use crate::config::{AccessKey, ConsoleRole, ConsoleUser};

/// Passwords verified at once: each takes a core for a moment and 19 MiB of memory.
const VERIFICATIONS: usize = 2;
/// The session of visitors where there are no users.
const NO_SESSION: &str = "";
const COOKIE: &str = "postmeter_session";
/// The session depends on this where there are no users.
const NO_SECRET: &str = "";

/// The settings of the console.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleSettings {
    pub users: Vec<ConsoleUser>,
    pub signing_key: Option<AccessKey>,
    /// How long a sign-in lasts.
    pub session: Duration,
    /// Whether visitors need a one-time token where there are no users: other programs share the
    /// loopback of a container.
    pub needs_token: bool,
    /// Whether the listener itself has TLS.
    pub has_tls: bool,
}

/// Decides who gets in.
pub(crate) struct ConsoleAccess {
    users: HashMap<String, ConsoleUser>,
    needs_token: bool,
    session: Duration,
    has_tls: bool,
    signer: Signer,
    clock: Clock,
    /// The one-time token, until it is used.
    token: Mutex<Option<String>>,
    ended: EndedSessions,
    pub(super) throttle: SignInThrottle,
    pub(super) verifications: Semaphore,
}

/// A visitor who is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    pub user: Option<String>,
    pub role: ConsoleRole,
    session_id: String,
}

// === impl ConsoleAccess ===

impl ConsoleAccess {
    #[must_use]
    pub(crate) fn new(settings: ConsoleSettings, clock: Clock) -> Self {
        let ConsoleSettings { users, signing_key, session, needs_token, has_tls } = settings;
        Self {
            users: users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            needs_token,
            session,
            has_tls,
            signer: Signer::new(signing_key.as_ref()),
            clock,
            token: Mutex::new(None),
            ended: EndedSessions::default(),
            throttle: SignInThrottle::default(),
            verifications: Semaphore::new(VERIFICATIONS),
        }
    }

    /// Whether visitors sign in with a password.
    pub(super) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    pub(super) fn user(&self, name: &str) -> Option<&ConsoleUser> {
        self.users.get(name)
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now_ms() / 1000
    }

    /// The path to get in; with a new one-time token, which replaces the last one, if one is needed.
    pub(crate) fn entry(&self) -> String {
        if self.has_users() || !self.needs_token {
            return "/".to_owned();
        }
        let token = random_id();
        let path = format!("/?token={token}");
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        path
    }

    /// Uses up the one-time token; returns the cookie of a new session.
    pub(super) fn spend(&self, token: &str, is_secure: bool) -> Option<HeaderValue> {
        let mut known = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = known
            .as_ref()
            .is_some_and(|known| bool::from(known.as_bytes().ct_eq(token.as_bytes())));
        if !is_known {
            return None;
        }
        *known = None;
        Some(self.new_session("", NO_SECRET, is_secure))
    }

    /// The cookie of a new session of a user.
    pub(super) fn sign_in(&self, user: &ConsoleUser, is_secure: bool) -> HeaderValue {
        self.new_session(&user.name, secret(user), is_secure)
    }

    /// Ends the session of a request. Returns the cookie that makes the browser forget it.
    pub(super) fn sign_out(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(session) = self.session_of(headers) {
            self.ended.end(&session.id, session.expires, self.now());
        }
        cookie_header("", 0, false)
    }

    /// The visitor of a request, if nothing more is needed to get in.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Option<Admitted> {
        if !self.has_users() && !self.needs_token {
            let session_id = NO_SESSION.to_owned();
            return Some(Admitted { user: None, role: ConsoleRole::Writer, session_id });
        }
        let Session { user, id: session_id, .. } = self.session_of(headers)?;
        let known = self.users.get(&user);
        let role = known.map_or(ConsoleRole::Writer, |user| user.role);
        Some(Admitted { user: known.map(|user| user.name.clone()), role, session_id })
    }

    /// The first valid session among the cookies of a request.
    fn session_of(&self, headers: &HeaderMap) -> Option<Session> {
        let valid = |cookie| {
            self.signer.session(cookie, self.now(), |user| match self.users.get(user) {
                Some(user) => Some(secret(user)),
                None => (!self.has_users() && user.is_empty()).then_some(NO_SECRET),
            })
        };
        let has_ended = |session: &Session| self.ended.has(&session.id, session.expires);
        cookies(headers).filter_map(valid).find(|session| !has_ended(session))
    }

    /// The token of the forms of a visitor; `None`: of the form to sign in.
    pub(super) fn form_token(&self, visitor: Option<&Admitted>) -> String {
        let expires = self.now().saturating_add(seconds(self.session));
        self.signer.form_token(session_id(visitor), expires)
    }

    pub(super) fn accepts_form(&self, token: &str, visitor: Option<&Admitted>) -> bool {
        self.signer.accepts_form(token, session_id(visitor), self.now())
    }

    /// Whether the browser may send the cookie over TLS alone.
    pub(super) fn is_secure(&self, headers: &HeaderMap) -> bool {
        let forwarded = headers.get("x-forwarded-proto");
        self.has_tls || forwarded.is_some_and(|proto| proto.as_bytes() == b"https")
    }

    fn new_session(&self, user: &str, secret: &str, is_secure: bool) -> HeaderValue {
        let lasts = seconds(self.session);
        let expires = self.now().saturating_add(lasts);
        let session = Session { user: user.to_owned(), id: random_id(), expires };
        cookie_header(&self.signer.cookie(&session, secret), lasts, is_secure)
    }
}

impl fmt::Debug for ConsoleAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleAccess").finish_non_exhaustive()
    }
}

/// A session ends when the password of its user changes.
fn secret(user: &ConsoleUser) -> &str {
    std::str::from_utf8(user.hash.as_bytes()).unwrap_or_default()
}

fn session_id(visitor: Option<&Admitted>) -> &str {
    visitor.map_or("sign-in", |visitor| &visitor.session_id)
}

fn seconds(duration: Duration) -> i64 {
    // A session of less than a second would never be valid.
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).max(1)
}

fn cookie_header(value: &str, max_age: i64, is_secure: bool) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(users: Vec<ConsoleUser>, needs_token: bool, clock: &Clock) -> ConsoleAccess {
        let settings = ConsoleSettings {
            users,
            signing_key: Some(AccessKey::new("k".repeat(32))),
            session: Duration::from_hours(1),
            needs_token,
            has_tls: false,
        };
        ConsoleAccess::new(settings, clock.clone())
    }

    fn ada(role: ConsoleRole, hash: &str) -> ConsoleUser {
        ConsoleUser { name: "ada".to_owned(), role, hash: AccessKey::new(hash) }
    }

    /// The headers of a browser that has this cookie.
    fn with(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().expect("ASCII").split(';').next().expect("a part").to_owned();
        let line = format!("other=1; {pair}");
        HeaderMap::from_iter([(header::COOKIE, line.parse().expect("a header"))])
    }

    #[test]
    fn token_gets_in_once_and_a_new_one_replaces_it() {
        let clock = Clock::manual(0);
        let access = access(Vec::new(), true, &clock);
        assert_eq!(access.admit(&HeaderMap::new()), None);
        let token = |entry: String| entry.strip_prefix("/?token=").expect("a token").to_owned();
        let old = token(access.entry());
        let new = token(access.entry());
        assert!(access.spend(&old, false).is_none() && access.spend("", false).is_none());
        let cookie = access.spend(&new, false).expect("it is known");
        assert!(access.spend(&new, false).is_none(), "it is used up");
        let visitor = access.admit(&with(&cookie)).expect("it is in");
        assert_eq!((visitor.user, visitor.role), (None, ConsoleRole::Writer));
        clock.set_ms(3_600_000);
        assert_eq!(access.admit(&with(&cookie)), None, "it has expired");
    }

    #[test]
    fn session_ends_with_its_user_or_password() {
        let clock = Clock::manual(0);
        let before = access(vec![ada(ConsoleRole::Writer, "one")], false, &clock);
        let cookie = before.sign_in(before.user("ada").expect("a user"), true);
        assert!(cookie.to_str().expect("ASCII").ends_with("; HttpOnly; SameSite=Lax; Secure"));
        let role = |access: &ConsoleAccess| access.admit(&with(&cookie)).map(|found| found.role);
        assert_eq!(role(&before), Some(ConsoleRole::Writer));
        // Another task, which has the same key.
        let other = |users| access(users, false, &clock);
        assert_eq!(role(&other(vec![ada(ConsoleRole::Reader, "one")])), Some(ConsoleRole::Reader));
        assert_eq!(role(&other(vec![ada(ConsoleRole::Writer, "two")])), None);
        let bob = ConsoleUser { name: "bob".to_owned(), ..ada(ConsoleRole::Writer, "one") };
        assert_eq!(role(&other(vec![bob])), None);
        // The session of a one-time token is none of a user.
        let holder = access(Vec::new(), true, &clock);
        let token = holder.entry();
        let cookie = holder.spend(&token["/?token=".len()..], false).expect("it is known");
        assert_eq!(before.admit(&with(&cookie)), None);
    }

    #[test]
    fn cookie_is_worth_nothing_after_its_visitor_has_signed_out() {
        let clock = Clock::manual(0);
        let access = access(vec![ada(ConsoleRole::Writer, "one")], false, &clock);
        let sign_in = || with(&access.sign_in(access.user("ada").expect("a user"), false));
        let (one, two) = (sign_in(), sign_in());
        assert!(access.sign_out(&one).to_str().expect("ASCII").contains("Max-Age=0"));
        assert_eq!(access.admit(&one), None);
        assert!(access.admit(&two).is_some(), "another session of the same user goes on");
    }

    #[test]
    fn form_of_another_session_is_rejected() {
        let clock = Clock::manual(0);
        let access = access(vec![ada(ConsoleRole::Writer, "one")], false, &clock);
        let visitor = || {
            let cookie = access.sign_in(access.user("ada").expect("a user"), false);
            access.admit(&with(&cookie)).expect("it is in")
        };
        let (one, two) = (visitor(), visitor());
        let token = access.form_token(Some(&one));
        assert!(access.accepts_form(&token, Some(&one)));
        assert!(!access.accepts_form(&token, Some(&two)));
        assert!(!access.accepts_form(&token, None));
        clock.set_ms(3_600_000);
        assert!(!access.accepts_form(&token, Some(&one)));
    }
}
