//! Reading objects as they arrive.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::notification::Object;
use super::object_store::ObjectStore;
use crate::backoff::Backoff;
use crate::intake::{MeteredBatch, ReadError, read_stream};
use crate::telemetry::{Metrics, ObjectOutcome};

/// Maximum number of objects of a queue read at once. Each takes a thread, and less than a megabyte.
pub(crate) const OBJECTS_AT_ONCE: usize = 16;
/// Attempts to read an object whose download breaks off.
const TRIES: usize = 3;

/// Reads objects. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

// === impl Objects ===

impl Objects {
    /// Reads `at_once` objects at once.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn ObjectStore>, at_once: usize, metrics: Arc<Metrics>) -> Self {
        Self { store, places: Arc::new(Semaphore::new(at_once)), metrics }
    }

    /// Reads an object of at most `bytes_max` decompressed bytes. `fresh` creates an empty batch
    /// for each attempt. `None`: it no longer exists.
    ///
    /// # Errors
    /// The object cannot be read completely, or exceeds its budget.
    pub(crate) async fn read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        fresh: impl Fn() -> MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        // The semaphore is never closed; even without a permit the work would only be slower.
        let _place = self.places.acquire().await.ok();
        let mut backoff = Backoff::default();
        for left in (0..TRIES).rev() {
            let error = match self.try_read(object, bytes_max, fresh()).await {
                Ok(Some(reading)) => {
                    self.metrics.s3_objects.add(ObjectOutcome::Read, 1);
                    return Ok(Some(reading));
                }
                Ok(None) => {
                    self.metrics.s3_objects.add(ObjectOutcome::Missing, 1);
                    return Ok(None);
                }
                Err(error) => error,
            };
            if left == 0 || matches!(error, ReadError::Refused(_)) {
                self.metrics.s3_objects.add(ObjectOutcome::Failed, 1);
                return Err(error.of(&object.shown()));
            }
            tokio::time::sleep(backoff.pause()).await;
        }
        Err(ReadError::Failed("the read was not attempted".to_owned()))
    }

    async fn try_read(
        &self,
        object: &Object,
        bytes_max: Option<u64>,
        reading: MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        match self.store.open(object).await.map_err(|error| ReadError::Failed(error.to_string()))? {
            Some(body) => {
                self.metrics.s3_bytes.add(body.left);
                read_stream(body, bytes_max, reading).await.map(Some)
            }
            None => Ok(None),
        }
    }
}
