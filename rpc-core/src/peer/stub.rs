//! The functions that the methods of generated stubs call.

use super::{Call, CalledResult, Notify, Peer, SentParams};
use crate::message::EncodeError;
use crate::streaming::Sources;

/// A request.
pub fn request<R: CalledResult, P: SentParams>(peer: &Peer, method: &str, params: P) -> Call<R> {
    let mut sources = Sources::default();
    let params = params.into_wire(&mut sources);
    Call::of_params(peer.clone(), method, &params, sources)
}

/// A notification.
pub fn notification<P: SentParams>(peer: &Peer, method: &str, params: P) -> Notify {
    let mut sources = Sources::default();
    let params = params.into_wire(&mut sources);
    match sources.is_empty() {
        true => peer.notify(method, params),
        false => Notify::new(peer.clone(), Err(EncodeError::Streams)),
    }
}
