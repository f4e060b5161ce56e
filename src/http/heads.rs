//! Bounds the memory for request headers while they arrive.
//!
//! Short headers are free. Longer ones use a budget that all connections of a listener share: the
//! longest headers of ten thousand connections would take gigabytes, before any sender is
//! authenticated. Sources bound the bytes of bodies. Headers that have started to arrive have a
//! deadline, an idle connection has the keep-alive timeout, and a peer that does not read is
//! disconnected.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::progress::{Connection, Deadline, FIRST_BYTE_PATIENCE, HEAD_PATIENCE, WRITE_PATIENCE};
use crate::telemetry::CloseReason;

/// Bytes of headers that are free: the longest header that a load balancer allows.
const FREE: usize = 16 << 10;
/// Step in which the budget is used.
const STEP: u32 = 16 << 10;

/// Bytes of long headers in all connections together.
#[derive(Clone, Debug)]
pub(super) struct HeadBudget(Arc<Semaphore>);

/// A stream that ends when it is idle for too long. It fails when headers take too long, when long
/// headers exceed the budget, or when the peer does not read.
#[derive(Debug)]
pub(super) struct MeteredStream<S> {
    stream: Take<S>,
    budget: HeadBudget,
    connection: Arc<Connection>,
    keep_alive: Duration,
    /// The turn at the last read.
    seen: u64,
    /// Bytes of the current headers.
    read: usize,
    taken: Option<OwnedSemaphorePermit>,
    /// When the headers must have started, or must be complete.
    head_deadline: Deadline,
    /// When a blocked write must have made progress.
    write_deadline: Deadline,
}

// === impl HeadBudget ===

impl HeadBudget {
    #[must_use]
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }
}

// === impl MeteredStream ===

impl<S: AsyncRead> MeteredStream<S> {
    pub(super) fn new(
        stream: S,
        budget: HeadBudget,
        connection: Arc<Connection>,
        keep_alive: Duration,
    ) -> Self {
        let mut head_deadline = Deadline::default();
        head_deadline.set(Instant::now() + keep_alive.min(FIRST_BYTE_PATIENCE));
        Self {
            stream: stream.take(0),
            budget,
            seen: connection.turns(),
            connection,
            keep_alive,
            read: 0,
            taken: None,
            head_deadline,
            write_deadline: Deadline::default(),
        }
    }

    /// How many bytes may be read now; 0 when the budget is used up.
    fn allowed(&mut self) -> usize {
        let turn = self.connection.turns();
        if self.seen != turn {
            (self.seen, self.read, self.taken) = (turn, 0, None);
            self.head_deadline.set(Instant::now() + self.keep_alive);
        }
        if !self.awaits_head() {
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

    fn awaits_head(&self) -> bool {
        self.seen.is_multiple_of(2)
    }

    /// Ends an idle connection; fails one whose headers are too slow.
    fn head_overdue(&self) -> io::Result<()> {
        if self.read == 0 {
            return Ok(());
        }
        self.connection.report_close(CloseReason::SlowHead);
        Err(io::Error::new(io::ErrorKind::TimedOut, "the request's headers arrive too slowly"))
    }

    /// Bounds the time in which writing makes no progress.
    fn watch_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(written) => {
                self.write_deadline.clear();
                Poll::Ready(self.noticed(written))
            }
            Poll::Pending => {
                if !self.write_deadline.is_set() {
                    self.write_deadline.set(Instant::now() + WRITE_PATIENCE);
                }
                if !self.write_deadline.poll_passed(context) {
                    return Poll::Pending;
                }
                self.connection.report_close(CloseReason::Unread);
                let why = "the peer does not read its responses";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
            }
        }
    }

    /// The operating system itself disconnects a peer that reads nothing.
    fn noticed<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            self.connection.report_close(CloseReason::Unread);
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let allowed = self.allowed();
        if allowed == 0 {
            self.connection.report_close(CloseReason::LongHeads);
            let why = "too many requests with long headers at once";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, why)));
        }
        let before = into.filled().len();
        self.stream.set_limit(allowed as u64);
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let bytes = into.filled().len() - before;
        if self.awaits_head() {
            if read.is_pending() && self.head_deadline.poll_passed(context) {
                return Poll::Ready(self.head_overdue());
            }
            if self.read == 0 && bytes > 0 {
                self.head_deadline.set(Instant::now() + HEAD_PATIENCE);
            }
        }
        self.read = self.read.saturating_add(bytes);
        read.map(|read| self.noticed(read))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        self.watch_write(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write_vectored(context, bytes);
        self.watch_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(self.stream.get_mut()).poll_flush(context);
        self.watch_write(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(self.stream.get_mut()).poll_shutdown(context);
        self.watch_write(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_secs(75);

    fn connection() -> Arc<Connection> {
        Connection::new(([127, 0, 0, 1], 1).into(), None)
    }

    fn metered(
        bytes: usize,
        budget: &HeadBudget,
    ) -> (MeteredStream<io::Cursor<Vec<u8>>>, Arc<Connection>) {
        let connection = connection();
        let stream = io::Cursor::new(vec![b'x'; bytes]);
        let stream =
            MeteredStream::new(stream, budget.clone(), Arc::clone(&connection), KEEP_ALIVE);
        (stream, connection)
    }

    /// A connection and its other end, which buffers this many bytes.
    fn pair(bytes: usize) -> (MeteredStream<DuplexStream>, DuplexStream, Arc<Connection>) {
        let (connection, (near, far)) = (connection(), duplex(bytes));
        let budget = HeadBudget::new(0);
        (MeteredStream::new(near, budget, Arc::clone(&connection), KEEP_ALIVE), far, connection)
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
        let (mut stream, connection) = metered(10 * FREE, &budget);
        let mut head = vec![0; FREE];
        stream.read_exact(&mut head).await.expect("a head that is free");
        connection.turn();
        let mut body = vec![0; 8 * FREE];
        stream.read_exact(&mut body).await.expect("a body is not metered");
        connection.turn();
        stream.read_exact(&mut head).await.expect("the next head");
        assert!(stream.read(&mut head).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn new_connection_ends_after_20_s_and_an_idle_one_after_its_keep_alive() {
        let (mut stream, _far, connection) = pair(100);
        let started = Instant::now();
        assert_eq!(stream.read(&mut [0; 10]).await.expect("an end"), 0);
        assert_eq!(started.elapsed(), FIRST_BYTE_PATIENCE);
        // A request and its response.
        connection.turn();
        connection.turn();
        assert_eq!(stream.read(&mut [0; 10]).await.expect("an end"), 0);
        assert_eq!(started.elapsed(), FIRST_BYTE_PATIENCE + KEEP_ALIVE);
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_was_begun_must_end_within_10_s_however_it_drips() {
        let (mut stream, mut far, _) = pair(100);
        let dripping = tokio::spawn(async move {
            while far.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let started = Instant::now();
        let slow = stream.read_to_end(&mut Vec::new()).await.expect_err("too slow");
        assert_eq!(slow.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), HEAD_PATIENCE);
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn request_in_progress_for_long_is_not_closed() {
        let (mut stream, mut far, connection) = pair(100);
        far.write_all(b"head").await.expect("it is open");
        stream.read_exact(&mut [0; 4]).await.expect("a head");
        connection.turn();
        let mut piece = [0; 4];
        let silence = tokio::time::timeout(Duration::from_mins(10), stream.read(&mut piece));
        assert!(silence.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn write_that_is_stuck_fails_after_10_s_and_a_slow_reader_is_served() {
        let (mut stream, mut far, _) = pair(100);
        let reader = tokio::spawn(async move {
            for _ in 0..5 {
                sleep(Duration::from_secs(9)).await;
                far.read_exact(&mut [0; 100]).await.expect("it is open");
            }
            // From now on the peer reads nothing.
            far
        });
        let started = Instant::now();
        let stuck = stream.write_all(&[0; 1000]).await.expect_err("stuck");
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 5 * 9 + 10);
        drop(reader);
    }
}
