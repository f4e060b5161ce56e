//! What a visitor keeps of a value that is not an event: bytes that read alone as they did in place.

use std::borrow::Cow;

use super::text::BYTE_ORDER_MARK;
use crate::ses::gunzip::is_gzip;

/// Stands for a truncated gzip stream whose readable part was kept: gzip that ends at once.
pub(crate) const TORN_GZIP: &[u8] = &[0x1f, 0x8b];

/// Stands for the lists that a text leaves open: one of them.
pub(crate) const OPEN_LIST: &[u8] = b"[";

/// Wraps an entry of a list in an object with that list, because alone it would be read as a value.
pub(crate) fn in_list(name: &str, entry: &[u8]) -> Vec<u8> {
    [b"{\"", name.as_bytes(), b"\":[", entry, b"]}"].concat()
}

/// Wraps a record of a Firehose request in a request.
pub(crate) fn in_request(record: &[u8]) -> Vec<u8> {
    [b"{\"requestId\":\"\",\"records\":[", record, b"]}"].concat()
}

/// A fault as it was inside a text. At the start of a text some bytes have a special meaning; after
/// a space they do not.
pub(crate) fn in_text(fault: &[u8]) -> Cow<'_, [u8]> {
    if is_gzip(fault) || fault.starts_with(BYTE_ORDER_MARK) {
        [b" ", fault].concat().into()
    } else {
        fault.into()
    }
}
