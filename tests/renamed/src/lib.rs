//! The macros find birpc under the name in this crate's manifest.

use bi_wire::{RpcError, rpc};

/// Has one method.
#[rpc]
pub trait Adder {
    /// Adds two numbers.
    async fn add(&self, a: u8, b: u8) -> Result<u8, TooLarge>;
}

/// The sum is no `u8`.
#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[error("too large")]
#[rpc(code = 1)]
pub struct TooLarge;

impl Adder for () {
    async fn add(&self, a: u8, b: u8) -> Result<u8, TooLarge> {
        a.checked_add(b).ok_or(TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use bi_wire::{CallError, Connection, Router};

    use super::*;

    #[tokio::test]
    async fn a_trait_is_served_and_called() {
        let (peer, _far) = Connection::pair(Router::new(), Router::new().service(AdderServer::new(())));
        let adder: AdderClient = peer.stub();
        assert_eq!(adder.add(1, 2).await, Ok(3));
        assert_eq!(adder.add(255, 1).await, Err(CallError::Method(TooLarge)));
    }
}
