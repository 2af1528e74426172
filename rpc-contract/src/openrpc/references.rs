//! References of a document to its parts.

use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// How many references may lead to one thing, so that a circle ends.
const MOST_REFERENCES: usize = 8;

/// How many bytes may be copied because a document refers to them. What it refers to again and again would
/// grow without bound.
const MOST_COPIED: usize = 16 * 1024 * 1024;

/// Finds what references of a document lead to.
pub(super) struct References<'a> {
    root: &'a Value,
    /// What is left of the bytes that may be copied.
    left: Cell<usize>,
}

impl<'a> References<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, left: Cell::new(MOST_COPIED) }
    }

    /// A part of the document, or the one to which it refers.
    pub(super) fn part<T: DeserializeOwned>(&self, value: &Value) -> Result<T, String> {
        let mut value = value;
        for _ in 0..MOST_REFERENCES {
            let reference = value.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|it| self.root.pointer(it.strip_prefix('#')?));
            let Some(target) = target else { break };
            self.charge(weight(target))?;
            value = target;
        }
        T::deserialize(value).map_err(|error| error.to_string())
    }

    /// The parts of a list that can be read.
    pub(super) fn parts<T: DeserializeOwned>(&self, list: &Value) -> impl Iterator<Item = T> {
        list.as_array().into_iter().flatten().filter_map(|value| self.part(value).ok())
    }

    /// Counts bytes that are copied once more.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| "the document refers too often to what is large".into())
    }
}

/// About the bytes of a value in memory.
pub(super) fn weight(value: &Value) -> usize {
    const OF_VALUE: usize = size_of::<Value>();
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
    };
    OF_VALUE + inside
}
