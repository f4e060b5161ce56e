//! A stream of server-sent events, as the body of a response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::LiveMessage;

/// A comment is sent when nothing else was for so long, so that proxies keep the connection.
const COMMENT_AFTER: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again, in milliseconds.
const RECONNECT_MS: u32 = 2000;

/// One browser that follows the figures.
struct LiveClient {
    latest: watch::Receiver<LiveMessage>,
    stop: CancellationToken,
    /// Sent first, if anything.
    first: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}

type NextPiece = Pin<Box<dyn Future<Output = Option<(LiveClient, Bytes)>> + Send>>;

/// The messages to one browser: a snapshot, then one a flush.
pub(super) struct LiveBody {
    /// `None` at the end.
    next: Option<NextPiece>,
}

// === impl LiveBody ===

impl LiveBody {
    pub(super) fn new(
        mut latest: watch::Receiver<LiveMessage>,
        last_id: Option<&str>,
        place: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) -> Self {
        let snapshot = latest.borrow_and_update().clone();
        let retry = format!("retry: {RECONNECT_MS}\n\n");
        // A browser that has the newest message already needs no snapshot.
        let is_known = last_id == Some(&snapshot.id);
        let first = if is_known { retry } else { retry + &snapshot.text("snapshot") };
        let client = LiveClient { latest, stop, first: Some(first.into()), _place: place };
        Self { next: Some(Box::pin(client.next())) }
    }
}

impl HttpBody for LiveBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let piece = ready!(next.as_mut().poll(context));
        let Some((client, bytes)) = piece else {
            self.next = None;
            return Poll::Ready(None);
        };
        self.next = Some(Box::pin(client.next()));
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

// === impl LiveClient ===

impl LiveClient {
    /// Waits for the next piece of the stream; `None` when the daemon ends.
    async fn next(mut self) -> Option<(Self, Bytes)> {
        if let Some(first) = self.first.take() {
            return Some((self, first));
        }
        let changed = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            changed = timeout(COMMENT_AFTER, self.latest.changed()) => changed,
        };
        let bytes = match changed {
            Ok(Ok(())) => self.latest.borrow_and_update().text("flush").into(),
            Ok(Err(_)) => return None,
            Err(_) => Bytes::from_static(b": nothing new\n\n"),
        };
        Some((self, bytes))
    }
}

// === impl LiveMessage ===

impl LiveMessage {
    fn text(&self, event: &str) -> String {
        // Numbers and texts in memory are always serialized, on one line.
        let data = serde_json::to_string(&*self.figures).unwrap_or_default();
        format!("id: {}\nevent: {event}\ndata: {data}\n\n", self.id)
    }
}
