//! Gives each schema a title.
//!
//! Generators make a type of each schema, and name it by its title. They invent names such as
//! `IntegerWswITZ1B` for schemas without one, and write a type twice if two schemas have one title, or if a
//! schema has the name that they give to a method.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use crate::content::Content;
use crate::documents::commentable;
use crate::model::{Method, Outcome, Service};
use crate::names::{Names, pascal};
use crate::schema::{Schema, each_child, is_null, referent, sorted};

/// How many characters of its parent's title the title of a schema begins with.
const LONGEST_PARENT: usize = 120;

/// What a contract has, with titles.
pub(crate) struct Titled {
    pub(crate) served: Vec<Service>,
    pub(crate) called: Vec<Service>,
    pub(crate) schemas: BTreeMap<String, Schema>,
}

impl Titled {
    pub(crate) fn new(content: &Content) -> Self {
        let (mut served, mut called) = (content.serves.to_vec(), content.calls.to_vec());
        let mut schemas = content.schemas.clone();
        let mut titles = Titles::default();
        let methods = || served.iter().chain(&called).flat_map(|service| &service.methods);
        for method in methods() {
            titles.reserve(&method.name);
        }
        for (name, schema) in &mut schemas {
            titles.of_type(schema, &pascal(name));
        }
        for method in served.iter_mut().chain(&mut called).flat_map(|service| &mut service.methods) {
            of_method(method, &mut titles);
        }
        Self { served, called, schemas }
    }
}

fn of_method(method: &mut Method, titles: &mut Titles) {
    method.docs = commentable(&method.docs);
    let name = pascal(&method.name);
    for param in &mut method.params {
        titles.of_type(&mut param.schema, &joined(&name, &pascal(&param.name)));
    }
    match &mut method.outcome {
        Outcome::Notification => {}
        Outcome::Result(schema) => titles.of_type(schema, &joined(&name, "Result")),
        Outcome::Stream(item) | Outcome::Subscription { item, .. } => {
            titles.of_type(item, &joined(&name, "Item"));
        }
    }
    if let Some(progress) = &mut method.progress {
        titles.of_type(progress, &joined(&name, "Progress"));
    }
    for error in &mut method.errors {
        for case in &mut error.cases {
            if let Some(data) = &mut case.data {
                let code = case.code.to_string().replace('-', "Minus");
                titles.of_type(data, &joined(&pascal(&error.name), &format!("{code}Data")));
            }
        }
    }
}

/// A title of two parts. The first is cut: the title of a child begins with that of its parent, so the titles
/// of a document with long names would be far larger than the document.
fn joined(parent: &str, name: &str) -> String {
    parent.chars().take(LONGEST_PARENT).chain(name.chars()).collect()
}

/// Takes formats away that JSON Schema does not have, since the validator of `@open-rpc/test-coverage`
/// refuses them. Bounds tell the width of an integer instead; one of 64 bits or more has no
/// upper bound.
fn without_format_of_rust(members: &mut Map<String, Value>) {
    let Some(format) = members.get("format").and_then(Value::as_str) else { return };
    let width = format.strip_prefix('u').unwrap_or(format).strip_prefix("int");
    let is_integer = width.is_some_and(|bits| bits.bytes().all(|digit| digit.is_ascii_digit()));
    let bounds: [Option<i64>; 2] = match format {
        "int32" => [Some(i32::MIN.into()), Some(i32::MAX.into())],
        "uint32" => [Some(0), Some(u32::MAX.into())],
        "float" | "double" => [None; 2],
        _ if is_integer => [None; 2],
        _ => return,
    };
    members.remove("format");
    for (key, bound) in ["minimum", "maximum"].into_iter().zip(bounds) {
        if let Some(bound) = bound {
            members.entry(key).or_insert(bound.into());
        }
    }
}

/// The titles so far.
#[derive(Default)]
struct Titles {
    names: Names,
    /// The title that a schema got, by the one that it wanted and its text.
    given: BTreeMap<(String, String), String>,
}

impl Titles {
    /// Keeps the name that generators give to a method.
    fn reserve(&mut self, method: &str) {
        self.names.take(&pascal(method));
    }

    fn of_type(&mut self, schema: &mut Schema, wanted: &str) {
        self.set(schema.as_value_mut(), wanted);
    }

    fn set(&mut self, schema: &mut Value, wanted: &str) {
        if referent(schema).is_some() {
            return;
        }
        let own = schema.get("title").and_then(Value::as_str).map(pascal).filter(|title| !title.is_empty());
        let wanted = own.unwrap_or_else(|| if is_null(schema) { "Null".into() } else { wanted.to_owned() });
        let title = self.title(wanted, schema);
        each_child(schema, |key, name, child| {
            let name = of_child(key, name, child);
            self.set(child, &joined(&title, &name));
        });
        if let Value::Object(members) = schema {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = commentable(text);
            }
            without_format_of_rust(members);
            members.insert("title".into(), title.into());
        }
    }

    /// The title that an equal schema has; otherwise the one that is wanted, or another one if it is taken.
    fn title(&mut self, wanted: String, schema: &Value) -> String {
        match self.given.entry((wanted, sorted(schema))) {
            Entry::Occupied(given) => given.get().clone(),
            Entry::Vacant(new) => {
                let wanted = new.key().0.clone();
                let title = match self.names.take(&wanted) {
                    true => wanted,
                    false => self.names.first_free([format!("{wanted}Value")]),
                };
                new.insert(title).clone()
            }
        }
    }
}

/// What tells a child from its siblings, as a part of its title.
fn of_child(key: &str, name: &str, child: &Value) -> String {
    match key {
        "properties" | "patternProperties" | "definitions" => pascal(name),
        "oneOf" | "anyOf" => of_variant(child).unwrap_or_else(|| numbered(name)),
        "additionalProperties" => "Value".into(),
        "items" if name.is_empty() => "Item".into(),
        "items" => format!("Item{}", numbered(name)),
        _ => pascal(key) + &numbered(name),
    }
}

/// Counts from one, as people do.
fn numbered(index: &str) -> String {
    index.parse::<usize>().map_or_else(|_| String::new(), |index| (index + 1).to_string())
}

/// The name of a variant: its tag, or its only member.
fn of_variant(variant: &Value) -> Option<String> {
    let members = variant.get("properties").and_then(Value::as_object);
    let tag = members.and_then(|members| members.values().find_map(constant));
    let only = variant.get("required").and_then(Value::as_array).filter(|names| names.len() == 1);
    let name = constant(variant).or(tag).or_else(|| only?.first()?.as_str());
    name.map(pascal).filter(|name| !name.is_empty())
}

/// The only text that a schema admits.
fn constant(schema: &Value) -> Option<&str> {
    let only = || match schema.get("enum")?.as_array()?.as_slice() {
        [only] => only.as_str(),
        _ => None,
    };
    schema.get("const").and_then(Value::as_str).or_else(only)
}
