//! The types of parameters and results where an expansion uses them: as aliases of themselves, which have
//! rustc report one that cannot travel once, with a message of birpc's.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::Names;

/// The type of a parameter.
pub(super) fn param(ty: &Type, names: &Names<'_>) -> TokenStream {
    aliased(ty, names, &quote!(Param))
}

/// The type that a request returns.
pub(super) fn reply(ty: &Type, names: &Names<'_>) -> TokenStream {
    aliased(ty, names, &quote!(Reply))
}

/// The aliases ask for both directions: of a type that depends on parameters each side knows but one, and
/// where there is no server the other does not matter.
fn aliased(ty: &Type, names: &Names<'_>, alias: &TokenStream) -> TokenStream {
    if names.service.client.is_some() || names.generics.concern(ty) {
        return quote!(#ty);
    }
    let (private, site) = (names.service.private.at(ty.span()), Span::mixed_site().located_at(ty.span()));
    let alias = crate::private::located_at(alias.clone(), ty.span());
    quote_spanned!(site=> #private::#alias<#ty>)
}
