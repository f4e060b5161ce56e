//! Why the daemon does not start.

use std::io;
use std::net::SocketAddr;

use crate::catalog::DefinitionsError;
use crate::finding::Finding;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The definitions are invalid.
    #[error("the definitions are invalid")]
    Definitions(Vec<Finding>),
    /// Something that the configuration names does not exist or does not fit.
    #[error("{0}")]
    Configuration(String),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

// === impl StartError ===

impl From<DefinitionsError> for StartError {
    fn from(error: DefinitionsError) -> Self {
        match error {
            DefinitionsError::Faulty(findings) => Self::Definitions(findings),
            DefinitionsError::Unfit(why) | DefinitionsError::Unreadable(why) => {
                Self::Configuration(why)
            }
        }
    }
}
