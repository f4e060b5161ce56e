//! Accepts connections until told to drain, then lets each finish what it is doing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::heads::{HeadBudget, Metered, Progress};

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// How long a connection may be idle, and how long a request's headers may take.
    pub keep_alive: Duration,
    pub connections_max: usize,
}

/// The address of the client that sent a request; an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    settings: ListenerSettings,
}

/// Bytes of a request's line and headers; Firehose's common attributes alone may have 64 KiB.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Bytes of heads beyond the first of each, of all connections together.
const LONG_HEADS_BYTES_MAX: usize = 32 << 20;
/// A body is read in pieces of at most so many bytes.
const PIECE_BYTES_MAX: usize = 256 << 10;

/// How long to wait after the system could not accept, such as for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

// === impl Listener ===

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// What the system says.
    pub async fn bind(address: SocketAddr, settings: ListenerSettings) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, settings })
    }

    /// The address that was bound; its port is the system's choice where 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `drain`, then until every connection has answered what it was asked. Whoever
    /// calls this bounds the time that may take.
    ///
    /// While draining, new connections are served still, so that a request which is known gets its
    /// answer; each closes after one answer.
    pub async fn serve(self, router: Router, drain: CancellationToken, end: CancellationToken) {
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.settings.connections_max));
        let heads = HeadBudget::new(LONG_HEADS_BYTES_MAX);
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                () = end.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = end.cancelled() => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let progress = Progress::default();
            // Answers are small and whole; waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            let stream = Metered::new(stream, heads.clone(), progress.clone());
            let settings = self.settings;
            let connection = serve_connection(
                stream,
                Peer(peer),
                progress,
                router.clone(),
                settings,
                drain.clone(),
            );
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        connections.close();
        connections.wait().await;
    }
}

async fn serve_connection(
    stream: Metered<TcpStream>,
    peer: Peer,
    progress: Progress,
    router: Router,
    settings: ListenerSettings,
    drain: CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        progress.step();
        request.extensions_mut().insert(peer);
        let (progress, answer) = (progress.clone(), service.call(request));
        async move {
            let answer = answer.await;
            progress.step();
            answer
        }
    });
    let draining = drain.is_cancelled();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.keep_alive)
        .max_buf_size(PIECE_BYTES_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .keep_alive(!draining)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    if draining {
        // One answer, with `Connection: close`. Told to shut down now, it would not wait for the
        // question.
        let _ = connection.await;
        return;
    }
    tokio::select! {
        // An error is the peer's: it went away, or does not speak HTTP.
        _ = connection.as_mut() => return,
        () = drain.cancelled() => {}
    }
    // Says `Connection: close` with the answer that is due, or closes an idle connection.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;
    use crate::http::health_router;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn ask(stream: &mut TcpStream) {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is open");
    }

    /// The first line of an answer.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut heard = vec![0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut heard)).await.expect("in time");
        heard.truncate(read.expect("it is open"));
        String::from_utf8_lossy(&heard).lines().next().unwrap_or_default().to_owned()
    }

    /// Serves until the guard is dropped.
    async fn start(connections_max: usize) -> (SocketAddr, tokio_util::sync::DropGuard) {
        let settings = ListenerSettings { keep_alive: Duration::from_secs(75), connections_max };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), settings).await.expect("free");
        let (address, end) = (listener.address().expect("bound"), CancellationToken::new());
        tokio::spawn(listener.serve(health_router(|| true), end.clone(), end.clone()));
        (address, end.drop_guard())
    }

    #[tokio::test]
    async fn beyond_the_connections_others_wait_until_one_closes() {
        let (address, _end) = start(2).await;
        let mut both = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            ask(&mut stream).await;
            assert_eq!(answer(&mut stream).await, "HTTP/1.1 200 OK");
            both.push(stream);
        }
        let mut third = TcpStream::connect(address).await.expect("the system takes it");
        ask(&mut third).await;
        let early = timeout(Duration::from_millis(100), answer(&mut third)).await;
        assert!(early.is_err(), "{early:?}");
        drop(both.pop());
        assert_eq!(answer(&mut third).await, "HTTP/1.1 200 OK");
    }

    #[tokio::test]
    async fn a_head_is_at_most_128_kib_long() {
        let (address, _end) = start(2).await;
        for (bytes, expected) in [(100 << 10, "HTTP/1.1 200 OK"), (129 << 10, "HTTP/1.1 431 ")] {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let long =
                format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes));
            // It may hang up in the midst of it.
            let _ = stream.write_all(long.as_bytes()).await;
            let heard = answer(&mut stream).await;
            assert!(heard.starts_with(expected), "{bytes}: {heard}");
        }
    }
}
