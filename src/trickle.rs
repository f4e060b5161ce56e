//! For tests: a request body that arrives in pieces, with pauses.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// The rest of the body, and the current pause.
struct Trickle {
    pieces: VecDeque<(Duration, usize)>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A body with pieces of these sizes. Each piece follows its pause, which starts when the piece is
/// requested.
pub(crate) fn trickle(pieces: impl IntoIterator<Item = (Duration, usize)>) -> Body {
    Body::new(Trickle { pieces: pieces.into_iter().collect(), pause: None })
}

impl HttpBody for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(&(pause, bytes)) = self.pieces.front() else { return Poll::Ready(None) };
        ready!(self.pause.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context));
        self.pause = None;
        self.pieces.pop_front();
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; bytes].into()))))
    }
}
