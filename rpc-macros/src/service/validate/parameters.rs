//! The rules for parameters.

use syn::{Attribute, Pat, PatIdent, Type, TypePath, TypeReference};

use super::super::model::{Method, Parameter, ungrouped};
use super::super::parse::Style;
use super::types::{self, Role};
use crate::errors::Errors;

/// The length of the longest tuple for which the core implements `Params`.
const MOST: usize = 16;

pub(super) fn check(method: &Method, errors: &mut Errors) {
    if let Some(parameter) = &method.context {
        context(parameter, errors);
        written(method, parameter, errors);
    }
    for parameter in &method.parameters {
        if is_context(parameter.ty()) {
            errors.at(&parameter.syntax, "the context comes first, right after `&self`: move it there");
        } else if is_context_by_value(parameter.ty()) {
            errors.at(parameter.ty(), CONTEXT_BY_VALUE);
        } else {
            types::owned(parameter.ty(), Role::Parameter, errors);
            types::no_inner(parameter.ty(), Role::Parameter, errors);
        }
        written(method, parameter, errors);
    }
    progress(method, errors);
    nulls(method, errors);
    number(method, errors);
    names(&method.parameters, errors);
}

/// Checks a reference where the context may be.
fn context(parameter: &Parameter, errors: &mut Errors) {
    let Type::Reference(reference) = ungrouped(parameter.ty()) else {
        return;
    };
    if !may_be_context(reference) {
        errors.at(reference, types::BY_REFERENCE);
        return;
    }
    if let Some(token) = &reference.mutability {
        errors.at(token, "the context is shared: write `&Context`");
    }
    if let Some(lifetime) = &reference.lifetime
        && lifetime.ident != "_"
    {
        errors.at(lifetime, "the context is borrowed for the call: write `&Context`");
    }
    if parameter.keys.name.is_some() {
        errors.at(&parameter.name, "the context is not on the wire: remove its name");
    } else if parameter.keys.given() {
        errors.at(&parameter.syntax, "the context is not on the wire: remove its keys");
    }
}

/// Whether the type may be an alias of birpc's `Context`; rustc will check it.
fn may_be_context(reference: &TypeReference) -> bool {
    let Type::Path(path) = ungrouped(&reference.elem) else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.arguments.is_none() && last.ident != "str" && last.ident != "String")
}

/// Whether the type is clearly a `&Context` in the wrong place.
fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ungrouped(ty) else {
        return false;
    };
    let Type::Path(path) = ungrouped(&reference.elem) else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "Context")
}

const CONTEXT_BY_VALUE: &str = "the context is taken by reference: write `&Context`, first after `&self`; \
     a type of your own with this name is written with its path, such as `self::Context`";

/// Whether the type is birpc's `Context` by value.
fn is_context_by_value(ty: &Type) -> bool {
    let Type::Path(TypePath { qself: None, path, .. }) = ungrouped(ty) else {
        return false;
    };
    if path.segments.iter().any(|segment| !segment.arguments.is_none()) {
        return false;
    }
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    matches!(&names.iter().map(String::as_str).collect::<Vec<_>>()[..], ["Context"] | ["birpc", "Context"])
}

/// Checks that a parameter has a plain name and no conditions.
fn written(method: &Method, parameter: &Parameter, errors: &mut Errors) {
    match &*parameter.syntax.pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, mutability, .. }) => {
            if let (Some(token), None) = (mutability, &method.syntax.default) {
                errors.at(
                    token,
                    "a method without a body needs no `mut`: remove it here, and write it in the impl",
                );
            }
        }
        other => errors.at(other, "a parameter must have a plain name, which is also its name on the wire"),
    }
    for attr in &parameter.syntax.attrs {
        if is_condition(attr) {
            errors.at(
                attr,
                "a parameter cannot be conditional: put the `cfg` on the method, and write one method \
                 for each case",
            );
        }
    }
}

fn is_condition(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}

/// Checks what has no place in params: there is one, without keys.
fn progress(method: &Method, errors: &mut Errors) {
    let mut found = method.parameters.iter().filter(|it| it.is_progress());
    if let Some(first) = found.next()
        && first.keys.given()
    {
        errors.at(&first.syntax, "progress is not part of params: remove its keys");
    }
    for second in found {
        errors.at(
            second.ty(),
            "a call has one progress: take one parameter `Progress<T>`, and let an enum `T` tell what it is \
             about",
        );
    }
}

/// JSON-RPC 2.0 §4.2 does not allow null for the whole params.
fn nulls(method: &Method, errors: &mut Errors) {
    if method.style != Style::Single {
        return;
    }
    let of_parameters = method.parameters.iter().filter_map(|it| it.keys.null.as_ref());
    for path in method.null.iter().chain(of_parameters) {
        errors.at(path, "params as a whole are never null: remove `null` or `params = \"single\"`");
    }
}

fn number(method: &Method, errors: &mut Errors) {
    if method.style == Style::Single {
        let count = method.parameters.iter().filter(|it| !it.is_progress()).count();
        if count != 1 {
            errors.at(
                &method.syntax.sig.ident,
                format!(
                    "`params = \"single\"` sends one parameter as the whole params: this method \
                     has {count} on the wire"
                ),
            );
        }
    } else if let Some(parameter) = method.parameters.get(MOST) {
        errors.at(
            &parameter.syntax,
            format!("a method has at most {MOST} parameters on the wire: put them into a struct"),
        );
    }
}

fn names(parameters: &[Parameter], errors: &mut Errors) {
    for (index, parameter) in parameters.iter().enumerate() {
        let name = parameter.name.value();
        if name.is_empty() {
            errors.at(&parameter.name, "a parameter's name must not be empty");
        }
        let earlier = &parameters[..index];
        if earlier.iter().any(|it| it.name.value() == name) {
            errors.at(
                &parameter.name,
                format!("another parameter of this method already has the name {name:?} on the wire"),
            );
        }
    }
}
