//! JSON as bytes, without any meaning: what is valid, where it ends, and how strings are decoded.
//!
//! [`frames`] checks lists and objects, [`scalar`] other values, [`strings`] strings; [`fault`] says for
//! people where a value is at fault. A valid value
//! stays bytes, a [`raw::Raw`], until it is accessed.
//!
//! [`string_ends`] (with [`unusual`]) and [`walk`] are the two stages of the fast reader.

pub(crate) mod fault;
pub(crate) mod frames;
pub(crate) mod raw;
pub(crate) mod scalar;
pub(crate) mod space;
pub(crate) mod step;
pub(crate) mod string_ends;
pub(crate) mod strings;
mod unusual;
pub(crate) mod walk;
