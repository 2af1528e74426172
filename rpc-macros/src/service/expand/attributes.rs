//! Decides which attributes of the trait and its methods the generated items get.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, Token};

/// The attributes of a method that its stub gets, in addition to `allow` and `expect`, which also set lint
/// levels.
const OF_STUBS: [&str; 6] = ["doc", "cfg", "deprecated", "warn", "deny", "forbid"];

/// The attributes of a method that its stub gets: docs, conditions, deprecation, lint levels.
pub(super) fn for_stub(attrs: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attrs.iter().filter_map(|attr| kept(&attr.meta, &OF_STUBS)).map(|meta| quote!(#[#meta]))
}

/// The conditions under which an item exists, and the lints that are allowed in it.
pub(super) fn for_items(attrs: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attrs.iter().filter_map(|attr| kept(&attr.meta, &["cfg"])).map(|meta| quote!(#[#meta]))
}

/// The conditions under which an item exists.
pub(super) fn conditions(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
}

pub(super) fn are_deprecated(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
}

pub(super) fn have_docs(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("doc"))
}

/// Returns the attribute if it is one of `known`, allows a lint, or conditionally adds only such attributes.
///
/// Lints that a method expects are allowed in its stub, where they may not occur.
fn kept(meta: &Meta, known: &[&str]) -> Option<TokenStream> {
    let path = meta.path();
    if path.is_ident("cfg_attr") {
        let list = meta.require_list().ok()?;
        let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
        let mut inner = inner.iter();
        let condition = inner.next()?;
        let added = inner.map(|meta| kept(meta, known)).collect::<Option<Vec<_>>>()?;
        return Some(quote!(#path(#condition, #(#added),*)));
    }
    if path.is_ident("expect") {
        let allow = Ident::new("allow", path.get_ident()?.span());
        let lints = &meta.require_list().ok()?.tokens;
        return Some(quote!(#allow(#lints)));
    }
    let is_kept = path.is_ident("allow") || known.iter().any(|name| path.is_ident(name));
    is_kept.then(|| meta.to_token_stream())
}
