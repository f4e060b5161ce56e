//! Accepts connections until told to drain, then lets each finish its requests.

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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::heads::{HeadBudget, MeteredStream};
use super::places::{ConnectionPlace, ConnectionPlaces};
use super::progress::{CloseReporter, Connection, HEAD_PATIENCE, SteadyBody};
use super::tls::ListenerTls;
use super::{LIVEZ, READYZ};
use crate::telemetry::{CloseReason, Metrics};

/// Limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// How long a connection may be idle between two requests.
    pub keep_alive: Duration,
    pub connections_max: usize,
}

/// The address of the client that sent a request; an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub SocketAddr);

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    settings: ListenerSettings,
    reporter: Option<Arc<CloseReporter>>,
    tls: Option<ListenerTls>,
}

/// State shared by all connections of a listener.
#[derive(Clone)]
struct ListenerShared {
    router: Router,
    settings: ListenerSettings,
    heads: HeadBudget,
    handshakes: ConnectionPlaces,
    tls: Option<ListenerTls>,
    drain: CancellationToken,
}

type ClientStream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Maximum size of a request line and its headers; Firehose's common attributes alone may have 64
/// KiB.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Maximum size of long headers in all connections together, beyond the free part of each.
const LONG_HEADS_BYTES_MAX: usize = 32 << 20;
/// A body is read in pieces of at most this size.
const PIECE_BYTES_MAX: usize = 256 << 10;

/// How long to wait after accept failed, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Length of the system's queue of connections that this listener has not accepted yet.
const BACKLOG: u32 = 1024;
/// Size of the socket's send buffer; the system doubles it. Without a limit it grows to 4 MiB per
/// connection. 128 KiB per round trip of 10 ms are 12 MiB/s.
const SEND_BUFFER_BYTES: u32 = 128 << 10;
/// The system closes a connection whose peer reads nothing for this time, even after its response
/// was written or it was closed. Longer than `WRITE_PATIENCE`, so that closed connections are
/// counted there first.
#[cfg(target_os = "linux")]
const UNREAD_PATIENCE: Duration = Duration::from_secs(15);
/// A TLS handshake takes two round trips; this leaves room for two lost packets.
const TLS_PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of concurrent TLS handshakes; above it the oldest is closed.
const TLS_HANDSHAKES_MAX: usize = 256;

// === impl Listener ===

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// The error of the system.
    pub fn bind(address: SocketAddr, settings: ListenerSettings) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        Ok(Self { socket: socket.listen(BACKLOG)?, settings, reporter: None, tls: None })
    }

    /// Counts and logs the connections that it closes.
    #[must_use]
    pub(crate) fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.reporter = Some(Arc::new(CloseReporter::new(metrics)));
        self
    }

    /// Enables TLS, if a certificate is configured.
    #[must_use]
    pub(crate) fn with_tls(mut self, tls: Option<ListenerTls>) -> Self {
        self.tls = tls;
        self
    }

    /// The bound address. Port 0 is replaced by the port that the system chose.
    ///
    /// # Errors
    /// The error of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Moves the socket into the current runtime.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn moved_here(self) -> io::Result<Self> {
        let socket = TcpListener::from_std(self.socket.into_std()?)?;
        Ok(Self { socket, ..self })
    }

    /// Serves until `drain`, then until every connection has sent its pending responses. The caller
    /// bounds the time that takes.
    ///
    /// While draining, new connections are still served, so that a retry of a known request gets
    /// its response. Each closes after one response.
    pub async fn serve(self, router: Router, drain: CancellationToken, end: CancellationToken) {
        let Self { socket, settings, reporter, tls } = self;
        let connections = TaskTracker::new();
        let places = ConnectionPlaces::new(settings.connections_max);
        let heads = HeadBudget::new(LONG_HEADS_BYTES_MAX);
        let handshakes = ConnectionPlaces::new(TLS_HANDSHAKES_MAX);
        let serving = ListenerShared { router, settings, heads, handshakes, tls, drain };
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = end.cancelled() => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let connection = Connection::new(peer, reporter.clone());
            let place = tokio::select! {
                place = places.enter(&connection) => place,
                () = end.cancelled() => break,
            };
            set_options(&stream);
            connections.spawn(serving.clone().connection(stream, connection, place));
        }
        connections.close();
        connections.wait().await;
    }
}

/// A connection is kept even if the system does not support an option.
fn set_options(stream: &TcpStream) {
    // Responses are small and complete; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let patience = u32::try_from(UNREAD_PATIENCE.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, patience);
    }
}

// === impl ListenerShared ===

impl ListenerShared {
    /// Serves one connection to its end.
    async fn connection(
        self,
        stream: TcpStream,
        connection: Arc<Connection>,
        place: ConnectionPlace,
    ) {
        let displaced = Arc::clone(&connection);
        tokio::select! {
            () = self.serve(stream, connection, place) => {}
            () = displaced.displaced.notified() => {}
        }
    }

    async fn serve(self, stream: TcpStream, connection: Arc<Connection>, place: ConnectionPlace) {
        let place = Arc::new(place);
        let Some(stream) = self.transport(stream, &connection, &place).await else { return };
        let keep_alive = self.settings.keep_alive;
        let stream = MeteredStream::new(stream, self.heads, Arc::clone(&connection), keep_alive);
        let service = TowerToHyperService::new(self.router);
        let service = service_fn(move |request: Request<Incoming>| {
            let end = connection.begin();
            let is_health = matches!(request.uri().path(), LIVEZ | READYZ);
            let mut request = request.map(|body| SteadyBody::new(body, Arc::clone(&connection)));
            request.extensions_mut().insert(Peer(connection.peer()));
            let (place, response) = (Arc::clone(&place), service.call(request));
            async move {
                let response = response.await?;
                if response.status().is_success() && !is_health {
                    place.keep();
                }
                Ok::<_, std::convert::Infallible>(response.map(|body| end.with(body)))
            }
        });
        let draining = self.drain.is_cancelled();
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            // The stream's deadlines come first. Hyper still needs a deadline: with it, hyper polls
            // an idle stream after each response, so that the stream can end.
            .header_read_timeout(keep_alive + HEAD_PATIENCE + Duration::from_secs(1))
            .max_buf_size(PIECE_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .keep_alive(!draining)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(served);
        if draining {
            // One response, with `Connection: close`. A shutdown now would close the connection
            // before its request arrives.
            let _ = served.await;
            return;
        }
        tokio::select! {
            // The error is the peer's: it disconnected, or does not speak HTTP.
            _ = served.as_mut() => return,
            () = self.drain.cancelled() => {}
        }
        // Sends `Connection: close` with a pending response, or closes an idle connection.
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }

    /// The stream for HTTP; `None` when the TLS handshake failed.
    async fn transport(
        &self,
        stream: TcpStream,
        connection: &Arc<Connection>,
        place: &ConnectionPlace,
    ) -> Option<ClientStream> {
        let Some(tls) = &self.tls else { return Some(Either::Left(stream)) };
        let _handshake = self.handshakes.enter(connection).await;
        match timeout(TLS_PATIENCE, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => {
                if stream.get_ref().1.peer_certificates().is_some() {
                    // A valid client certificate.
                    place.keep();
                }
                Some(Either::Right(Box::new(stream)))
            }
            Ok(Err(_)) => {
                connection.report_close(CloseReason::TlsFailed);
                None
            }
            Err(_) => {
                connection.report_close(CloseReason::TlsSlow);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::health_router;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn ask(stream: &mut TcpStream) {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is open");
    }

    /// The first line of a response.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut heard = vec![0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut heard)).await.expect("in time");
        heard.truncate(read.expect("it is open"));
        String::from_utf8_lossy(&heard).lines().next().unwrap_or_default().to_owned()
    }

    /// Serves until the guard is dropped.
    fn start(connections_max: usize) -> (SocketAddr, tokio_util::sync::DropGuard) {
        start_with(ListenerSettings { keep_alive: Duration::from_secs(75), connections_max })
    }

    fn start_with(settings: ListenerSettings) -> (SocketAddr, tokio_util::sync::DropGuard) {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), settings).expect("free");
        let (address, end) = (listener.address().expect("bound"), CancellationToken::new());
        let router = health_router(|| true).route("/proof", get(async || "known"));
        tokio::spawn(listener.serve(router, end.clone(), end.clone()));
        (address, end.drop_guard())
    }

    async fn prove(stream: &mut TcpStream) {
        stream.write_all(b"GET /proof HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is open");
        assert_eq!(answer(stream).await, "HTTP/1.1 200 OK");
    }

    #[tokio::test]
    async fn connections_above_the_limit_wait_until_one_closes() {
        let (address, _end) = start(2);
        let mut both = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            prove(&mut stream).await;
            both.push(stream);
        }
        let mut third = TcpStream::connect(address).await.expect("the system takes it");
        ask(&mut third).await;
        let early = timeout(Duration::from_millis(300), answer(&mut third)).await;
        assert!(early.is_err(), "{early:?}");
        drop(both.pop());
        assert_eq!(answer(&mut third).await, "HTTP/1.1 200 OK");
    }

    #[tokio::test]
    async fn idle_connection_is_closed_after_its_requests_too() {
        let keep_alive = Duration::from_millis(300);
        let (address, _end) = start_with(ListenerSettings { keep_alive, connections_max: 2 });
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        for _ in 0..2 {
            prove(&mut stream).await;
        }
        let end = timeout(PATIENCE, stream.read(&mut [0; 10])).await.expect("it is closed");
        assert_eq!(end.expect("no reset"), 0);
    }

    #[tokio::test]
    async fn connection_that_proved_nothing_gives_way_to_the_next() {
        let (address, _end) = start(2);
        let mut known = TcpStream::connect(address).await.expect("it listens");
        prove(&mut known).await;
        let mut stranger = TcpStream::connect(address).await.expect("it listens");
        // A health check does not make the client known.
        ask(&mut stranger).await;
        assert_eq!(answer(&mut stranger).await, "HTTP/1.1 200 OK");
        let mut next = TcpStream::connect(address).await.expect("it listens");
        prove(&mut next).await;
        let end = timeout(PATIENCE, stranger.read(&mut [0; 10])).await.expect("in time");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        prove(&mut known).await;
    }

    #[tokio::test]
    async fn head_is_at_most_128_kib_long() {
        let (address, _end) = start(2);
        for (bytes, expected) in [(100 << 10, "HTTP/1.1 200 OK"), (129 << 10, "HTTP/1.1 431 ")] {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let long =
                format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes));
            // The server may close the connection midway.
            let _ = stream.write_all(long.as_bytes()).await;
            let heard = answer(&mut stream).await;
            assert!(heard.starts_with(expected), "{bytes}: {heard}");
        }
    }
}
