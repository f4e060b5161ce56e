//! Ends the process at the end of the grace period, whatever its other threads do.
//!
//! A thread without a runtime, started with the daemon and armed by the shutdown. If the process
//! still runs shortly after the grace period, the thread logs the remaining counts and exits with
//! code 1.

use std::io;
use std::process::exit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Arms the thread; disarms it on drop.
#[derive(Debug)]
pub(super) struct Watchdog(Sender<Duration>);

/// The shutdown keeps the grace period by itself; this is the extra time before it counts as stuck.
const SLACK: Duration = Duration::from_millis(500);
/// Logging may itself block, on a pipe that nothing reads.
const LOG_PATIENCE: Duration = Duration::from_millis(200);

// === impl Watchdog ===

impl Watchdog {
    /// Starts the thread. `pending` returns the counts that are neither accepted nor given up.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub(super) fn start(
        pending: impl Fn() -> u64 + Send + 'static,
        is_journaled: bool,
    ) -> io::Result<Self> {
        let (arm, armed) = channel();
        let watch = move || {
            if is_over(&armed) {
                log(pending(), is_journaled);
                exit(1);
            }
        };
        thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
        Ok(Self(arm))
    }

    /// Arms the thread: the process has this much time left.
    pub(super) fn arm(&self, grace: Duration) {
        // The thread ends only if it panics, and it never panics.
        let _ = self.0.send(grace);
    }
}

/// Waits until the watchdog is armed and its time is over; `false` if it was disarmed.
fn is_over(armed: &Receiver<Duration>) -> bool {
    let Ok(grace) = armed.recv() else { return false };
    matches!(armed.recv_timeout(grace + SLACK), Err(RecvTimeoutError::Timeout))
}

fn log(counts: u64, is_journaled: bool) {
    let (done, logged) = channel::<()>();
    let say = move || {
        let left = match (counts, is_journaled) {
            (0, _) => "nothing",
            (_, true) => "in the journal",
            (_, false) => "not all listed on stderr",
        };
        tracing::error!(counts, left, "shutdown did not finish within the grace period; exiting");
        drop(done);
    };
    if thread::Builder::new().spawn(say).is_ok() {
        let _ = logged.recv_timeout(LOG_PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_ends_only_what_it_was_armed_for_and_not_disarmed() {
        let (arm, armed) = channel();
        arm.send(Duration::ZERO).expect("it is received");
        assert!(is_over(&armed), "its time is over");
        drop(arm);
        assert!(!is_over(&armed), "it was never armed");
        let (arm, armed) = channel();
        arm.send(Duration::from_hours(1)).expect("it is received");
        drop(arm);
        assert!(!is_over(&armed), "it was disarmed");
    }
}
