//! Reading an object whole into a batch, wherever it is.

use std::time::Duration;

use tokio::time::sleep;

use super::object::{Place, Stamp};
use crate::backoff::Backoff;
use crate::pipeline::Batch;
use crate::source::read_text;
#[cfg(feature = "s3")]
use crate::source::s3::Objects;

/// Times that a file is read, should that fail.
const TRIES: u32 = 3;
/// Between them at most: a person waits.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Reads objects.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Those in S3, if some are.
    #[cfg(feature = "s3")]
    pub objects: Option<Objects>,
}

// === impl Reader ===

impl Reader {
    /// Reads an object. `fresh` makes a batch, for each try. `None`: it is gone, or another by now.
    ///
    /// # Errors
    /// Says why it cannot be read, or not to its end.
    pub async fn read(
        &self,
        place: &Place,
        fresh: impl Fn() -> Batch,
    ) -> Result<Option<Batch>, String> {
        let mut backoff = Backoff::default();
        match place {
            #[cfg(feature = "s3")]
            Place::Bucket(object) => {
                let objects = self.objects.as_ref().ok_or("it is in S3, which nobody asked for")?;
                let (batch, missing) = objects.read(std::slice::from_ref(object), fresh).await?;
                Ok(missing.is_empty().then_some(batch))
            }
            Place::File { path, stamp } => {
                let failed = |why| format!("{place} cannot be read: {why}");
                for _ in 1..TRIES {
                    if let Ok(read) = read_file(path, *stamp, fresh()).await {
                        return Ok(read);
                    }
                    sleep(backoff.pause().min(PAUSE_MAX)).await;
                }
                read_file(path, *stamp, fresh()).await.map_err(failed)
            }
        }
    }
}

async fn read_file(
    path: &std::path::Path,
    stamp: Stamp,
    batch: Batch,
) -> Result<Option<Batch>, String> {
    let open = || {
        let file = stamp.open(path)?;
        file.map(|file| Ok((file.try_clone()?, file))).transpose()
    };
    let opened = open().map_err(|error: std::io::Error| error.to_string())?;
    let Some((body, file)) = opened else { return Ok(None) };
    let batch = read_text(body, batch).await?;
    let is_same = stamp.is_of(&file).map_err(|error| error.to_string())?;
    Ok(is_same.then_some(batch))
}
