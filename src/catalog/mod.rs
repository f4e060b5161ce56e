//! The definitions in force: read from their document, changed in it, installed as rules.
//!
//! In flow the text of a [`Document`] (a file, an object in S3, an environment variable) and
//! changes asked for; out flow rules, whole or not at all. A [`Book`] holds both in step: what a
//! change was answered for is in the document and in force.

mod book;
mod compiler;
mod document;
mod file;
#[cfg(feature = "s3")]
mod remote;

pub use book::{Book, BookParts, ChangeError};
pub use compiler::{Compiled, Compiler, DefinitionsError};
pub use document::{Document, WriteError};
pub use file::FileDocument;
#[cfg(feature = "s3")]
pub use remote::Remote;
