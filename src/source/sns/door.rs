//! The door: messages whose signature is not verified yet.
//!
//! Anyone can post, and post slowly. So unverified messages have places and bytes of their own, and
//! each body must arrive within seconds. A new message is never rejected because others are slow:
//! it takes the place of the slowest one, preferably of the peer that holds the most. Behind a load
//! balancer all messages have one peer, and the slowest is still evicted first. A message whose
//! body has arrived is not evicted, unless its certificate is being fetched.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::judge::Doubted;
use crate::limits::SNS_BODY_BYTES_MAX;
use crate::telemetry::SnsDoubt;

/// Maximum number of messages at the door, and of slow messages from one peer.
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

/// The sender's network: an IPv4 address, or the /64 network of an IPv6 address, which a single
/// host may own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerGroup(IpAddr);

/// The door. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Door(Arc<Mutex<DoorState>>);

/// A message's place at the door; released when dropped.
#[derive(Debug)]
pub(super) struct DoorPlace {
    door: Door,
    number: u64,
    group: PeerGroup,
    evicted: CancellationToken,
}

#[derive(Debug, Default)]
struct DoorState {
    places: HashMap<u64, HeldMessage>,
    next: u64,
    /// Memory beyond the free bytes of each message.
    long_bytes: usize,
}

/// The state of a message at the door.
#[derive(Debug)]
struct HeldMessage {
    group: PeerGroup,
    since: Instant,
    /// Bytes that have arrived.
    received: usize,
    /// Memory beyond the free bytes.
    long_bytes: usize,
    phase: Phase,
    evicted: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The body has not arrived yet.
    Reading,
    /// The certificate has not arrived yet.
    Waiting,
    /// Being verified, which takes only a moment.
    Checking,
}

// === impl PeerGroup ===

impl PeerGroup {
    #[must_use]
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Ipv6Addr::from_bits(network).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

// === impl Door ===

impl Door {
    /// Admits a message.
    ///
    /// # Errors
    /// Every place has a message that is being verified.
    pub(super) fn enter(&self, group: PeerGroup) -> Result<DoorPlace, Doubted> {
        let now = Instant::now();
        let mut state = self.state();
        if state.slow(|held| held.group == group).count() >= PEER_PLACES_MAX {
            state.evict_one(now, |held| usize::from(held.group == group));
        }
        if state.places.len() >= PLACES_MAX && !state.evict_one(now, |_| 1) {
            let why = "too many messages are being verified";
            return Err(Doubted { doubt: SnsDoubt::Full, why: why.into() });
        }
        let number = state.next;
        state.next += 1;
        let evicted = CancellationToken::new();
        let (phase, received, long_bytes) = (Phase::Reading, 0, 0);
        let held = HeldMessage {
            group,
            since: now,
            received,
            long_bytes,
            phase,
            evicted: evicted.clone(),
        };
        state.places.insert(number, held);
        drop(state);
        Ok(DoorPlace { door: self.clone(), number, group, evicted })
    }

    fn state(&self) -> MutexGuard<'_, DoorState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl DoorPlace ===

impl DoorPlace {
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
    ) -> Result<Bytes, Doubted> {
        let too_large = || {
            let why = format!("the body is larger than {SNS_BODY_BYTES_MAX} bytes");
            Doubted { doubt: SnsDoubt::TooLarge, why: why.into() }
        };
        let incomplete =
            |why: &'static str| Doubted { doubt: SnsDoubt::Incomplete, why: why.into() };
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
        self.enter_phase(Phase::Checking)?;
        Ok(bytes.into())
    }

    /// Waits for something that the message needs; it may be evicted meanwhile.
    ///
    /// # Errors
    /// It was evicted.
    pub(super) async fn wait_for<T>(&self, needed: impl Future<Output = T>) -> Result<T, Doubted> {
        self.enter_phase(Phase::Waiting)?;
        let done = tokio::select! {
            biased;
            () = self.evicted.cancelled() => return Err(evicted()),
            done = needed => done,
        };
        self.enter_phase(Phase::Checking)?;
        Ok(done)
    }

    fn enter_phase(&self, phase: Phase) -> Result<(), Doubted> {
        let mut state = self.door.state();
        state.places.get_mut(&self.number).ok_or_else(evicted)?.phase = phase;
        Ok(())
    }

    /// Updates the received bytes and the memory of a message; evicts others to make room.
    fn charge(&self, received: usize, memory: usize) -> Result<(), Doubted> {
        let long_bytes = memory.saturating_sub(FREE_BYTES);
        let mut state = self.door.state();
        let held = state.places.get_mut(&self.number).ok_or_else(evicted)?;
        held.received = received;
        let more = long_bytes - held.long_bytes;
        if more == 0 {
            return Ok(());
        }
        // Protects the message from being evicted by itself.
        let phase = std::mem::replace(&mut held.phase, Phase::Checking);
        while state.long_bytes + more > LONG_BYTES_MAX {
            if !state.evict_one(Instant::now(), |held| held.long_bytes) {
                let why = "too many bytes of messages are being verified";
                return Err(Doubted { doubt: SnsDoubt::Full, why: why.into() });
            }
        }
        state.long_bytes += more;
        if let Some(held) = state.places.get_mut(&self.number) {
            held.phase = phase;
            held.long_bytes = long_bytes;
        }
        Ok(())
    }
}

impl Drop for DoorPlace {
    fn drop(&mut self) {
        self.door.state().remove(self.number);
    }
}

fn evicted() -> Doubted {
    let why = "dropped: slower than messages that arrived later";
    Doubted { doubt: SnsDoubt::Evicted, why: why.into() }
}

// === impl State ===

impl DoorState {
    /// Messages that may be evicted.
    fn slow(
        &self,
        which: impl Fn(&HeldMessage) -> bool,
    ) -> impl Iterator<Item = (u64, &HeldMessage)> {
        let slow = self.places.iter().map(|(number, held)| (*number, held));
        slow.filter(move |(_, held)| held.phase != Phase::Checking && which(held))
    }

    /// Evicts the slowest message of the peer that holds the most, by `weight`; a message without
    /// weight stays. Returns false when there is none to evict.
    fn evict_one(&mut self, now: Instant, weight: impl Fn(&HeldMessage) -> usize) -> bool {
        let mut groups: HashMap<PeerGroup, usize> = HashMap::new();
        for (_, held) in self.slow(|held| weight(held) > 0) {
            *groups.entry(held.group).or_default() += weight(held);
        }
        let Some(most) = groups.values().copied().max() else { return false };
        let slowest = self
            .slow(|held| weight(held) > 0 && groups.get(&held.group) == Some(&most))
            // First messages without a body, then those without a certificate.
            .min_by_key(|(_, held)| (held.phase, std::cmp::Reverse(held.slowness(now))));
        let Some((number, _)) = slowest else { return false };
        self.remove(number);
        true
    }

    fn remove(&mut self, number: u64) {
        if let Some(held) = self.places.remove(&number) {
            self.long_bytes -= held.long_bytes;
            held.evicted.cancel();
        }
    }
}

// === impl Held ===

impl HeldMessage {
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

    fn is_in(place: &DoorPlace) -> bool {
        !place.evicted.is_cancelled()
    }

    #[test]
    fn ipv6_peers_are_grouped_by_network() {
        let group = |text: &str| PeerGroup::of(text.parse().expect("an address"));
        assert_eq!(group("2001:db8::1"), group("2001:db8::ffff:1"));
        assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
        assert_ne!(group("10.0.0.1"), group("10.0.0.2"));
        assert_eq!(group("::ffff:10.0.0.1"), group("10.0.0.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn slowest_message_of_the_peer_with_most_places_goes_first() {
        let door = Door::default();
        let quiet = door.enter(peer(1)).expect("a place");
        let mut slow = Vec::new();
        for _ in 0..1000 {
            advance(Duration::from_millis(1)).await;
            slow.push(door.enter(peer(2)).expect("there is always a place"));
        }
        assert!(is_in(&quiet));
        let left = slow.iter().filter(|place| is_in(place)).count();
        assert_eq!(left, PEER_PLACES_MAX);
        assert!(slow[1000 - PEER_PLACES_MAX..].iter().all(is_in), "the oldest went first");
        // From a thousand peers.
        let mut others = Vec::new();
        for number in 10..1010 {
            advance(Duration::from_millis(1)).await;
            others.push(door.enter(peer(number)).expect("there is always a place"));
        }
        assert_eq!(door.state().places.len(), PLACES_MAX);
        assert!(is_in(&others[999]));
    }

    #[tokio::test(start_paused = true)]
    async fn message_that_arrives_is_faster_than_one_that_trickles() {
        let door = Door::default();
        let trickle = door.enter(peer(1)).expect("a place");
        let honest = door.enter(peer(1)).expect("a place");
        for at in 1..=20 {
            advance(Duration::from_millis(100)).await;
            trickle.charge(at, at).expect("room");
            honest.charge(at << 14, at << 14).expect("room");
        }
        door.state().evict_one(Instant::now(), |_| 1);
        assert_eq!((is_in(&trickle), is_in(&honest)), (false, true));
    }

    #[tokio::test(start_paused = true)]
    async fn checked_messages_are_not_evicted_and_waiting_ones_after_slow_ones() {
        let door = Door::default();
        let mut checking = Vec::new();
        for number in 0..254 {
            let place = door.enter(peer(number)).expect("a place");
            place.enter_phase(Phase::Checking).expect("a place");
            checking.push(place);
        }
        let waiting = door.enter(peer(1000)).expect("a place");
        waiting.enter_phase(Phase::Waiting).expect("a place");
        advance(Duration::from_secs(1)).await;
        let reading = door.enter(peer(1001)).expect("a place");
        let next = door.enter(peer(1002)).expect("a place");
        assert_eq!((is_in(&reading), is_in(&waiting)), (false, true));
        next.enter_phase(Phase::Checking).expect("a place");
        let last = door.enter(peer(1003)).expect("a place");
        assert!(!is_in(&waiting));
        last.enter_phase(Phase::Checking).expect("a place");
        assert_eq!(door.enter(peer(1004)).expect_err("no place").doubt, SnsDoubt::Full);
        assert!(checking.iter().all(is_in));
        drop(checking);
        assert!(door.enter(peer(1004)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn long_bodies_share_a_budget_and_short_ones_need_none() {
        let door = Door::default();
        let megabyte = 1 << 20;
        let mut long = Vec::new();
        for number in 0..40 {
            let place = door.enter(peer(number)).expect("a place");
            place.charge(megabyte, megabyte).expect("others make room");
            long.push(place);
            assert!(door.state().long_bytes <= LONG_BYTES_MAX);
            advance(Duration::from_millis(1)).await;
        }
        assert!(is_in(&long[39]) && !is_in(&long[0]));
        assert_eq!(
            long[0].charge(megabyte + 1, megabyte + 1).unwrap_err().doubt,
            SnsDoubt::Evicted
        );
        let short = door.enter(peer(100)).expect("a place");
        short.charge(FREE_BYTES, FREE_BYTES).expect("it is free");
        long.iter().filter(|place| is_in(place)).for_each(|place| {
            place.enter_phase(Phase::Checking).expect("a place");
        });
        let more = FREE_BYTES + LONG_BYTES_MAX;
        assert_eq!(short.charge(more, more).unwrap_err().doubt, SnsDoubt::Full);
        drop((long, short));
        let state = door.state();
        assert_eq!((state.long_bytes, state.places.len()), (0, 0));
    }
}
