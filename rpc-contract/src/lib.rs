//! What the two sides of a birpc connection serve, as a value, and documents of it.
//!
//! A [`Contract`] is seen from one side: it has the services that this side serves, and those that it calls
//! at its peer. [`Contract::openrpc`], [`Contract::asyncapi`] and [`Contract::typescript`] write it down.
//! They depend on the contract alone, so the same contract gives the same text. [`Contract::from_openrpc`]
//! reads what a server answers to `rpc.discover`.
//!
//! Applications use `birpc::Contract`, whose services come from traits with `#[rpc(schema)]`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod asyncapi;
mod content;
mod contract;
mod documents;
mod merge;
mod model;
mod names;
mod openrpc;
mod schema;
#[cfg(test)]
mod tests;
mod titles;
mod typescript;

pub use contract::{Contract, Describe};
pub use model::{ErrorCase, ErrorType, Method, Outcome, Param, Service, Style};
pub use openrpc::ReadError;
pub use schema::Schema;
