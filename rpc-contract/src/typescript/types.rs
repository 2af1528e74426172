//! Types of schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::identifiers::Identifiers;
use super::text::{comment, literal, property};
use crate::schema::{Schema, referent};

/// The longest array of a fixed length that is a tuple.
const LONGEST_TUPLE: u64 = 16;

/// The longest text of a type that is repeated in a tuple, so that nested ones do not multiply.
const LONGEST_IN_TUPLE: usize = 40;

/// The declaration of a named type.
pub(super) fn declaration(name: &str, schema: &Schema, identifiers: &Identifiers<'_>) -> String {
    let (value, name) = (schema.as_value(), identifiers.schema(name));
    let docs = format!("\n{}", comment(description(value), &[], ""));
    match plain_object(value).map(|members| members_of(members, identifiers, "")) {
        Some(members) if !members.is_empty() => {
            format!("{docs}export interface {name} {{\n{}}}\n", members.concat())
        }
        _ => format!("{docs}export type {name} = {};\n", written(value, identifiers, "").text),
    }
}

/// The type of a schema.
pub(super) fn of(schema: &Schema, identifiers: &Identifiers<'_>) -> String {
    written(schema.as_value(), identifiers, "  ").text
}

/// The same as an element of a union or intersection, or before `[]`.
fn atom(schema: &Value, identifiers: &Identifiers<'_>, indent: &str) -> String {
    let Written { text, compound } = written(schema, identifiers, indent);
    if compound { format!("({text})") } else { text }
}

/// A type, and whether it is a union or an intersection.
struct Written {
    text: String,
    compound: bool,
}

impl Written {
    fn atom(text: impl Into<String>) -> Self {
        Self { text: text.into(), compound: false }
    }

    /// Types that are joined, each once.
    fn joined(mut types: Vec<String>, with: &str) -> Self {
        let mut seen = BTreeSet::new();
        types.retain(|ty| seen.insert(ty.clone()));
        if types.iter().any(|ty| ty == "unknown") && with == "|" {
            return Self::atom("unknown");
        }
        types.retain(|ty| ty != "unknown");
        match &types[..] {
            [] => Self::atom("unknown"),
            [only] => Self::atom(only.clone()),
            _ => Self { text: types.join(&format!(" {with} ")), compound: true },
        }
    }
}

fn written(schema: &Value, identifiers: &Identifiers<'_>, indent: &str) -> Written {
    let Value::Object(members) = schema else { return Written::atom("unknown") };
    if let Some(name) = referent(schema) {
        return Written::atom(identifiers.schema(name));
    }
    if let Some(value) = members.get("const") {
        return Written::atom(constant(value));
    }
    if let Some(Value::Array(values)) = members.get("enum") {
        return Written::joined(values.iter().map(constant).collect(), "|");
    }
    // What stands beside a choice holds together with each of its alternatives.
    let mut parts = Vec::new();
    for (key, with) in [("allOf", "&"), ("anyOf", "|"), ("oneOf", "|")] {
        if let Some(Value::Array(choices)) = members.get(key) {
            let choices = choices.iter().map(|choice| atom(choice, identifiers, indent)).collect();
            parts.push(Written::joined(choices, with));
        }
    }
    let own = plain(members, identifiers, indent);
    if parts.is_empty() {
        return own;
    }
    // An object without members of its own says nothing beside a choice.
    if own.text != "unknown" && (members.get("type") != Some(&"object".into()) || has_members(members)) {
        parts.insert(0, own);
    }
    match parts.len() {
        1 => parts.remove(0),
        _ => {
            let parts = parts.into_iter().map(|part| match part.compound {
                true => format!("({})", part.text),
                false => part.text,
            });
            Written::joined(parts.collect(), "&")
        }
    }
}

fn has_members(members: &Map<String, Value>) -> bool {
    ["properties", "additionalProperties", "patternProperties"].iter().any(|key| members.contains_key(*key))
}

fn plain(members: &Map<String, Value>, identifiers: &Identifiers<'_>, indent: &str) -> Written {
    match members.get("type").and_then(Value::as_str) {
        Some("string") => Written::atom("string"),
        Some("integer" | "number") => Written::atom("number"),
        Some("boolean") => Written::atom("boolean"),
        Some("null") => Written::atom("null"),
        Some("array") => Written::atom(array(members, identifiers, indent)),
        Some("object") => Written::atom(object(members, identifiers, indent)),
        _ if has_members(members) => Written::atom(object(members, identifiers, indent)),
        _ => Written::atom("unknown"),
    }
}

fn array(members: &Map<String, Value>, identifiers: &Identifiers<'_>, indent: &str) -> String {
    match members.get("items") {
        Some(Value::Array(items)) => {
            let mut items: Vec<_> =
                items.iter().map(|item| written(item, identifiers, indent).text).collect();
            let least = members.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let bounded = members.get("maxItems").and_then(Value::as_u64) == Some(items.len() as u64)
                || members.get("additionalItems") == Some(&Value::Bool(false));
            for item in items.iter_mut().skip(usize::try_from(least).unwrap_or(usize::MAX)) {
                item.push('?');
            }
            if !bounded {
                items.push("...unknown[]".into());
            }
            format!("[{}]", items.join(", "))
        }
        Some(item) => {
            let item = atom(item, identifiers, indent);
            match fixed_length(members) {
                Some(length) if item.len() <= LONGEST_IN_TUPLE => {
                    format!("[{}]", vec![item; length].join(", "))
                }
                _ => format!("{item}[]"),
            }
        }
        None => "unknown[]".into(),
    }
}

/// The length of arrays that all have the same, if it is short enough to be written as a tuple.
fn fixed_length(members: &Map<String, Value>) -> Option<usize> {
    let length = members.get("maxItems")?.as_u64().filter(|length| *length <= LONGEST_TUPLE)?;
    let is_fixed = members.get("minItems")?.as_u64()? == length;
    if is_fixed { usize::try_from(length).ok() } else { None }
}

fn object(members: &Map<String, Value>, identifiers: &Identifiers<'_>, indent: &str) -> String {
    let properties = members_of(members, identifiers, indent);
    match (&properties[..], members.get("additionalProperties")) {
        ([], None | Some(Value::Bool(true))) if !members.contains_key("patternProperties") => {
            "{ [key: string]: unknown }".into()
        }
        ([], None | Some(Value::Bool(_))) => match members.get("patternProperties") {
            Some(Value::Object(patterns)) => record(patterns.values(), identifiers, indent),
            _ => "{ [key: string]: never }".into(),
        },
        ([], Some(value)) => record([value], identifiers, indent),
        (properties, _) => braces(properties, indent),
    }
}

fn record<'v>(
    values: impl IntoIterator<Item = &'v Value>,
    identifiers: &Identifiers<'_>,
    indent: &str,
) -> String {
    let values = values.into_iter().map(|value| atom(value, identifiers, indent)).collect();
    format!("{{ [key: string]: {} }}", Written::joined(values, "|").text)
}

/// On one line if there are no comments and it is short.
fn braces(members: &[String], indent: &str) -> String {
    let line: Vec<_> = members.iter().map(|member| member.trim()).collect();
    let line = line.join(" ");
    if line.contains('\n') || line.contains("/**") || line.len() > 80 {
        format!("{{\n{}{indent}}}", members.concat())
    } else {
        format!("{{ {} }}", line.trim_end_matches(';'))
    }
}

/// A line for each member, with its comment.
fn members_of(members: &Map<String, Value>, identifiers: &Identifiers<'_>, indent: &str) -> Vec<String> {
    let Some(Value::Object(properties)) = members.get("properties") else { return Vec::new() };
    let required = members.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let inner = format!("{indent}  ");
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| *name);
    let line = |(name, schema): (&String, &Value)| {
        let optional = if is_required(name) { "" } else { "?" };
        let ty = written(schema, identifiers, &inner).text;
        let docs = comment(description(schema), &[], &inner);
        format!("{docs}{inner}{}{optional}: {ty};\n", property(name))
    };
    let mut lines: Vec<_> = properties.into_iter().map(line).collect();
    // An index signature has to fit the named members too, so it tells no type.
    if !lines.is_empty() && members.get("additionalProperties").is_some_and(Value::is_object) {
        lines.push(format!("{inner}[key: string]: unknown;\n"));
    }
    lines
}

/// The members of an object that is nothing else.
fn plain_object(schema: &Value) -> Option<&Map<String, Value>> {
    let members = schema.as_object()?;
    let is_choice =
        ["$ref", "allOf", "anyOf", "const", "enum", "oneOf"].iter().any(|key| members.contains_key(*key));
    (members.get("type")? == "object" && !is_choice).then_some(members)
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// The type of one value.
fn constant(value: &Value) -> String {
    match value {
        Value::String(text) => literal(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => "unknown".into(),
    }
}
