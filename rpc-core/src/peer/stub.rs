//! The methods of generated stubs use these: calls and notifications whose parameters are tuples.

use serde::Serialize;

use super::{Call, Notify, Peer};
use crate::error::CalledResult;
use crate::message::{Arguments, Positional};

/// A request with its parameters by position, without trailing `None`s.
pub fn request<R: CalledResult, P: Arguments>(peer: &Peer, method: &str, params: P) -> Call<R> {
    peer.invoke(method, Positional(params))
}

/// A request whose params are a single value.
pub fn invoke<R: CalledResult, P: Serialize>(peer: &Peer, method: &str, params: P) -> Call<R> {
    peer.invoke(method, params)
}

/// A notification with its parameters by position, without trailing `None`s.
pub fn notification<P: Arguments>(peer: &Peer, method: &str, params: P) -> Notify {
    peer.notify(method, Positional(params))
}
