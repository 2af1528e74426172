//! The types of parameters and results as the expansion uses them: as aliases of themselves, which make rustc
//! report a type that cannot be sent once, with birpc's message.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::super::model::{Method, Parameter};
use super::super::parse::Style;
use super::Names;

/// The type of a parameter.
pub(super) fn param(parameter: &Parameter, method: &Method, names: &Names<'_>) -> TokenStream {
    let alias = match (&method.notification, &method.blocking, &method.idempotent) {
        (Some(_), _, _) => quote!(NotificationParam),
        _ if method.style == Style::Single && !parameter.is_progress() => quote!(SingleParam),
        (_, Some(_), _) => quote!(BlockingParam),
        (_, _, Some(_)) => quote!(IdempotentParam),
        _ if method.subscription.is_some() => quote!(SubscriptionParam),
        (None, None, None) => quote!(Param),
    };
    aliased(parameter.ty(), names, &alias, &quote!(Sent))
}

/// The type that a request returns.
pub(super) fn reply(ty: &Type, method: &Method, names: &Names<'_>) -> TokenStream {
    let alias = match (&method.blocking, &method.subscription) {
        (Some(_), _) => quote!(BlockingReply),
        (None, Some(_)) => quote!(SubscriptionReply),
        (None, None) => quote!(Reply),
    };
    aliased(ty, names, &alias, &quote!(ReceivedReply))
}

/// `both` requires both directions, `called` the one that matters for a trait without a server. Neither is
/// used for a type that depends on the trait's parameters, since each side only knows one direction of it.
fn aliased(ty: &Type, names: &Names<'_>, both: &TokenStream, called: &TokenStream) -> TokenStream {
    if names.generics.concern(ty) {
        return quote!(#ty);
    }
    let alias = if names.service.client.is_some() { called } else { both };
    let (private, site) = (names.service.private.at(ty.span()), Span::mixed_site().located_at(ty.span()));
    let alias = crate::private::located_at(alias.clone(), ty.span());
    quote_spanned!(site=> #private::#alias<#ty>)
}
