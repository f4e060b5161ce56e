//! Texts of any length: cut into blocks that are likely to end between two values, read one after
//! another or on many threads, or from a stream.

pub(crate) mod blocks;
pub(crate) mod reader;
pub(crate) mod scan;
