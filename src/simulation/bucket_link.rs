//! The connection of one life to the bucket whose objects messages name.

use std::future::pending;
use std::io::Cursor;
use std::time::Duration;

use tokio::time::sleep;

use super::queue::SharedQueue;
use super::requests::Requests;
use super::weather::QueueWeather;
use super::world::{Alive, World};
use crate::aws::AwsError;
use crate::source::s3::{Object, ObjectDownload, ObjectOpening, ObjectStore};

/// The connection of one life to a bucket.
#[derive(Debug)]
pub(super) struct BucketLink {
    pub requests: Requests,
    /// It fails when the first queue does.
    pub queue: SharedQueue,
    pub alive: Alive,
    pub world: World,
}

// === impl BucketLink ===

impl BucketLink {
    async fn get(&self, object: &Object) -> Result<Option<ObjectDownload>, AwsError> {
        let (fails, is_cut, takes_ms) = {
            let mut queue = self.queue.state();
            let fails = match queue.weather {
                QueueWeather::Fair => false,
                QueueWeather::Failing => queue.rng.bool(),
                QueueWeather::Away => true,
            };
            (fails, queue.rng.u8(0..8) == 0, queue.rng.u64(5..200))
        };
        sleep(Duration::from_millis(takes_ms)).await;
        if self.alive.is_dead() {
            pending::<()>().await;
        }
        if fails {
            self.world.fault("object not readable");
            return Err(AwsError::unreachable("the bucket is away"));
        }
        let number: usize = object.key[1..].parse().expect("a key of this bucket");
        let mut bytes = self.requests.inner().requests[number].body.clone();
        let left = bytes.len() as u64;
        if is_cut {
            self.world.fault("object breaks off");
            bytes.truncate(bytes.len() / 2);
        }
        Ok(Some(ObjectDownload { body: Box::new(Cursor::new(bytes)), left }))
    }
}

impl ObjectStore for BucketLink {
    fn open<'s>(&'s self, object: &'s Object) -> ObjectOpening<'s> {
        Box::pin(self.get(object))
    }
}
