//! `postmeter-load record`: a stand-in for CloudWatch at full speed.
//!
//! It speaks `PutMetricData` over Smithy RPC v2 CBOR, as the Rust SDK does, and rejects what breaks a
//! limit of CloudWatch. It checks neither signatures nor the age of datums, so that recorded traffic
//! can be sent at any time. A call is stored completely or not at all.

mod faults;
mod holdings;

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use postmeter::cli::Exit;
use postmeter::clock::Clock;
use postmeter::http::{Listener, ListenerSettings};
use postmeter::limits::CALL_BYTES_MAX;
use postmeter::put_metric_data::{
    PutDecodeError, PutResponse, UnknownMembers, decode, inflate, validate,
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::args::RecordArgs;
use super::output::complain;
use faults::{Fault, Faults};
use holdings::{Entries, Full, Holdings};

/// Idle connections are kept for longer than an SDK keeps them.
const SETTINGS: ListenerSettings =
    ListenerSettings { keep_alive: Duration::from_secs(75), connections_max: 10_000 };
/// Bytes of a body that are read.
const READ_BYTES_MAX: usize = 16 * CALL_BYTES_MAX;
/// How long connections may take to close at the end.
const CLOSING: Duration = Duration::from_secs(2);

/// State shared by connections.
struct Recorder {
    state: Mutex<Held>,
    latency: Duration,
    jitter: Duration,
    /// The end: calls that hang are released.
    end: CancellationToken,
}

struct Held {
    holdings: Holdings,
    faults: Faults,
    stats: Stats,
}

/// The output of `GET /stats` and `--summary`.
#[derive(Clone, Debug, Default, Serialize)]
struct Stats {
    /// Valid calls.
    calls: u64,
    /// Valid calls that were stored.
    calls_held: u64,
    datums_held: u64,
    /// Bytes of the bodies, as received.
    bytes: u64,
    throttled: u64,
    failed: u64,
    failed_after_accept: u64,
    hung: u64,
    hung_after_accept: u64,
    /// Calls rejected because of `--entries`.
    refused_full: u64,
    /// Calls that are invalid or too large.
    refused_invalid: u64,
    /// Stored pairs of series and minute, and the sum of their counts.
    entries: u64,
    counts: u64,
}

/// Runs the command until SIGTERM or SIGINT.
///
/// # Errors
/// The address cannot be bound, or the output cannot be written.
pub(crate) async fn run(args: &RecordArgs) -> anyhow::Result<Exit> {
    if args.faults() > 1.0 {
        complain("the shares of all faults add up to more than 1; reduce them");
        return Ok(Exit::Usage);
    }
    // Installed before it reports that it listens, because an unhandled signal ends the process.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let listener = Listener::bind(args.listen, SETTINGS);
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.address()?;
    let end = CancellationToken::new();
    let recorder = Arc::new(Recorder {
        state: Mutex::new(Held {
            holdings: Holdings::new(args.entries),
            faults: Faults::new(args),
            stats: Stats::default(),
        }),
        latency: args.latency,
        jitter: args.jitter,
        end: end.clone(),
    });
    let router = Router::new()
        .route("/series", get(series))
        .route("/stats", get(stats))
        .fallback(put)
        .with_state(Arc::clone(&recorder));
    let mut serving = tokio::spawn(listener.serve(router, end.clone(), end.clone()));
    complain(&format!(
        "recording on http://{address}; for the daemon: AWS_ENDPOINT_URL_CLOUDWATCH=http://{address}"
    ));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    end.cancel();
    if timeout(CLOSING, &mut serving).await.is_err() {
        serving.abort();
    }
    let (lines, stats) = {
        let state = recorder.lock();
        (state.holdings.to_lines(), state.stats())
    };
    // Write the summary first, because the reader of the lines may close the pipe early.
    if let Some(path) = &args.summary {
        let json = serde_json::to_string(&stats)? + "\n";
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::io::stdout().lock().write_all(lines.as_bytes())?;
    Ok(Exit::Done)
}

async fn series(State(recorder): State<Arc<Recorder>>) -> impl IntoResponse {
    // Up to a million lines: formatted on a separate thread and from a copy, so that calls do not
    // wait.
    let lines = tokio::task::spawn_blocking(move || {
        let holdings = recorder.lock().holdings.clone();
        holdings.to_lines()
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], lines.await.unwrap_or_default())
}

async fn stats(State(recorder): State<Arc<Recorder>>) -> impl IntoResponse {
    // Serializing numbers into memory cannot fail.
    let json = serde_json::to_string(&recorder.lock().stats()).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], json + "\n")
}

async fn put(State(recorder): State<Arc<Recorder>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET {
        let here = "supported: GET /series, GET /stats and PutMetricData\n";
        return (StatusCode::NOT_FOUND, here).into_response();
    }
    // Too large a body is also read, so that the response is not lost in a connection reset.
    let Ok(body) = Limited::new(body, READ_BYTES_MAX).collect().await else {
        return recorder.invalid(PutResponse::too_large(READ_BYTES_MAX)).into_http();
    };
    let body = body.to_bytes();
    let wire_bytes = body.len() as u64;
    let (entries, datums) = match read(&head, &body) {
        Ok(read) => read,
        Err(response) => return recorder.invalid(response).into_http(),
    };
    let (fault, answer) = recorder.take(entries, datums, wire_bytes);
    let delay = recorder.latency + recorder.jitter.mul_f64(fastrand::f64());
    let hangs = matches!(fault, Fault::Hang | Fault::HangAfterAccept);
    let answered = async {
        if hangs {
            std::future::pending::<()>().await;
        }
        sleep(delay).await;
    };
    tokio::select! {
        () = answered => {}
        () = recorder.end.cancelled() => {}
    }
    answer.into_http()
}

/// The entries and the datums of a valid call.
fn read(head: &Parts, body: &Bytes) -> Result<(Entries, u64), PutResponse> {
    let protocol = head.headers.get("smithy-protocol").map(AsRef::as_ref);
    let is_operation = head.uri.path().ends_with("/operation/PutMetricData");
    if head.method != Method::POST || !is_operation || protocol != Some(b"rpc-v2-cbor") {
        let message = "only PutMetricData over Smithy RPC v2 CBOR is supported";
        return Err(PutResponse::error(404, "UnknownOperationException", message));
    }
    let unreadable = |error: PutDecodeError| {
        PutResponse::error(400, "SerializationException", error.to_string())
    };
    let encoding = head.headers.get(CONTENT_ENCODING).map(AsRef::as_ref);
    let plain = inflate(body, encoding, CALL_BYTES_MAX).map_err(unreadable)?;
    if plain.len() > CALL_BYTES_MAX {
        return Err(PutResponse::too_large(plain.len()));
    }
    let call = decode(&plain, UnknownMembers::Skip).map_err(unreadable)?;
    validate(&call, None)?;
    let now_ms = Clock::System.now_ms();
    Ok((Entries::new(&call, now_ms), call.metric_data.len() as u64))
}

// === impl Recorder ===

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn invalid(&self, response: PutResponse) -> PutResponse {
        self.lock().stats.refused_invalid += 1;
        response
    }

    /// Draws the fault of a call, stores the call unless the fault prevents it, and returns the
    /// response.
    fn take(&self, entries: Entries, datums: u64, bytes: u64) -> (Fault, PutResponse) {
        let mut state = self.lock();
        let Held { holdings, faults, stats } = &mut *state;
        stats.calls += 1;
        stats.bytes += bytes;
        let fault = faults.draw();
        let failed = || PutResponse::error(500, "InternalServiceError", "an injected fault");
        match fault {
            Fault::Throttle => {
                stats.throttled += 1;
                return (fault, PutResponse::error(400, "Throttling", "Rate exceeded"));
            }
            Fault::Fail => {
                stats.failed += 1;
                return (fault, failed());
            }
            Fault::Hang => {
                stats.hung += 1;
                return (fault, failed());
            }
            Fault::None | Fault::FailAfterAccept | Fault::HangAfterAccept => {}
        }
        if let Err(Full) = holdings.add(entries) {
            stats.refused_full += 1;
            if stats.refused_full == 1 {
                complain("rejecting calls: too many series and minutes; increase --entries");
            }
            let message = "too many series and minutes; increase --entries";
            return (Fault::None, PutResponse::error(400, "LimitExceeded", message));
        }
        stats.calls_held += 1;
        stats.datums_held += datums;
        match fault {
            Fault::FailAfterAccept => {
                stats.failed_after_accept += 1;
                (fault, failed())
            }
            Fault::HangAfterAccept => {
                stats.hung_after_accept += 1;
                (fault, failed())
            }
            _ => (fault, PutResponse::accepted()),
        }
    }
}

// === impl Held ===

impl Held {
    fn stats(&self) -> Stats {
        let (entries, counts) = (self.holdings.len() as u64, self.holdings.counts());
        Stats { entries, counts, ..self.stats.clone() }
    }
}
