//! The audit log: one line for each change and for each rejected request.
//!
//! A line never contains a body or a secret. Text from a client is cut and escaped. Lines about
//! rejected strangers and about callers above their rate are limited; the next line has the number
//! of suppressed lines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::request::Parts;

use super::error::{ApiError, ErrorKind};
use super::operation::Operation;
use crate::definitions::quote_name;
use crate::http::Peer;
use crate::telemetry::{LogLimiter, Metrics};

/// Limited lines are written at most this often.
const LINE_SPAN: Duration = Duration::from_secs(1);
/// Bytes of a path that are logged.
const PATH_BYTES_MAX: usize = 64;

/// One line at a level, with the fields that all lines have.
macro_rules! log_line {
    ($level:ident, $entry:expr, $key:expr, $($rest:tt)*) => {
        tracing::$level!(
            key = $key,
            peer = $entry.peer.map(tracing::field::display),
            operation = $entry.operation,
            configuration_set = $entry.set,
            destination = $entry.destination,
            $($rest)*
        )
    };
}

/// Writes the lines.
#[derive(Debug)]
pub(super) struct Audit {
    strangers: LimitedLines,
    throttled: LimitedLines,
}

/// Lines that clients can cause without limit.
#[derive(Debug)]
struct LimitedLines {
    limit: LogLimiter,
    suppressed: AtomicU64,
}

/// What is known of a request so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditEntry {
    /// The key id, claimed or verified.
    pub key: Option<String>,
    pub is_verified: bool,
    peer: Option<SocketAddr>,
    /// The operation, or method and path while it is unknown.
    operation: String,
    is_change: bool,
    set: Option<String>,
    destination: Option<String>,
}

// === impl Audit ===

impl Audit {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { strangers: LimitedLines::new(metrics), throttled: LimitedLines::new(metrics) }
    }

    /// Logs a request. A successful read is not logged.
    pub(super) fn log(&self, entry: &AuditEntry, error: Option<&ApiError>) {
        let Some(error) = error else {
            if entry.is_change {
                entry.log_change();
            }
            return;
        };
        let limited = match (entry.is_verified, error.kind) {
            (false, _) => Some(&self.strangers),
            (true, ErrorKind::TooManyRequests) => Some(&self.throttled),
            (true, _) => None,
        };
        match limited {
            None => entry.log_rejection(error, None),
            Some(limited) => {
                if let Some(suppressed) = limited.allow() {
                    entry.log_rejection(error, Some(suppressed));
                }
            }
        }
    }
}

// === impl LimitedLines ===

impl LimitedLines {
    fn new(metrics: &Arc<Metrics>) -> Self {
        let limit = LogLimiter::new(LINE_SPAN, Arc::clone(metrics));
        Self { limit, suppressed: AtomicU64::new(0) }
    }

    /// The number of suppressed lines before this one; `None` to suppress this one, too.
    fn allow(&self) -> Option<u64> {
        if self.limit.allow() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

// === impl AuditEntry ===

impl AuditEntry {
    pub(super) fn new(head: &Parts) -> Self {
        let path = head.uri.path();
        let cut = path.get(..PATH_BYTES_MAX).unwrap_or(path);
        Self {
            key: None,
            is_verified: false,
            peer: head.extensions.get::<Peer>().map(|peer| peer.0),
            operation: quote_name(&format!("{} {cut}", head.method)),
            is_change: false,
            set: None,
            destination: None,
        }
    }

    /// Sets the operation and its names.
    pub(super) fn set_operation(&mut self, operation: &Operation) {
        operation.name().clone_into(&mut self.operation);
        self.is_change = !operation.only_reads();
        self.set = operation.set_name().map(quote_name);
        self.destination = operation.destination_name().map(quote_name);
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn log_change(&self) {
        let key = self.key.as_deref();
        log_line!(info, self, key, outcome = "done", "definitions changed");
    }

    fn log_rejection(&self, error: &ApiError, suppressed: Option<u64>) {
        const MESSAGE: &str = "SES API request rejected";
        let (_, outcome) = error.v2_code();
        // Reads of missing objects are ordinary; other rejections may be an attack.
        if self.is_verified && !self.is_change && !error.kind.is_denial() {
            let key = self.key.as_deref();
            return log_line!(info, self, key, outcome, suppressed, "{MESSAGE}");
        }
        // A claimed key is text of a stranger.
        let (key, verified) = (self.key.as_deref().map(quote_name), self.is_verified);
        log_line!(warn, self, key, verified, outcome, suppressed, "{MESSAGE}");
    }
}
