//! Mailbox providers by the domains of their addresses.
//!
//! A company's domain that Google or Microsoft hosts is not in the table: the address alone does not
//! say who hosts it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::domain::normal;
use super::provider_table::PROVIDERS;
use crate::ses::json::raw::Text;

/// The provider of a domain that is not in the table.
pub(crate) const OTHER_PROVIDER: &str = "other";

/// The value for recipients of several domains or providers. Not a provider.
pub(crate) const SEVERAL_PROVIDERS: &str = "multiple";

/// Providers by domain: the built-in ones, and those of a file.
#[derive(Clone, Debug)]
pub(crate) struct MailboxProviders(HashMap<Box<[u8]>, Cow<'static, str>, RandomState>);

// === impl MailboxProviders ===

impl Default for MailboxProviders {
    /// The built-in table.
    fn default() -> Self {
        let pairs = PROVIDERS.iter().flat_map(|(provider, domains)| {
            let provider = Cow::Borrowed(*provider);
            domains.split(' ').map(move |domain| (domain.as_bytes().into(), provider.clone()))
        });
        Self(pairs.collect())
    }
}

impl MailboxProviders {
    /// The built-in table, which is made when it is first needed.
    pub(in crate::ses::event) fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<MailboxProviders> = LazyLock::new(MailboxProviders::default);
        &BUILT_IN
    }

    /// A domain in the spelling of the table, from one in any case and script; `None` if it is blank.
    pub(crate) fn domain(text: &str) -> Option<Box<[u8]>> {
        normal(text.as_bytes().into()).map(|domain| domain.into_owned().into())
    }

    /// Adds a domain, or gives a known one another provider.
    pub(crate) fn insert(&mut self, domain: Box<[u8]>, provider: String) {
        self.0.insert(domain, Cow::Owned(provider));
    }

    /// How many different values recipients can have.
    #[must_use]
    pub(crate) fn values(&self) -> usize {
        let mut providers: HashSet<&str> = self.0.values().map(|provider| &**provider).collect();
        providers.extend([OTHER_PROVIDER, SEVERAL_PROVIDERS]);
        providers.len()
    }

    /// The provider of a domain in lower case.
    pub(super) fn of<'a>(&self, domain: &[u8]) -> Text<'a> {
        match self.0.get(domain) {
            None => OTHER_PROVIDER.as_bytes().into(),
            Some(Cow::Borrowed(provider)) => provider.as_bytes().into(),
            Some(Cow::Owned(provider)) => provider.clone().into_bytes().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::provider_table::MAILBOX_PROVIDERS_VERSION;
    use super::*;

    #[test]
    fn table_has_each_domain_once_in_the_spelling_that_is_looked_up() {
        let mut seen = HashSet::new();
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        for (provider, domains) in PROVIDERS {
            assert!(provider.bytes().all(is_name) && !domains.is_empty(), "{provider}");
            assert!(![OTHER_PROVIDER, SEVERAL_PROVIDERS].contains(provider), "{provider}");
            for domain in domains.split(' ') {
                let domain = domain.as_bytes();
                assert_eq!(normal(domain.into()).as_deref(), Some(domain));
                assert!(domain.contains(&b'.') && seen.insert(domain), "{}", domain.escape_ascii());
            }
        }
        let page = std::fs::read_to_string("docs/reference/definitions.md").expect("the page");
        assert!(page.contains(&format!("(version {MAILBOX_PROVIDERS_VERSION})")));
        assert!(page.contains(&format!("{} public mail services", PROVIDERS.len())));
    }

    #[test]
    fn domains_of_a_file_are_added_and_replace_built_in_ones() {
        let mut providers = MailboxProviders::default();
        let of = |providers: &MailboxProviders, domain: &str| {
            String::from_utf8(providers.of(domain.as_bytes()).into_owned()).unwrap()
        };
        for (domain, provider) in [
            ("gmail.com", "gmail"),
            ("googlemail.com", "gmail"),
            ("hotmail.co.uk", "microsoft"),
            ("yahoo.co.jp", "yahoo-japan"),
            ("icloud.com", "apple"),
            ("example.com", "other"),
            ("mail.gmail.com", "other"),
        ] {
            assert_eq!(of(&providers, domain), provider, "{domain}");
        }
        for (domain, provider) in
            [("Example.COM", "own"), ("b\u{fc}cher.example", "books"), ("gmail.com", "other")]
        {
            let domain = MailboxProviders::domain(domain).expect("it is not blank");
            providers.insert(domain, provider.to_owned());
        }
        assert_eq!(MailboxProviders::domain(" "), None);
        assert_eq!(of(&providers, "example.com"), "own");
        assert_eq!(of(&providers, "xn--bcher-kva.example"), "books");
        assert_eq!(of(&providers, "gmail.com"), "other");
    }
}
