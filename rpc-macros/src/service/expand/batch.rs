//! `ChatBatch`: the methods of the stub, for calls that are sent in one JSON-RPC batch.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Ident, ReturnType};

use super::super::model::Method;
use super::Names;
use super::client::{attributes_of, inputs};
use crate::generics::{angled, where_clause};
use crate::private::Private;

pub(super) fn expand(names: &Names<'_>) -> TokenStream {
    let (service, generics, cfgs) = (names.service, &names.of_client(), &names.cfgs);
    let (private, vis) = (&service.private, &service.item.vis);
    let (ident, client) = (names.derived("Batch"), names.derived("Client"));
    let (header, arguments) = (angled(&generics.bounded), angled(&generics.used));
    let params = angled(&generics.on_struct);
    let (bounds, quiet) = (where_clause(&generics.predicates), names.quiet());
    let docs = format!(" Collects calls of a [`{}`] for one JSON-RPC batch.", service.item.ident);
    let methods = service.methods.iter().filter(|it| it.sound).map(|it| method(it, &client, private));
    let site = Span::mixed_site();
    quote_spanned! {site=>
        #(#cfgs)*
        #[doc = #docs]
        #[derive(#private::fmt::Debug)]
        #vis struct #ident #params(#client #arguments, #private::BatchCalls);
        #(#cfgs)* #quiet
        impl #header #ident #arguments #bounds { #(#methods)* }
    }
}

/// A method. It sends what the stub's method would send. It is inlined, so that an unused batch adds no code.
fn method(method: &Method, client: &Ident, private: &Private) -> TokenStream {
    let ident = &method.syntax.sig.ident;
    let (attrs, inputs) = (attributes_of(method), inputs(method));
    let values = method.parameters.iter().map(|it| &it.ident);
    let site = Span::mixed_site();
    let (output, add) = match (&method.notification, &method.syntax.sig.output) {
        (None, ReturnType::Type(_, ty)) => {
            (quote_spanned!(site=> -> #private::BatchCall<#ty>), quote_spanned!(site=> #private::batch_call))
        }
        _ => (TokenStream::new(), quote_spanned!(site=> #private::batch_notification)),
    };
    quote_spanned! {site=>
        #attrs
        #[inline]
        pub fn #ident(&mut self, #inputs) #output {
            #add(&mut self.1, #client::#ident(&self.0, #(#values),*))
        }
    }
}
