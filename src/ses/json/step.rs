//! What a reader finds at a position of a text, and the limits of a value.

/// A deeper value is a fault.
pub(crate) const DEPTH_MAX: usize = 128;
/// A longer value in a stream is a fault: 16 MiB.
pub(crate) const VALUE_BYTES_MAX: usize = 16 << 20;

/// What is at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A well-formed value of this length.
    Value { len: usize },
    /// No JSON value starts here, or one that is too deep or too long.
    Fault,
    /// The text ends inside a value that is well-formed so far.
    Incomplete,
}

/// A text that ends inside a value.
pub(crate) fn at_end(text: &[u8], start: usize, bytes_max: usize) -> Step {
    if text.len() - start > bytes_max { Step::Fault } else { Step::Incomplete }
}
