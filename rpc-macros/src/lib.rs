//! The macros of birpc: `#[rpc]`, which generates a server and a client stub from a trait, and
//! `#[derive(RpcError)]`, which makes an error type sendable.
//!
//! Use them as `birpc::rpc` and `birpc::RpcError`. This crate is not for direct use, because its expansions
//! refer to `birpc::__private`.
//!
//! Both macros have the same steps, in `service` for the attribute and in `error` for the derive: `parse`
//! reads the `#[rpc(…)]` attributes, `model` combines them with the syntax, `validate` reports every mistake
//! where it was made, and `expand` writes the code. Most of the logic is in `birpc-core`, so the expansions
//! are short enough to read.

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
/// For a trait `Chat` it generates, with the same visibility,
///
/// - the trait itself, with each `async fn` as a function that returns a `Send` future, so that an `impl Chat
///   for Room` with plain `async fn`s implements it;
/// - `ChatServer`, which wraps such an implementation for a `Router`;
/// - `ChatClient`, the stub: for each method of the trait it has one of the same name and parameters, and it
///   is created from a `Peer`;
/// - `ChatBatch`, which `ChatClient::batch` returns: the same methods, for calls that are sent in one
///   JSON-RPC batch.
///
/// # Methods
///
/// Each method is an `async fn` that takes `&self`. The first parameter after it may be `&Context`, which is
/// not on the wire. All other parameters are owned, and at most 16. Each implements `Serialize` and
/// `DeserializeOwned`, or is a `Streaming<T>`. One may be a `Progress<T>`, to which the method reports how
/// far it is; it is not part of `params`.
///
/// A request returns `Result<T, E>`, which may be an alias, where `E` implements `RpcError`. A notification
/// returns nothing and is never answered. A method may have a default body. A method that is marked
/// `blocking` is a plain `fn`; its stub is async.
///
/// Doc comments, `#[cfg(…)]`, `#[deprecated]` and lint levels of a method also apply to its stub; lints that
/// the method expects (`#[expect(…)]`) are allowed there. Lints that the trait allows or expects are allowed
/// in everything that is generated.
///
/// Type parameters of the trait get the bounds `Send + Sync + 'static`. In addition, the server and the stub
/// require serde's traits for the types that the methods take and return, and not for the parameters
/// themselves: if the methods of `trait Chain<C: Config>` take and return `C::Hash`, then `C::Hash` must be
/// serialisable and `C` need not be.
///
/// # Keys on the trait
///
/// | key | meaning | without it |
/// |---|---|---|
/// | `namespace = "chat"` | the prefix of each method's name on the wire | the bare name |
/// | `separator = "_"` | the text between namespace and name | `"."` |
/// | `params = "named"` | the stub sends parameters as an object, not as an array | `"positional"` |
/// | `null` | the stub sends each `None` as null | it is left out |
/// | `client` | no server is generated: the trait is only called, and several methods may have the same name on the wire | |
/// | `schema` | `ChatContract` is generated, which describes the trait for a `Contract` | |
/// | `dyn` | `Arc<dyn Chat>` can be served; implementations need `#[birpc::async_trait]` | |
/// | `crate = some::path` | the path of birpc, for crates that re-export it | `::birpc`, or the name in the crate's `Cargo.toml` |
///
/// `schema` needs birpc's feature `schema`. The types that the methods take and return, and the items of
/// their streams, need schemars' `JsonSchema`, and their error types the key `schema` of
/// `#[derive(RpcError)]`. Traits without the key need neither.
///
/// `dyn` needs birpc's feature `dyn`. Each call of such a method allocates its future.
///
/// # Keys on a method
///
/// | key | meaning |
/// |---|---|
/// | `notification` | it is never answered |
/// | `name = "textDocument/didOpen"` | its full name on the wire, without the namespace |
/// | `aliases = ["old.name"]` | further full names under which it is served |
/// | `ordered` | the ordered methods of a connection run one at a time, in the order of arrival |
/// | `overflow = "drop"`, `"latest"` or `"close"` | what happens to a notification of a plain JSON-RPC peer that exceeds a limit of calls (`Overflow`) |
/// | `blocking` | it blocks its thread: a plain `fn`, which runs on a thread for blocking code |
/// | `idempotent` | serving it twice does no harm: a client that reconnects sends it again if its connection ended before the reply |
/// | `subscription(notify = "…", unsubscribe = "…")` | it returns a stream, and is a subscription for peers that do not speak `birpc.v1`; see below |
/// | `params = "positional"`, `"named"` or `"single"` | as on the trait; `"single"` sends its only parameter, a `Progress` aside, as the whole params |
/// | `null` | as on the trait |
/// | `sensitive` | logs do not show its params and its result |
/// | `hidden` | no contract has the method |
///
/// # Subscriptions
///
/// A method with the key `subscription(…)` returns `Result<Streaming<T, E>, E2>`. A peer that speaks
/// `birpc.v1` calls it as any other. For other peers it has the form of Ethereum's `eth_subscribe`
/// (`SubscriptionForm`): the reply is an id, items are notifications, and a second method ends it.
///
/// | key | meaning | without it |
/// |---|---|---|
/// | `notify = "subscription"` | the name of the notification that has the items, behind the namespace | |
/// | `notify_name = "chain_newHead"` | the same as a full name | |
/// | `unsubscribe = "unsubscribe"` | the name of the method that ends a subscription, behind the namespace; several methods may have one | |
/// | `unsubscribe_name = "chain_unsubscribe"` | the same as a full name | |
/// | `end = "error"`, `"silent"` or `"close"` | how a server tells that a subscription has failed (`BadEnd`) | `"error"` |
/// | `ids = "text"` or `"number"` | what a server's ids are (`SubscriptionIds`) | `"text"` |
///
/// # Keys on a parameter
///
/// | key | meaning |
/// |---|---|
/// | `name = "type"` | its name on the wire, if it differs from its name in Rust |
/// | `default` or `default = some::path` | its value if a caller omits it: `Default::default()`, or the result of the function. `#[serde(default)]` does the same |
/// | `null` | the stub sends `None` as null |
/// | `sensitive` | logs do not show it |
///
/// A server accepts parameters by position and by name, whatever the stub sends. A stub omits parameters that
/// are `None`: any by name, those at the end by position.
///
/// If an ordered method calls its peer, and the peer calls an ordered method back and awaits it, each waits
/// for the other. If a call of a blocking method is cancelled before a thread is free, the method never runs.
/// If it is already running, it continues and holds its slot; it may check `Context::is_cancelled`, and is
/// answered with −32800 when it returns.
#[proc_macro_attribute]
pub fn rpc(args: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(args.into(), item.into()).into()
}

/// Makes an enum or a struct the error type of a request.
///
/// Each variant (or the struct) has a code, `#[rpc(code = 1)]`. On the wire, the message is the output of
/// `Display`, and the fields are the `data`: named fields become an object, one unnamed field its value,
/// several an array, and no fields no data. The other side gets the same variant back, with its fields. Each
/// field implements `Serialize` and `DeserializeOwned`. Data that is null counts as none.
///
/// The derive also implements `From` of the error for `ErrorObject`, so that `?` and `into()` work in
/// functions that return one.
///
/// # Keys
///
/// | key | where | meaning |
/// |---|---|---|
/// | `code = 1` | a variant, or the struct | its code; those of -32768..=-32000 are JSON-RPC's own |
/// | `transparent` | a variant, or the struct | it has one `ErrorObject`, which is sent unchanged; it receives every error that matches no other variant |
/// | `name = "max"` | a named field | its name in `data`, if it differs from its name in Rust |
/// | `schema` | the type | contracts have its codes, with the types of their fields, which need `JsonSchema` |
/// | `crate = some::path` | the type | the path of birpc, for crates that re-export it |
#[proc_macro_derive(RpcError, attributes(rpc))]
pub fn derive_rpc_error(item: TokenStream) -> TokenStream {
    error::expand(item.into()).into()
}
