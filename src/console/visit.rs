//! Who asks for a page, and what the form says.

use std::net::SocketAddr;

use super::form::Form;
use super::{Console, WriteAccess};
use crate::config::ConsoleRole;

/// One request that passed the guard; an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// `None` where there are no users.
    pub user: Option<String>,
    pub role: ConsoleRole,
    pub peer: Option<SocketAddr>,
    /// The token that each form on the page carries.
    pub form_token: String,
    /// The directory of stylesheet and scripts.
    pub assets: String,
    /// The query of the address.
    pub query: Form,
    /// The form, of a POST.
    pub form: Form,
    pub now_ms: i64,
}

// === impl Visit ===

impl Visit {
    /// Whether this visitor may change definitions, or one sentence why not.
    pub(super) fn may_write(&self, console: &Console) -> Result<(), String> {
        match (&console.deps().write, self.role) {
            (WriteAccess::Refused(why), _) => Err(why.clone()),
            (WriteAccess::Allowed, ConsoleRole::Reader) => {
                let user = self.user.as_deref().unwrap_or("This user");
                Err(format!("{user} has the role reader, which may not change definitions."))
            }
            (WriteAccess::Allowed, ConsoleRole::Writer) => Ok(()),
        }
    }

    /// The name for the audit log.
    pub(super) fn actor(&self) -> &str {
        self.user.as_deref().unwrap_or("local")
    }
}
