//! `#[derive(RpcError)]`.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

mod expand;
mod model;
mod parse;
mod schema;
mod validate;

use model::ErrorType;

/// Generates the impl of `RpcError`. After a mistake it generates an empty impl, so that rustc does not also
/// report a missing one.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let input = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let Some(error) = ErrorType::new(input, &mut errors) else {
        return errors.into_compile_errors();
    };
    validate::error_type(&error, &mut errors);
    let expanded = if errors.is_empty() { expand::error_type(&error) } else { expand::stub_only(&error) };
    let schema = errors.is_empty().then(|| schema::expand(&error)).flatten().unwrap_or_default();
    [expanded, schema, errors.into_compile_errors()].into_iter().collect()
}
