//! Admission of messages whose signature is not verified yet.
//!
//! Anyone can post, and post slowly. So unverified messages have places and bytes of their own, and
//! each body must arrive within seconds. A new message is never rejected because others are slow:
//! it takes the place of the slowest one, preferably of the peer that holds the most. Behind a load
//! balancer all messages have one peer, and the slowest is still evicted first. A message whose
//! body has arrived is not evicted, unless its certificate is being fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::rejected::RejectedMessage;
use crate::http::PeerGroup;
use crate::limits::SNS_BODY_BYTES_MAX;
use crate::telemetry::SnsRejection;

/// Maximum number of unverified messages, and of slow messages from one peer.
const PLACES_MAX: usize = 256;
const PEER_PLACES_MAX: usize = 64;
/// Bytes that each message may use: most events are shorter. Longer messages share a budget.
const FREE_BYTES: usize = 64 << 10;
const LONG_BYTES_MAX: usize = 16 << 20;
/// Timeout of a body, and of the wait for each of its pieces.
const BODY_PATIENCE: Duration = Duration::from_secs(5);
const PIECE_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that a message counts as having sent at the start, when speeds are compared.
const HEAD_BYTES: u128 = 4096;

/// The places of unverified messages. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct SnsAdmission(Arc<Mutex<AdmissionState>>);

/// A message's place; released when dropped.
#[derive(Debug)]
pub(super) struct AdmissionPlace {
    admission: SnsAdmission,
    number: u64,
    group: PeerGroup,
    evicted: CancellationToken,
}

#[derive(Debug, Default)]
struct AdmissionState {
    places: HashMap<u64, UnverifiedMessage>,
    next: u64,
    /// Memory beyond the free bytes of each message.
    long_bytes: usize,
}

/// The state of an unverified message.
#[derive(Debug)]
struct UnverifiedMessage {
    group: PeerGroup,
    since: Instant,
    /// Bytes that have arrived.
    received: usize,
    /// Memory beyond the free bytes.
    long_bytes: usize,
    phase: MessagePhase,
    evicted: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MessagePhase {
    /// The body has not arrived yet.
    Reading,
    /// The certificate has not arrived yet.
    Waiting,
    /// Being verified, which takes only a moment.
    Checking,
}

// === impl SnsAdmission ===

impl SnsAdmission {
    /// Admits a message.
    ///
    /// # Errors
    /// Every place has a message that is being verified.
    pub(super) fn enter(&self, group: PeerGroup) -> Result<AdmissionPlace, RejectedMessage> {
        let now = Instant::now();
        let mut state = self.state();
        if state.slow(|message| message.group == group).count() >= PEER_PLACES_MAX {
            state.evict_one(now, |message| usize::from(message.group == group));
        }
        if state.places.len() >= PLACES_MAX && !state.evict_one(now, |_| 1) {
            let why = "too many messages are being verified";
            return Err(RejectedMessage { reason: SnsRejection::Full, why: why.into() });
        }
        let number = state.next;
        state.next += 1;
        let evicted = CancellationToken::new();
        let (phase, received, long_bytes) = (MessagePhase::Reading, 0, 0);
        let message = UnverifiedMessage {
            group,
            since: now,
            received,
            long_bytes,
            phase,
            evicted: evicted.clone(),
        };
        state.places.insert(number, message);
        drop(state);
        Ok(AdmissionPlace { admission: self.clone(), number, group, evicted })
    }

    fn state(&self) -> MutexGuard<'_, AdmissionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl AdmissionPlace ===

impl AdmissionPlace {
    #[must_use]
    pub(super) fn group(&self) -> PeerGroup {
        self.group
    }

    /// Reads the whole body. Bytes take room as they arrive, whatever length was announced.
    ///
    /// # Errors
    /// The body is too long, too slow, or evicted.
    pub(super) async fn read(
        &self,
        body: &mut Body,
        announced: Option<u64>,
        deadline: Instant,
    ) -> Result<Bytes, RejectedMessage> {
        let too_large = || {
            let why = format!("the body is larger than {SNS_BODY_BYTES_MAX} bytes");
            RejectedMessage { reason: SnsRejection::TooLarge, why: why.into() }
        };
        let incomplete = |why: &'static str| RejectedMessage {
            reason: SnsRejection::Incomplete,
            why: why.into(),
        };
        if announced.is_some_and(|bytes| bytes > SNS_BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        let deadline = deadline.min(Instant::now() + BODY_PATIENCE);
        let mut bytes = Vec::new();
        loop {
            let piece_deadline = deadline.min(Instant::now() + PIECE_PATIENCE);
            let piece = tokio::select! {
                biased;
                () = self.evicted.cancelled() => return Err(evicted()),
                piece = timeout_at(piece_deadline, body.frame()) => piece,
            };
            let piece = match piece {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(_))) => {
                    return Err(incomplete("the body is incomplete: the connection failed"));
                }
                Ok(None) => break,
                Err(_) => return Err(incomplete("the body arrived too slowly")),
            };
            if bytes.len() + piece.len() > SNS_BODY_BYTES_MAX {
                return Err(too_large());
            }
            bytes.reserve(piece.len());
            self.charge(bytes.len() + piece.len(), bytes.capacity())?;
            bytes.extend_from_slice(&piece);
        }
        self.enter_phase(MessagePhase::Checking)?;
        Ok(bytes.into())
    }

    /// Waits for something that the message needs; it may be evicted meanwhile.
    ///
    /// # Errors
    /// It was evicted.
    pub(super) async fn wait_for<T>(
        &self,
        needed: impl Future<Output = T>,
    ) -> Result<T, RejectedMessage> {
        self.enter_phase(MessagePhase::Waiting)?;
        let done = tokio::select! {
            biased;
            () = self.evicted.cancelled() => return Err(evicted()),
            done = needed => done,
        };
        self.enter_phase(MessagePhase::Checking)?;
        Ok(done)
    }

    fn enter_phase(&self, phase: MessagePhase) -> Result<(), RejectedMessage> {
        let mut state = self.admission.state();
        state.places.get_mut(&self.number).ok_or_else(evicted)?.phase = phase;
        Ok(())
    }

    /// Updates the received bytes and the memory of a message; evicts others to make room.
    fn charge(&self, received: usize, memory: usize) -> Result<(), RejectedMessage> {
        let long_bytes = memory.saturating_sub(FREE_BYTES);
        let mut state = self.admission.state();
        let message = state.places.get_mut(&self.number).ok_or_else(evicted)?;
        message.received = received;
        let more = long_bytes - message.long_bytes;
        if more == 0 {
            return Ok(());
        }
        // Protects the message from being evicted by itself.
        let phase = std::mem::replace(&mut message.phase, MessagePhase::Checking);
        while state.long_bytes + more > LONG_BYTES_MAX {
            if !state.evict_one(Instant::now(), |message| message.long_bytes) {
                let why = "too many bytes of messages are being verified";
                return Err(RejectedMessage { reason: SnsRejection::Full, why: why.into() });
            }
        }
        state.long_bytes += more;
        if let Some(message) = state.places.get_mut(&self.number) {
            message.phase = phase;
            message.long_bytes = long_bytes;
        }
        Ok(())
    }
}

impl Drop for AdmissionPlace {
    fn drop(&mut self) {
        self.admission.state().remove(self.number);
    }
}

fn evicted() -> RejectedMessage {
    let why = "dropped: slower than messages that arrived later";
    RejectedMessage { reason: SnsRejection::Evicted, why: why.into() }
}

// === impl AdmissionState ===

impl AdmissionState {
    /// Messages that may be evicted.
    fn slow(
        &self,
        which: impl Fn(&UnverifiedMessage) -> bool,
    ) -> impl Iterator<Item = (u64, &UnverifiedMessage)> {
        let slow = self.places.iter().map(|(number, message)| (*number, message));
        slow.filter(move |(_, message)| message.phase != MessagePhase::Checking && which(message))
    }

    /// Evicts the slowest message of the peer that holds the most, by `weight`; a message without
    /// weight stays. Returns false when there is none to evict.
    fn evict_one(&mut self, now: Instant, weight: impl Fn(&UnverifiedMessage) -> usize) -> bool {
        let mut groups: HashMap<PeerGroup, usize> = HashMap::new();
        for (_, message) in self.slow(|message| weight(message) > 0) {
            *groups.entry(message.group).or_default() += weight(message);
        }
        let Some(most) = groups.values().copied().max() else { return false };
        let slowest = self
            .slow(|message| weight(message) > 0 && groups.get(&message.group) == Some(&most))
            // First messages without a body, then those without a certificate.
            .min_by_key(|(_, message)| (message.phase, std::cmp::Reverse(message.slowness(now))));
        let Some((number, _)) = slowest else { return false };
        self.remove(number);
        true
    }

    fn remove(&mut self, number: u64) {
        if let Some(message) = self.places.remove(&number) {
            self.long_bytes -= message.long_bytes;
            message.evicted.cancel();
        }
    }
}

// === impl UnverifiedMessage ===

impl UnverifiedMessage {
    /// Nanoseconds per byte.
    fn slowness(&self, now: Instant) -> u128 {
        now.duration_since(self.since).as_nanos() / (self.received as u128 + HEAD_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;

    fn peer(number: u32) -> PeerGroup {
        PeerGroup::of(Ipv4Addr::from_bits(number).into())
    }

    fn is_in(place: &AdmissionPlace) -> bool {
        !place.evicted.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn slowest_message_of_the_peer_with_most_places_goes_first() {
        let admission = SnsAdmission::default();
        let quiet = admission.enter(peer(1)).expect("a place");
        let mut slow = Vec::new();
        for _ in 0..1000 {
            advance(Duration::from_millis(1)).await;
            slow.push(admission.enter(peer(2)).expect("there is always a place"));
        }
        assert!(is_in(&quiet));
        let left = slow.iter().filter(|place| is_in(place)).count();
        assert_eq!(left, PEER_PLACES_MAX);
        assert!(slow[1000 - PEER_PLACES_MAX..].iter().all(is_in), "the oldest went first");
        // From a thousand peers.
        let mut others = Vec::new();
        for number in 10..1010 {
            advance(Duration::from_millis(1)).await;
            others.push(admission.enter(peer(number)).expect("there is always a place"));
        }
        assert_eq!(admission.state().places.len(), PLACES_MAX);
        assert!(is_in(&others[999]));
    }

    #[tokio::test(start_paused = true)]
    async fn message_that_arrives_is_faster_than_one_that_trickles() {
        let admission = SnsAdmission::default();
        let trickle = admission.enter(peer(1)).expect("a place");
        let honest = admission.enter(peer(1)).expect("a place");
        for at in 1..=20 {
            advance(Duration::from_millis(100)).await;
            trickle.charge(at, at).expect("room");
            honest.charge(at << 14, at << 14).expect("room");
        }
        admission.state().evict_one(Instant::now(), |_| 1);
        assert_eq!((is_in(&trickle), is_in(&honest)), (false, true));
    }

    #[tokio::test(start_paused = true)]
    async fn checked_messages_are_not_evicted_and_waiting_ones_after_slow_ones() {
        let admission = SnsAdmission::default();
        let mut checking = Vec::new();
        for number in 0..254 {
            let place = admission.enter(peer(number)).expect("a place");
            place.enter_phase(MessagePhase::Checking).expect("a place");
            checking.push(place);
        }
        let waiting = admission.enter(peer(1000)).expect("a place");
        waiting.enter_phase(MessagePhase::Waiting).expect("a place");
        advance(Duration::from_secs(1)).await;
        let reading = admission.enter(peer(1001)).expect("a place");
        let next = admission.enter(peer(1002)).expect("a place");
        assert_eq!((is_in(&reading), is_in(&waiting)), (false, true));
        next.enter_phase(MessagePhase::Checking).expect("a place");
        let last = admission.enter(peer(1003)).expect("a place");
        assert!(!is_in(&waiting));
        last.enter_phase(MessagePhase::Checking).expect("a place");
        assert_eq!(admission.enter(peer(1004)).expect_err("no place").reason, SnsRejection::Full);
        assert!(checking.iter().all(is_in));
        drop(checking);
        assert!(admission.enter(peer(1004)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn long_bodies_share_a_budget_and_short_ones_need_none() {
        let admission = SnsAdmission::default();
        let megabyte = 1 << 20;
        let mut long = Vec::new();
        for number in 0..40 {
            let place = admission.enter(peer(number)).expect("a place");
            place.charge(megabyte, megabyte).expect("others make room");
            long.push(place);
            assert!(admission.state().long_bytes <= LONG_BYTES_MAX);
            advance(Duration::from_millis(1)).await;
        }
        assert!(is_in(&long[39]) && !is_in(&long[0]));
        assert_eq!(
            long[0].charge(megabyte + 1, megabyte + 1).unwrap_err().reason,
            SnsRejection::Evicted
        );
        let short = admission.enter(peer(100)).expect("a place");
        short.charge(FREE_BYTES, FREE_BYTES).expect("it is free");
        long.iter().filter(|place| is_in(place)).for_each(|place| {
            place.enter_phase(MessagePhase::Checking).expect("a place");
        });
        let more = FREE_BYTES + LONG_BYTES_MAX;
        assert_eq!(short.charge(more, more).unwrap_err().reason, SnsRejection::Full);
        drop((long, short));
        let state = admission.state();
        assert_eq!((state.long_bytes, state.places.len()), (0, 0));
    }
}
