//! The file that adds mailbox providers to the built-in ones, or moves their domains.
//!
//! ```toml
//! [providers]
//! my-company = ["example.com", "example.net"]
//! ```

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::definitions::is_dimension_value;
use crate::finding::{Finding, Place, Severity};
use crate::ses::{MailboxProviders, SEVERAL_PROVIDERS};

/// Reads a file and adds its providers to the built-in ones; `None` without a file.
///
/// # Errors
/// The file cannot be read, or is invalid: all findings, one per line.
pub(crate) fn load(path: Option<&Path>) -> Result<Option<Arc<MailboxProviders>>, String> {
    let Some(path) = path else { return Ok(None) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the mailbox providers in {name}: {error}"))?;
    let providers = read(&name, &text).map_err(|findings| {
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Some(Arc::new(providers)))
}

/// Reads the text of a file.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn read(name: &str, text: &str) -> Result<MailboxProviders, Vec<Finding>> {
    let mut file = ProvidersFile { name, text, findings: Vec::new(), seen: HashMap::new() };
    let (table, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let at = fault.span().map_or(0, |span| span.start);
        file.error(
            at,
            "",
            fault.message(),
            "correct this line; see https://toml.io for the syntax",
        );
    }
    if faults.is_empty() {
        file.read_top(table.get_ref());
    }
    if !file.findings.is_empty() {
        return Err(file.findings);
    }
    let mut providers = MailboxProviders::default();
    for (domain, provider) in file.seen {
        providers.insert(domain, provider);
    }
    Ok(providers)
}

struct ProvidersFile<'t> {
    name: &'t str,
    text: &'t str,
    findings: Vec<Finding>,
    /// The provider of each domain.
    seen: HashMap<Box<[u8]>, String>,
}

// === impl ProvidersFile ===

impl ProvidersFile<'_> {
    fn error(&mut self, at: usize, path: &str, what: &str, fix: &str) {
        self.findings.push(Finding {
            severity: Severity::Error,
            place: Place::in_text(self.name, self.text, at),
            path: path.to_owned(),
            what: what.to_owned(),
            fix: fix.to_owned(),
        });
    }

    fn read_top(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let at = key.span().start;
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("providers", DeValue::Table(providers)) => {
                    let mut providers: Vec<_> = providers.iter().collect();
                    // In the order of the file, so that the second of two equal domains is the fault.
                    providers.sort_by_key(|(provider, _)| provider.span().start);
                    for (provider, domains) in providers {
                        self.read_provider(provider.get_ref(), provider.span().start, domains);
                    }
                }
                ("providers", _) => {
                    let fix = "write `[providers]` with a line for each provider";
                    self.error(at, "providers", "providers is not a section", fix);
                }
                _ => self.error(at, "", "unknown key", "write providers below `[providers]`"),
            }
        }
    }

    fn read_provider(&mut self, provider: &str, at: usize, domains: &Spanned<DeValue<'_>>) {
        if !is_dimension_value(provider.as_bytes()) {
            let fix = "use 1 to 255 characters (A-Z a-z 0-9 _ . @ -)";
            return self.error(at, "providers", "the name of a provider is not valid", fix);
        }
        let path = format!("providers.{provider}");
        if provider == SEVERAL_PROVIDERS {
            let fix = "choose another name: this one stands for recipients of several providers";
            return self.error(at, &path, "the name is reserved", fix);
        }
        let DeValue::Array(list) = domains.get_ref() else {
            let fix = "write a list, such as [\"example.com\"]";
            return self.error(domains.span().start, &path, "the domains are not a list", fix);
        };
        for domain in list {
            let at = domain.span().start;
            let text = domain.get_ref().as_str().unwrap_or_default();
            match MailboxProviders::domain(text).filter(|domain| is_dimension_value(domain)) {
                Some(domain) if self.seen.contains_key(&domain) => {
                    self.error(at, &path, "the domain is listed twice", "keep one");
                }
                Some(domain) => _ = self.seen.insert(domain, provider.to_owned()),
                None => {
                    let fix = "write the part of the addresses behind @, such as \"example.com\"";
                    self.error(at, &path, "this is not a domain", fix);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        read("f", text).expect_err("it is refused").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shipped_file_is_valid() {
        let shipped = include_str!("../config/mailbox-providers.toml");
        assert!(read("f", shipped).is_ok());
        assert!(read("f", "").is_ok());
        assert!(load(None).is_ok_and(|providers| providers.is_none()));
        assert!(load(Some(Path::new("no/such/file"))).is_err_and(|why| why.contains("no/such")));
    }

    #[test]
    fn all_faults_are_found_with_place_and_fix() {
        let text = "[providers]\nmultiple = [\"a.example\"]\nown = \"a.example\"\n\
                    two = [\"A.example\", \"b.example\"]\n\"a b\" = []\n\
                    three = [\"a.example\", \"x@y.example/\", 7, \"\"]\n[other]\n";
        let faults = faults(text);
        let starts = [
            "f:2:1: providers.multiple: the name is reserved; ",
            "f:3:7: providers.own: the domains are not a list; ",
            "f:5:1: providers: the name of a provider is not valid; ",
            "f:6:10: providers.three: the domain is listed twice; ",
            "f:6:23: providers.three: this is not a domain; ",
            "f:6:39: providers.three: this is not a domain; ",
            "f:6:42: providers.three: this is not a domain; ",
            "f:7:2: unknown key; ",
        ];
        for start in starts {
            assert!(faults.iter().any(|fault| fault.starts_with(start)), "{start}: {faults:#?}");
        }
        assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    }

    #[test]
    fn broken_syntax_is_named() {
        assert!(faults("[providers\n")[0].starts_with("f:1:"));
        assert!(faults("providers = 7")[0].contains("not a section"));
    }
}
