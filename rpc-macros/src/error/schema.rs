//! Describes an error type for a contract.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{ErrorType, Shape, Variant};
use crate::generics::{Generics, angled, where_clause};

/// Nothing if the type has no key `schema`.
pub(super) fn expand(error: &ErrorType) -> Option<TokenStream> {
    error.schema.as_ref()?;
    let (private, ident) = (&error.private, &error.ident);
    let mut generics = Generics::new(&error.generics);
    for field in error.variants.iter().flat_map(|it| &it.fields) {
        generics.require(&field.ty, &quote!(#private::JsonSchema));
    }
    let (header, arguments) = (angled(&generics.bounded), angled(&generics.used));
    let bounds = where_clause(&[generics.on_self, generics.predicates].concat());
    let name = ident.unraw().to_string();
    let cases = error.variants.iter().filter_map(|it| case(it, error));
    let site = Span::mixed_site();
    Some(quote_spanned! {site=>
        #[automatically_derived]
        impl #header #private::DescribeError for #ident #arguments #bounds {
            fn describe(types_: &mut #private::Types) -> #private::Option<#private::ErrorType> {
                let error_ = #private::ErrorType::new(#name);
                #(let error_ = #cases;)*
                #private::Some(error_)
            }
        }
    })
}

/// The error with another variant; `None` for one that takes all other errors.
fn case(variant: &Variant, error: &ErrorType) -> Option<TokenStream> {
    let code = variant.keys.code.as_ref()?.literal();
    let message = &variant.message;
    let site = variant
        .fields
        .first()
        .map_or_else(Span::mixed_site, |it| Span::mixed_site().located_at(it.ty.span()));
    let private = error.private.at(site);
    let types = variant.fields.iter().map(|it| &it.ty);
    let data = match (variant.shape, &variant.fields[..]) {
        (_, []) => quote_spanned!(site=> #private::None),
        (Shape::Named, fields) => {
            let names = fields.iter().map(|it| &it.name);
            let required = quote_spanned!(site=> #((#names, types_.schema::<#types>())),*);
            quote_spanned!(site=> #private::Some(#private::object(&[#required])))
        }
        (_, [_]) => quote_spanned!(site=> #private::Some(types_.schema::<#(#types)*>())),
        (_, _) => quote_spanned!(site=> #private::Some(types_.schema::<(#(#types),*)>())),
    };
    Some(quote_spanned!(site=> error_.with(#code, #message, #data)))
}
