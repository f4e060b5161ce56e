//! The supervisor owns every task that lives as long as the daemon.
//!
//! A task that panics, or ends before the daemon stops, is logged and counted. The daemon then
//! fails `/readyz`, drains as after SIGTERM, and exits with code 1, so that its service manager
//! starts another. A task is never restarted in place: its state is gone, and only a start from the
//! journal or the queue is known to be correct. Tasks of one request are not supervised: a panic
//! there rejects only that request.
//!
//! Tasks run in the runtime in which the supervisor was created. The shutdown has a runtime of its
//! own, with timers that busy worker threads cannot delay.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{Metrics, TaskName};

/// Owns the long-lived tasks of a daemon. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<SupervisorShared>);

#[derive(Debug)]
struct SupervisorShared {
    runtime: Handle,
    metrics: Arc<Metrics>,
    /// Cancelled at the first failure.
    failed: CancellationToken,
    /// The daemon is stopping: tasks may end.
    is_stopping: AtomicBool,
}

/// Turns a panic of a future into its result.
struct CatchPanic<F>(Pin<Box<F>>);

/// Maximum number of logged characters of a panic's message.
const MESSAGE_CHARS_MAX: usize = 200;

// === impl Supervisor ===

impl Supervisor {
    /// Tasks will run in the current runtime.
    ///
    /// # Panics
    /// Panics outside of a runtime.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(SupervisorShared {
            runtime: Handle::current(),
            metrics,
            failed: CancellationToken::new(),
            is_stopping: AtomicBool::new(false),
        }))
    }

    /// Starts a task that must not end before the daemon stops. Returns its output, or `None` if it
    /// panicked.
    pub fn spawn<T: Send + 'static>(
        &self,
        task: TaskName,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        self.0.runtime.spawn(self.watch(task, work))
    }

    /// Starts a task that ends when no work can arrive any more. Only a panic is a failure.
    pub(crate) fn spawn_worker(
        &self,
        task: TaskName,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let supervisor = self.clone();
        self.0.runtime.spawn(async move {
            if let Err(panic) = CatchPanic(Box::pin(work)).await {
                supervisor.fail(task, message_of(&*panic));
            }
        });
    }

    /// As [`Supervisor::spawn`], for a task that the caller runs.
    pub fn watch<T: Send + 'static>(
        &self,
        task: TaskName,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let supervisor = self.clone();
        async move {
            match CatchPanic(Box::pin(work)).await {
                Ok(output) => {
                    if !supervisor.0.is_stopping.load(Ordering::Acquire) {
                        supervisor.fail(task, "the task ended before the daemon stopped");
                    }
                    Some(output)
                }
                Err(panic) => {
                    supervisor.fail(task, message_of(&*panic));
                    None
                }
            }
        }
    }

    /// Records that a task has failed.
    pub fn fail(&self, task: TaskName, why: &str) {
        self.0.metrics.tasks_failed.increment(task);
        let why: String = why.chars().take(MESSAGE_CHARS_MAX).collect();
        let task = task.as_str();
        tracing::error!(task, why, "task failed; the daemon drains and exits with code 1");
        self.0.failed.cancel();
    }

    #[must_use]
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.is_cancelled()
    }

    /// Waits until a task has failed.
    pub async fn failed(&self) {
        self.0.failed.cancelled().await;
    }

    /// The daemon is stopping: from now on tasks may end.
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Release);
    }
}

// === impl CatchPanic ===

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("the task panicked")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn supervisor() -> (Supervisor, Arc<Metrics>) {
        let metrics = Metrics::new().expect("metrics");
        (Supervisor::new(Arc::clone(&metrics)), metrics)
    }

    #[tokio::test]
    async fn task_that_panics_or_ends_early_is_a_failure() {
        let (supervisor, metrics) = supervisor();
        let panicked = supervisor.spawn::<()>(TaskName::Publisher, async { panic!("on purpose") });
        assert_eq!(panicked.await.expect("the panic is caught"), None);
        assert!(supervisor.has_failed());
        assert_eq!(metrics.tasks_failed.get(TaskName::Publisher), 1);

        let (supervisor, metrics) = self::supervisor();
        assert_eq!(supervisor.spawn(TaskName::Publisher, async { 7 }).await.ok(), Some(Some(7)));
        timeout(Duration::from_mins(1), supervisor.failed()).await.expect("it failed");
        assert_eq!(metrics.tasks_failed.get(TaskName::Publisher), 1);
    }

    #[tokio::test]
    async fn task_that_ends_when_it_may_is_not_a_failure() {
        let (supervisor, metrics) = supervisor();
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        supervisor.spawn_worker(TaskName::ForwardQueue, async { drop(done) });
        assert!(ended.await.is_err());
        supervisor.stop();
        assert_eq!(supervisor.spawn(TaskName::Publisher, async {}).await.ok(), Some(Some(())));
        tokio::task::yield_now().await;
        assert!(!supervisor.has_failed());
        assert_eq!(metrics.tasks_failed.get(TaskName::Publisher), 0);
        // A panic is always a failure.
        supervisor.spawn_worker(TaskName::ForwardQueue, async { panic!("on purpose") });
        timeout(Duration::from_mins(1), supervisor.failed()).await.expect("it failed");
    }
}
