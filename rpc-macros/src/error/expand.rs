//! Writes the impl of `RpcError` for a model.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{ErrorType, Shape, Variant};
use crate::generics::{Generics, angled, where_clause};
use crate::private::Private;

pub(super) fn error_type(error: &ErrorType) -> TokenStream {
    let private = &error.private;
    let site = Span::mixed_site();
    // The error for a type without `Display` is reported where the type was declared.
    let at_type = site.located_at(error.ident.span());
    let at = private.at(error.ident.span());
    let message = quote_spanned!(at_type=> #at::error_text(&self));
    let generics = Generics::new(&error.generics);
    let sent = error.variants.iter().map(|it| sent(it, private, &generics));
    let received = received(error, &generics);
    implement(
        error,
        &quote_spanned! {site=>
            fn into_error_object(self) -> #private::ErrorObject {
                let message_ = #message;
                match self {
                    #(#sent,)*
                }
            }
            fn from_error_object(
                error_: #private::ErrorObject,
            ) -> #private::Result<Self, #private::ErrorObject> {
                #received
            }
        },
    )
}

/// An impl that sends and receives nothing, for a type with a mistake.
pub(super) fn stub_only(error: &ErrorType) -> TokenStream {
    let private = &error.private;
    implement(
        error,
        &quote! {
            fn into_error_object(self) -> #private::ErrorObject {
                #private::error(0, #private::String::new())
            }
            fn from_error_object(
                error_: #private::ErrorObject,
            ) -> #private::Result<Self, #private::ErrorObject> {
                #private::Err(error_)
            }
        },
    )
}

fn implement(error: &ErrorType, body: &TokenStream) -> TokenStream {
    let private = &error.private;
    let ident = &error.ident;
    let bounds = quote! {
        #private::Serialize + #private::DeserializeOwned + #private::Send + 'static
    };
    let mut generics = Generics::new(&error.generics);
    for field in error.variants.iter().flat_map(|it| &it.fields) {
        generics.require(&field.ty, &bounds);
    }
    if !generics.types.is_empty() {
        // Whether the type implements `Display` may depend on its parameters, as thiserror's impls do.
        generics.predicates.push(quote!(Self: #private::fmt::Display + #private::Send + 'static));
    }
    // Lifetimes have been reported; with `'static` for them, rustc reports nothing more.
    let lifetimes = error.generics.lifetimes().map(|_| quote!('static));
    let used = generics.used.iter().map(|it| quote!(#it));
    let arguments = angled(&lifetimes.chain(used).collect::<Vec<_>>());
    let header = angled(&generics.bounded);
    let bounds = where_clause(&[generics.on_self, generics.predicates].concat());
    // In bounds, `Self` is the error; here `Self` is another type.
    let is_error = quote!(#ident #arguments: #private::RpcError);
    let is_error =
        where_clause(if generics.types.is_empty() { &[] } else { std::slice::from_ref(&is_error) });
    let site = Span::mixed_site();
    quote_spanned! {site=>
        #[automatically_derived]
        impl #header #private::RpcError for #ident #arguments #bounds { #body }
        #[automatically_derived]
        impl #header #private::From<#ident #arguments> for #private::ErrorObject #is_error {
            fn from(error_: #ident #arguments) -> Self {
                #private::RpcError::into_error_object(error_)
            }
        }
    }
}

/// `Self::Name { a, b }`, both as a pattern and as an expression.
fn whole(variant: &Variant) -> TokenStream {
    let path = &variant.path;
    let bindings = variant.fields.iter().map(|it| &it.binding);
    match variant.shape {
        Shape::Named => {
            let members = variant.fields.iter().map(|it| &it.member);
            quote!(#path { #(#members: #bindings),* })
        }
        Shape::Unnamed => quote!(#path(#(#bindings),*)),
        Shape::Unit => quote!(#path),
    }
}

/// An arm of `into_error_object`.
fn sent(variant: &Variant, private: &Private, generics: &Generics) -> TokenStream {
    let pattern = whole(variant);
    let bindings: Vec<_> = variant.fields.iter().map(|it| &it.binding).collect();
    let (site, private) = at_fields(variant, private);
    let Some(code) = &variant.keys.code else {
        return quote_spanned!(site=> #pattern => #(#bindings)*);
    };
    let code = code.literal();
    let types = types(variant, &private, generics);
    let (data, ty) = match (variant.shape, &bindings[..]) {
        (_, []) => return quote_spanned!(site=> #pattern => #private::error(#code, message_)),
        (Shape::Named, _) => {
            let names = variant.fields.iter().map(|it| &it.name);
            let data = quote_spanned!(site=> #private::Fields(&[#(#names),*], (#(#bindings,)*)));
            (data, quote_spanned!(site=> #private::Fields<(#(#types,)*)>))
        }
        (_, [one]) => {
            (quote_spanned!(site=> #private::Only(#one)), quote_spanned!(site=> #private::Only<#(#types)*>))
        }
        (_, several) => (quote_spanned!(site=> (#(#several),*)), quote_spanned!(site=> (#(#types),*))),
    };
    quote_spanned!(site=> #pattern => #private::error_with::<#ty>(#code, message_, &#data))
}

/// The types of the fields: as aliases of themselves, which make rustc report one that cannot be sent once.
/// Types that depend on the parameters of the error have their bounds there.
fn types(variant: &Variant, private: &TokenStream, generics: &Generics) -> Vec<TokenStream> {
    let aliased = |ty: &syn::Type| {
        let site = Span::mixed_site().located_at(ty.span());
        if generics.concern(ty) { quote!(#ty) } else { quote_spanned!(site=> #private::Param<#ty>) }
    };
    variant.fields.iter().map(|it| aliased(&it.ty)).collect()
}

/// The span and the hidden module for code that handles fields: rustc then underlines a field's type where it
/// was written, if it cannot be sent.
fn at_fields(variant: &Variant, private: &Private) -> (Span, TokenStream) {
    let site = Span::mixed_site();
    let first = variant.fields.first();
    let span = first.map_or(site, |it| it.ty.span());
    (site.located_at(span), private.at(span))
}

/// The body of `from_error_object`.
fn received(error: &ErrorType, generics: &Generics) -> TokenStream {
    let private = &error.private;
    let site = Span::mixed_site();
    let coded = error.variants.iter().filter_map(|it| {
        let code = it.keys.code.as_ref()?.literal();
        let decoded = decoded(it, private, generics);
        Some(quote_spanned!(site=> #code => #decoded))
    });
    let outcome = match error.transparent() {
        Some(variant) => {
            let path = &variant.path;
            let members = variant.fields.iter().map(|it| &it.member);
            let (at_field, _) = at_fields(variant, private);
            let rest = quote_spanned!(at_field=> error_);
            let rest = quote!(#path { #(#members: #rest)* });
            quote_spanned!(site=> #private::Ok(known_.unwrap_or(#rest)))
        }
        None => quote_spanned!(site=> known_.ok_or(error_)),
    };
    quote_spanned! {site=>
        let known_ = match (&error_).code() {
            #(#coded,)*
            _ => #private::None,
        };
        #outcome
    }
}

/// The variant as an `Option`: `None` if the data does not fit this variant.
fn decoded(variant: &Variant, private: &Private, generics: &Generics) -> TokenStream {
    let whole = whole(variant);
    let bindings: Vec<_> = variant.fields.iter().map(|it| &it.binding).collect();
    let (site, private) = at_fields(variant, private);
    let types = types(variant, &private, generics);
    match (variant.shape, &bindings[..]) {
        (_, []) => quote_spanned!(site=> #private::Some(#whole)),
        (Shape::Named, _) => {
            let names = variant.fields.iter().map(|it| &it.name);
            quote_spanned! {site=>
                #private::error_fields::<(#(#types,)*)>(&error_, &[#(#names),*])
                    .map(|(#(#bindings,)*)| #whole)
            }
        }
        (_, [one]) => quote_spanned! {site=>
            #private::error_only::<#(#types)*>(&error_).map(|#one| #whole)
        },
        (_, several) => quote_spanned! {site=>
            #private::error_data::<(#(#types),*)>(&error_).map(|(#(#several),*)| #whole)
        },
    }
}
