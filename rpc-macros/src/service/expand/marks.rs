//! Generates the marks of `#[rpc(sensitive)]`: the parts of messages that logs must not show.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

use super::super::model::{Method, Service};
use super::super::parse::Style;
use super::attributes;

/// Sets the marks of the trait's methods, if there are any. Server and stub both do this, since a program may
/// contain only one of them.
pub(super) fn set(service: &Service) -> Option<TokenStream> {
    let private = &service.private;
    let marked: Vec<_> = service.methods.iter().filter(|it| it.sound && is_marked(it)).collect();
    let site = Span::mixed_site();
    let marks = marked.iter().flat_map(|method| {
        let names = method.names().map(|name| (name, mark(method)));
        names.chain(of_items(method)).map(|(name, mark)| {
            let cfgs = attributes::conditions(&method.syntax.attrs);
            quote_spanned!(site=> #(#cfgs)* #private::Sensitive { method: #name, #mark })
        })
    });
    let marks = quote_spanned! {site=>
        static MARKS: #private::Marks = #private::Marks::new(&[#(#marks),*]);
        (&MARKS).set();
    };
    (!marked.is_empty()).then_some(marks)
}

/// The mark of the notification that has the items of a subscription.
fn of_items(method: &Method) -> Option<(&LitStr, TokenStream)> {
    let subscription = method.subscription.as_ref().filter(|_| method.sensitive.is_some())?;
    let mark = quote_spanned!(Span::mixed_site()=> params: &[], all_params: true, result: false);
    Some((&subscription.notification, mark))
}

fn is_marked(method: &Method) -> bool {
    method.sensitive.is_some() || method.parameters.iter().any(|it| it.keys.sensitive.is_some())
}

/// The marks of a method: everything, or some of its parameters.
fn mark(method: &Method) -> TokenStream {
    let site = Span::mixed_site();
    let whole = method.sensitive.is_some();
    let all = whole || method.style == Style::Single;
    let params = method.parameters.iter().enumerate().filter(|(_, it)| !all && it.keys.sensitive.is_some());
    let params = params.map(|(index, it)| {
        let (index, name) = (Literal::usize_unsuffixed(index), &it.name);
        quote_spanned!(site=> (#index, #name))
    });
    quote_spanned!(site=> params: &[#(#params),*], all_params: #all, result: #whole)
}
