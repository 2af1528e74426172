//! The rules for error types.

use std::collections::{HashMap, HashSet};

use syn::GenericParam;

use super::model::{ErrorType, Shape, Variant};
use crate::errors::Errors;

/// The length of the longest tuple that the core decodes.
const MOST: usize = 16;

/// The codes that the framework uses, with their meanings.
const OF_THE_FRAMEWORK: [(i64, &str); 9] = [
    (-32700, "what was sent is not JSON"),
    (-32600, "what was sent is no request"),
    (-32601, "there is no such method"),
    (-32602, "the parameters cannot be decoded"),
    (-32603, "the handler failed"),
    (-32800, "the call was cancelled"),
    (-32005, "a limit was exceeded"),
    (-32001, "the server is shutting down"),
    (-32006, "items of a stream are lost"),
];

pub(super) fn error_type(error: &ErrorType, errors: &mut Errors) {
    for param in &error.generics.params {
        if let GenericParam::Lifetime(param) = param {
            errors.at(param, "an error has no lifetime parameters: types on the wire must be owned");
        }
    }
    #[cfg(not(any(feature = "schema", test)))]
    if let Some(path) = &error.schema {
        errors.at(path, "`schema` needs a feature of birpc: `birpc = { …, features = [\"schema\"] }`");
    }
    if error.variants.is_empty() {
        errors.at(
            &error.ident,
            "an error without variants cannot be sent: add one, with its `#[rpc(code = …)]`",
        );
    }
    for variant in &error.variants {
        marks(variant, errors);
        fields(variant, errors);
    }
    different_codes(&error.variants, errors);
    one_transparent(&error.variants, errors);
}

/// Checks that a variant has either a code or `transparent`.
fn marks(variant: &Variant, errors: &mut Errors) {
    let keys = &variant.keys;
    if !keys.given {
        errors.at(
            &variant.ident,
            format!(
                "`{}` has no code: write `#[rpc(code = …)]`, with an integer of your choice \
                 outside of -32768..=-32000",
                variant.ident
            ),
        );
    }
    if let (Some(_), Some(transparent)) = (&keys.code, &keys.transparent) {
        errors.at(
            transparent,
            "a transparent error has the code of its `ErrorObject`: remove `transparent` or `code`",
        );
    }
    let Some(code) = &keys.code else { return };
    let mut known = OF_THE_FRAMEWORK.iter();
    if let Some((value, meaning)) = known.find(|(value, _)| *value == code.value) {
        errors.at(
            &code.written,
            format!(
                "{value} says that {meaning}, and is the framework's own: choose a code outside of \
                 -32768..=-32000, and not -32800"
            ),
        );
    }
}

fn fields(variant: &Variant, errors: &mut Errors) {
    let fields = &variant.fields;
    if let Some(transparent) = &variant.keys.transparent {
        if fields.len() != 1 {
            errors.at(transparent, "a transparent error has exactly one field, an `ErrorObject`");
        }
        return;
    }
    if let Some(field) = fields.get(MOST) {
        errors.at(&field.ty, format!("an error has at most {MOST} fields: put them into a struct"));
    }
    let mut seen = HashSet::new();
    for field in fields.iter().filter(|_| variant.shape == Shape::Named) {
        let name = field.name.value();
        if name == "served" {
            errors.at(
                &field.name,
                "`served` in an error's data is the framework's: it says whether the method has run. Give \
                 this field another name, or another name on the wire: `#[rpc(name = \"…\")]`",
            );
        }
        if !seen.insert(name.clone()) {
            errors.at(
                &field.name,
                format!("another field of this error already has the name {name:?} on the wire"),
            );
        }
    }
}

fn different_codes(variants: &[Variant], errors: &mut Errors) {
    let mut seen = HashMap::new();
    for variant in variants {
        let Some(code) = &variant.keys.code else {
            continue;
        };
        match seen.get(&code.value) {
            None => {
                seen.insert(code.value, &variant.ident);
            }
            Some(earlier) => {
                errors.at(&code.written, format!("`{earlier}` has the same code: each variant needs its own"))
            }
        }
    }
}

fn one_transparent(variants: &[Variant], errors: &mut Errors) {
    let transparent = variants.iter().filter_map(|it| it.keys.transparent.as_ref());
    for second in transparent.skip(1) {
        errors.at(
            second,
            "another variant is transparent already, and receives every error that matches no other variant",
        );
    }
}
