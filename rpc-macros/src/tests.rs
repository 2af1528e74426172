//! Snapshots of expansions: each `tests/expand/*.rs` has its expansion beside it.
//!
//! `BLESS=1 cargo test -p birpc-macros` rewrites the snapshots; review their diff.

use std::path::{Path, PathBuf};
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, File, Item, Meta};

#[test]
fn expansions_are_as_they_were() {
    let inputs = inputs();
    assert!(!inputs.is_empty(), "there are no inputs");
    for input in inputs {
        let source = fs::read_to_string(&input).expect("an input can be read");
        let expanded = expand(&source);
        let snapshot = input.with_extension("expanded.rs");
        if env::var_os("BLESS").is_some() {
            fs::write(&snapshot, &expanded).expect("a snapshot can be written");
        }
        let wanted = fs::read_to_string(&snapshot).unwrap_or_default();
        assert!(
            expanded == wanted,
            "{} expands to something else than its snapshot (BLESS=1 accepts it):\n{expanded}",
            input.display(),
        );
    }
}

#[test]
fn a_trait_of_two_methods_expands_to_one_screen_a_side() {
    let path = folder().join("two_methods.expanded.rs");
    let expanded = fs::read_to_string(path).expect("there is a snapshot");
    let lines = expanded.lines().count();
    assert!(lines <= 110, "{lines} lines for both sides");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expand")
}

fn inputs() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("there is a folder of inputs");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let mut inputs: Vec<_> = paths.filter(|path| !path.to_string_lossy().ends_with(".expanded.rs")).collect();
    inputs.sort();
    inputs
}

/// Expands the items of a file that have one of the macros, and omits the others.
fn expand(source: &str) -> String {
    let file: File = syn::parse_str(source).expect("an input is Rust");
    let expanded: TokenStream = file.items.into_iter().map(expand_item).collect();
    let file = syn::parse2(expanded).expect("an expansion is Rust");
    prettyplease::unparse(&file)
}

fn expand_item(item: Item) -> TokenStream {
    match item {
        Item::Trait(mut item) => match take_rpc(&mut item.attrs) {
            Some(args) => crate::service::expand(args, item.into_token_stream()),
            None => TokenStream::new(),
        },
        Item::Enum(item) => crate::error::expand(item.into_token_stream()),
        Item::Struct(item) => crate::error::expand(item.into_token_stream()),
        _ => TokenStream::new(),
    }
}

/// Does what rustc does: removes the attribute and returns its arguments.
fn take_rpc(attrs: &mut Vec<Attribute>) -> Option<TokenStream> {
    let index = attrs.iter().position(|it| it.path().is_ident("rpc"))?;
    match attrs.remove(index).meta {
        Meta::List(list) => Some(list.tokens),
        Meta::Path(_) | Meta::NameValue(_) => Some(TokenStream::new()),
    }
}
