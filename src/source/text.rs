//! A whole text, gzip or not, read into a batch.

use std::io::{self, Read};

use tokio::task::spawn_blocking;

use crate::pipeline::Batch;
use crate::pipeline::bulk::Source;
use crate::ses::Reader;

/// Reads a text on a thread of its own.
///
/// # Errors
/// Says why it cannot be read to its end.
pub async fn read_text(
    body: impl Read + Send + 'static,
    mut batch: Batch,
) -> Result<Batch, String> {
    let reading = spawn_blocking(move || {
        let Source { bytes, gzip } = Source::new(body)?;
        let rules = batch.rules();
        Reader::new(bytes).read(gzip, rules.interest(), &mut batch)?;
        io::Result::Ok(batch)
    });
    match reading.await {
        Ok(Ok(batch)) => Ok(batch),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("reading it panicked".to_owned()),
    }
}
