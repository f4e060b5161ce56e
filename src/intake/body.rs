//! Reads a request's body within limits, and drains the body of a rejected request.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::budget::{Budget, StopReason};
use super::in_flight::Charge;
use crate::ack::{Refusal, RefusalReason};
use crate::ses::{gunzip, is_gzip};

/// Timeout of a body: Firehose gives up after three minutes. The listener closes a connection whose
/// body pauses for too long.
const BODY_PATIENCE: Duration = Duration::from_secs(170);
/// How long the rest of a rejected body is read, so that a connection reset does not lose the
/// response.
const DISCARD_PATIENCE: Duration = Duration::from_secs(20);

/// Arriving bytes are charged in steps of this size: 64 KiB.
const STEP: usize = 64 << 10;

fn too_large(bytes_max: usize) -> Refusal {
    let message = format!("the body is larger than {bytes_max} bytes (limits.body_bytes)");
    Refusal::new(RefusalReason::OverBudget, message)
}

/// Reads a whole body as it arrives.
///
/// # Errors
/// The body is too large, there is no room for it now, or it did not arrive.
pub(crate) async fn read(
    body: &mut Body,
    announced: Option<u64>,
    bytes_max: usize,
    charge: &mut Charge,
) -> Result<Bytes, Refusal> {
    let announced = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_large(bytes_max));
    }
    let buffers = charge.buffers();
    let mut bytes = buffers.memory(announced);
    // Bytes are charged as they arrive, so announcing a length costs nothing.
    let mut granted = 0;
    let deadline = Instant::now() + BODY_PATIENCE;
    loop {
        let given_up = |why| Refusal::new(RefusalReason::GivenUp, why);
        let piece = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(None) => return Ok(buffers.body(bytes)),
            Ok(Some(Err(_))) => {
                return Err(given_up("the body is incomplete: the connection failed"));
            }
            Err(_) => return Err(given_up("the body arrived too slowly")),
        };
        let len = bytes.len() + piece.len();
        if len > bytes_max {
            return Err(too_large(bytes_max));
        }
        if len > granted {
            let more = (len - granted).next_multiple_of(STEP);
            charge.charge(more)?;
            granted += more;
        }
        bytes.extend_from_slice(&piece);
    }
}

/// A decompressed body, ready to be read. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ExpandedBody {
    pub bytes: Bytes,
    /// The body was gzip.
    pub gzip: bool,
}

/// Decompresses a gzip body. A body that is announced as gzip must be gzip.
///
/// # Errors
/// The gzip is invalid, or expands beyond the budget.
pub(crate) fn expand(
    body: Bytes,
    announced_gzip: bool,
    budget: &Budget,
) -> Result<ExpandedBody, StopReason> {
    if !is_gzip(&body) {
        let broken = announced_gzip && !body.is_empty();
        let plain = ExpandedBody { bytes: body, gzip: false };
        return if broken { Err(broken_gzip()) } else { Ok(plain) };
    }
    let out = gunzip(&body, usize::MAX / 2, |bytes| budget.expand_outermost(bytes));
    budget.check()?;
    if out.torn {
        return Err(broken_gzip());
    }
    Ok(ExpandedBody { bytes: out.bytes.into(), gzip: true })
}

fn broken_gzip() -> StopReason {
    StopReason::Refused(Refusal::new(RefusalReason::BadRequest, "the body is not valid gzip"))
}

/// Reads and discards the rest of a body, up to a number of bytes.
pub(crate) async fn discard(body: &mut Body, bytes_max: usize) {
    let mut left = bytes_max;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // If this times out, the connection is closed after the response.
    let _ = timeout(DISCARD_PATIENCE, read).await;
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;
    use crate::intake::in_flight::InFlight;
    use crate::trickle::trickle;

    const BYTES_MAX: usize = 1000;

    /// Reads a body of this many bytes; returns the result and the seconds that it took.
    async fn read_slowly(pause: Duration, bytes: usize) -> (Result<usize, RefusalReason>, u64) {
        let in_flight = InFlight::new(1, 1 << 20);
        let mut charge = in_flight.enter().expect("it is the only one");
        let started = Instant::now();
        let mut body = trickle(repeat_n((pause, 1), bytes));
        let read = read(&mut body, None, BYTES_MAX, &mut charge).await;
        (read.map(|body| body.len()).map_err(|refusal| refusal.reason), started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_arrives_too_slowly_is_given_up() {
        let slow = Err(RefusalReason::GivenUp);
        assert_eq!(read_slowly(Duration::from_secs(16), 10).await, (Ok(10), 160));
        // It never ends, whatever its pauses are.
        assert_eq!(read_slowly(Duration::from_secs(31), 10).await, (slow, 170));
        assert_eq!(read_slowly(Duration::from_secs(1), 1000).await, (slow, 170));
    }

    #[tokio::test(start_paused = true)]
    async fn rest_of_a_rejected_body_is_read_for_a_limited_time() {
        for (pause_s, bytes_max, seconds) in [(1, 1000, 20), (60, 1000, 20), (1, 5, 5)] {
            let mut body = trickle(repeat_n((Duration::from_secs(pause_s), 1), 1000));
            let started = Instant::now();
            discard(&mut body, bytes_max).await;
            assert_eq!(started.elapsed().as_secs(), seconds);
        }
    }
}
