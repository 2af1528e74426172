//! The trait itself.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, Pat, ReturnType, Safety, Token, TraitItemFn, Type, parse_quote};

use super::super::model::{Method, Service};
use super::Names;
use crate::generics::{identifiers, where_clause};
use crate::private::Private;

pub(super) fn expand(names: &Names<'_>) -> TokenStream {
    let service = names.service;
    let private = &service.private;
    let item = &service.item;
    let (attrs, vis, unsafety, auto) = (&item.attrs, &item.vis, &item.unsafety, &item.modifiers.auto_token);
    let (ident, params, others) = (&item.ident, &item.generics.params, &service.others);
    let params = (!params.is_empty()).then(|| quote!(<#params>));
    let supertraits = item.supertraits.iter();
    let generics = &names.generics;
    let bounds = where_clause(&[&generics.on_self[..], &generics.predicates].concat());
    let methods = service.methods.iter().map(|it| method(it, service));
    let object = service.object.as_ref().map(|_| quote!(#[#private::async_trait]));
    // A trait that is only called need not be implemented.
    let unused = service.client.as_ref().map(|_| quote!(#[allow(dead_code)]));
    quote! {
        #(#attrs)* #object #unused
        #vis #unsafety #auto trait #ident #params:
            #(#supertraits +)* #private::Send + #private::Sync + 'static
        #bounds
        {
            #(#methods)*
            #(#others)*
        }
    }
}

/// Turns an `async fn` into a function that returns a `Send` future, as handlers require.
fn method(method: &Method, service: &Service) -> TokenStream {
    let private = &service.private;
    let mut syntax = method.syntax.clone();
    // These have been reported, and rustc would report them again.
    syntax.modifiers = Default::default();
    syntax.sig.constness = None;
    syntax.sig.variadic = None;
    if let Safety::Safe(_) = syntax.sig.safety {
        syntax.sig.safety = Safety::Default;
    }
    name_patterns(&mut syntax, method);
    size_self(&mut syntax, private);
    // async-trait transforms this in the same way as the user's impls.
    if service.object.is_some() || syntax.sig.asyncness.take().is_none() {
        return quote!(#syntax);
    }
    let output = match &syntax.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let site = Span::mixed_site();
    let future = quote_spanned!(site=> impl #private::Future<Output = #output> + #private::Send);
    let body = syntax.default.take().map(|block| {
        // Tells rustc the type of `return`, `?` and the last expression, which a block cannot do.
        let hint = method.notification.is_none().then(|| {
            quote_spanned! {site=>
                if let #private::Some(output_) = #private::None::<#output> {
                    return output_;
                }
            }
        });
        let stmts = &block.stmts;
        quote_spanned!(site=> { async move { #hint #(#stmts)* } })
    });
    syntax.sig.output = ReturnType::Type(Token![->](site), Box::new(Type::Verbatim(future)));
    let (attrs, signature, semi) = (&syntax.attrs, &syntax.sig, &syntax.semi_token);
    quote!(#(#attrs)* #signature #body #semi)
}

/// A method with `Self` in its types has been reported. Since `Self` may have no size, rustc would report it
/// again.
fn size_self(syntax: &mut TraitItemFn, private: &Private) {
    let inputs = syntax.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
    let mut types = quote!(#(#inputs)*);
    syntax.sig.output.to_tokens(&mut types);
    if identifiers(types).contains("Self") {
        syntax.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: #private::Sized));
    }
}

/// rustc accepts patterns only in functions with a body.
fn name_patterns(syntax: &mut TraitItemFn, method: &Method) {
    let parameters = method.context.iter().chain(&method.parameters);
    let inputs = syntax.sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    for (input, parameter) in inputs.zip(parameters) {
        if syntax.default.is_none() {
            let ident = &parameter.ident;
            *input.pat = Pat::Verbatim(quote!(#ident));
        }
    }
}
