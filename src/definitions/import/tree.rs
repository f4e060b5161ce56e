//! Trees of values with places: built, compared and moved.

use std::borrow::Cow;

use jsonc_parser::ast::{Array, Object, ObjectProp, ObjectPropName, StringLit, Value};
use jsonc_parser::common::{Range, Ranged};

/// The members of an object, in their order.
pub(super) type Members<'t> = Vec<ObjectProp<'t>>;

pub(super) fn text<'t>(start: usize, value: impl Into<Cow<'t, str>>) -> Value<'t> {
    Value::StringLit(StringLit { range: Range::from_byte_index(start), value: value.into() })
}

pub(super) fn list(start: usize, elements: Vec<Value<'_>>) -> Value<'_> {
    Value::Array(Array { range: Range::from_byte_index(start), elements })
}

pub(super) fn object(start: usize, properties: Members<'_>) -> Value<'_> {
    Value::Object(Object { range: Range::from_byte_index(start), properties })
}

/// A member at the place of its value.
pub(super) fn member<'t>(name: impl Into<Cow<'t, str>>, value: Value<'t>) -> ObjectProp<'t> {
    member_at(value.start(), name, value)
}

pub(super) fn member_at<'t>(
    start: usize,
    name: impl Into<Cow<'t, str>>,
    value: Value<'t>,
) -> ObjectProp<'t> {
    let range = Range::from_byte_index(start);
    let name = ObjectPropName::String(StringLit { range, value: name.into() });
    ObjectProp { range, name, value }
}

/// Where a member starts: at its name.
pub(super) fn start_of(member: &ObjectProp<'_>) -> usize {
    member.name.start()
}

pub(super) fn is_null(value: &Value<'_>) -> bool {
    matches!(value, Value::NullKeyword(_))
}

/// A member that is not null.
pub(super) fn get<'a, 't>(object: &'a Object<'t>, name: &str) -> Option<&'a Value<'t>> {
    object.get(name).map(|member| &member.value).filter(|value| !is_null(value))
}

/// Removes a member; `None` if it is absent or null.
pub(super) fn take<'t>(members: &mut Members<'t>, name: &str) -> Option<Value<'t>> {
    let at = members.iter().position(|member| member.name.as_str() == name)?;
    Some(members.remove(at).value).filter(|value| !is_null(value))
}

/// Moves every place behind the texts that stand before this one.
pub(super) fn shift(value: &mut Value<'_>, by: usize) {
    let shift_range = |range: &mut Range| {
        range.start += by;
        range.end += by;
    };
    match value {
        Value::StringLit(literal) => shift_range(&mut literal.range),
        Value::NumberLit(literal) => shift_range(&mut literal.range),
        Value::BooleanLit(literal) => shift_range(&mut literal.range),
        Value::NullKeyword(literal) => shift_range(&mut literal.range),
        Value::Array(array) => {
            shift_range(&mut array.range);
            array.elements.iter_mut().for_each(|element| shift(element, by));
        }
        Value::Object(object) => {
            shift_range(&mut object.range);
            for member in &mut object.properties {
                shift_range(&mut member.range);
                match &mut member.name {
                    ObjectPropName::String(name) => shift_range(&mut name.range),
                    ObjectPropName::Word(name) => shift_range(&mut name.range),
                }
                shift(&mut member.value, by);
            }
        }
    }
}

/// Whether two values are equal, wherever they stand.
pub(super) fn equal(first: &Value<'_>, second: &Value<'_>) -> bool {
    match (first, second) {
        (Value::StringLit(first), Value::StringLit(second)) => first.value == second.value,
        (Value::NumberLit(first), Value::NumberLit(second)) => first.value == second.value,
        (Value::BooleanLit(first), Value::BooleanLit(second)) => first.value == second.value,
        (Value::NullKeyword(_), Value::NullKeyword(_)) => true,
        (Value::Array(first), Value::Array(second)) => {
            let (first, second) = (&first.elements, &second.elements);
            first.len() == second.len()
                && first.iter().zip(second).all(|(first, second)| equal(first, second))
        }
        (Value::Object(first), Value::Object(second)) => {
            let same = |member: &ObjectProp<'_>| {
                let other = second.get(member.name.as_str());
                other.is_some_and(|other| equal(&member.value, &other.value))
            };
            first.properties.len() == second.properties.len() && first.properties.iter().all(same)
        }
        _ => false,
    }
}
