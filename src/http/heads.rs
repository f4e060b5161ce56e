//! Heads of requests while they arrive: whoever has not said what it wants gets little memory.
//!
//! A short head is free. What is longer comes out of a budget that all connections of a listener
//! share: the longest heads of ten thousand connections would be gigabytes, and nobody knows yet
//! who sends them. Bodies are not our business: sources bound them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a head that are free; a balancer lets a header have as many.
const FREE: usize = 16 << 10;
/// What is taken of the budget at once.
const STEP: u32 = 16 << 10;

/// Bytes of long heads, of all connections together.
#[derive(Clone, Debug)]
pub struct HeadBudget(Arc<Semaphore>);

/// Where a connection stands: even while a head is awaited, odd while a request is worked on.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

/// A stream that stops with an error when it has a long head and the budget is used up.
#[derive(Debug)]
pub struct Metered<S> {
    stream: Take<S>,
    budget: HeadBudget,
    progress: Progress,
    /// The progress at the last reading.
    seen: u64,
    /// Bytes of the present head.
    read: usize,
    taken: Option<OwnedSemaphorePermit>,
}

// === impl HeadBudget ===

impl HeadBudget {
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }
}

// === impl Progress ===

impl Progress {
    /// A head has ended, or the work on a request.
    pub fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// === impl Metered ===

impl<S: AsyncRead> Metered<S> {
    pub fn new(stream: S, budget: HeadBudget, progress: Progress) -> Self {
        Self { stream: stream.take(0), budget, progress, seen: 0, read: 0, taken: None }
    }

    /// How many bytes may be read now; none when the budget is used up.
    fn allowed(&mut self) -> usize {
        let progress = self.progress.0.load(Ordering::Relaxed);
        if self.seen != progress {
            (self.seen, self.read, self.taken) = (progress, 0, None);
        }
        if progress % 2 == 1 {
            return usize::MAX;
        }
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let left = FREE + taken - self.read;
        if left > 0 {
            return left;
        }
        let budget = Arc::clone(&self.budget.0);
        let Ok(more) = budget.try_acquire_many_owned(STEP) else { return 0 };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        STEP as usize
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let allowed = self.allowed();
        if allowed == 0 {
            let why = "too many long heads of requests at once";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, why)));
        }
        let before = into.filled().len();
        self.stream.set_limit(allowed as u64);
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let bytes = into.filled().len() - before;
        self.read = self.read.saturating_add(bytes);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered(bytes: usize, budget: &HeadBudget) -> (Metered<io::Cursor<Vec<u8>>>, Progress) {
        let progress = Progress::default();
        let stream = io::Cursor::new(vec![b'x'; bytes]);
        (Metered::new(stream, budget.clone(), progress.clone()), progress)
    }

    #[tokio::test]
    async fn long_heads_share_a_budget_and_give_it_back() {
        let budget = HeadBudget::new(2 * STEP as usize);
        let mut all = Vec::new();
        let (mut first, _) = metered(FREE + 2 * STEP as usize, &budget);
        all.resize(FREE + 2 * STEP as usize, 0);
        first.read_exact(&mut all).await.expect("it takes the whole budget");

        let (mut short, _) = metered(FREE - 1, &budget);
        short.read_to_end(&mut all).await.expect("a short head needs none");
        let (mut long, _) = metered(FREE + 1, &budget);
        let refused = long.read_to_end(&mut all).await.expect_err("the budget is used up");
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);

        drop(first);
        let (mut long, _) = metered(FREE + 1, &budget);
        long.read_to_end(&mut all).await.expect("there is a budget again");
    }

    #[tokio::test]
    async fn bodies_and_later_heads_are_metered_by_themselves() {
        let budget = HeadBudget::new(0);
        let (mut stream, progress) = metered(10 * FREE, &budget);
        let mut head = vec![0; FREE];
        stream.read_exact(&mut head).await.expect("a head that is free");
        progress.step();
        let mut body = vec![0; 8 * FREE];
        stream.read_exact(&mut body).await.expect("a body is not metered");
        progress.step();
        stream.read_exact(&mut head).await.expect("the next head");
        assert!(stream.read(&mut head).await.is_err());
    }
}
