//! Texts and wrappings: from the bytes of a file, body or record to the innermost values, each passed
//! to a visitor.
//!
//! [`text`] finds the values of a text and skips the faults between them. [`unwrap`] removes the
//! wrappings of SNS, SQS, `EventBridge` and Firehose, with those removed so far in a [`path`].
//! [`delivery`] reads the body of a Firehose request, [`data`] its Base64. [`kept`] makes values that
//! are not events readable on their own.

mod data;
pub(crate) mod delivery;
pub(crate) mod kept;
pub(crate) mod path;
pub(crate) mod text;
pub(crate) mod unwrap;
pub(crate) mod visitor;
