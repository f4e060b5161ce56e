//! Servers that replace the load generator's targets, with responses defined by the test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response};
use postmeter::http::{Listener, ListenerSettings};
use tokio_util::sync::{CancellationToken, DropGuard};

/// One received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A server on loopback. Ends when it is dropped.
pub(crate) struct Endpoint {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _end: DropGuard,
}

const BODY_BYTES_MAX: usize = 64 << 20;

impl Endpoint {
    /// `answer` maps the number of the request, from 0, and the request to status and body.
    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(usize, Received) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = (u16, String)> + Send + 'static,
    {
        Self::with(move |number, received| {
            let answer = answer(number, received);
            async move {
                let (status, body) = answer.await;
                let mut response = Response::new(Body::from(body));
                *response.status_mut() = status.try_into().expect("a status");
                response
            }
        })
        .await
    }

    /// As [`Endpoint::start`], but `answer` returns the whole response.
    #[expect(clippy::unused_async, reason = "every fake is started in the same way")]
    pub(crate) async fn with<F, A>(answer: F) -> Self
    where
        F: Fn(usize, Received) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let list = Arc::clone(&received);
        let router = Router::new().fallback(move |request: Request| {
            let (list, answer) = (Arc::clone(&list), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, BODY_BYTES_MAX).await.expect("the body arrives").into();
                let path = head.uri.to_string();
                let (method, headers) = (head.method, head.headers);
                let received = Received { method, path, headers, body };
                let number = {
                    let mut list = list.lock().expect("nobody panics with it");
                    list.push(received.clone());
                    list.len() - 1
                };
                answer(number, received).await
            }
        });
        let settings =
            ListenerSettings { keep_alive: Duration::from_secs(75), connections_max: 100 };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(address, settings).expect("a free port");
        let address = listener.address().expect("its address");
        let end = CancellationToken::new();
        tokio::spawn(listener.serve(router, end.clone(), end.clone()));
        Self { address, received, _end: end.drop_guard() }
    }

    /// The received requests, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("nobody panics with it").clone()
    }
}

impl Received {
    /// A header's text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}
