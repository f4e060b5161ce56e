//! Reads a whole object into a batch, from S3 or a file.

use std::time::Duration;

use tokio::time::sleep;

use super::object::{ObjectPlace, ObjectStamp};
use crate::backoff::Backoff;
use crate::intake::{MeteredBatch, ReadError, read_stream};
use crate::source::s3::Objects;

/// How often reading a file is attempted.
const TRIES: u32 = 3;
/// Maximum pause between attempts: a person is waiting.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Reads objects.
#[derive(Clone, Debug)]
pub(crate) struct ObjectReader {
    /// The S3 client, if any input is in S3.
    pub objects: Option<Objects>,
}

// === impl ObjectReader ===

impl ObjectReader {
    /// Reads an object. `fresh` creates an empty batch for each attempt. `None`: it no longer
    /// exists or has changed.
    ///
    /// # Errors
    /// The object cannot be read completely, or exceeds its budget.
    pub(crate) async fn read(
        &self,
        place: &ObjectPlace,
        fresh: impl Fn() -> MeteredBatch,
    ) -> Result<Option<MeteredBatch>, ReadError> {
        let mut backoff = Backoff::default();
        match place {
            ObjectPlace::Bucket(object) => {
                let none = || {
                    ReadError::Failed(
                        "the object is in S3, but the replay has no S3 client".to_owned(),
                    )
                };
                let objects = self.objects.as_ref().ok_or_else(none)?;
                objects.read(object, None, fresh).await
            }
            ObjectPlace::File { path, stamp } => {
                for _ in 1..TRIES {
                    match read_file(path, *stamp, fresh()).await {
                        Err(ReadError::Failed(_)) => {}
                        read => return read.map_err(|error| error.of(&place.to_string())),
                    }
                    sleep(backoff.pause().min(PAUSE_MAX)).await;
                }
                let read = read_file(path, *stamp, fresh()).await;
                read.map_err(|error| error.of(&place.to_string()))
            }
        }
    }
}

async fn read_file(
    path: &std::path::Path,
    stamp: ObjectStamp,
    reading: MeteredBatch,
) -> Result<Option<MeteredBatch>, ReadError> {
    let open = || {
        let file = stamp.open(path)?;
        file.map(|file| Ok((file.try_clone()?, file))).transpose()
    };
    let failed = |error: std::io::Error| ReadError::Failed(error.to_string());
    let Some((body, file)) = open().map_err(failed)? else { return Ok(None) };
    let reading = read_stream(body, None, reading).await?;
    Ok(stamp.is_of(&file).map_err(failed)?.then_some(reading))
}
