//! Contracts: what the two sides of a connection serve, as a value, and its documents.
//!
//! `#[rpc(schema)]` on a trait `Chat` generates `ChatContract`, which describes its methods. The types of
//! their parameters, results and stream items implement `JsonSchema` of schemars 1, and their error types
//! have `#[rpc(schema)]` too.

pub(crate) mod describing;
mod own_types;
pub(crate) mod types;

pub use birpc_contract::{
    Contract, Describe, ErrorCase, ErrorType, Method, Outcome, Param, ReadError, Schema, Service, Style,
};

pub use types::{DescribeError, Types};
