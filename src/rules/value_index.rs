//! The number that stands for a value of a metric in keys.

/// The number of one of the values of a metric; a larger number is a larger value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueIndex(pub u16);
