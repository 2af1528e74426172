//! `#[derive(RpcError)]`.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

mod expand;
mod model;
mod parse;
mod validate;

use model::ErrorType;

/// The impl of `RpcError`; and after a mistake, one without a body to speak of, so that rustc does
/// not report that there is none.
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
    [expanded, errors.into_compile_errors()].into_iter().collect()
}
