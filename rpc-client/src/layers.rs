//! The layers that a client's calls will go through.

use std::fmt;

use birpc_core::middleware::{BoxError, Caller, Layer, OutgoingCall, Service};
use birpc_core::{Peer, RawValue};

/// Layers to be put around the peer of a client, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Layers(Vec<Box<dyn FnOnce(Peer) -> Peer + Send + Sync>>);

impl Layers {
    pub(crate) fn push<L>(&mut self, layer: L)
    where
        L: Layer<Caller> + Send + Sync + 'static,
        L::Service: Service<OutgoingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as Service<OutgoingCall>>::Error: Into<BoxError>,
        <L::Service as Service<OutgoingCall>>::Future: Send,
    {
        self.0.push(Box::new(move |peer| peer.layer(layer)));
    }

    pub(crate) fn around(self, peer: Peer) -> Peer {
        self.0.into_iter().fold(peer, |peer, layer| layer(peer))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").field(&self.0.len()).finish()
    }
}
