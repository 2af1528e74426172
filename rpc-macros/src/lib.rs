//! The macros of birpc: `#[rpc]`, which makes a server and a client stub of a trait, and
//! `#[derive(RpcError)]`, which lets an error type of your own travel.
//!
//! Use them as `birpc::rpc` and `birpc::RpcError`; this crate is not for direct use, because its
//! expansions name items of `birpc::__private`.
//!
//! Both go the same way, in `service` for the attribute and in `error` for the derive:
//! `parse` reads the `#[rpc(…)]` attributes, `model` says what they and the syntax mean together,
//! `validate` reports every mistake in it, each where it was made, and `expand` writes the code.
//! Nearly everything else is in `birpc-core`: what is expanded is thin enough to be read.

#![cfg_attr(docsrs, feature(doc_cfg))]

use proc_macro::TokenStream;

mod error;
mod errors;
mod generics;
mod keys;
mod manifest;
mod private;
mod service;
#[cfg(test)]
mod tests;

/// Makes a trait the interface of one side of a connection.
///
/// For a trait `Chat` it emits, with the same visibility,
///
/// - the trait itself, with each `async fn` as a function that returns a `Send` future, so that a
///   plain `impl Chat for Room` with plain `async fn`s implements it;
/// - `ChatServer`, which wraps such an implementation for a `Router`;
/// - `ChatClient`, the stub, which has a method of the same name and parameters for each method of
///   the trait, and is made from any `Peer`;
/// - `ChatBatch`, which `ChatClient::batch` makes: the same methods for calls that go out in one
///   JSON-RPC batch.
///
/// # Methods
///
/// Each is an `async fn` that takes `&self`. The first parameter after it may be `&Context`, which
/// is not on the wire; all others are owned, `Serialize` and `DeserializeOwned`, and at most 16.
/// A request returns `Result<T, E>`, by whatever alias, with an `E` that is `RpcError`; a
/// notification returns nothing, and is never answered. A method may have a default body. One that is
/// marked `blocking` is a plain `fn`; its stub is async all the same.
///
/// Doc comments, `#[cfg(…)]`, `#[deprecated]` and lint levels of a method hold for its stub too; what it
/// expects (`#[expect(…)]`) is allowed there. What the trait allows or expects is allowed in all that is
/// emitted.
///
/// Type parameters of the trait get the bounds `Send + Sync + 'static`. The server and the stub also need
/// that what travels can: of `trait Chain<C: Config>` whose methods take and return `C::Hash` the latter is
/// serialised, and `C` need not be.
///
/// # Keys on the trait
///
/// | key | meaning | without it |
/// |---|---|---|
/// | `namespace = "chat"` | what comes before each method's name on the wire | the bare name |
/// | `separator = "_"` | what stands between the two | `"."` |
/// | `params = "named"` | the stub sends parameters as an object, not as an array | `"positional"` |
/// | `null` | the stub sends each `None` as null | it is left out |
/// | `client` | no server is emitted: the trait is only called, and several methods may have one name on the wire | |
/// | `dyn` | `Arc<dyn Chat>` can be served; an implementation is under `#[birpc::async_trait]` | |
/// | `crate = some::path` | where birpc is, for crates that re-export it | `::birpc`, or what the crate's `Cargo.toml` calls it |
///
/// `dyn` needs birpc's feature `dyn`. Each call of such a method allocates its future.
///
/// # Keys on a method
///
/// | key | meaning |
/// |---|---|
/// | `notification` | it is never answered |
/// | `name = "textDocument/didOpen"` | its whole name on the wire: the namespace is not put before it |
/// | `aliases = ["old.name"]` | further whole names under which it is served |
/// | `ordered` | of the ordered methods of a connection one runs at a time, in the order of arrival |
/// | `blocking` | it blocks its thread: a plain `fn`, which runs on a thread for that |
/// | `idempotent` | to serve it twice does no harm: a client that reconnects sends it again, if its connection ended before the reply |
/// | `params = "positional"`, `"named"` or `"single"` | as on the trait; `"single"` sends the one parameter as the whole params |
/// | `null` | as on the trait |
/// | `sensitive` | logs show nothing of its params and its result |
///
/// # Keys on a parameter
///
/// | key | meaning |
/// |---|---|
/// | `name = "type"` | its name on the wire, if that is not its name in Rust |
/// | `default` or `default = some::path` | what it is for a caller that leaves it out: `Default::default()`, or what the function returns. `#[serde(default)]` says the same |
/// | `null` | the stub sends its `None` as null |
/// | `sensitive` | logs do not show it |
///
/// A server takes parameters by position and by name, whatever the stub sends. A stub leaves a parameter out
/// that is `None`: any by name, those at the end by position.
///
/// An ordered method that calls its peer, which then calls an ordered method back and awaits it, waits for
/// itself. A call of a blocking method that is cancelled before it has a thread never runs; one that runs
/// goes on, holds its slot, may look at `Context::is_cancelled`, and is answered with −32800 when it returns.
#[proc_macro_attribute]
pub fn rpc(args: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(args.into(), item.into()).into()
}

/// Lets an enum or a struct be the error type of a request.
///
/// Each variant (or the struct) has a code, `#[rpc(code = 1)]`. On the wire the message is what
/// `Display` writes, and the fields are the `data`: named ones an object, one unnamed field its
/// value, several an array, none no data. The other side gets the same variant back, with its
/// fields. Each field is `Serialize` and `DeserializeOwned`. Data that is null is the same as none.
///
/// It also implements `From` of the error for `ErrorObject`, so that `?` and `into()` work where that is what
/// is returned.
///
/// # Keys
///
/// | key | where | meaning |
/// |---|---|---|
/// | `code = 1` | a variant, or the struct | its code; those of -32768..=-32000 are JSON-RPC's own |
/// | `transparent` | a variant, or the struct | it holds one `ErrorObject`, which is sent as it is; it receives every error that no other variant takes |
/// | `name = "max"` | a named field | its name in `data`, if that is not its name in Rust |
/// | `crate = some::path` | the type | where birpc is, for crates that re-export it |
#[proc_macro_derive(RpcError, attributes(rpc))]
pub fn derive_rpc_error(item: TokenStream) -> TokenStream {
    error::expand(item.into()).into()
}
