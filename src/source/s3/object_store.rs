//! Where objects are read from.

use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;

use super::notification::Object;
use crate::aws::AwsError;
use crate::printable::counted;

/// An object being opened; `None`: it no longer exists, or its content has changed.
pub(crate) type ObjectOpening<'s> =
    Pin<Box<dyn Future<Output = Result<Option<ObjectDownload>, AwsError>> + Send + 's>>;

/// Where objects are read from.
pub(crate) trait ObjectStore: fmt::Debug + Send + Sync + 'static {
    /// Opens an object once; callers retry.
    fn open<'s>(&'s self, object: &'s Object) -> ObjectOpening<'s>;
}

/// A body with a known length. A download that breaks off is an error, and is never mistaken for
/// gzip that was truncated before it was stored.
pub(crate) struct ObjectDownload {
    pub body: Box<dyn Read + Send>,
    pub left: u64,
}

// === impl ObjectDownload ===

impl Read for ObjectDownload {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(into).map_err(io::Error::other)?;
        if read == 0 && self.left > 0 && !into.is_empty() {
            return Err(io::Error::other(format!(
                "{} missing at the end",
                counted(self.left, "byte")
            )));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_that_breaks_off_is_an_error_whatever_the_cause() {
        let read = |bytes: &'static [u8], left| {
            let mut all = Vec::new();
            ObjectDownload { body: Box::new(bytes), left }.read_to_end(&mut all).map(|_| all)
        };
        assert_eq!(read(b"whole", 5).expect("it is whole"), b"whole");
        let error = read(b"cut", 5).expect_err("two bytes are missing");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::Other, "2 bytes missing at the end")
        );
    }
}
