//! This server's peers, as another server reaches them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, poll_fn};
use serde_json::value::RawValue;
use thiserror::Error;

use super::Groups;
use super::asking::Asking;
use super::event::Meta;
use super::global_id::GlobalId;
use super::name::Name;
use super::other_servers::{OtherServers, PresenceKey, RemoteRequest};
use super::recipient::Recipient;
use super::recipients::named;
use super::registry::Registry;
use super::target::Target;
use crate::close::CloseFrame;
use crate::error::CallError;
use crate::message::ErrorObject;
use crate::peer::{CallTemplate, EncodedNotification, Peer, PeerId};

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
        let registry = groups.registry();
        let local = Self { registry: registry.clone(), attachment: registry.next_attachment() };
        let attachment = local.attachment;
        let others = others(local);
        if registry.attach(attachment, others) { Ok(()) } else { Err(AlreadyAttached) }
    }

    /// Disconnects the groups from the other servers. What was sent before ends as the other servers end it;
    /// what is sent from now on reaches the peers of this server alone. The presence of other servers ends.
    pub fn detach(&self) {
        self.registry.detach(self.attachment);
    }

    /// The id of this server.
    #[must_use]
    pub fn node(&self) -> u128 {
        self.registry.node()
    }

    /// Maximum size of a message to a peer, in bytes.
    #[must_use]
    pub fn max_message(&self) -> usize {
        self.registry.settings().max_message
    }

    /// The number of connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.registry.connections()
    }

    /// Passes a notification to the queues of all peers of a target. Returns how many took it; `None` if the
    /// text is not a notification.
    pub fn deliver(&self, target: &Target, except: &BTreeSet<GlobalId>, text: &Bytes) -> Option<usize> {
        let notification = EncodedNotification::received(text.clone())?;
        let peers = self.recipients(target, except);
        Some(peers.iter().filter(|(_, peer)| peer.offer(&notification)).count())
    }

    /// Passes a notification to the queue of one peer. `false` if there is no such peer, its queue is full,
    /// or the text is not a notification.
    #[must_use]
    pub fn notify(&self, peer: PeerId, text: &Bytes) -> bool {
        let notification = EncodedNotification::received(text.clone());
        notification.zip(self.recipient(peer)).is_some_and(|(notification, peer)| peer.offer(&notification))
    }

    /// The peers that belong to a target now.
    #[must_use]
    pub fn members(&self, target: &Target, except: &BTreeSet<GlobalId>) -> Vec<PeerId> {
        self.recipients(target, except).into_iter().map(|(id, _)| id.peer()).collect()
    }

    /// Calls a peer. `None` if there is no such peer. Dropping the future cancels the call.
    #[must_use]
    pub fn call(
        &self,
        peer: PeerId,
        request: RemoteRequest,
    ) -> Option<BoxFuture<'static, Result<Box<RawValue>, CallError>>> {
        let peer = self.recipient(peer)?.peer().plain();
        let (timeout, template) = template(request);
        Some(Box::pin(template.call(peer, timeout)))
    }

    /// Calls these peers, at most as many at once as [`crate::Audience::ask`] does. Each of them is yielded
    /// once.
    #[must_use]
    pub fn ask(
        &self,
        peers: Vec<PeerId>,
        request: RemoteRequest,
    ) -> BoxStream<'static, (PeerId, Result<Box<RawValue>, CallError>)> {
        let of_peer = |id| {
            let recipient = self.recipient(id).unwrap_or_else(|| Recipient::Other(Peer::unconnected()));
            (self.registry.global_id(id), recipient)
        };
        let mut asking = Asking::new(peers.into_iter().map(of_peer).collect());
        let (timeout, template) = template(request);
        let answers = poll_fn(move |cx| asking.poll_answer(&template, timeout, cx));
        Box::pin(answers.map(|(id, answer)| (id.peer(), answer)))
    }

    /// Closes the connections of all peers of a target. Returns their number.
    pub fn close(&self, target: &Target, except: &BTreeSet<GlobalId>, frame: &CloseFrame) -> usize {
        let peers = self.recipients(target, except);
        peers.iter().for_each(|(_, peer)| peer.peer().close_with(frame.clone()));
        peers.len()
    }

    /// The number of peers that belong to a target.
    #[must_use]
    pub fn count(&self, target: &Target) -> usize {
        match self.is_attached() {
            true => self.registry.count(target),
            false => 0,
        }
    }

    /// All groups and users that have peers.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        match self.is_attached() {
            true => self.registry.with(|it| it.targets().collect()),
            false => Vec::new(),
        }
    }

    /// This server's own presence.
    #[must_use]
    pub fn own_presence(&self) -> Vec<(PresenceKey, Meta)> {
        self.registry.own_presence()
    }

    /// Applies changes of another server's presence; `None`: the entry is removed. Invalid entries are
    /// dropped, and new ones of a server that has 100 000.
    pub fn apply_presence(&self, node: u128, changes: Vec<(PresenceKey, Option<Meta>)>) {
        let valid = |(entry, meta): (PresenceKey, Option<Meta>)| {
            let (group, key) = (Name::new(&entry.group).ok()?, Name::new(&entry.key).ok()?);
            let is_valid = meta.as_ref().is_none_or(Meta::is_valid);
            is_valid.then(|| (GlobalId::new(node, entry.peer), group, key, meta))
        };
        let changes = changes.into_iter().filter_map(valid).collect();
        self.registry.apply_presence(self.attachment, changes);
    }

    /// Removes the presence of another server.
    pub fn node_gone(&self, node: u128) {
        self.registry.end_presence_of(self.attachment, node);
    }

    /// Tells the application that messages to a group were lost; `None`: to each group that has members here.
    /// A group without members is not told.
    pub fn tell_gap(&self, group: Option<&str>) {
        self.registry.tell_gap(self.attachment, group);
    }

    fn is_attached(&self) -> bool {
        self.registry.is_attached(self.attachment)
    }

    fn recipients(&self, target: &Target, except: &BTreeSet<GlobalId>) -> Vec<(GlobalId, Recipient)> {
        match self.is_attached() {
            true => named(&self.registry, self.registry.recipients(target).0, except),
            false => Vec::new(),
        }
    }

    fn recipient(&self, peer: PeerId) -> Option<Recipient> {
        if self.is_attached() { self.registry.recipient(peer) } else { None }
    }
}

/// The call, and its timeout.
fn template(request: RemoteRequest) -> (Duration, CallTemplate<Result<Box<RawValue>, ErrorObject>>) {
    let (timeout, sensitive) = (request.timeout(), request.is_sensitive());
    (timeout, CallTemplate::of_request(request.into_request(), sensitive))
}
