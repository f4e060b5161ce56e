//! A strict CloudWatch on loopback, for one operation: `PutMetricData` over Smithy RPC v2 CBOR.
//!
//! A request is read, recorded as a [`Call`], given the due [`Fault`], checked against AWS's limits
//! as a whole, and added to the totals or rejected. Tests compare events with the totals, so the
//! fake shares no code with the code under test: `put_metric_data` is for stand-ins alone.
//!
//! Invariant: a call's figures are in the totals if and only if its `ingested` is true, and then
//! all of them are. Everything ends with the handle.

mod script;
mod sdk;
mod state;
mod tests;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use postmeter::limits::CALL_BYTES_MAX;
use postmeter::put_metric_data::{
    PutMetricData, PutResponse, UnknownMembers, decode, inflate, validate,
};

pub(crate) use script::{Fault, Hold};
pub(crate) use state::{Call, FakeSeries, Outcome, State};

/// A body that inflates beyond this is truncated: it is far over the limit of a request already.
const INFLATED_BYTES_MAX: usize = 64 << 20;

pub(crate) struct FakeCloudWatch {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Mutex<Option<Listening>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

struct Listening {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl FakeCloudWatch {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let listening = Mutex::new(Some(Listening::spawn(listener, shared.clone())));
        Self { address, shared, listening }
    }

    /// For the client's endpoint URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the listener and every connection; new connections are refused.
    pub(crate) async fn pause_listening(&self) {
        let listening = self.listening.lock().unwrap().take();
        let Some(Listening { stop, task }) = listening else { return };
        // Both fail only if the task has already ended.
        let _ = stop.send(());
        let _ = task.await;
    }

    /// Listens on the same port again.
    pub(crate) async fn resume_listening(&self) {
        if self.listening.lock().unwrap().is_some() {
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                // Another process's outgoing connection may have taken the port meanwhile.
                Err(error) => assert!(Instant::now() < deadline, "{}: {error}", self.address),
            }
            sleep(Duration::from_millis(20)).await;
        };
        let listening = Listening::spawn(listener, self.shared.clone());
        *self.listening.lock().unwrap() = Some(listening);
    }

    /// Sets the clock for checking timestamps, instead of the system's.
    pub(crate) fn set_now_ms(&self, now_ms: i64) {
        self.shared.lock().now_ms = Some(now_ms);
    }

    /// Rejects calls whose signature is more than five minutes old or ahead, as AWS does.
    pub(crate) fn check_signing_time(&self) {
        self.shared.lock().script.checks_signing_time = true;
    }

    /// Appends faults for the next calls, one each.
    pub(crate) fn script(&self, faults: Vec<Fault>) {
        self.shared.lock().script.queue.extend(faults);
    }

    /// The fault of all calls without a more specific one; `None` ends it.
    pub(crate) fn set_mode(&self, fault: impl Into<Option<Fault>>) {
        self.set_mode_of(None, fault.into());
    }

    /// The fault of one namespace's calls.
    pub(crate) fn set_mode_for(&self, namespace: &str, fault: impl Into<Option<Fault>>) {
        self.set_mode_of(Some(namespace.to_owned()), fault.into());
    }

    fn set_mode_of(&self, namespace: Option<String>, fault: Option<Fault>) {
        let modes = &mut self.shared.lock().script.modes;
        match fault {
            Some(fault) => modes.insert(namespace, fault),
            None => modes.remove(&namespace),
        };
    }

    /// Draws a fault for each call from now on; the rest of the shares up to 1 succeeds. The same
    /// seed gives the same faults in the order of arrival. Without shares this ends.
    pub(crate) fn set_random(&self, seed: u64, shares: Vec<(f64, Fault)>) {
        self.shared.lock().script.random = Some(script::Mix::new(seed, shares));
    }

    /// Rejects calls that are signed with this access key.
    pub(crate) fn expire_key(&self, key: &str) {
        self.shared.lock().script.expired_key = Some(key.to_owned());
    }

    pub(crate) fn totals(&self) -> BTreeMap<FakeSeries, f64> {
        self.shared.lock().totals()
    }

    pub(crate) fn values(&self) -> BTreeMap<FakeSeries, BTreeMap<u64, u64>> {
        self.shared.lock().values().clone()
    }

    pub(crate) fn total_in(&self, namespace: &str) -> u64 {
        self.shared.lock().total_in(namespace)
    }

    pub(crate) fn sample_counts(&self) -> BTreeMap<FakeSeries, f64> {
        self.shared.lock().sample_counts()
    }

    pub(crate) fn units(&self) -> BTreeMap<(String, String), Vec<String>> {
        self.shared.lock().units()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls().to_vec()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.lock().in_flight()
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.shared.lock().max_in_flight()
    }

    /// Checks the state now and after every change until the condition holds. Returns false if it
    /// did not within this time.
    pub(crate) async fn wait_until(
        &self,
        mut condition: impl FnMut(&State) -> bool,
        within: Duration,
    ) -> bool {
        let holds = async {
            loop {
                let mut changed = std::pin::pin!(self.shared.changed.notified());
                changed.as_mut().enable();
                if condition(&self.shared.lock()) {
                    return;
                }
                changed.await;
            }
        };
        timeout(within, holds).await.is_ok()
    }
}

impl Drop for FakeCloudWatch {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.lock().unwrap().take() {
            listening.task.abort();
        }
    }
}

impl Listening {
    fn spawn(listener: TcpListener, shared: Arc<Shared>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(listen(listener, shared, stopped));
        Self { stop, task }
    }
}

/// The connections belong to this task, so they end with it.
async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here is a connection that closed before it was accepted.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| Box::pin(handle(request, shared.clone())));
    // Responses have the time of this service, not that of the process.
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    if ended.is_err() {
        // Without lingering, a close is a reset; a client could mistake an orderly end for
        // something else. An error means that the client has already disconnected.
        let _ = connection.into_parts().io.inner().set_zero_linger();
    }
}

/// Closes the connection without a response.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script resets this connection")
    }
}

impl std::error::Error for Reset {}

async fn handle(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let mut presence = Presence::enter(shared.clone());
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();

    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let encoding = header("content-encoding");
    let plain = inflate(&body, encoding.map(str::as_bytes), INFLATED_BYTES_MAX);
    let decoded = match &plain {
        Ok(plain) => decode(plain, UnknownMembers::Reject).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let plain = plain.as_ref().unwrap_or(&body);
    let call = Call {
        when: Instant::now(),
        namespace: String::new(),
        datums: 0,
        uncompressed_bytes: plain.len(),
        wire_bytes: body.len(),
        gzip: encoding == Some("gzip"),
        hash: state::hash(plain),
        sum: 0.0,
        ingested: false,
        outcome: Outcome::InFlight,
    };
    let call = presence.record(call, decoded.as_ref().ok());

    let is_operation = head.method == Method::POST
        && head.uri.path().ends_with("/operation/PutMetricData")
        && header("smithy-protocol") == Some("rpc-v2-cbor");
    let answer = if !is_operation {
        PutResponse::error(404, "UnknownOperationException", "not PutMetricData over rpc-v2-cbor")
    } else if header("authorization").is_none() {
        PutResponse::error(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    } else if shared.lock().script.has_expired(header("authorization").unwrap_or_default()) {
        script::expired_token()
    } else if let Some(refusal) = shared.lock().signing_fault(header("x-amz-date")) {
        refusal
    } else {
        match decoded {
            Ok(content) => act(&shared, call, &content, plain.len()).await?,
            // A body that is too large need not be readable.
            Err(_) if plain.len() > CALL_BYTES_MAX => PutResponse::too_large(plain.len()),
            Err(error) => PutResponse::error(400, "SerializationException", error),
        }
    };
    presence.answered(&answer);
    let now = DateTime::from_millis(shared.lock().now_ms()).fmt(DateTimeFormat::HttpDate)?;
    let mut response = answer.into_http();
    response.headers_mut().insert(DATE, now.parse()?);
    Ok(response)
}

/// Processes one readable call with its fault: before the check, the check, and after it.
async fn act(
    shared: &Shared,
    call: usize,
    content: &PutMetricData<'_>,
    bytes: usize,
) -> Result<PutResponse, Reset> {
    let fault = shared.lock().script.next(content.namespace.as_deref());
    match &fault {
        Fault::HangBefore => std::future::pending().await,
        Fault::ResetBefore => return Err(Reset),
        Fault::Delay(time) => sleep(*time).await,
        Fault::HoldUntilReleased(hold) => hold.released().await,
        _ => {}
    }
    if let Some(refusal) = fault.refusal(content) {
        return Ok(refusal);
    }
    if let Err(refusal) = shared.judge(call, content, bytes) {
        return Ok(refusal);
    }
    match &fault {
        Fault::Http500After => return Ok(script::internal_error()),
        Fault::TimeoutAfter(time) => sleep(*time).await,
        Fault::HangAfter => std::future::pending().await,
        Fault::ResetAfter => return Err(Reset),
        _ => {}
    }
    Ok(PutResponse::accepted())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn judge(
        &self,
        call: usize,
        content: &PutMetricData<'_>,
        bytes: usize,
    ) -> Result<(), PutResponse> {
        if bytes > CALL_BYTES_MAX {
            return Err(PutResponse::too_large(bytes));
        }
        let mut state = self.lock();
        validate(content, Some(state.now_ms()))?;
        state.ingest(call, content);
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }
}

/// Counts a request in flight, also if its connection ends.
struct Presence {
    shared: Arc<Shared>,
    call: Option<usize>,
    outcome: Outcome,
}

impl Presence {
    fn enter(shared: Arc<Shared>) -> Self {
        shared.lock().enter();
        shared.changed.notify_waiters();
        Self { shared, call: None, outcome: Outcome::Unanswered }
    }

    fn record(&mut self, call: Call, content: Option<&PutMetricData<'_>>) -> usize {
        let index = self.shared.lock().record(call, content);
        self.call = Some(index);
        self.shared.changed.notify_waiters();
        index
    }

    fn answered(&mut self, answer: &PutResponse) {
        self.outcome = Outcome::Answered { status: answer.status, code: answer.code };
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.leave();
        if let Some(call) = self.call {
            state.settle(call, self.outcome.clone());
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}
