//! Reading a request's body within limits, and reading what is left of one that is refused.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::ack::{Reason, Refusal};
use crate::ses::{gunzip, is_gzip};
use crate::source::Charge;

/// A body may pause this long between two pieces.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);
/// A body is whole within this time: Firehose gives up after three minutes.
const BODY_PATIENCE: Duration = Duration::from_secs(170);
/// What is left of a refused body is read for this long, so that the answer is not lost in a reset
/// connection.
const DISCARD_PATIENCE: Duration = Duration::from_secs(20);

/// Limits of one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes: usize,
    pub expanded_bytes: usize,
}

fn too_large(limits: BodyLimits) -> Refusal {
    let message = format!("the body has more than {} bytes (limits.body_bytes)", limits.bytes);
    Refusal::new(Reason::BadRequest, message)
}

fn busy() -> Refusal {
    let message = "too many bytes in flight (limits.in_flight_bytes); send it again";
    Refusal::new(Reason::Busy, message)
}

/// Reads a whole body as it arrives.
///
/// # Errors
/// It is larger than allowed, there is no room for it now, or it did not arrive.
pub async fn read(
    body: &mut Body,
    announced: Option<u64>,
    limits: BodyLimits,
    charge: &mut Charge,
) -> Result<Bytes, Refusal> {
    let announced = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > limits.bytes {
        return Err(too_large(limits));
    }
    if !charge.grow(announced) {
        return Err(busy());
    }
    let mut bytes = BytesMut::with_capacity(announced);
    let mut granted = announced;
    let deadline = Instant::now() + BODY_PATIENCE;
    loop {
        let given_up = |why| Refusal::new(Reason::GivenUp, why);
        let piece =
            match timeout_at(deadline.min(Instant::now() + PIECE_PATIENCE), body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(Err(_))) => return Err(given_up("the body did not arrive whole")),
                Err(_) => return Err(given_up("the body came too slowly")),
            };
        let len = bytes.len() + piece.len();
        if len > limits.bytes {
            return Err(too_large(limits));
        }
        if len > granted {
            if !charge.grow(len - granted) {
                return Err(busy());
            }
            granted = len;
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Expands a body that is gzip; one that is announced as gzip and is none is broken.
///
/// # Errors
/// The gzip is broken or expands beyond the limit, or there is no room for it now.
pub fn expand(
    body: Bytes,
    announced_gzip: bool,
    limits: BodyLimits,
    charge: &mut Charge,
) -> Result<Bytes, Refusal> {
    if !is_gzip(&body) {
        let broken = announced_gzip && !body.is_empty();
        return if broken { Err(broken_gzip()) } else { Ok(body) };
    }
    let mut no_room = false;
    let out = gunzip(&body, limits.expanded_bytes, |bytes| {
        let granted = charge.grow(bytes);
        no_room |= !granted;
        granted
    });
    if no_room {
        return Err(busy());
    }
    if out.over_limit {
        let limit = limits.expanded_bytes;
        let message = format!("the body expands beyond {limit} bytes (limits.expanded_bytes)");
        return Err(Refusal::new(Reason::BadRequest, message));
    }
    if out.torn {
        return Err(broken_gzip());
    }
    Ok(out.bytes.into())
}

fn broken_gzip() -> Refusal {
    Refusal::new(Reason::BadRequest, "the body is broken gzip")
}

/// Reads and forgets what is left of a body, up to a number of bytes.
pub async fn discard(body: &mut Body, bytes_max: usize) {
    let mut left = bytes_max;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Out of patience: the connection is closed with the answer.
    let _ = timeout(DISCARD_PATIENCE, read).await;
}
