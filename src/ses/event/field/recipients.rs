//! The domain and the mailbox provider of the recipients that an event names.

use super::domain::domain_of_address;
use super::mailbox_providers::{MailboxProviders, SEVERAL_PROVIDERS};
use crate::ses::event::identity::recipient;
use crate::ses::json::raw::{Raw, Text};

/// What the recipients have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipients<'a> {
    /// `None` without a recipient that has a domain.
    pub domain: Option<Text<'a>>,
    pub provider: Option<Text<'a>>,
}

/// Reads a list of recipients: addresses, or objects with an `emailAddress`.
pub(super) fn read<'a>(list: Raw<'a>, providers: &MailboxProviders) -> Recipients<'a> {
    let mut common = Recipients::default();
    for domain in list.elements().filter_map(recipient).filter_map(domain_of_address) {
        combine(&mut common.provider, providers.of(&domain));
        combine(&mut common.domain, domain);
        // Only different domains have different providers.
        if common.provider.as_deref() == Some(SEVERAL_PROVIDERS.as_bytes()) {
            break;
        }
    }
    common
}

fn combine<'a>(common: &mut Option<Text<'a>>, next: Text<'a>) {
    match common {
        None => *common = Some(next),
        Some(common) if *common == next => {}
        Some(common) => *common = SEVERAL_PROVIDERS.as_bytes().into(),
    }
}
