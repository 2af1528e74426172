//! `#[rpc]` on a trait.

use proc_macro2::TokenStream;
use syn::{Item, ItemTrait};

use crate::errors::Errors;
use crate::keys::Keys;

mod expand;
mod model;
mod parse;
mod subscription;
mod validate;

use model::Service;

/// Generates the trait, its server and its stub. After a mistake it generates enough of them to keep rustc
/// from reporting further errors.
pub(crate) fn expand(args: TokenStream, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item = match syn::parse2::<Item>(input.clone()) {
        Ok(Item::Trait(item)) => item,
        Ok(other) => return refuse_item(&other, input),
        Err(error) => {
            errors.push(error);
            return [input, errors.into_compile_errors()].into_iter().collect();
        }
    };
    expand_trait(args, item, errors)
}

fn expand_trait(args: TokenStream, mut item: ItemTrait, mut errors: Errors) -> TokenStream {
    let keys = Keys::from_args(args, &parse::ON_TRAIT, &mut errors);
    validate::attributes(&mut item, &mut errors);
    let mut service = Service::new(keys, item, &mut errors);
    validate::service(&mut service, &mut errors);
    let expanded = if errors.is_empty() { expand::service(&service) } else { expand::stubs_only(&service) };
    [expanded, errors.into_compile_errors()].into_iter().collect()
}

fn refuse_item(item: &Item, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let help = "`#[rpc]` goes on a trait, and inside of that trait on methods and parameters";
    match item {
        Item::Impl(item) => errors.at(item.impl_token, format!("{help}: an impl does not need it")),
        Item::Struct(item) => errors.at(item.struct_token, help),
        Item::Enum(item) => errors.at(item.enum_token, help),
        Item::Fn(item) => errors.at(&item.sig, help),
        other => errors.at(other, help),
    }
    [input, errors.into_compile_errors()].into_iter().collect()
}
