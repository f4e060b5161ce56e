//! What the fields of a generated event say, written down as it is generated.

use super::draft::{Draft, pick};
use super::facts::FactValue;
use super::words::{BOUNCES, DELAYS, LINKS, MailDomain, ODD_BOUNCES, ODD_LINKS, ODD_REPLIES};

/// A bounce: its type, subtype, status and diagnostic code.
pub(super) struct DraftBounce {
    pub kind: &'static str,
    pub sub_kind: &'static str,
    /// Empty without one.
    pub status: &'static str,
    pub diagnostic: &'static str,
}

impl Draft<'_> {
    fn tell(&mut self, field: &'static str, value: impl Into<FactValue>) {
        self.facts.fields.insert(field, value.into());
    }

    /// What recipients have in common, or `multiple`.
    pub(super) fn tell_recipients(&mut self) {
        let common = |of: fn(&MailDomain) -> &'static str, domains: &[MailDomain]| {
            let first = domains.first().map(of)?;
            let is_common = domains.iter().all(|domain| of(domain) == first);
            Some(if is_common { first } else { "multiple" })
        };
        let (domain, provider) =
            (common(|one| one.1, &self.domains), common(|one| one.2, &self.domains));
        if let (Some(domain), Some(provider)) = (domain, provider) {
            self.tell("recipient_domain", domain);
            self.tell("mailbox_provider", provider);
        }
    }

    pub(super) fn tell_account(&mut self, account: &'static str) {
        self.tell("account", account);
    }

    pub(super) fn tell_region(&mut self, region: &'static str) {
        self.tell("region", region);
    }

    /// Whether a report complains about the mail.
    pub(super) fn tell_complaint(&mut self, feedback: &str) {
        let kind = if feedback == "not-spam" { "not-spam" } else { "complaint" };
        self.tell("complaint_kind", kind);
    }

    /// How long the delivery took, in milliseconds.
    pub(super) fn tell_processing_time(&mut self, ms: u64) {
        self.tell("processing_time", ms.to_string().as_str());
    }

    pub(super) fn choose_bounce(&mut self) -> DraftBounce {
        let at = self.rng.usize(0..BOUNCES.len());
        let (mut kind, mut sub_kind, mut status, diagnostic, mut class) = BOUNCES[at];
        if self.odd(150) {
            (kind, sub_kind, class) = ODD_BOUNCES[self.rng.usize(0..ODD_BOUNCES.len())];
        }
        // Without a report there is neither a status nor a diagnostic code.
        let mut code = if diagnostic.is_empty() { "" } else { status };
        if self.odd(150) {
            status = "";
            code = if diagnostic.contains(code) { code } else { "" };
        }
        self.tell("bounce_class", class);
        self.tell("bounce_sub_type", sub_kind);
        if !code.is_empty() {
            self.tell("smtp_status", code);
        }
        DraftBounce { kind, sub_kind, status, diagnostic }
    }

    /// The type, status and diagnostic code of a delay.
    pub(super) fn choose_delay(&mut self) -> (&'static str, &'static str, &'static str) {
        let (kind, status, diagnostic) = DELAYS[self.rng.usize(0..DELAYS.len())];
        self.tell("delay_type", kind);
        self.tell("smtp_status", status);
        (kind, status, diagnostic)
    }

    /// What the receiving server responded.
    pub(super) fn choose_reply(&mut self) -> String {
        if self.odd(100) {
            let (reply, status) = ODD_REPLIES[self.rng.usize(0..ODD_REPLIES.len())];
            if !status.is_empty() {
                self.tell("smtp_status", status);
            }
            return reply.to_owned();
        }
        self.tell("smtp_status", "2.0.0");
        format!("250 2.0.0 OK {:08x} queued as <{:06x}>", self.rng.u32(..), self.rng.u16(..))
    }

    /// Writes who opened or clicked, as SES judges it.
    pub(super) fn actor(&mut self) {
        let actor = match self.rng.u32(0..20) {
            0..7 => {
                self.member("isBotEvent", "Likely");
                "machine"
            }
            7..19 if self.odd(100) => {
                let json = pick(self.rng, &["null", "true", "\"\"", "[\"Unlikely\"]"]);
                self.raw("isBotEvent", json);
                "unknown"
            }
            7..19 => {
                self.member("isBotEvent", "Unlikely");
                "human"
            }
            _ => "unknown",
        };
        self.tell("actor", actor);
    }

    pub(super) fn choose_link(&mut self) -> &'static str {
        let (mut link, mut host) = LINKS[self.rng.usize(0..LINKS.len())];
        if self.odd(150) {
            (link, host) = ODD_LINKS[self.rng.usize(0..ODD_LINKS.len())];
        }
        if !host.is_empty() {
            self.tell("link_domain", host);
        }
        link
    }
}
