//! Serves the methods that the page calls.

use std::sync::Arc;

use birpc_core::__private::crates::inspect::Redactor;
use birpc_core::{CallError, ErrorObject, Peer, PeerId, Streaming};

use crate::clock::now_ms;
use crate::contract::{
    About, GroupsPage, GroupsQuery, Inspect, Json, LoggedFrame, PeersPage, PeersQuery, Sample,
};
use crate::group_list;
use crate::peer_list::{self, NameUser};
use crate::sampler::INTERVAL;
use crate::watch::{HeardLog, Watches};

/// The number of characters of the reason why a connection ended, which may be its peer's.
const MAX_REASON: usize = 500;

/// The codes of errors that the page shows.
const NO_PEER: i64 = 1;
const NOT_ALLOWED: i64 = 2;
const NO_ROOM: i64 = 3;

pub(crate) struct Service {
    pub(crate) watches: Arc<Watches>,
    pub(crate) name: String,
    pub(crate) user: Option<NameUser>,
    /// Whether methods of peers may be called.
    pub(crate) calls: bool,
    /// An OpenRPC document.
    pub(crate) contract: Option<Json>,
}

impl Service {
    fn peer(&self, id: PeerId) -> Result<Peer, ErrorObject> {
        self.watches.server().peer(id).ok_or_else(|| ErrorObject::new(NO_PEER, "the peer is not connected"))
    }

    fn allow_calls(&self) -> Result<(), ErrorObject> {
        match self.calls {
            true => Ok(()),
            false => Err(ErrorObject::new(NOT_ALLOWED, "the server does not allow this (`allow_calls`)")),
        }
    }
}

impl Inspect for Service {
    async fn about(&self) -> Result<About, ErrorObject> {
        Ok(About {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            calls: self.calls,
            contract: self.contract.clone().filter(|_| self.calls),
            interval_ms: INTERVAL.as_millis() as u64,
        })
    }

    async fn samples(&self) -> Result<Streaming<Sample>, ErrorObject> {
        let watch = self.watches.join();
        Ok(Streaming::produce(|out| async move {
            let mut samples = watch.samples();
            loop {
                let sample = samples.borrow_and_update().clone();
                // The first sample is not there yet.
                if sample.at_ms > 0 {
                    out.send((*sample).clone()).await?;
                }
                if samples.changed().await.is_err() {
                    return Ok(());
                }
            }
        }))
    }

    async fn peers(&self, query: PeersQuery) -> Result<PeersPage, ErrorObject> {
        Ok(peer_list::page(self.watches.server(), &query, self.user.as_ref()))
    }

    async fn groups(&self, query: GroupsQuery) -> Result<GroupsPage, ErrorObject> {
        Ok(group_list::page(&self.watches.server().groups(), &query, self.user.as_ref()))
    }

    async fn messages(&self, peer: PeerId) -> Result<Streaming<LoggedFrame>, ErrorObject> {
        let peer = self.peer(peer)?;
        let heard = self.watches.join().log(peer.id().get());
        let heard = heard.map_err(|error| ErrorObject::new(NO_ROOM, error.to_string()))?;
        Ok(Streaming::produce(|out| async move {
            loop {
                let frame = tokio::select! {
                    biased;
                    frame = heard.log().next() => frame,
                    end = ended(&peer, &heard) => {
                        for frame in end {
                            out.send(frame).await?;
                        }
                        return Ok(());
                    }
                };
                out.send(frame).await?;
            }
        }))
    }

    async fn call(&self, peer: PeerId, method: String, params: Option<Json>) -> Result<Json, ErrorObject> {
        self.allow_calls()?;
        let peer = self.peer(peer)?;
        tracing::info!(connection = peer.id().get(), method, "the inspector calls a method");
        peer.call(&method, params).await.map_err(CallError::relay)
    }

    async fn notify(&self, peer: PeerId, method: String, params: Option<Json>) -> Result<(), ErrorObject> {
        self.allow_calls()?;
        let peer = self.peer(peer)?;
        tracing::info!(connection = peer.id().get(), method, "the inspector sends a notification");
        peer.notify(&method, params).await.map_err(CallError::relay)
    }

    async fn close(&self, peer: PeerId) -> Result<(), ErrorObject> {
        self.allow_calls()?;
        let peer = self.peer(peer)?;
        tracing::info!(connection = peer.id().get(), "the inspector closes a connection");
        peer.close(1000, "closed by the inspector")
            .map_err(|error| ErrorObject::new(NOT_ALLOWED, error.to_string()))
    }
}

/// Waits for the end of a connection. Returns the frames that are left, and one that tells the reason.
async fn ended(peer: &Peer, heard: &HeardLog) -> Vec<LoggedFrame> {
    let reason = Redactor::show_text(&peer.closed().await.to_string(), MAX_REASON);
    let mut frames: Vec<_> = std::iter::from_fn(|| heard.log().take()).collect();
    let (at_ms, kind, text) = (now_ms(), "end".into(), Some(reason));
    frames.push(LoggedFrame { at_ms, received: false, kind, bytes: 0, text, missed: 0 });
    frames
}
