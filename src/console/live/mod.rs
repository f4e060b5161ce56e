//! The figures of this task: now, in the last three hours, and as a stream of events to browsers.
//!
//! One task reads the counters once a second ([`Live::run`]); pages and streams only read what it
//! found. So a hundred open pages cost hardly more than one, and none of them can slow down the
//! intake.

mod body;
mod figures;
mod history;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::body::LiveBody;
use self::figures::FigureReader;
use self::history::History;

pub(super) use self::figures::SourceLine;
pub(crate) use self::figures::{Figures, LiveDeps};
pub(super) use self::history::MinutePoint;

/// Streams at once; each is a connection and a few hundred bytes.
pub(crate) const CLIENTS_MAX: usize = 32;
/// `Retry-After` for a client above that limit, in seconds.
const RETRY_AFTER: &str = "10";
/// How often the counters are read.
const TICK: Duration = Duration::from_secs(1);

/// The figures, kept up to date by one task.
pub(crate) struct Live {
    reader: FigureReader,
    history: Mutex<History>,
    /// The figures after the last flush, with the ID of their message.
    latest: watch::Sender<LiveMessage>,
    clients: Arc<Semaphore>,
    stop: CancellationToken,
}

/// One message of the stream.
#[derive(Clone, Debug, Default)]
struct LiveMessage {
    id: String,
    figures: Arc<Figures>,
}

// === impl Live ===

impl Live {
    /// Figures of a daemon; streams end at `stop`.
    #[must_use]
    pub(crate) fn new(deps: LiveDeps, stop: CancellationToken) -> Self {
        let reader = FigureReader::new(deps);
        let figures = reader.read(None);
        let first = LiveMessage { id: reader.message_id(0), figures: Arc::new(figures) };
        Self {
            reader,
            history: Mutex::default(),
            latest: watch::Sender::new(first),
            clients: Arc::new(Semaphore::new(CLIENTS_MAX)),
            stop,
        }
    }

    /// Reads the counters every second until the end.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut number, mut sent) = (0, Instant::now());
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let before = Arc::clone(&self.latest.borrow().figures);
            let figures = self.tick(&before);
            // One message a flush. Figures that no flush changes are not older than an interval.
            let is_due = sent.elapsed() >= self.reader.flush_interval();
            if figures.flushes == before.flushes && !is_due {
                continue;
            }
            number += 1;
            sent = Instant::now();
            let id = self.reader.message_id(number);
            self.latest.send_replace(LiveMessage { id, figures: Arc::new(figures) });
        }
    }

    fn tick(&self, before: &Figures) -> Figures {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = self.read(&history, before);
        history.add(&figures);
        figures
    }

    /// The figures of this moment.
    #[must_use]
    pub(super) fn figures(&self) -> Figures {
        let before = Arc::clone(&self.latest.borrow().figures);
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(&history, &before)
    }

    fn read(&self, history: &History, before: &Figures) -> Figures {
        let figures = self.reader.read(Some(before));
        let events_per_second = history.rate(figures.at_ms, figures.events);
        Figures { events_per_second, ..figures }
    }

    /// The last three hours, oldest minute first.
    #[must_use]
    pub(super) fn minutes(&self) -> Vec<MinutePoint> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.points().copied().collect()
    }

    /// A stream of the figures to one browser. `last_id` is the last message that it had.
    #[must_use]
    pub(super) fn stream(&self, last_id: Option<&str>) -> Response {
        let Ok(place) = Arc::clone(&self.clients).try_acquire_owned() else {
            let retry = [(header::RETRY_AFTER, RETRY_AFTER)];
            let text = format!("{CLIENTS_MAX} pages follow the figures already; retry later\n");
            return (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response();
        };
        let body = LiveBody::new(self.latest.subscribe(), last_id, place, self.stop.clone());
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            // A proxy must not collect messages.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, axum::body::Body::new(body)).into_response()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("clients", &self.clients).finish_non_exhaustive()
    }
}
