//! Why a record is not in the journal.

use std::borrow::Cow;

/// Why a record is not in the journal.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the journal cannot be written: {0}")]
pub(crate) struct JournalError(pub(super) Cow<'static, str>);
