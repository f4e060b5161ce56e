//! Reads bodies of requests whose signature is not verified yet.
//!
//! A key id is not secret, so any client can claim one, and the body is needed to verify the claim.
//! Reading the body therefore takes one of a few places, separate from those of verified callers. A
//! body must arrive at a minimum rate. If all places are taken, a new body displaces the oldest one
//! of the peer with the most places. A legitimate body is small and arrives at once, so it is read
//! long before it could be displaced.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::time::{Duration, Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::error::{ApiError, ErrorKind};
use crate::http::PeerGroup;

/// The largest body. An event destination with ten dimensions has about 3000 bytes.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;
/// Bodies read at once. Together they take at most 32 MiB.
const PLACES: usize = 32;
/// A body may lag behind its minimum rate by this much.
const BODY_SLACK: Duration = Duration::from_secs(2);
/// The minimum rate of a body in bytes per second: a body of 1 MiB must arrive within 18 s.
const BODY_RATE_MIN: usize = 64 << 10;

/// Stands for all peers when the address is unknown.
const NO_PEER: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The bodies that are being read.
#[derive(Debug, Default)]
pub(super) struct UnverifiedBodies {
    reading: Mutex<BodyPlaces>,
}

/// In order of arrival.
#[derive(Debug, Default)]
struct BodyPlaces {
    places: Vec<UnverifiedBody>,
    next: u64,
}

#[derive(Debug)]
struct UnverifiedBody {
    id: u64,
    peer: PeerGroup,
    key: String,
    displaced: CancellationToken,
}

/// The place of a body; freed on drop.
#[derive(Debug)]
struct BodyPlace {
    unverified: Arc<UnverifiedBodies>,
    id: u64,
    displaced: CancellationToken,
}

/// A body that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadBody {
    pub bytes: Vec<u8>,
    /// Computed while the body arrives.
    pub sha256: [u8; 32],
}

// === impl UnverifiedBodies ===

impl UnverifiedBodies {
    /// Reads the body of a request that claims a key.
    ///
    /// # Errors
    /// The body is too large, too slow or incomplete, or its place is needed for another body.
    pub(super) async fn read(
        self: &Arc<Self>,
        body: Body,
        peer: Option<IpAddr>,
        key: &str,
    ) -> Result<ReadBody, ApiError> {
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(too_large());
        }
        if body.is_end_stream() {
            return read_all(body).await;
        }
        let place = self.enter(PeerGroup::of(peer.unwrap_or(NO_PEER)), key.to_owned());
        tokio::select! {
            biased;
            () = place.displaced.cancelled() => {
                let message = "Too many request bodies are being read; retry.";
                Err(ApiError::new(ErrorKind::Displaced, message))
            }
            read = read_all(body) => read,
        }
    }

    /// Takes a free place, or displaces another body if there is none.
    fn enter(self: &Arc<Self>, peer: PeerGroup, key: String) -> BodyPlace {
        let displaced = CancellationToken::new();
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let id = reading.next;
        reading.next += 1;
        reading.places.push(UnverifiedBody { id, peer, key, displaced: displaced.clone() });
        if reading.places.len() > PLACES {
            let at = reading.victim();
            reading.places.remove(at).displaced.cancel();
        }
        BodyPlace { unverified: Arc::clone(self), id, displaced }
    }
}

// === impl BodyPlaces ===

impl BodyPlaces {
    /// The oldest body of the key that the peer with the most bodies uses most. The new body is
    /// last; it is counted but never chosen.
    fn victim(&self) -> usize {
        let last = self.places.len() - 1;
        let count = |body: &UnverifiedBody| {
            let same_peer = self.places.iter().filter(|other| other.peer == body.peer);
            let same_key = same_peer.clone().filter(|other| other.key == body.key);
            (same_peer.count(), same_key.count())
        };
        // `max_by_key` returns the last of equal elements, so the oldest must come last.
        let oldest_last = (0..last).rev();
        oldest_last.max_by_key(|at| count(&self.places[*at])).unwrap_or(0)
    }
}

// === impl BodyPlace ===

impl Drop for BodyPlace {
    fn drop(&mut self) {
        let mut reading = self.unverified.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.places.retain(|body| body.id != self.id);
    }
}

/// Reads a body, up to the size limit and at least at the minimum rate.
async fn read_all(mut body: Body) -> Result<ReadBody, ApiError> {
    let (mut bytes, mut sha256, begun) = (Vec::new(), Sha256::new(), Instant::now());
    loop {
        let arrived = Duration::from_millis((bytes.len() * 1000 / BODY_RATE_MIN) as u64);
        let frame = match timeout_at(begun + BODY_SLACK + arrived, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(ApiError::bad_request("The body is incomplete.")),
            Ok(None) => return Ok(ReadBody { bytes, sha256: sha256.finalize().into() }),
            Err(_) => {
                let message = "The body arrives too slowly.";
                return Err(ApiError::new(ErrorKind::SlowBody, message));
            }
        };
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        sha256.update(&piece);
        bytes.extend_from_slice(&piece);
    }
}

fn too_large() -> ApiError {
    let message = format!("The body is larger than {BODY_BYTES_MAX} bytes.");
    ApiError::new(ErrorKind::TooLarge, message)
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;
    use crate::trickle::trickle;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_displaced(place: &BodyPlace) -> bool {
        place.displaced.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn body_must_keep_the_minimum_rate_and_the_maximum_length() {
        let read = async |piece, pause_ms, pieces| {
            let unverified = Arc::new(UnverifiedBodies::default());
            let begun = Instant::now();
            let body = trickle(repeat_n((Duration::from_millis(pause_ms), piece), pieces));
            let read = unverified.read(body, Some(peer(1)), "AKID").await;
            assert!(unverified.reading.lock().expect("no panic").places.is_empty());
            (read.map(|body| body.bytes.len()).map_err(|error| error.kind), begun.elapsed())
        };
        let slow = |millis| (Err(ErrorKind::SlowBody), Duration::from_millis(millis));
        assert_eq!(read(0, 0, 0).await, (Ok(0), Duration::ZERO));
        assert_eq!(read(BODY_BYTES_MAX, 0, 1).await.0, Ok(BODY_BYTES_MAX));
        assert_eq!(read(BODY_BYTES_MAX / 4 + 1, 0, 4).await.0, Err(ErrorKind::TooLarge));
        // At the minimum rate, and at half of it.
        let (length, took) = read(BODY_RATE_MIN, 1000, 16).await;
        assert_eq!((length, took), (Ok(1 << 20), Duration::from_secs(16)));
        assert_eq!(read(BODY_RATE_MIN / 2, 1000, 16).await, slow(3500));
        assert_eq!(read(1, 1000, 1000).await, slow(2000));
        assert_eq!(read(1, 60_000, 1000).await, slow(2000));
    }

    #[tokio::test]
    async fn digest_is_that_of_the_whole_body() {
        let unverified = Arc::new(UnverifiedBodies::default());
        let body = trickle(repeat_n((Duration::ZERO, 1000), 7));
        let read = unverified.read(body, None, "AKID").await.expect("it arrives");
        assert_eq!(read.sha256, <[u8; 32]>::from(Sha256::digest(vec![b'x'; 7000])));
        let read = unverified.read(Body::empty(), None, "AKID").await.expect("it arrives");
        assert_eq!(read.sha256, <[u8; 32]>::from(Sha256::digest(b"")));
    }

    #[test]
    fn newcomer_displaces_the_oldest_of_the_peer_and_key_that_hold_most() {
        let unverified = Arc::new(UnverifiedBodies::default());
        let enter = |last, key: &str| unverified.enter(PeerGroup::of(peer(last)), key.to_owned());
        let honest = enter(1, "AKID");
        let other_key = enter(2, "AKIDREAD");
        let mut greedy: Vec<BodyPlace> = (2..PLACES).map(|_| enter(2, "AKID")).collect();
        assert!(!greedy.iter().any(is_displaced), "there is a place for each");
        for at in 0..PLACES {
            greedy.push(enter(2, "AKID"));
            assert!(is_displaced(&greedy[at]), "{at}");
            assert_eq!(greedy.iter().filter(|place| is_displaced(place)).count(), at + 1);
        }
        let newcomer = enter(3, "AKID");
        for place in [&honest, &other_key, &newcomer] {
            assert!(!is_displaced(place), "{place:?}");
        }
        drop(greedy);
        assert_eq!(unverified.reading.lock().expect("no panic").places.len(), 3);
    }

    #[test]
    fn oldest_body_of_equal_peers_is_displaced() {
        let unverified = Arc::new(UnverifiedBodies::default());
        let places: Vec<BodyPlace> = (0..=32)
            .map(|last| unverified.enter(PeerGroup::of(peer(last)), "AKID".to_owned()))
            .collect();
        assert_eq!(places.len(), PLACES + 1);
        let displaced: Vec<usize> =
            (0..places.len()).filter(|at| is_displaced(&places[*at])).collect();
        assert_eq!(displaced, [0]);
    }
}
