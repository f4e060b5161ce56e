//! Accepts connections until told to drain, then lets each finish what it is doing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// How long a connection may be idle, and how long a request's headers may take.
    pub keep_alive: Duration,
    pub connections_max: usize,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    settings: ListenerSettings,
}

/// Bytes of a request's line and headers; Firehose's common attributes alone may have 64 KiB.
const HEAD_BYTES_MAX: usize = 256 << 10;

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
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                () = end.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = end.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let connection = serve_connection(stream, router.clone(), self.settings, drain.clone());
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
    stream: TcpStream,
    router: Router,
    settings: ListenerSettings,
    drain: CancellationToken,
) {
    // Answers are small and whole; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let draining = drain.is_cancelled();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.keep_alive)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(!draining)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
