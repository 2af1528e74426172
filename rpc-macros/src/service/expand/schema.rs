//! `ChatContract`: describes the trait for a contract.
//!
//! It is a type of its own, so that neither the trait nor its server and stub need schemas of the types.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Meta, ReturnType};

use super::super::model::{Method, Parameter};
use super::super::parse::Style;
use super::{Names, attributes, subscription};
use crate::generics::{angled, where_clause};

/// Nothing if the trait has no key `schema`.
pub(super) fn expand(names: &Names<'_>) -> Option<TokenStream> {
    let service = names.service;
    service.schema.as_ref()?;
    let (private, vis, cfgs) = (&service.private, &service.item.vis, &names.cfgs);
    let ident = names.derived("Contract");
    let on_params = match &service.client {
        None => quote!(#private::DescribedParam + #private::ServedParam),
        Some(_) => quote!(#private::DescribedParam),
    };
    let generics = names.with_bounds(&on_params, &on_params, &quote!(#private::DescribedResult));
    let (params, arguments) = (angled(&generics.on_struct), angled(&generics.used));
    let (header, bounds) = (angled(&generics.bounded), where_clause(&generics.predicates));
    let phantom = generics.phantom(private);
    let fields = phantom.map(|phantom| quote!((#phantom)));
    let (name, docs) = (service.item.ident.unraw().to_string(), docs(&service.item.attrs));
    let methods = service.methods.iter().filter(|it| it.hidden.is_none()).map(|it| method(it, names));
    let about = format!(" Describes [`{}`]: give it to a `Contract`.", service.item.ident);
    let site = Span::mixed_site();
    Some(quote_spanned! {site=>
        #(#cfgs)*
        #[doc = #about]
        #[allow(dead_code)]
        #[derive(#private::fmt::Debug)]
        #vis struct #ident #params #fields;
        #(#cfgs)*
        #[automatically_derived]
        impl #header #private::Describe for #ident #arguments #bounds {
            fn describe() -> #private::Description {
                let mut methods_ = #private::Describing::new(#name, &[#(#docs),*]);
                #(#methods)*
                methods_.finish()
            }
        }
    })
}

/// A line of `describe`. Its parts have the spans of the types that they ask.
fn method(method: &Method, names: &Names<'_>) -> TokenStream {
    let attrs = &method.syntax.attrs;
    let (cfgs, docs) = (attributes::conditions(attrs), docs(attrs));
    let (name, function) = (&method.name.literal, method.syntax.sig.ident.unraw().to_string());
    let site = Span::mixed_site();
    let style = match method.style {
        Style::Positional => None,
        Style::Named => Some(quote_spanned!(site=> .named())),
        Style::Single => Some(quote_spanned!(site=> .single())),
    };
    let deprecated = attributes::are_deprecated(attrs).then(|| quote_spanned!(site=> .deprecated()));
    let idempotent = method.idempotent.as_ref().map(|_| quote_spanned!(site=> .idempotent()));
    let sensitive = method.sensitive.as_ref().map(|_| quote_spanned!(site=> .sensitive()));
    let params = method.parameters.iter().map(|it| param(it, names));
    let outcome = match (&method.notification, &method.syntax.sig.output) {
        (None, ReturnType::Type(_, ty)) => {
            let site = site.located_at(ty.span());
            match subscription::form(method, names) {
                Some(form) => quote_spanned!(site=> .subscription::<#ty>(#form)),
                None => quote_spanned!(site=> .request::<#ty>()),
            }
        }
        _ => quote_spanned!(site=> .notification()),
    };
    quote_spanned! {site=>
        #(#cfgs)*
        (&mut methods_).method(#name, #function, &[#(#docs),*])
            #style #deprecated #idempotent #sensitive #(#params)* #outcome;
    }
}

fn param(parameter: &Parameter, names: &Names<'_>) -> TokenStream {
    let (ty, name) = (parameter.ty(), &parameter.name);
    let site = Span::mixed_site().located_at(ty.span());
    let sensitive = parameter.keys.sensitive.as_ref().map(|_| quote_spanned!(site=> .sensitive_param()));
    match (&names.service.client, &parameter.keys.default) {
        (Some(_), _) => quote_spanned!(site=> .called_param::<#ty>(#name) #sensitive),
        (None, Some(_)) => quote_spanned!(site=> .param_with_default::<#ty>(#name) #sensitive),
        (None, None) => quote_spanned!(site=> .param::<#ty>(#name) #sensitive),
    }
}

/// The lines of a doc comment.
fn docs(attrs: &[Attribute]) -> Vec<&Expr> {
    let docs = attrs.iter().filter(|attr| attr.path().is_ident("doc"));
    let lines = docs.filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) => Some(&pair.value),
        Meta::Path(_) | Meta::List(_) => None,
    });
    lines.collect()
}
