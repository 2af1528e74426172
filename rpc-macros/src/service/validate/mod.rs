//! The rules for traits under `#[rpc]`.
//!
//! Each rule has one message, which says what to do, and underlines what must change.

use syn::{Attribute, GenericParam, ItemTrait, TraitItem};

use super::model::Service;
use crate::errors::Errors;

mod method;
mod names;
mod parameters;
mod types;

/// Checks for further attributes beside the one that is being expanded.
pub(super) fn attributes(item: &mut ItemTrait, errors: &mut Errors) {
    let is_rpc = |attr: &mut Attribute| attr.path().is_ident("rpc");
    for second in item.attrs.extract_if(.., is_rpc) {
        errors.at(second, "a trait has one `#[rpc(…)]`: put all of the keys into it");
    }
}

/// Checks the trait and all of its methods.
pub(super) fn service(service: &mut Service, errors: &mut Errors) {
    header(&service.item, errors);
    for other in &service.others {
        member(other, errors);
    }
    names::namespace(service.namespace.as_ref(), errors);
    for method in &mut service.methods {
        let before = errors.count();
        method::shape(method, errors);
        parameters::check(method, errors);
        method.sound &= errors.count() == before;
        names::method(method, errors);
    }
    match &service.client {
        None => names::duplicates(&service.methods, errors),
        Some(_) => client(service, errors),
    }
    #[cfg(not(any(feature = "schema", test)))]
    if let Some(path) = service.schema.take() {
        errors.at(path, "`schema` needs a feature of birpc: `birpc = { …, features = [\"schema\"] }`");
    }
    #[cfg(not(any(feature = "dyn", test)))]
    if let Some(path) = service.object.take() {
        errors.at(path, "`dyn` needs a feature of birpc: `birpc = { …, features = [\"dyn\"] }`");
    }
}

/// Reports keys for serving in a trait that is not served.
fn client(service: &Service, errors: &mut Errors) {
    let methods = service.methods.iter();
    let paths = methods.clone().flat_map(|it| it.ordered.iter().chain(&it.blocking)).chain(&service.object);
    for path in paths {
        let key = path.get_ident().map(ToString::to_string).unwrap_or_default();
        errors.at(
            path,
            format!("`{key}` applies to a server, and `client` omits the server: remove one of them"),
        );
    }
    for method in methods {
        if let Some(overflow) = &method.overflow {
            errors.at(&overflow.key, SERVER_ONLY);
        }
        for value in method.subscription.iter().flat_map(|it| &it.for_servers) {
            errors.at(value, SERVER_ONLY);
        }
        let defaults = method.parameters.iter().filter_map(|it| it.keys.default.as_ref());
        for default in defaults {
            errors.at(&default.key, SERVER_ONLY);
        }
        for alias in &method.aliases {
            errors.at(alias, SERVER_ONLY);
        }
    }
}

const SERVER_ONLY: &str = "this applies to a server, and `client` omits the server: remove one of them";

fn header(item: &ItemTrait, errors: &mut Errors) {
    if let Some(token) = &item.unsafety {
        errors.at(token, "an `#[rpc]` trait must be safe: a peer cannot uphold a safety contract");
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.at(token, "an `#[rpc]` trait has methods, which an auto trait may not have");
    }
    for param in &item.generics.params {
        if let GenericParam::Lifetime(param) = param {
            errors.at(param, "an `#[rpc]` trait has no lifetime parameters: types on the wire must be owned");
        }
    }
}

fn member(item: &TraitItem, errors: &mut Errors) {
    let message = "an `#[rpc]` trait has only methods: move this to a trait of its own, which may \
                   be a supertrait of this one";
    match item {
        TraitItem::Const(item) => errors.at(&item.ident, message),
        TraitItem::Type(item) => errors.at(&item.ident, message),
        TraitItem::Macro(item) => {
            errors.at(&item.mac, "`#[rpc]` cannot expand a macro call: write the methods out")
        }
        other => errors.at(other, message),
    }
}
