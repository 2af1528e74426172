//! birpc's side: the service that all servers of the benchmarks offer, as users of birpc write it.

use birpc::{ErrorObject, Router, rpc};
use serde_json::value::RawValue;

/// The methods of all servers of the benchmarks.
#[rpc]
pub trait Bench {
    /// The sum of two numbers.
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    /// Returns its parameter.
    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject>;
}

struct Served;

impl Bench for Served {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        a.checked_add(b).ok_or_else(|| ErrorObject::new(1, "the sum does not fit an i64"))
    }

    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject> {
        Ok(value)
    }
}

/// The router of that service.
#[must_use]
pub fn router() -> Router {
    Router::new().service(BenchServer::new(Served))
}
