//! A JSON Schema, in a form that all tools of the documents read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// Where schemas of a document are.
pub(crate) const DEFINITIONS: &str = "#/components/schemas/";

/// The type of values on the wire, as a JSON Schema of draft 7.
///
/// It is kept in one form: "any value" is `{}` and not `true`, and a type that may be null
/// is an `anyOf` with null and not a list of types. Tools that read OpenRPC fail on the other spellings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Value")]
pub struct Schema(Value);

/// Keys whose value is a schema.
const ONE: [&str; 9] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
];

/// Keys whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "items"];

/// Keys whose value is an object of schemas.
const OBJECT: [&str; 3] = ["definitions", "patternProperties", "properties"];

impl Schema {
    /// The schema of every value.
    #[must_use]
    pub fn any() -> Self {
        Self(json!({}))
    }

    /// The schema of null.
    #[must_use]
    pub fn null() -> Self {
        Self(json!({ "type": "null" }))
    }

    /// A reference to a type of the service.
    #[must_use]
    pub fn reference(name: &str) -> Self {
        Self(json!({ "$ref": format!("{DEFINITIONS}{name}") }))
    }

    /// The schema as a JSON value: an object.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn as_value_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// The name of the type to which it refers, if it is nothing but a reference.
    pub(crate) fn referent(&self) -> Option<&str> {
        referent(&self.0)
    }
}

/// With sorted members, whether or not serde_json sorts them.
impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Sorted(&self.0).serialize(serializer)
    }
}

struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(list) => serializer.collect_seq(list.iter().map(Sorted)),
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().collect();
                serializer.collect_map(sorted.into_iter().map(|(key, value)| (key, Sorted(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

/// The text of a schema, with sorted members.
pub(crate) fn sorted(schema: &Value) -> String {
    serde_json::to_string(&Sorted(schema)).unwrap_or_default()
}

impl From<Value> for Schema {
    fn from(value: Value) -> Self {
        Self(normal(value))
    }
}

/// The name in a `$ref` of this document.
pub(crate) fn referent(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS)
}

pub(crate) fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// Calls `f` with each schema that is directly inside of this one: with the key under which it stands, and
/// what tells it from its siblings.
pub(crate) fn each_child(schema: &mut Value, mut f: impl FnMut(&str, &str, &mut Value)) {
    let Value::Object(members) = schema else { return };
    for (key, value) in members {
        match value {
            Value::Array(list) if LIST.contains(&key.as_str()) => {
                for (index, child) in list.iter_mut().enumerate() {
                    f(key, &index.to_string(), child);
                }
            }
            Value::Object(children) if OBJECT.contains(&key.as_str()) => {
                for (name, child) in children {
                    f(key, name, child);
                }
            }
            child @ Value::Object(_) if ONE.contains(&key.as_str()) => f(key, "", child),
            _ => {}
        }
    }
}

/// Brings a schema, and those inside of it, into the one form.
fn normal(value: Value) -> Value {
    let members = match value {
        Value::Object(members) => members,
        Value::Bool(false) => return json!({ "not": {} }),
        _ => return json!({}),
    };
    let members = members.into_iter().filter(|(key, _)| key != "$schema");
    split_types(members.map(|(key, value)| normal_member(key, value)).collect())
}

fn normal_member(key: String, value: Value) -> (String, Value) {
    let name = key.as_str();
    let value = match value {
        Value::Array(list) if LIST.contains(&name) => list.into_iter().map(normal).collect(),
        Value::Object(children) if OBJECT.contains(&name) => {
            Value::Object(children.into_iter().map(|(name, child)| (name, normal(child))).collect())
        }
        // Here both are common, and read by every tool.
        Value::Bool(allowed) if name.starts_with("additional") => Value::Bool(allowed),
        value if ONE.contains(&name) => normal(value),
        value => value,
    };
    (key, value)
}

/// Writes a list of types as a choice of schemas.
///
/// A schema inside goes into the choice that it is about, or stays outside. So none is copied: with copies, a
/// schema of some lines could grow without bound.
fn split_types(mut members: Map<String, Value>) -> Value {
    let Some(Value::Array(types)) = members.get("type") else { return Value::Object(members) };
    let types = types.clone();
    members.remove("type");
    let mut seen = BTreeSet::new();
    let types = types.iter().filter_map(Value::as_str).filter(|ty| TYPES.contains(ty));
    let types: Vec<_> = types.filter(|ty| seen.insert(*ty)).collect();
    if types.len() < 2 {
        members.extend(types.first().map(|only| ("type".to_owned(), (*only).into())));
        return Value::Object(members);
    }
    let mut whole = Map::new();
    let mut choices: Vec<_> =
        types.iter().map(|ty| Map::from_iter([("type".to_owned(), (*ty).into())])).collect();
    for (key, value) in members {
        let owner = owner(&key);
        if WHOLE.contains(&&*key) {
            whole.insert(key, value);
        } else if let Some(owner) = owner {
            let of_owner = types.iter().position(|ty| *ty == owner);
            of_owner.map(|index| choices[index].insert(key, value));
        } else {
            let others = types.iter().zip(&mut choices).filter(|(ty, _)| **ty != "null");
            others.for_each(|(_, choice)| drop(choice.insert(key.clone(), without_null(&key, &value))));
        }
    }
    let choices = choices.into_iter().map(Value::Object).collect();
    add_choice(&mut whole, choices);
    Value::Object(whole)
}

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Keys that are about all types of a schema: those that describe it, and those that combine it with others.
const WHOLE: [&str; 12] = [
    "allOf",
    "anyOf",
    "default",
    "definitions",
    "description",
    "else",
    "if",
    "not",
    "oneOf",
    "then",
    "title",
    "$ref",
];

/// The type that a key is about which has schemas.
fn owner(key: &str) -> Option<&'static str> {
    match key {
        "additionalProperties" | "patternProperties" | "properties" | "propertyNames" => Some("object"),
        "additionalItems" | "contains" | "items" => Some("array"),
        _ => None,
    }
}

/// A value of a type that is not null.
fn without_null(key: &str, value: &Value) -> Value {
    match value {
        Value::Array(values) if key == "enum" => {
            values.iter().filter(|value| !value.is_null()).cloned().collect()
        }
        other => other.clone(),
    }
}

/// Adds a choice to those that are there.
fn add_choice(whole: &mut Map<String, Value>, choices: Value) {
    if !whole.contains_key("anyOf") {
        whole.insert("anyOf".into(), choices);
    } else if let Value::Array(all) = whole.entry("allOf").or_insert_with(|| json!([])) {
        all.push(json!({ "anyOf": choices }));
    }
}
