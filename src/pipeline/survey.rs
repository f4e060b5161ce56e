//! What a plan wants to know about the values of dimensions: which there are, which would be
//! invalid at SES, and where defaults are taken.
//!
//! In flow the events of each CloudWatch destination; out flow a [`DimensionSurvey`] for each of its
//! dimensions. Destinations are told apart by their namespace, so the caller gives each its own.
//! The number of distinct values is limited; further ones are only counted. Of an invalid text, only
//! its form is kept.

use std::collections::BTreeMap;

use crate::aggregate::Delta;
use crate::rules::{InvalidValue, MetricRule, ValueOrigin};
use crate::ses::{Event, EventType};

/// How many values of all dimensions are remembered.
const VALUES_MAX: usize = 100_000;
/// How many forms of invalid texts are remembered.
const FORMS_MAX: usize = 1_000;
/// The characters of a form that are kept.
const FORM_CHARS_MAX: usize = 40;

/// Values of dimensions and how often each was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    values: Delta,
    /// Invalid texts by their form, and by what makes them invalid.
    forms: Delta,
    /// Further values, defaults and events: as many as there are dimensions and event types.
    counts: Delta,
    key: Vec<u8>,
}

/// What is known of a dimension of one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DimensionSurvey {
    /// Values and how often each was seen, the commonest first.
    pub values: Vec<(String, u64)>,
    /// How often values were seen that are not in the list, because it has its limit.
    pub further: u64,
    /// By the name of the event type: how often the default was taken.
    pub defaults: BTreeMap<&'static str, u64>,
    pub invalid: Vec<InvalidForm>,
}

/// Texts of one form that SES would reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidForm {
    /// What makes them invalid, such as `a space`.
    pub with: String,
    /// Their form, such as `Aa 9`.
    pub form: String,
    pub count: u64,
}

#[derive(Clone, Copy)]
enum CountKind {
    /// Values beyond the limit.
    Further = 0,
    Default = 1,
    Invalid = 2,
    /// Events that SES would lose, whatever dimension is invalid.
    Lost = 3,
    Event = 4,
}

// === impl Survey ===

impl Survey {
    /// Notes the values of an event in a destination.
    pub(crate) fn event(&mut self, metrics: &MetricRule, event: &Event<'_>) {
        let event_type = event.event_type;
        let of_type = metrics.series.iter().filter(|series| {
            series.layout(event_type).is_some() || series.measured(event_type).next().is_some()
        });
        let mut used = 0_u64;
        let mut is_made = false;
        for series in of_type {
            is_made = true;
            used |= series.dimensions.iter().fold(0, |bits, at| bits | 1 << at);
        }
        if !is_made {
            return;
        }
        let namespace = &metrics.namespace;
        let mut lost = false;
        for (at, dimension) in metrics.dimensions.iter().enumerate() {
            let name = &dimension.name;
            // SES has all dimensions on one metric.
            if let Some(InvalidValue(text)) = dimension.invalid_at_ses(event) {
                lost = true;
                self.invalid(namespace, name, text);
            }
            if used >> at & 1 == 0 {
                continue;
            }
            let Ok((value, origin)) = metrics.resolve(dimension, event) else { continue };
            self.value(namespace, name, &value);
            let is_default =
                matches!(origin, ValueOrigin::DefaultForMissing | ValueOrigin::DefaultForBlank);
            if is_default {
                self.count(namespace, name, CountKind::Default, event_type);
            }
        }
        self.count(namespace, "", CountKind::Event, event_type);
        if lost {
            self.count(namespace, "", CountKind::Lost, event_type);
        }
    }

    fn value(&mut self, namespace: &str, dimension: &str, value: &[u8]) {
        let Self { values, counts, key, .. } = self;
        set_key(key, namespace, dimension, CountKind::Event as u8, value);
        if !values.add_if(key, 1, |values| values.len() < VALUES_MAX) {
            set_key(key, namespace, dimension, CountKind::Further as u8, b"");
            counts.add(key, 1);
        }
    }

    fn invalid(&mut self, namespace: &str, dimension: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let form = format!("{}\n{}", what_is_invalid(&text), form_of(&text));
        let Self { forms, key, .. } = self;
        set_key(key, namespace, dimension, CountKind::Invalid as u8, form.as_bytes());
        if !forms.add_if(key, 1, |forms| forms.len() < FORMS_MAX) {
            set_key(key, namespace, dimension, CountKind::Invalid as u8, b"other forms\n");
            forms.add(key, 1);
        }
    }

    fn count(&mut self, namespace: &str, dimension: &str, kind: CountKind, event_type: EventType) {
        let Self { counts, key, .. } = self;
        set_key(key, namespace, dimension, kind as u8, &[event_type as u8]);
        counts.add(key, 1);
    }

    /// Adds another survey of the same rules.
    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in other.values.iter() {
            if self.values.add_if(key, count, |values| values.len() < VALUES_MAX) {
                continue;
            }
            let Some((namespace, dimension, _, _)) = parts(key) else { continue };
            set_key(&mut self.key, namespace, dimension, CountKind::Further as u8, b"");
            self.counts.add(&self.key, count);
        }
        for (key, count) in other.forms.iter() {
            if self.forms.add_if(key, count, |forms| forms.len() < FORMS_MAX) {
                continue;
            }
            let Some((namespace, dimension, kind, _)) = parts(key) else { continue };
            set_key(&mut self.key, namespace, dimension, kind, b"other forms\n");
            self.forms.add(&self.key, count);
        }
        for (key, count) in other.counts.iter() {
            self.counts.add(key, count);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.forms.clear();
        self.counts.clear();
    }

    /// What is known of each dimension, by namespace and name.
    #[must_use]
    pub(crate) fn dimensions(&self) -> BTreeMap<(&str, &str), DimensionSurvey> {
        let mut dimensions: BTreeMap<_, DimensionSurvey> = BTreeMap::new();
        for (key, count) in self.values.iter() {
            let Some((namespace, name, _, value)) = parts(key) else { continue };
            let value = String::from_utf8_lossy(value).into_owned();
            dimensions.entry((namespace, name)).or_default().values.push((value, count));
        }
        for (key, count) in self.forms.iter() {
            let Some((namespace, name, _, text)) = parts(key) else { continue };
            let text = String::from_utf8_lossy(text).into_owned();
            let (with, form) = text.split_once('\n').unwrap_or((&text, ""));
            let form = InvalidForm { with: with.to_owned(), form: form.to_owned(), count };
            dimensions.entry((namespace, name)).or_default().invalid.push(form);
        }
        for (key, count) in self.counts.iter() {
            let Some((namespace, name, kind, rest)) = parts(key) else { continue };
            if kind == CountKind::Further as u8 {
                dimensions.entry((namespace, name)).or_default().further += count;
            } else if kind == CountKind::Default as u8 {
                let of = dimensions.entry((namespace, name)).or_default();
                *of.defaults.entry(type_name(rest)).or_default() += count;
            }
        }
        for dimension in dimensions.values_mut() {
            dimension.values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            dimension
                .invalid
                .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.form.cmp(&b.form)));
        }
        dimensions
    }

    /// The events of a destination by type, and how many of all SES would lose.
    #[must_use]
    pub(crate) fn events(&self, of: &str) -> (BTreeMap<&'static str, u64>, u64) {
        let mut events = BTreeMap::new();
        let mut lost = 0;
        for (key, count) in self.counts.iter() {
            let Some((namespace, _, kind, rest)) = parts(key) else { continue };
            if namespace != of {
                continue;
            }
            if kind == CountKind::Event as u8 {
                *events.entry(type_name(rest)).or_default() += count;
            } else if kind == CountKind::Lost as u8 {
                lost += count;
            }
        }
        (events, lost)
    }
}

/// `length (2) namespace | length (2) dimension | kind | rest`.
fn set_key(key: &mut Vec<u8>, namespace: &str, dimension: &str, kind: u8, rest: &[u8]) {
    key.clear();
    for text in [namespace, dimension] {
        // Both have at most some hundred bytes.
        key.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    }
    key.push(kind);
    key.extend_from_slice(rest);
}

/// The parts of a key of [`set_key`].
fn parts(key: &[u8]) -> Option<(&str, &str, u8, &[u8])> {
    let text = |key| {
        let (len, key): (&[u8; 2], _) = <[u8]>::split_first_chunk(key)?;
        let (text, key) = key.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        Some((std::str::from_utf8(text).ok()?, key))
    };
    let (namespace, key) = text(key)?;
    let (dimension, key) = text(key)?;
    let (kind, rest) = key.split_first()?;
    Some((namespace, dimension, *kind, rest))
}

fn type_name(number: &[u8]) -> &'static str {
    let at = usize::from(number.first().copied().unwrap_or_default());
    EventType::ALL.get(at).map_or("", |event_type| event_type.metric_name())
}

/// The first thing that SES does not allow in a value.
fn what_is_invalid(text: &str) -> String {
    let is_allowed = |character: &char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '@' | '-')
    };
    match text.chars().find(|character| !is_allowed(character)) {
        None => "more than 255 characters".to_owned(),
        Some(' ') => "a space".to_owned(),
        Some(character) if character.is_ascii_graphic() => format!("`{character}`"),
        Some(character) if character.is_ascii() => "a control character".to_owned(),
        Some(_) => "a character that is not ASCII".to_owned(),
    }
}

/// The form of a text, which tells nothing of its content: a run of capital letters is `A`, of small
/// ones `a`, of digits `9`, of others beyond ASCII `\u{a4}`.
#[must_use]
pub(crate) fn form_of(text: &str) -> String {
    let mut form = String::new();
    let mut before = None;
    for character in text.chars() {
        let shown = match character {
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            '0'..='9' => '9',
            _ if character.is_ascii_control() => '?',
            _ if character.is_ascii() => character,
            _ => '\u{a4}',
        };
        if before == Some(shown) {
            continue;
        }
        if form.chars().count() == FORM_CHARS_MAX {
            form.push('\u{2026}');
            break;
        }
        form.push(shown);
        before = Some(shown);
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_shows_classes_of_characters_and_no_content() {
        assert_eq!(form_of("Spring Sale 2026"), "Aa Aa 9");
        assert_eq!(form_of("anna.smith+x@example.org"), "a.a+a@a.a");
        assert_eq!(form_of("\u{e9}t\u{e9} 7\n"), "\u{a4}a\u{a4} 9?");
        assert_eq!(form_of(&"a1".repeat(100)).chars().count(), FORM_CHARS_MAX + 1);
    }

    #[test]
    fn first_character_that_is_not_allowed_is_named() {
        assert_eq!(what_is_invalid("a b/c"), "a space");
        assert_eq!(what_is_invalid("a/b c"), "`/`");
        assert_eq!(what_is_invalid("\u{e9}"), "a character that is not ASCII");
        assert_eq!(what_is_invalid("a\t"), "a control character");
        assert_eq!(what_is_invalid(&"a".repeat(256)), "more than 255 characters");
    }

    #[test]
    fn values_beyond_the_limit_are_only_counted() {
        let mut survey = Survey::default();
        for value in 0..VALUES_MAX + 5 {
            survey.value("n", "d", value.to_string().as_bytes());
        }
        let mut twice = survey.clone();
        twice.add(&survey);
        twice.value("n", "d", b"0");
        let dimensions = twice.dimensions();
        let DimensionSurvey { values, further, .. } = &dimensions[&("n", "d")];
        assert_eq!((values.len(), *further), (VALUES_MAX, 10));
        assert_eq!(values[0], ("0".to_owned(), 3));
    }
}
