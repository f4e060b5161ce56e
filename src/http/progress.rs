//! What a connection must do to stay open: send headers and bodies without long gaps, and read its
//! responses.
//!
//! The values leave room for three lost packets in a row (retransmitted after about 1, 2 and 4 s)
//! and are near the defaults of other servers: Apache's `mod_reqtimeout` allows 20 s for headers
//! and 20 s for a body, plus a second for each 500 bytes
//! (<https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html>); Kestrel requires 240 bytes/s
//! after a grace period of 5 s, for bodies and responses
//! (<https://learn.microsoft.com/en-us/aspnet/core/fundamentals/servers/kestrel/options>); both
//! 2026-11-29.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::telemetry::{CloseReason, LogLimiter, Metrics};

/// Timeout for the first byte of a new connection, unless the keep-alive timeout is shorter.
pub(super) const FIRST_BYTE_PATIENCE: Duration = Duration::from_secs(20);
/// Timeout from the first byte of the headers to the last.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a response may be blocked because the client does not read.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for the first byte of a body.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// Each byte of a body adds this much time: 500 bytes/s.
const BODY_PATIENCE_PER_BYTE: Duration = Duration::from_millis(2);
/// The longest pause that a body can save up: the rate is averaged over this time.
const BODY_PATIENCE_MAX: Duration = Duration::from_secs(20);
/// Interval of log lines about closed connections: at most one.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// State shared by the parts of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    peer: SocketAddr,
    /// Even while the server waits for headers, odd from the end of the headers to the end of the
    /// response.
    turns: AtomicU64,
    /// Notified when another connection needs its place.
    pub displaced: Notify,
    is_reported: AtomicBool,
    reporter: Option<Arc<CloseReporter>>,
}

/// Counts and logs the closed connections of a listener.
#[derive(Debug)]
pub(super) struct CloseReporter {
    metrics: Arc<Metrics>,
    log: LogLimiter,
}

/// A deadline that wakes a task. Moving it is cheap: the timer is reset only when it would fire at
/// the wrong time.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A request body that fails when it arrives too slowly. Only the time in which the source waits
/// for bytes counts.
#[derive(Debug)]
pub(super) struct SteadyBody<B> {
    body: B,
    connection: Arc<Connection>,
    waiting_since: Option<Instant>,
    /// How much longer the source may wait.
    patience: Duration,
    deadline: Deadline,
}

/// A response body. When it is dropped, the server waits for the next headers.
#[derive(Debug)]
pub(super) struct ResponseBody<B> {
    body: B,
    _end: ResponseEnd,
}

/// Ends the turn of a request when it is dropped.
#[derive(Debug)]
pub(super) struct ResponseEnd(Arc<Connection>);

// === impl Connection ===

impl Connection {
    pub(super) fn new(peer: SocketAddr, reporter: Option<Arc<CloseReporter>>) -> Arc<Self> {
        Arc::new(Self {
            peer,
            turns: AtomicU64::new(0),
            displaced: Notify::new(),
            is_reported: AtomicBool::new(false),
            reporter,
        })
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Called at the end of the headers, and at the end of the response.
    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is in progress until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> ResponseEnd {
        self.turn();
        ResponseEnd(Arc::clone(self))
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Whether no request is in progress.
    pub(super) fn awaits_head(&self) -> bool {
        self.turns().is_multiple_of(2)
    }

    /// Counts the closing of this connection once, with the first reason.
    pub(super) fn report_close(&self, reason: CloseReason) {
        if self.is_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(reporter) = &self.reporter else { return };
        reporter.metrics.connections_closed.increment(reason);
        if reporter.log.allow() {
            tracing::warn!(reason = reason.as_str(), peer = %self.peer.ip(), "connection closed");
        }
    }
}

// === impl ResponseEnd ===

impl ResponseEnd {
    /// Ends the turn together with this body.
    pub(super) fn with<B>(self, body: B) -> ResponseBody<B> {
        ResponseBody { body, _end: self }
    }
}

impl Drop for ResponseEnd {
    fn drop(&mut self) {
        self.0.turn();
    }
}

// === impl CloseReporter ===

impl CloseReporter {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { log: LogLimiter::new(LOG_INTERVAL, Arc::clone(&metrics)), metrics }
    }
}

// === impl Deadline ===

impl Deadline {
    pub(super) fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    pub(super) fn clear(&mut self) {
        self.at = None;
    }

    pub(super) fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// Whether the deadline has passed; otherwise wakes the task at the deadline.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            if timer.as_mut().poll(context).is_pending() {
                return false;
            }
            if timer.deadline() >= at {
                return true;
            }
            timer.as_mut().reset(at);
        }
    }
}

// === impl SteadyBody ===

impl<B> SteadyBody<B> {
    pub(super) fn new(body: B, connection: Arc<Connection>) -> Self {
        Self {
            body,
            connection,
            waiting_since: None,
            patience: BODY_PATIENCE,
            deadline: Deadline::default(),
        }
    }

    fn arrived(&mut self, bytes: usize) {
        let waited = self.waiting_since.take().map(|since| since.elapsed()).unwrap_or_default();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = BODY_PATIENCE_PER_BYTE.saturating_mul(bytes);
        self.patience =
            self.patience.saturating_sub(waited).saturating_add(earned).min(BODY_PATIENCE_MAX);
    }
}

impl<B> HttpBody for SteadyBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.arrived(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let since = *this.waiting_since.get_or_insert_with(Instant::now);
                this.deadline.set(since + this.patience);
                if !this.deadline.poll_passed(context) {
                    return Poll::Pending;
                }
                this.connection.report_close(CloseReason::SlowBody);
                Poll::Ready(Some(Err("the body arrives too slowly".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl ResponseBody ===

impl<B: HttpBody + Unpin> HttpBody for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::sleep;

    use super::*;
    use crate::trickle::trickle;

    fn connection() -> Arc<Connection> {
        Connection::new(([127, 0, 0, 1], 1).into(), None)
    }

    /// Reads a body in pieces; returns its bytes, or the second in which reading failed.
    async fn read(pieces: Vec<(u64, usize)>) -> Result<usize, u64> {
        let pieces = pieces.into_iter().map(|(s, bytes)| (Duration::from_secs(s), bytes));
        let started = Instant::now();
        let body = SteadyBody::new(trickle(pieces), connection()).collect().await;
        body.map(|body| body.to_bytes().len()).map_err(|_| started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn body_without_a_first_byte_is_given_up_after_ten_seconds() {
        assert_eq!(read(vec![(11, 1)]).await, Err(10));
        assert_eq!(read(vec![(9, 1)]).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn body_of_one_byte_a_second_is_given_up_soon() {
        assert_eq!(read(vec![(1, 1); 100]).await, Err(10));
    }

    #[tokio::test(start_paused = true)]
    async fn body_at_the_lowest_rate_arrives_whole_and_just_below_it_does_not() {
        assert_eq!(read(vec![(1, 500); 200]).await, Ok(100_000));
        assert_eq!(read(vec![(10, 5000); 20]).await, Ok(100_000));
        assert_eq!(read(vec![(1, 450); 200]).await, Err(91));
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_arrived_fast_may_pause_and_not_for_ever() {
        let mebibyte = 1 << 20;
        assert_eq!(read(vec![(0, mebibyte), (19, mebibyte)]).await, Ok(2 * mebibyte));
        assert_eq!(read(vec![(0, mebibyte), (21, mebibyte)]).await, Err(20));
    }

    /// A source that does not read does not make its sender slow.
    #[tokio::test(start_paused = true)]
    async fn body_that_nobody_waits_for_is_not_slow() {
        let pieces = [(Duration::ZERO, 1), (Duration::from_secs(9), 1)];
        let mut body = SteadyBody::new(trickle(pieces), connection());
        assert!(body.frame().await.is_some());
        sleep(Duration::from_mins(5)).await;
        assert!(body.frame().await.expect("a second piece").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_that_moves_is_met_when_it_passes_last() {
        let mut deadline = Deadline::default();
        let start = Instant::now();
        // First later, then earlier than the current timer.
        for seconds in [30, 60, 20] {
            deadline.set(start + Duration::from_secs(seconds));
            let passed = std::future::poll_fn(|context| Poll::Ready(deadline.poll_passed(context)));
            assert!(!passed.await);
        }
        std::future::poll_fn(|context| {
            if deadline.poll_passed(context) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
