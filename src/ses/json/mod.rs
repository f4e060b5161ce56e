//! JSON as bytes, without any meaning: what is valid, where it ends, and how strings are decoded.
//!
//! [`frames`] checks lists and objects, [`scalar`] other values, [`strings`] strings. A valid value
//! stays bytes, a [`raw::Raw`], until it is accessed.

pub(crate) mod frames;
pub(crate) mod raw;
pub(crate) mod scalar;
pub(crate) mod step;
pub(crate) mod strings;
