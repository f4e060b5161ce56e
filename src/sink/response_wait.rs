//! How long to wait for the response to a call.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A timer that fires later than this fires too late: the process was frozen or got no CPU.
const LATE: Duration = Duration::from_millis(250);

/// How long to read what arrived before a late timer.
const READING: Duration = Duration::from_secs(1);

/// Waits for a response; `None` if it does not arrive within this time. A timer that fires too late
/// decides nothing before what arrived meanwhile is read.
pub(super) async fn response_within<F: Future>(response: F, within: Duration) -> Option<F::Output> {
    let mut response = std::pin::pin!(response);
    let mut deadline = Instant::now() + within;
    loop {
        tokio::select! {
            biased;
            response = &mut response => return Some(response),
            () = sleep_until(deadline) => {}
        }
        let now = Instant::now();
        if now - deadline <= LATE {
            return None;
        }
        deadline = now + READING;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    use super::*;

    const WITHIN: Duration = Duration::from_secs(8);

    #[tokio::test(start_paused = true)]
    async fn response_is_waited_for_until_its_time_is_over() {
        let start = Instant::now();
        assert_eq!(response_within(pending::<()>(), WITHIN).await, None);
        assert!(start.elapsed() <= WITHIN + LATE, "{:?}", start.elapsed());
        assert_eq!(response_within(ready(1), Duration::ZERO).await, Some(1));
        let late = async { sleep(WITHIN + Duration::from_millis(10)).await };
        assert_eq!(response_within(late, WITHIN).await, None);
    }

    /// The process is frozen while the response arrives. Then the timer is due before the task that
    /// reads the response has run.
    #[tokio::test(start_paused = true)]
    async fn response_that_arrived_before_a_late_timer_is_read() {
        for frozen in [WITHIN + LATE + Duration::from_millis(1), Duration::from_hours(3)] {
            let (arrived, response) = oneshot::channel();
            let waiting = tokio::spawn(response_within(response, WITHIN));
            tokio::task::yield_now().await;
            advance(frozen).await;
            // The reader takes a while, and several polls.
            sleep(READING / 2).await;
            arrived.send("accepted").expect("it is still waited for");
            let response = waiting.await.expect("no panic");
            assert_eq!(response, Some(Ok("accepted")), "{frozen:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn response_that_never_arrives_is_given_up_after_a_late_timer() {
        let waiting = tokio::spawn(response_within(pending::<()>(), WITHIN));
        tokio::task::yield_now().await;
        advance(WITHIN * 2).await;
        let resumed = Instant::now();
        assert_eq!(waiting.await.expect("no panic"), None);
        assert!(resumed.elapsed() <= READING + LATE, "{:?}", resumed.elapsed());
    }
}
