//! The admin listener, with health and metrics, on a thread and runtime of its own.
//!
//! Three things must work even when all worker threads are busy, so none of them uses those
//! threads:
//! - **Health and metrics** on the admin listener: this thread.
//! - **Signals, and the shutdown with its timers**: the main thread, see `cli::serve`.
//! - **The end of the process at the end of the grace**: a plain thread without a runtime, see
//!   `cli::watchdog`.
//!
//! `/livez` and `/readyz` on the HTTP listener share its worker threads on purpose: a load balancer
//! asks there whether deliveries are served, and when no worker thread is free they are not.

use std::thread;

use axum::Router;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::Listener;
use crate::supervisor::Supervisor;
use crate::telemetry::TaskName;

/// Maximum number of threads that sort the lines of `/series`.
const BLOCKING_THREADS_MAX: usize = 4;

/// Serves until `end`; `listeners` tracks the open connections.
pub(super) fn serve(
    listener: Listener,
    router: Router,
    end: CancellationToken,
    supervisor: &Supervisor,
    listeners: &TaskTracker,
) {
    let serving = listeners.track_future(async move {
        match listener.moved_here() {
            Ok(listener) => listener.serve(router, end.clone(), end).await,
            Err(error) => tracing::error!(%error, "cannot serve the admin listener"),
        }
    });
    let serving = supervisor.watch(TaskName::AdminListener, serving);
    let run = move || {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()?;
        runtime.block_on(serving);
        runtime.shutdown_background();
        std::io::Result::Ok(())
    };
    let failing = supervisor.clone();
    let fail = move |error: &std::io::Error| {
        failing.fail(TaskName::AdminListener, &format!("cannot start its thread: {error}"));
    };
    let on_thread = {
        let fail = fail.clone();
        move || {
            if let Err(error) = run() {
                fail(&error);
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("admin".to_owned()).spawn(on_thread) {
        fail(&error);
    }
}
