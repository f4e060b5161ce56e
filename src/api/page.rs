//! Lists of configuration sets, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ApiError;
use super::output::OperationOutput;
use crate::definitions::{ANY_CONFIGURATION_SET, Definitions};

/// Maximum number of names on a page.
pub(super) const PAGE_MAX: usize = 1000;

/// Selects the names to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SetsPage {
    /// Names that contain this, ignoring case.
    pub contains: Option<String>,
    pub size: usize,
    /// Names after the last name of the previous page.
    pub token: Option<String>,
}

// === impl SetsPage ===

impl SetsPage {
    /// The names, sorted, so that pages stay consistent when sets are created or deleted between
    /// them. The set `*` is omitted, because SES does not have it.
    pub(super) fn of(&self, definitions: &Definitions) -> Result<OperationOutput, ApiError> {
        let after = self.token.as_deref().map(after).transpose()?;
        let contains = self.contains.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_wanted = |name: &str| name.to_ascii_lowercase().contains(&contains);
        let names = definitions.configuration_sets.iter().map(|set| set.name.as_str());
        let mut names: Vec<&str> = names
            .filter(|name| *name != ANY_CONFIGURATION_SET && is_wanted(name))
            .filter(|name| after.as_deref().is_none_or(|after| *name > after))
            .collect();
        names.sort_unstable();
        let more = names.len() > self.size;
        names.truncate(self.size);
        let next = names.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(last));
        Ok(OperationOutput::Sets { names: names.into_iter().map(str::to_owned).collect(), next })
    }
}

/// The last name of the previous page.
fn after(token: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    decoded.ok_or_else(|| ApiError::bad_request("The NextToken is not valid."))
}
