//! Values of the document with their spots, and objects whose members are taken one by one.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use serde_json::Number;

use super::report::{Checked, FindingReport, Reported, Spot, join, quote};

/// A value and its place.
#[derive(Debug)]
pub(super) struct JsonNode<'t> {
    value: &'t Value<'t>,
    pub spot: Spot,
}

/// A list whose elements keep their indices.
#[derive(Debug)]
pub(super) struct JsonList<'t> {
    elements: &'t [Value<'t>],
    /// Whether a `null` is an element like any other.
    counts_null: bool,
    pub spot: Spot,
}

/// An object from which known members are taken; the remaining members are unknown.
#[derive(Debug)]
pub(super) struct JsonObject<'t> {
    rest: Vec<&'t ObjectProp<'t>>,
    known: Vec<&'static str>,
    pub spot: Spot,
}

const STRING: &str = "a string";

// === impl JsonNode ===

impl<'t> JsonNode<'t> {
    pub(super) fn root(value: &'t Value<'t>) -> Self {
        Self { value, spot: Spot { offset: value.start(), path: String::new() } }
    }

    pub(super) fn text(&self, noun: &str, report: &mut FindingReport) -> Checked<&'t str> {
        match self.value {
            Value::StringLit(text) => Ok(&text.value),
            _ => Err(self.wrong_kind(noun, STRING, report)),
        }
    }

    /// The text, if it is one.
    pub(super) fn text_value(&self) -> Option<&'t str> {
        match self.value {
            Value::StringLit(text) => Some(&text.value),
            _ => None,
        }
    }

    pub(super) fn boolean(&self, noun: &str, report: &mut FindingReport) -> Checked<bool> {
        match self.value {
            Value::BooleanLit(boolean) => Ok(boolean.value),
            _ => Err(self.wrong_kind(noun, "true or false", report)),
        }
    }

    pub(super) fn number(&self, noun: &str, report: &mut FindingReport) -> Checked<Number> {
        match self.value {
            // A number that is too large for a float is certainly a mistake.
            Value::NumberLit(number) => serde_json::from_str(number.value).map_err(|_| {
                let what = format!("{noun} {} is too large", quote(number.value));
                report.type_error(&self.spot, what, "write a smaller number")
            }),
            _ => Err(self.wrong_kind(noun, "a number", report)),
        }
    }

    /// The elements; a `null` in a document is skipped with a warning.
    pub(super) fn list(&self, noun: &str, report: &mut FindingReport) -> Checked<JsonList<'t>> {
        let Value::Array(array) = self.value else {
            return Err(self.wrong_kind(noun, "a list", report));
        };
        let counts_null = report.is_of_request();
        for (index, element) in array.elements.iter().enumerate() {
            if is_null(element) && !counts_null {
                let path = format!("{}[{index}]", self.spot.path);
                let spot = Spot { offset: element.start(), path };
                report.warning(&spot, "null in a list is ignored", "remove it");
            }
        }
        Ok(JsonList { elements: &array.elements, counts_null, spot: self.spot.clone() })
    }

    pub(super) fn object(&self, noun: &str, report: &mut FindingReport) -> Checked<JsonObject<'t>> {
        let Value::Object(object) = self.value else {
            return Err(self.wrong_kind(noun, "an object", report));
        };
        let rest = object.properties.iter().collect();
        Ok(JsonObject { rest, known: Vec::new(), spot: self.spot.clone() })
    }

    fn wrong_kind(&self, noun: &str, expected: &str, report: &mut FindingReport) -> Reported {
        let found = match self.value {
            Value::StringLit(_) => "a string",
            Value::NumberLit(_) => "a number",
            Value::BooleanLit(_) => "a boolean",
            Value::Object(_) => "an object",
            Value::Array(_) => "a list",
            Value::NullKeyword(_) => "null",
        };
        let (what, fix) = (format!("{noun} is {found}"), format!("write {expected}"));
        // Elsewhere `null` is an absent value, but in a list of strings it is a wrong one.
        if is_null(self.value) && expected == STRING {
            return report.error(&self.spot, what, fix);
        }
        report.type_error(&self.spot, what, fix)
    }
}

// === impl JsonList ===

impl<'t> JsonList<'t> {
    pub(super) fn len(&self) -> usize {
        self.elements.iter().filter(|element| self.is_element(element)).count()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = JsonNode<'t>> {
        let elements = self.elements.iter().enumerate();
        elements.filter(|(_, element)| self.is_element(element)).map(|(index, value)| JsonNode {
            value,
            spot: Spot { offset: value.start(), path: format!("{}[{index}]", self.spot.path) },
        })
    }

    fn is_element(&self, element: &Value) -> bool {
        self.counts_null || !is_null(element)
    }
}

// === impl JsonObject ===

impl<'t> JsonObject<'t> {
    /// A member; `null` is the same as absent.
    pub(super) fn take(&mut self, key: &'static str) -> Option<JsonNode<'t>> {
        self.take_or_null(key).filter(|node| !is_null(node.value))
    }

    /// A boolean member; absent it is false, because SDKs may leave out a value that is false. So
    /// is `null` in a document. In a request SES rejects it.
    pub(super) fn flag(&mut self, key: &'static str, report: &mut FindingReport) -> Checked<bool> {
        match self.take_or_null(key) {
            Some(node) if report.is_of_request() || !is_null(node.value) => {
                node.boolean(key, report)
            }
            _ => Ok(false),
        }
    }

    /// Whether a member that was not taken yet is a list with elements.
    pub(super) fn has_elements(&self, key: &str) -> bool {
        let member = self.rest.iter().find(|member| member.name.as_str() == key);
        let Some(Value::Array(array)) = member.map(|member| &member.value) else { return false };
        array.elements.iter().any(|element| !is_null(element))
    }

    /// Where a member stands that was not taken yet; `None` if it is absent or null.
    pub(super) fn spot_of(&self, key: &str) -> Option<Spot> {
        let member = self.rest.iter().find(|member| member.name.as_str() == key)?;
        let spot = Spot { offset: member.value.start(), path: join(&self.spot.path, key) };
        (!is_null(&member.value)).then_some(spot)
    }

    fn take_or_null(&mut self, key: &'static str) -> Option<JsonNode<'t>> {
        self.known.push(key);
        let mut taken = None;
        self.rest.retain(|member| {
            let found = member.name.as_str() == key;
            if found {
                taken = Some(*member);
            }
            !found
        });
        let value = &taken?.value;
        let spot = Spot { offset: value.start(), path: join(&self.spot.path, key) };
        Some(JsonNode { value, spot })
    }

    /// A required member.
    pub(super) fn require(
        &mut self,
        key: &'static str,
        report: &mut FindingReport,
    ) -> Checked<JsonNode<'t>> {
        self.take(key).ok_or_else(|| self.missing(key, report))
    }

    pub(super) fn missing(&self, key: &str, report: &mut FindingReport) -> Reported {
        let spot = self.spot.absent_member(key);
        report.error(&spot, format!("{key} is missing"), format!("add {key} to the object"))
    }

    /// All members that were not taken, for an object whose keys are names. `null` is the same as
    /// absent.
    pub(super) fn into_members(self) -> impl Iterator<Item = (&'t str, JsonNode<'t>)> {
        let path = self.spot.path;
        self.rest.into_iter().filter(|member| !is_null(&member.value)).map(move |member| {
            let name = member.name.as_str();
            let spot = Spot { offset: member.value.start(), path: join(&path, name) };
            (name, JsonNode { value: &member.value, spot })
        })
    }

    /// The first member that was not taken, if any.
    pub(super) fn first_unknown_key(&self) -> Option<(Spot, String)> {
        let name = self.rest.first()?.name.as_str();
        let spot = Spot { offset: self.spot.offset, path: join(&self.spot.path, name) };
        Some((spot, format!("unknown key {}", quote(name))))
    }

    /// Warns about members that were not taken. They are not errors, because output of AWS has keys
    /// that have no meaning here.
    pub(super) fn report_unknown_keys(&self, report: &mut FindingReport) {
        for member in &self.rest {
            let name = member.name.as_str();
            let spot = Spot { offset: member.name.start(), path: join(&self.spot.path, name) };
            let known = self.known.iter().find(|known| folded(name).eq(folded(known)));
            let fix = known.map_or_else(
                || "remove it, or correct its spelling".to_owned(),
                |known| format!("write {known}"),
            );
            report.warning(&spot, format!("unknown key {} is ignored", quote(name)), fix);
        }
    }
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::NullKeyword(_))
}

/// A key in normal form, to compare it for a hint: Terraform writes `topic_arn`, the v1 API
/// `TopicARN`.
fn folded(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
}
