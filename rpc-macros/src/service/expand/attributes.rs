//! Which attributes of the trait and of its methods hold for what is made of them.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// The attributes of a method that its stub has as well: docs, conditions, deprecation, lint levels.
/// `expect` is left out, because what it expects may not happen twice.
pub(super) fn for_stub(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| holds_for_stub(&attr.meta))
}

/// The conditions under which an item is there.
pub(super) fn conditions(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
}

pub(super) fn are_deprecated(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
}

pub(super) fn have_docs(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("doc"))
}

fn holds_for_stub(meta: &Meta) -> bool {
    if meta.path().is_ident("cfg_attr") {
        return conditional(meta).is_some_and(|inner| inner.iter().skip(1).all(holds_for_stub));
    }
    ["doc", "cfg", "deprecated", "allow", "warn", "deny", "forbid"]
        .iter()
        .any(|known| meta.path().is_ident(known))
}

/// The condition of a `cfg_attr`, and then the attributes that it adds.
fn conditional(meta: &Meta) -> Option<Punctuated<Meta, Token![,]>> {
    let list = meta.require_list().ok()?;
    list.parse_args_with(Punctuated::parse_terminated).ok()
}
