//! The active definitions: read from their document, changed in it, and installed as rules.
//!
//! In flow the text of a [`Document`] (a file, an object in S3, an environment variable) and
//! requested changes; out flow rules, never in part. A [`Book`] keeps both in step: a confirmed
//! change is in the document and active.

mod book;
mod compiler;
mod document;
mod file;
mod remote;

pub use book::{Book, BookParts, ChangeError};
pub use compiler::{Compiled, Compiler, DefinitionsError};
pub use document::{Document, DocumentError, WriteError};
pub use file::FileDocument;
pub use remote::Remote;
