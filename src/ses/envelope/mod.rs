//! Texts and wrappings: from the bytes of a file, body or record to the innermost values, each passed
//! to a visitor.
//!
//! [`text`] finds the values of a text and skips the faults between them. [`unwrap`] removes the
//! wrappings, with those removed so far in a [`path`]; [`entries`] those of the lists in [`entry_list`]. [`compression`]
//! names the compressions that are not read.
//! [`delivery`] reads the body of a Firehose request, [`data`] its Base64. [`kept`] makes values that
//! are not events readable on their own.

pub(crate) mod compression;
mod data;
pub(crate) mod delivery;
mod entries;
mod entry_list;
pub(crate) mod kept;
pub(crate) mod path;
pub(crate) mod text;
pub(crate) mod unwrap;
pub(crate) mod visitor;
