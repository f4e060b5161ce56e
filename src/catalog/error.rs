//! Errors that every kind of document has.

/// Why a document was not replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Another process changed it, or is changing it.
    Conflict,
    /// What the system or the SDK says.
    Failed(String),
}
