//! The admin listener: metrics and recent series, for clients with the token if one is configured.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::same_site::SameSiteOnly;
use crate::aggregate::{Aggregator, RecentLines};
use crate::telemetry::{Gauges, LogLimiter, Metrics, RejectReason};

/// Maximum number of concurrent readers of `/series`. Each uses 20 bytes per entry.
const SERIES_READERS_MAX: usize = 2;
/// `Retry-After` for a client above that limit, in seconds.
const SERIES_RETRY_AFTER: &str = "5";
/// Timeout of a `/series` response, because a reader occupies one of few places.
const SERIES_PATIENCE: Duration = Duration::from_mins(5);
/// Lines are generated in pieces of about this size, each in a fraction of a millisecond.
const SERIES_PIECE_BYTES: usize = 16 << 10;
/// Interval of log lines about rejected requests: at most one.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What the admin listener serves.
#[derive(Clone)]
pub(crate) struct Admin {
    pub metrics: Arc<Metrics>,
    pub aggregator: Arc<Aggregator>,
    /// Reads the gauges.
    pub gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
    pub access: AdminAccess,
}

/// Whether the token in a request, or its absence, is accepted. Takes constant time.
pub(super) type AcceptsToken = dyn Fn(Option<&[u8]>) -> bool + Send + Sync;

/// Who may read metrics and series.
#[derive(Clone)]
pub(crate) enum AdminAccess {
    /// Clients whose bearer token this function accepts.
    Token(Arc<AcceptsToken>),
    /// Programs on this machine, but no web pages.
    SameSite,
    /// Anyone who can reach the listener.
    Anyone,
}

#[derive(Clone)]
struct AdminShared {
    admin: Admin,
    series_readers: Arc<Semaphore>,
    log: Arc<LogLimiter>,
}

/// The lines of `/series`, generated as the connection sends them.
struct SeriesBody {
    lines: RecentLines,
    deadline: Instant,
    _reader: OwnedSemaphorePermit,
}

/// `/metrics` and `/series`.
pub(crate) fn admin_router(admin: Admin) -> Router {
    let log = Arc::new(LogLimiter::new(LOG_INTERVAL, Arc::clone(&admin.metrics)));
    let access = admin.access.clone();
    let same_site = SameSiteOnly::new(Arc::clone(&admin.metrics));
    let series_readers = Arc::new(Semaphore::new(SERIES_READERS_MAX));
    let shared = AdminShared { admin, series_readers, log };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/series", get(series))
        .with_state(shared.clone());
    match access {
        AdminAccess::Token(_) => router.route_layer(from_fn_with_state(shared, check_token)),
        AdminAccess::SameSite => {
            router.route_layer(from_fn_with_state(same_site, SameSiteOnly::check))
        }
        AdminAccess::Anyone => router,
    }
}

async fn check_token(State(shared): State<AdminShared>, request: Request, next: Next) -> Response {
    let is_accepted = match &shared.admin.access {
        AdminAccess::Token(accepts) => accepts(bearer(request.headers())),
        AdminAccess::SameSite | AdminAccess::Anyone => true,
    };
    if is_accepted {
        return next.run(request).await;
    }
    shared.rejected(RejectReason::Token);
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, "missing or wrong bearer token\n").into_response()
}

/// The token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

async fn metrics(State(shared): State<AdminShared>) -> impl IntoResponse {
    let text = shared.admin.metrics.render(&(shared.admin.gauges)());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn series(State(shared): State<AdminShared>) -> Response {
    let Ok(reader) = Arc::clone(&shared.series_readers).try_acquire_owned() else {
        shared.rejected(RejectReason::SeriesBusy);
        let retry = [(header::RETRY_AFTER, SERIES_RETRY_AFTER)];
        let text = format!("{SERIES_READERS_MAX} clients are already reading /series; retry\n");
        return (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response();
    };
    let aggregator = Arc::clone(&shared.admin.aggregator);
    // Up to a million entries are copied and sorted, which must not block a thread that serves
    // connections. The reader's place moves along: it is held as long as the copy, even if the
    // client disconnects.
    let lines = tokio::task::spawn_blocking(move || (aggregator.recent(), reader)).await;
    let Ok((lines, reader)) = lines else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the series cannot be read\n").into_response();
    };
    let deadline = Instant::now() + SERIES_PATIENCE;
    let body = Body::new(SeriesBody { lines, deadline, _reader: reader });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

// === impl Admin ===

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

// === impl AdminShared ===

impl AdminShared {
    fn rejected(&self, reason: RejectReason) {
        self.admin.metrics.http_rejected.increment(reason);
        if self.log.allow() {
            tracing::warn!(reason = reason.as_str(), "request rejected");
        }
    }
}

// === impl SeriesBody ===

impl HttpBody for SeriesBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(Some(Err("the client reads too slowly")));
        }
        let mut piece = Vec::with_capacity(SERIES_PIECE_BYTES + 1024);
        while piece.len() < SERIES_PIECE_BYTES {
            let Some(line) = self.lines.next() else { break };
            piece.extend_from_slice(line.to_json().as_bytes());
            piece.push(b'\n');
        }
        let frame = (!piece.is_empty()).then(|| Ok(Frame::data(piece.into())));
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_token_is_what_follows_the_scheme() {
        let token = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(token("Bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(token("bearer  abc "), Some(b"abc".to_vec()));
        for wrong in ["abc", "Basic abc", "Bearer", "Bearerabc"] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
