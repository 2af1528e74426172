//! Brings the types of services together, in one space of names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::Service;
use crate::schema::{DEFINITIONS, Schema, each_child, referent};

/// Moves the types of a service into `known`. A type that has the name of another one gets a number.
pub(crate) fn into(known: &mut BTreeMap<String, Schema>, mut service: Service) -> Service {
    let own = std::mem::take(&mut service.schemas);
    let renamed = names(known, &own);
    let rename = |schema: &mut Schema| rename(schema.as_value_mut(), &renamed);
    service.methods.iter_mut().for_each(|method| method.each_schema(rename));
    for (name, mut schema) in own {
        rename(&mut schema);
        known.insert(renamed.get(&name).cloned().unwrap_or(name), schema);
    }
    service
}

/// Inserts a service, by name. Services of one name become one, whose methods have different functions.
pub(crate) fn insert(services: &mut Vec<Service>, service: Service) {
    let Some(known) = services.iter_mut().find(|known| known.name == service.name) else {
        services.push(service);
        services.iter_mut().for_each(sort);
        return services.sort_by(|a, b| a.name.cmp(&b.name));
    };
    for mut method in service.methods {
        if known.methods.contains(&method) {
            continue;
        }
        while known.methods.iter().any(|other| other.function == method.function) {
            method.function.push('_');
        }
        known.methods.push(method);
    }
    sort(known);
}

/// Brings the methods of a service into the order of documents.
pub(crate) fn sort(service: &mut Service) {
    service.methods.sort_by(|a, b| (&a.name, &a.function).cmp(&(&b.name, &b.function)));
}

/// The new names of those types of `own` that are not the types of the same name in `known`.
fn names(known: &BTreeMap<String, Schema>, own: &BTreeMap<String, Schema>) -> BTreeMap<String, String> {
    let others: BTreeSet<_> = other_types(known, own);
    let mut taken: BTreeSet<_> = known.keys().chain(own.keys()).cloned().collect();
    let mut renamed = BTreeMap::new();
    for name in others {
        let numbered = (2..).map(|number: u32| format!("{name}{number}"));
        let free = numbered.into_iter().find(|candidate| !taken.contains(candidate)).unwrap_or_default();
        taken.insert(free.clone());
        renamed.insert(name.clone(), free);
    }
    renamed
}

/// The names that both have for different types: what differs itself, or refers to such a type.
fn other_types<'a>(
    known: &BTreeMap<String, Schema>,
    own: &'a BTreeMap<String, Schema>,
) -> BTreeSet<&'a String> {
    let common: Vec<_> = own.iter().filter(|(name, _)| known.contains_key(*name)).collect();
    let mut others: BTreeSet<_> =
        common.iter().filter(|(name, schema)| known[*name] != **schema).map(|(name, _)| *name).collect();
    loop {
        let refers = |schema: &Schema| {
            let mut found = false;
            each_reference(schema.as_value(), &mut |name| found |= others.iter().any(|other| *other == name));
            found
        };
        let more = common.iter().filter(|(name, schema)| !others.contains(name) && refers(schema));
        let more: Vec<_> = more.map(|(name, _)| *name).collect();
        if more.is_empty() {
            return others;
        }
        others.extend(more);
    }
}

fn each_reference(schema: &Value, f: &mut impl FnMut(&str)) {
    if let Some(name) = referent(schema) {
        f(name);
    }
    each_child(&mut schema.clone(), |_, _, child| each_reference(child, f));
}

fn rename(schema: &mut Value, renamed: &BTreeMap<String, String>) {
    if let Some(name) = referent(schema).and_then(|name| renamed.get(name)) {
        schema["$ref"] = format!("{DEFINITIONS}{name}").into();
    }
    each_child(schema, |_, _, child| rename(child, renamed));
}
