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

/// What is left of the body, and the pause that runs now.
struct Trickle {
    pieces: VecDeque<(Duration, usize)>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A body of pieces of so many bytes. Each comes after its pause, which begins when the piece is
/// waited for.
pub fn trickle(pieces: impl IntoIterator<Item = (Duration, usize)>) -> Body {
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
