//! Pieces of TypeScript text.

use crate::documents::commentable;
use crate::model::{Method, Param};

/// A string literal. JSON's are TypeScript's too.
pub(super) fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text that ends no line.
pub(super) fn in_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A property's name, quoted where it has to be.
pub(super) fn property(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { literal(name) }
}

/// A key in an object literal. `__proto__` would set the prototype.
pub(super) fn key(name: &str) -> String {
    if name == "__proto__" { "[\"__proto__\"]".to_owned() } else { property(name) }
}

/// Whether a name needs no quotes as a property.
pub(super) fn is_identifier(name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$');
    name.chars().all(is_part) && name.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A comment above a declaration; nothing if there is nothing to say.
pub(super) fn comment(docs: &str, notes: &[String], indent: &str) -> String {
    let notes = notes.iter().map(String::as_str);
    let lines: Vec<_> = docs.trim().lines().map(str::trim_end).chain(notes).collect();
    let lines: Vec<_> = lines.into_iter().map(commentable).collect();
    match &lines[..] {
        [] => String::new(),
        [one] => format!("{indent}/** {} */\n", one.trim()),
        several => {
            let mut text = format!("{indent}/**\n");
            for line in several {
                text += format!("{indent} * {}", line.strip_prefix(' ').unwrap_or(line)).trim_end();
                text.push('\n');
            }
            text + indent + " */\n"
        }
    }
}

/// The comment of a method.
pub(super) fn of_method(method: &Method, errors: &[&str]) -> String {
    let mut notes: Vec<_> = errors.iter().map(|name| format!("@throws {{{name}}}")).collect();
    if method.deprecated {
        notes.push("@deprecated".into());
    }
    comment(&method.docs, &notes, "  ")
}

/// The indexes of the parameters for which `holds`, as a list.
pub(super) fn indexes(params: &[Param], holds: impl Fn(&Param) -> bool) -> Option<String> {
    let indexes = params.iter().enumerate().filter(|(_, param)| holds(param));
    let indexes: Vec<_> = indexes.map(|(index, _)| index.to_string()).collect();
    (!indexes.is_empty()).then(|| format!("[{}]", indexes.join(", ")))
}
