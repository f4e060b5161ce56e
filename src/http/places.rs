//! Limits the connections of a listener. At the limit, a connection that has not proved itself is
//! closed for a new one.
//!
//! A connection is a stranger until one of its requests, other than a health check, gets a
//! successful response. Waiting strangers (without a request in progress) can take every place, but
//! they do not block others: the oldest stranger of a peer with many of them is closed for the next
//! connection. So an attacker without a key must open connections faster than honest clients send
//! their first request, however many addresses it has. Nothing depends on the peer address alone,
//! because behind a load balancer every client has the balancer's address.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::peer_group::PeerGroup;
use super::progress::Connection;
use crate::telemetry::CloseReason;

/// How long to wait for a place before closing another stranger.
const DISPLACE_INTERVAL: Duration = Duration::from_millis(100);

/// The places of a listener. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct ConnectionPlaces {
    permits: Arc<Semaphore>,
    strangers: Arc<Mutex<Strangers>>,
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    _permit: OwnedSemaphorePermit,
    /// Its key in the map of strangers.
    number: u64,
    strangers: Arc<Mutex<Strangers>>,
}

#[derive(Debug, Default)]
struct Strangers {
    /// Oldest first.
    connections: BTreeMap<u64, (PeerGroup, Arc<Connection>)>,
    /// The number of connections of each peer.
    by_peer: HashMap<PeerGroup, usize>,
    next: u64,
}

// === impl ConnectionPlaces ===

impl ConnectionPlaces {
    pub(super) fn new(number: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(number)), strangers: Arc::default() }
    }

    /// Waits for a place. If none is free, closes a waiting stranger.
    pub(super) async fn enter(&self, connection: &Arc<Connection>) -> ConnectionPlace {
        let permit = self.permit().await;
        let number = lock(&self.strangers).add(connection);
        ConnectionPlace { _permit: permit, number, strangers: Arc::clone(&self.strangers) }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let mut has_displaced = false;
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return permit;
            }
            has_displaced = has_displaced || lock(&self.strangers).displace();
            let permit = Arc::clone(&self.permits).acquire_owned();
            // The semaphore is never closed.
            if let Ok(Ok(permit)) = timeout(DISPLACE_INTERVAL, permit).await {
                return permit;
            }
        }
    }
}

// === impl ConnectionPlace ===

impl ConnectionPlace {
    /// The connection has proved itself and keeps its place.
    pub(super) fn keep(&self) {
        lock(&self.strangers).remove(self.number);
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.keep();
    }
}

// === impl Strangers ===

impl Strangers {
    fn add(&mut self, connection: &Arc<Connection>) -> u64 {
        let peer = PeerGroup::of(connection.peer().ip());
        let number = self.next;
        self.next += 1;
        self.connections.insert(number, (peer, Arc::clone(connection)));
        *self.by_peer.entry(peer).or_default() += 1;
        number
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Connection>> {
        let (peer, connection) = self.connections.remove(&number)?;
        if let Some(connections) = self.by_peer.get_mut(&peer) {
            *connections -= 1;
            if *connections == 0 {
                self.by_peer.remove(&peer);
            }
        }
        Some(connection)
    }

    /// Closes the oldest waiting stranger of a peer that has at least the average number of them.
    fn displace(&mut self) -> bool {
        let Some(average) = self.connections.len().checked_div(self.by_peer.len()) else {
            return false;
        };
        let has_many =
            |peer: &PeerGroup| self.by_peer.get(peer).is_some_and(|number| *number >= average);
        let waiting = |(peer, connection): &(PeerGroup, Arc<Connection>)| {
            has_many(peer) && connection.awaits_head()
        };
        let oldest = self.connections.iter().find(|(_, stranger)| waiting(stranger));
        let Some(connection) = oldest.map(|(number, _)| *number).and_then(|at| self.remove(at))
        else {
            return false;
        };
        connection.report_close(CloseReason::Displaced);
        connection.displaced.notify_one();
        true
    }
}

/// A poisoned lock still protects plain maps, so a panic elsewhere must not stop the listener.
fn lock(strangers: &Mutex<Strangers>) -> MutexGuard<'_, Strangers> {
    strangers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn from(peer: &str) -> Arc<Connection> {
        Connection::new(SocketAddr::new(peer.parse().expect("an address"), 1), None)
    }

    async fn is_displaced(connection: &Connection) -> bool {
        timeout(Duration::ZERO, connection.displaced.notified()).await.is_ok()
    }

    /// Asks for a place; returns it if it is free within a second.
    async fn enter(
        places: &ConnectionPlaces,
        connection: &Arc<Connection>,
    ) -> Option<ConnectionPlace> {
        timeout(Duration::from_secs(1), places.enter(connection)).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn oldest_stranger_gives_its_place_to_the_next_connection() {
        let places = ConnectionPlaces::new(2);
        let all = ["10.0.0.1", "10.0.0.1", "10.0.0.1"].map(from);
        let first = enter(&places, &all[0]).await.expect("a free place");
        let _second = enter(&places, &all[1]).await.expect("a free place");
        let (third, ()) = tokio::join!(enter(&places, &all[2]), async {
            all[0].displaced.notified().await;
            drop(first);
        });
        assert!(third.is_some());
        assert!(!is_displaced(&all[1]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn peer_with_few_connections_keeps_them_from_a_peer_with_many() {
        let places = ConnectionPlaces::new(4);
        let all = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2"].map(from);
        let mut entered = Vec::new();
        for connection in &all {
            entered.push(enter(&places, connection).await.expect("a free place"));
        }
        assert!(enter(&places, &from("10.0.0.2")).await.is_none(), "no place is free");
        assert!(is_displaced(&all[1]).await);
        assert!(!is_displaced(&all[0]).await);
        // One stranger is closed for each waiting connection, not for each retry.
        assert!(!is_displaced(&all[2]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_proved_themselves_or_work_keep_their_places() {
        let places = ConnectionPlaces::new(2);
        let (known, working) = (from("10.0.0.1"), from("10.0.0.1"));
        let first = enter(&places, &known).await.expect("a free place");
        first.keep();
        let _second = enter(&places, &working).await.expect("a free place");
        working.turn();
        assert!(enter(&places, &from("10.0.0.2")).await.is_none());
        assert!(!is_displaced(&known).await && !is_displaced(&working).await);
        // After the response, the stranger can be closed.
        working.turn();
        assert!(enter(&places, &from("10.0.0.2")).await.is_none());
        assert!(is_displaced(&working).await);
        drop(first);
        assert!(enter(&places, &from("10.0.0.2")).await.is_some());
    }
}
