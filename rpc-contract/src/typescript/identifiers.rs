//! The names that the module declares, each once.

use std::collections::BTreeMap;

use crate::content::Content;
use crate::model::{ErrorType, Service};
use crate::names::{Names, camel, pascal};

/// Words that nothing can be declared as, and what the module imports.
#[rustfmt::skip]
const RESERVED: [&str; 49] = [
    "arguments", "await", "birpc", "break", "case", "catch", "class", "const", "continue",
    "debugger", "default", "delete", "do", "else", "enum", "eval", "export", "extends", "false",
    "finally", "for", "function", "if", "implements", "import", "in", "instanceof", "interface",
    "let", "new", "null", "package", "private", "protected", "public", "return", "static", "super",
    "switch", "this", "throw", "true", "try", "typeof", "undefined", "var", "void", "while",
    "yield",
];

/// Names of types that the language and the module use.
#[rustfmt::skip]
const TYPES: [&str; 10] = [
    "Promise", "any", "bigint", "boolean", "never", "number", "object", "string", "symbol", "unknown",
];

pub(super) struct Identifiers<'a> {
    schemas: BTreeMap<&'a str, String>,
    errors: Vec<(&'a ErrorType, String)>,
    called: BTreeMap<&'a str, OfTrait>,
    served: BTreeMap<&'a str, OfTrait>,
}

/// What is declared for a trait.
struct OfTrait {
    interface: String,
    /// The table of a trait that is called, or the function of one that is served.
    value: String,
}

impl<'a> Identifiers<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        let (mut types, mut values) = (Declared::default(), Declared::default());
        let schemas = content.schemas.keys().map(|name| (name.as_str(), types.declare(name))).collect();
        let mut errors: Vec<(&ErrorType, String)> = Vec::new();
        for error in error_types(content) {
            if errors.iter().all(|(known, _)| *known != error) {
                let name = types.declare(&error.name);
                values.declare(&guard(&name));
                errors.push((error, name));
            }
        }
        let mut of_trait = |service: &'a Service, suffix: &str, value: String| {
            let interface = types.declare(&(pascal(&service.name) + suffix));
            (service.name.as_str(), OfTrait { interface, value })
        };
        let mut called = BTreeMap::new();
        for service in &content.serves {
            called.extend([of_trait(service, "Client", values.declare(&camel(&service.name)))]);
        }
        let mut served = BTreeMap::new();
        for service in &content.calls {
            let name = camel(&service.name);
            let name = if values.is_free(&name) { name } else { format!("serve{}", pascal(&service.name)) };
            served.extend([of_trait(service, "Service", values.declare(&name))]);
        }
        Self { schemas, errors, called, served }
    }

    /// The type of a schema; `unknown` if the contract has none of this name.
    pub(super) fn schema(&self, name: &str) -> &str {
        self.schemas.get(name).map_or("unknown", String::as_str)
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &'a ErrorType> {
        self.errors.iter().map(|(error, _)| *error)
    }

    pub(super) fn error(&self, error: &ErrorType) -> &str {
        self.errors.iter().find(|(known, _)| *known == error).map_or("unknown", |(_, name)| name)
    }

    /// The interface and the table of a trait that the program calls.
    pub(super) fn called(&self, service: &str) -> (&str, &str) {
        names_of(self.called.get(service))
    }

    /// The interface and the function of a trait that the program serves.
    pub(super) fn served(&self, service: &str) -> (&str, &str) {
        names_of(self.served.get(service))
    }
}

fn names_of(declared: Option<&OfTrait>) -> (&str, &str) {
    declared.map_or(("unknown", "unknown"), |names| (&names.interface, &names.value))
}

/// The function that tells whether something is an error of this type.
pub(super) fn guard(error: &str) -> String {
    format!("is{error}")
}

/// The names of parameters as variables, each once.
pub(super) fn variables<'n>(params: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut names = Names::default();
    let variable = |name: &str| {
        let name = cleaned(name);
        let reserved = RESERVED.contains(&&*name) || names.is_taken(&name);
        names.first_free([if reserved { name + "_" } else { name }])
    };
    params.map(variable).collect()
}

/// Error types that have errors to tell apart, by name.
fn error_types(content: &Content) -> Vec<&ErrorType> {
    let services = content.serves.iter().chain(&content.calls);
    let errors = services.flat_map(|service| &service.methods).flat_map(|method| &method.errors);
    let mut errors: Vec<_> = errors.filter(|error| !error.cases.is_empty()).collect();
    errors.sort_by_key(|error| &error.name);
    errors
}

/// The names of types, or those of values.
#[derive(Default)]
struct Declared(Names);

impl Declared {
    fn is_free(&self, name: &str) -> bool {
        !RESERVED.contains(&name) && !TYPES.contains(&name) && !self.0.is_taken(name)
    }

    /// The name, or the name with an underscore or a number.
    fn declare(&mut self, name: &str) -> String {
        let name = cleaned(name);
        let name = if self.is_free(&name) { name } else { name + "_" };
        self.0.first_free([name])
    }
}

fn cleaned(name: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut name: String = name.chars().map(|letter| if is_part(letter) { letter } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}
