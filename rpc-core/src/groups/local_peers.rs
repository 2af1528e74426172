//! This server's peers, as another server reaches them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::value::RawValue;
use thiserror::Error;

use super::event::Meta;
use super::global_id::GlobalId;
use super::other_servers::{OtherServers, PresenceKey, RemoteRequest};
use super::registry::Registry;
use super::target::Target;
use super::{Groups, registry};
use crate::close::CloseFrame;
use crate::error::CallError;
use crate::peer::PeerId;

/// This server's peers and groups, for what implements [`OtherServers`]. After [`LocalPeers::detach`] there
/// is nobody. A clone is cheap.
#[derive(Clone)]
pub struct LocalPeers {
    registry: Arc<Registry>,
    attachment: u64,
}

/// The groups are connected to other servers already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("these groups are connected to other servers already")]
pub struct AlreadyAttached;

impl LocalPeers {
    /// Connects groups to other servers, until [`LocalPeers::detach`]. `others` is called with a handle for
    /// it. Then `set_wanted` is called for all groups and users that have peers, and `presence_changed` for
    /// all entries, before any change of these.
    ///
    /// # Errors
    /// [`AlreadyAttached`].
    pub fn attach(
        groups: &Groups,
        others: impl FnOnce(Self) -> Arc<dyn OtherServers>,
    ) -> Result<(), AlreadyAttached> {
        todo!()
    }

    /// Disconnects the groups from the other servers. What was sent before ends as the other servers end it;
    /// what is sent from now on reaches the peers of this server alone. The presence of other servers ends.
    pub fn detach(&self) {
        todo!()
    }

    /// The id of this server.
    #[must_use]
    pub fn node(&self) -> u128 {
        todo!()
    }

    /// Maximum size of a message to a peer, in bytes.
    #[must_use]
    pub fn max_message(&self) -> usize {
        todo!()
    }

    /// The number of connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        todo!()
    }

    /// Passes a notification to the queues of all peers of a target. Returns how many took it; `None` if the
    /// text is not a notification.
    pub fn deliver(&self, target: &Target, except: &BTreeSet<GlobalId>, text: &Bytes) -> Option<usize> {
        todo!()
    }

    /// Passes a notification to the queue of one peer. `false` if there is no such peer, its queue is full,
    /// or the text is not a notification.
    #[must_use]
    pub fn notify(&self, peer: PeerId, text: &Bytes) -> bool {
        todo!()
    }

    /// The peers that belong to a target now.
    #[must_use]
    pub fn members(&self, target: &Target, except: &BTreeSet<GlobalId>) -> Vec<PeerId> {
        todo!()
    }

    /// Calls a peer. `None` if there is no such peer. Dropping the future cancels the call.
    #[must_use]
    pub fn call(
        &self,
        peer: PeerId,
        request: RemoteRequest,
    ) -> Option<BoxFuture<'static, Result<Box<RawValue>, CallError>>> {
        todo!()
    }

    /// Calls these peers, at most as many at once as [`crate::Audience::ask`] does. Each of them is yielded
    /// once.
    #[must_use]
    pub fn ask(
        &self,
        peers: Vec<PeerId>,
        request: RemoteRequest,
    ) -> BoxStream<'static, (PeerId, Result<Box<RawValue>, CallError>)> {
        todo!()
    }

    /// Closes the connections of all peers of a target. Returns their number.
    pub fn close(&self, target: &Target, except: &BTreeSet<GlobalId>, frame: &CloseFrame) -> usize {
        todo!()
    }

    /// The number of peers that belong to a target.
    #[must_use]
    pub fn count(&self, target: &Target) -> usize {
        todo!()
    }

    /// All groups and users that have peers.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        todo!()
    }

    /// This server's own presence.
    #[must_use]
    pub fn own_presence(&self) -> Vec<(PresenceKey, Meta)> {
        todo!()
    }

    /// Applies changes of another server's presence; `None`: the entry is removed. Invalid entries are
    /// dropped, and new ones of a server that has 100 000.
    pub fn apply_presence(&self, node: u128, changes: Vec<(PresenceKey, Option<Meta>)>) {
        todo!()
    }

    /// Removes the presence of another server.
    pub fn node_gone(&self, node: u128) {
        todo!()
    }

    /// Tells the application that messages to a group were lost; `None`: to each group that has members here.
    /// A group without members is not told.
    pub fn tell_gap(&self, group: Option<&str>) {
        todo!()
    }
}
