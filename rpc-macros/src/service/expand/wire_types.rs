//! The types of parameters and results as the expansion uses them: as aliases of themselves, which make rustc
//! report a type that cannot be sent once, with birpc's message.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::Names;

/// A parameter's type.
pub(super) fn param(ty: &Type, names: &Names<'_>) -> TokenStream {
    aliased(ty, names, &quote!(Param))
}

/// A request's return type.
pub(super) fn reply(ty: &Type, names: &Names<'_>) -> TokenStream {
    aliased(ty, names, &quote!(Reply))
}

/// The aliases require both directions. They are not used for a type that depends on the trait's parameters,
/// since each side only knows one direction of it, nor without a server, where the other direction does not
/// matter.
fn aliased(ty: &Type, names: &Names<'_>, alias: &TokenStream) -> TokenStream {
    if names.service.client.is_some() || names.generics.concern(ty) {
        return quote!(#ty);
    }
    let (private, site) = (names.service.private.at(ty.span()), Span::mixed_site().located_at(ty.span()));
    let alias = crate::private::located_at(alias.clone(), ty.span());
    quote_spanned!(site=> #private::#alias<#ty>)
}
