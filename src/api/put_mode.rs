//! How options are put.

/// How to treat existing options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutMode {
    Replace,
    /// Members that are not named are kept.
    Merge,
    /// Existing options are an error.
    Create,
    /// Missing options are an error.
    Update,
}
