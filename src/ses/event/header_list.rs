//! Whether the headers that an event lists are all that its mail had.

use crate::ses::json::raw::Raw;

/// The `mail.headers` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderList {
    Whole,
    /// SES cut it off after 10 KB (`mail.headersTruncated`), so a header that it lacks may have been
    /// there.
    Truncated,
    /// Absent or empty.
    Nothing,
}

// === impl HeaderList ===

impl HeaderList {
    /// That of an event, as received.
    #[must_use]
    pub(crate) fn of(event: &[u8]) -> Self {
        let mail = Raw::new(event).member("mail");
        let truncated = mail.member("headersTruncated");
        // The documentation of SES shows a text, events hold a boolean.
        let is_truncated = truncated.bytes() == b"true"
            || truncated.text().is_some_and(|text| text.eq_ignore_ascii_case(b"true"));
        if is_truncated {
            Self::Truncated
        } else if mail.member("headers").elements().next().is_some() {
            Self::Whole
        } else {
            Self::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_whole_truncated_or_nothing() {
        let of = |mail: &str| HeaderList::of(format!("{{\"mail\":{{{mail}}}}}").as_bytes());
        let headers = r#""headers":[{"name":"A","value":"b"}]"#;
        assert_eq!(of(headers), HeaderList::Whole);
        assert_eq!(of(&format!("{headers},\"headersTruncated\":false")), HeaderList::Whole);
        for truncated in ["true", "\"true\"", "\"True\""] {
            let truncated = format!("\"headersTruncated\":{truncated}");
            assert_eq!(of(&format!("{headers},{truncated}")), HeaderList::Truncated);
            assert_eq!(of(&truncated), HeaderList::Truncated);
        }
        for nothing in ["", r#""headers":[]"#, r#""headers":"A""#, r#""headers":null"#] {
            assert_eq!(of(nothing), HeaderList::Nothing, "{nothing}");
        }
    }
}
