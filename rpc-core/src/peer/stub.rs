//! What the methods of stubs come to: calls and notifications whose parameters are tuples.

use serde::Serialize;

use super::{Call, Notify, Peer};
use crate::error::CalledResult;
use crate::message::{Arguments, Positional};

/// A request with its parameters by position, without each `None` at their end.
pub fn request<R: CalledResult, P: Arguments>(peer: &Peer, method: &str, params: P) -> Call<R> {
    peer.invoke(method, Positional(params))
}

/// A request whose params are a value of their own.
pub fn invoke<R: CalledResult, P: Serialize>(peer: &Peer, method: &str, params: P) -> Call<R> {
    peer.invoke(method, params)
}

/// A notification with its parameters by position, without each `None` at their end.
pub fn notification<P: Arguments>(peer: &Peer, method: &str, params: P) -> Notify {
    peer.notify(method, Positional(params))
}
