//! Fields of forms: labels, hints, and errors that are tied to their fields and announced.

use maud::{Markup, html};

/// One thing that is wrong with a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    /// The id of the field; `None`: of the whole form.
    pub field: Option<String>,
    pub text: String,
}

/// Everything that is wrong with a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FormErrors(Vec<FieldError>);

/// A field for one line of text.
pub(super) struct TextField<'f> {
    /// Its id; also its name, unless that is different.
    pub id: &'f str,
    pub name: &'f str,
    pub label: &'f str,
    pub hint: Option<&'f str>,
    pub value: &'f str,
    pub is_required: bool,
    /// The id of a list of suggestions.
    pub list: Option<&'f str>,
}

// === impl FormErrors ===

impl FormErrors {
    /// One error of a field.
    pub(super) fn of(field: &str, text: impl Into<String>) -> Self {
        Self(vec![FieldError { field: Some(field.to_owned()), text: text.into() }])
    }

    /// One error of the whole form.
    pub(super) fn whole(text: impl Into<String>) -> Self {
        Self(vec![FieldError { field: None, text: text.into() }])
    }

    pub(super) fn list(&self) -> &[FieldError] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, field: &str, text: impl Into<String>) {
        self.0.push(FieldError { field: Some(field.to_owned()), text: text.into() });
    }

    /// The errors of these fields alone.
    #[must_use]
    pub(super) fn only(self, is_shown: impl Fn(&str) -> bool) -> Self {
        let of_shown = |error: &FieldError| error.field.as_deref().is_some_and(&is_shown);
        Self(self.0.into_iter().filter(of_shown).collect())
    }

    fn of_field<'e>(&'e self, id: &str) -> impl Iterator<Item = &'e FieldError> {
        self.0.iter().filter(move |error| error.field.as_deref() == Some(id))
    }

    /// All errors at the top of the form, with links to their fields. It gets the focus.
    pub(super) fn summary(&self) -> Markup {
        html! {
            @if !self.is_empty() {
                div.alert role="alert" tabindex="-1" data-focus {
                    p { strong { "Please correct this:" } }
                    ul {
                        @for error in &self.0 {
                            li {
                                @match &error.field {
                                    Some(field) => a href={ "#" (field) } { bdi { (error.text) } },
                                    None => bdi { (error.text) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The errors of a field, beside it.
    pub(super) fn beside(&self, id: &str) -> Markup {
        html! {
            @if self.of_field(id).next().is_some() {
                p.error id={ (id) "-error" } {
                    @for error in self.of_field(id) { bdi { (error.text) } " " }
                }
            }
        }
    }

    /// `aria-invalid` of a field.
    pub(super) fn invalid(&self, id: &str) -> Option<&'static str> {
        self.of_field(id).next().map(|_| "true")
    }

    /// `aria-describedby` of a field: its hint and its errors.
    pub(super) fn described(&self, id: &str, has_hint: bool) -> Option<String> {
        let hint = has_hint.then(|| format!("{id}-hint"));
        let error = self.of_field(id).next().map(|_| format!("{id}-error"));
        let ids: Vec<_> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

impl FromIterator<FieldError> for FormErrors {
    fn from_iter<I: IntoIterator<Item = FieldError>>(errors: I) -> Self {
        Self(errors.into_iter().collect())
    }
}

// === impl TextField ===

impl<'f> TextField<'f> {
    pub(super) fn new(id: &'f str, label: &'f str, value: &'f str) -> Self {
        Self { id, name: id, label, hint: None, value, is_required: false, list: None }
    }

    pub(super) fn hint(self, hint: &'f str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(super) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(super) fn render(&self, errors: &FormErrors) -> Markup {
        let Self { id, name, label, hint, value, is_required, list } = self;
        html! {
            div.field {
                label for=(id) { (label) }
                @if let Some(hint) = hint { p.hint id={ (id) "-hint" } { (hint) } }
                input id=(id) name=(name) type="text" value=(value) list=[list]
                    autocomplete="off" autocapitalize="none" spellcheck="false"
                    aria-required=[is_required.then_some("true")]
                    aria-invalid=[errors.invalid(id)]
                    aria-describedby=[errors.described(id, hint.is_some())];
                (errors.beside(id))
            }
        }
    }
}

/// A list to choose one value from: values and their texts.
pub(super) fn select(
    (id, name, label): (&str, &str, &str),
    choices: &[(&str, &str)],
    chosen: &str,
    errors: &FormErrors,
) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) aria-invalid=[errors.invalid(id)]
                aria-describedby=[errors.described(id, false)] {
                @for (value, text) in choices {
                    option value=(value) selected[*value == chosen] { (text) }
                }
                // A value that is not a choice stays visible with its error.
                @if !choices.iter().any(|(value, _)| *value == chosen) {
                    option value=(chosen) selected { (chosen) }
                }
            }
            (errors.beside(id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_beside_its_field_and_in_the_summary() {
        let errors = FormErrors::of("name", "<b>wrong</b>");
        let field = TextField::new("name", "Name", "a\"b").hint("Letters.").required();
        let text = field.render(&errors).into_string();
        assert!(text.contains("aria-invalid=\"true\""), "{text}");
        assert!(text.contains("aria-describedby=\"name-hint name-error\""), "{text}");
        assert!(text.contains("value=\"a&quot;b\""), "{text}");
        assert!(text.contains("&lt;b&gt;wrong&lt;/b&gt;") && !text.contains("<b>"), "{text}");
        let summary = errors.summary().into_string();
        assert!(summary.contains("href=\"#name\"") && summary.contains("role=\"alert\""));
        assert_eq!(FormErrors::default().summary().into_string(), "");
    }
}
