//! What the methods of stubs come to: calls and notifications whose parameters are tuples.

use serde::de::DeserializeOwned;

use super::{Call, Notify, Peer};
use crate::error::MethodResult;
use crate::message::{Arguments, Positional};

/// A request with its parameters by position, without each `None` at their end.
pub fn request<R, P>(peer: &Peer, method: &str, params: P) -> Call<R>
where
    R: MethodResult<Ok: DeserializeOwned>,
    P: Arguments,
{
    peer.invoke(method, Positional(params))
}

/// A notification with its parameters by position, without each `None` at their end.
pub fn notification<P: Arguments>(peer: &Peer, method: &str, params: P) -> Notify {
    peer.notify(method, Positional(params))
}
