//! The fields of a form, in order; a name may be repeated.

/// Most bytes of a form.
pub(super) const FORM_BYTES_MAX: usize = 1 << 20;
/// Most fields of a form.
const FIELDS_MAX: usize = 2000;

/// The field that has the form token.
pub(super) const TOKEN_FIELD: &str = "form_token";

/// A form that was sent, or the query of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

// === impl Form ===

impl Form {
    /// Reads a form; `None` if it has too many fields.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields: Vec<_> =
            form_urlencoded::parse(body).into_owned().take(FIELDS_MAX + 1).collect();
        (fields.len() <= FIELDS_MAX).then_some(Self(fields))
    }

    /// The first value of a field; empty if it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether the field is there, as a checked box or the pressed button.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_keeps_repeated_fields_in_order_and_is_bounded() {
        let form = Form::parse(b"type=SEND&name=a%26b+c&type=BOUNCE&remove.3=x").expect("small");
        assert_eq!(form.all("type").collect::<Vec<_>>(), ["SEND", "BOUNCE"]);
        assert_eq!((form.text("name"), form.text("none"), form.has("none")), ("a&b c", "", false));
        assert!(Form::parse("a=1&".repeat(FIELDS_MAX).as_bytes()).is_some());
        assert!(Form::parse("a=1&".repeat(FIELDS_MAX + 1).as_bytes()).is_none());
    }
}
