//! Groups of peers, the users that they belong to, and who is present.
//!
//! [`Membership`](membership) and [`Presence`](presence) are pure state, each with a model. A [`Registry`]
//! has both under a lock; all connections of a server share it through their configuration. [`Groups`] is the
//! application's handle, and [`Audience`] what it sends to. [`OtherServers`] are the servers whose peers
//! these reach too, if there are some, and [`LocalPeers`] is how those reach the peers of this server.

mod all_peers;
mod answers;
mod asking;
mod audience;
mod elsewhere;
mod error;
mod event;
mod global_id;
mod joining;
#[cfg_attr(not(feature = "inspector"), allow(dead_code))]
pub(crate) mod listing;
mod lists;
mod local_peers;
mod member;
mod membership;
#[cfg(test)]
mod membership_model;
mod name;
mod of_peer;
mod on_gap;
mod other_servers;
mod outcome;
mod presence;
#[cfg(test)]
mod presence_model;
mod recipient;
mod recipients;
mod registry;
mod sending;
mod sent;
mod settings;
mod shrinking;
mod tables;
mod target;
mod topic;
mod users;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::config::Config;
use crate::message::ErrorObject;
use crate::peer::Peer;
use elsewhere::peer_elsewhere;
use membership::By;
use name::Name;
use registry::{Entered, Registry};
use settings::Settings;

pub use all_peers::AllPeers;
pub use answers::Answers;
pub use audience::Audience;
pub use error::GroupError;
pub use event::{Meta, PresenceEvent};
pub use global_id::{GlobalId, InvalidGlobalId, global_id, global_id_parts};
pub use local_peers::{AlreadyAttached, LocalPeers};
pub use member::Member;
pub use other_servers::{Message, OtherServers, PresenceKey, RemoteRequest};
pub use outcome::{read_outcome, write_outcome};
pub use sending::Sending;
pub use sent::{Joined, Remote, Sent};
pub use target::Target;
pub use watch::PresenceEvents;

pub(crate) use joining::{ChangeOfUser, PendingJoin};

/// The groups of a server, or of several servers that are connected: named sets of their peers. A clone is
/// cheap.
///
/// A group exists while it has members. A peer leaves all of its groups when its connection ends, before
/// `on_disconnect`. Names have 1 to 256 bytes and are compared byte by byte. A peer may be in
/// [`crate::Limits::max_groups`] groups, and a server has at most 100 000.
///
/// If servers are connected, what is sent to a group, a user or all reaches the peers of all of them, and
/// presence is that of all. A peer is put into groups by the server to which it is connected.
///
/// `Server::groups`, `ServerHandle::groups` and [`crate::Context::groups`] return the same groups. Without a
/// `Server`, connections with the same `Arc<Config>` share their groups.
///
/// ```
/// # use birpc_core::{Context, ErrorObject, Peer};
/// async fn enter(cx: &Context, room: String) -> Result<(), ErrorObject> {
///     let (groups, peer) = (cx.groups(), cx.peer());
///     groups.join(&peer, &room).await?;
///     // With a stub: `.send(|user: &UserClient| user.entered(name))`.
///     let others = groups.to(&room).except(peer.global_id());
///     others.send(|user: &Peer| user.notify("user.entered", ["ada"])).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Groups {
    registry: Arc<Registry>,
}

impl Groups {
    /// The groups of a server, which has its own list of connections.
    pub(crate) fn of_server(all: Box<dyn AllPeers>) -> Self {
        Self { registry: Arc::new(Registry::new(Some(all))) }
    }

    /// The groups of the connections with this configuration.
    pub(crate) fn of_config(config: &Config) -> Self {
        let registry = config.shared.get_or_init(|| Arc::new(Registry::new(None)));
        // A value of another type cannot be there: only this module sets it.
        let registry = registry.unwrap_or_else(|| Arc::new(Registry::new(None)));
        registry.set_settings(Settings::of(config));
        Self { registry }
    }

    /// Makes these the groups of the connections with this configuration.
    pub(crate) fn share(&self, config: &Config) {
        self.registry.set_settings(Settings::of(config));
        config.shared.get_or_init(|| self.registry.clone());
    }

    /// Removes a peer, whose connection has ended, from all groups that it is in.
    pub(crate) fn end(peer: &Peer) {
        peer.groups().registry.end(peer.id());
        Entered::leave(peer);
    }

    /// Adds a peer to a group. When the future has completed, what is sent to the group reaches it. Joining
    /// twice is joining once.
    ///
    /// The future is ready at once, unless other servers are connected: then it waits until what they send
    /// reaches the peer too. What is sent meanwhile may reach it already. If they cannot be reached,
    /// [`Joined::remote`] says so, and the peer is a member: it gets what its own server sends, and what the
    /// others send when they can be reached again.
    ///
    /// # Errors
    /// [`GroupError`]: the name is invalid, a limit is exceeded, the peer has disconnected, or the engine
    /// that connects the servers refuses the group. Then the peer is not in the group, unless it was before.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, the peer is not in the group, unless it was before.
    pub async fn join(&self, peer: &Peer, group: &str) -> Result<Joined, GroupError> {
        joining::join(&self.registry, peer, group).await
    }

    /// Removes a peer from a group. Returns whether it was a member. What is sent to the group from now on
    /// does not reach it. A peer that has joined the group as a topic ([`crate::Router::topics`]) is told by
    /// `rpc.left` with code 0; [`Groups::leave_with`] says why.
    pub async fn leave(&self, peer: &Peer, group: &str) -> bool {
        self.leave_with(peer, group, &ErrorObject::new(0, "")).await
    }

    /// [`Groups::leave`] with a code and a message for a peer that has joined the group as a topic.
    pub async fn leave_with(&self, peer: &Peer, group: &str, reason: &ErrorObject) -> bool {
        let Ok(name) = Name::new(group) else { return false };
        topic::end(&self.registry, peer, &name, reason).is_out
    }

    /// Removes all members of this server from a group. Those that have joined it as a topic are told the
    /// code and the message. Returns how many they were. Members of other servers stay.
    pub async fn end_group(&self, group: &str, reason: &ErrorObject) -> usize {
        let Ok(name) = Name::new(group) else { return 0 };
        let members = self.to(group).here();
        let left = members.iter().map(|(_, member)| topic::end(&self.registry, member.peer(), &name, reason));
        left.filter(|left| left.is_out).count()
    }

    /// Sets which user a peer belongs to, instead of the former one: for servers whose users log in with a
    /// call. `Grant::user` of `authorize` does it when the peer connects. A user may have any number of
    /// peers. It waits as [`Groups::join`] does; meanwhile, what is sent to either user reaches the peer. Of
    /// several changes at the same time, the one that began last counts.
    ///
    /// # Errors
    /// As for [`Groups::join`]. The peer keeps its former user.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, the peer keeps its former user.
    pub async fn set_user(&self, peer: &Peer, user: &str) -> Result<Joined, GroupError> {
        match self.begin_set_user(peer, user)? {
            Some(change) => change.complete().await,
            None => Ok(Joined { remote: Remote::None }),
        }
    }

    /// Begins to set the user of a peer. `None` if it is set: there are no other servers.
    pub(crate) fn begin_set_user(&self, peer: &Peer, user: &str) -> Result<Option<ChangeOfUser>, GroupError> {
        ChangeOfUser::begin(&self.registry, peer, user)
    }

    /// Makes a peer belong to no user.
    pub async fn clear_user(&self, peer: &Peer) {
        self.registry.with(|it| it.set_user(peer.id(), None));
    }

    /// The members of a group, to send something to. A group without members is empty, and so is one with an
    /// invalid name.
    pub fn to(&self, group: &str) -> Audience {
        Audience::new(self.registry.clone(), Target::Group(group.into()))
    }

    /// The peers of a user, to send something to.
    pub fn user(&self, user: &str) -> Audience {
        Audience::new(self.registry.clone(), Target::User(user.into()))
    }

    /// All connected peers, to send something to. Without a `Server`, these are the peers that are or have
    /// been in a group, or have a user.
    pub fn all(&self) -> Audience {
        Audience::new(self.registry.clone(), Target::All)
    }

    /// One peer, whether it is in a group or not, of this server or another one that is connected. If there
    /// is no such peer, calls to it end as [`crate::CallError::Disconnected`].
    pub fn member(&self, id: GlobalId) -> Member {
        let registry = &self.registry;
        let peer = match id.node() == registry.node() {
            true => registry.peer(id.peer()),
            false => registry.others().map(|_| peer_elsewhere(registry, id)),
        };
        Member::new(peer.unwrap_or_else(Peer::unconnected))
    }

    /// Whether a peer of this server is in a group.
    #[must_use]
    pub fn is_member(&self, peer: &Peer, group: &str) -> bool {
        self.registry.with(|it| it.is_member(peer.id(), group))
    }

    /// The number of members of a group, of all servers. Members of servers that cannot be reached are not
    /// counted.
    pub async fn count(&self, group: &str) -> usize {
        let target = Target::Group(group.into());
        let here = self.registry.count(&target);
        match self.registry.others().filter(|_| target.is_valid()) {
            Some(others) => here + others.count(&target).await,
            None => here,
        }
    }

    /// The number of notifications that a peer has missed because its queue was full, of those that were sent
    /// to groups, users or all, since it first was in a group or had a user. The log warns of them, for each
    /// peer at most once in a minute.
    #[must_use]
    pub fn missed(&self, peer: &Peer) -> u64 {
        self.registry.with(|it| it.member(peer.id()).map_or(0, |member| member.missed()))
    }

    /// Makes a peer present in a group of which it is a member, under a key such as the name of its user. The
    /// meta is data about it, at most 1 KiB of JSON; it replaces the peer's former meta under this key. The
    /// presence ends when the peer leaves the group or disconnects.
    ///
    /// A peer may be present under 256 keys of all groups, and all peers of all servers together under
    /// 100 000.
    ///
    /// # Errors
    /// [`GroupError`]: the peer is not a member, a name or the meta is invalid, or a limit is exceeded.
    pub async fn track(
        &self,
        peer: &Peer,
        group: &str,
        key: &str,
        meta: impl Serialize,
    ) -> Result<(), GroupError> {
        self.registry.track(peer.id(), group, &Name::new(key)?, Meta::new(&meta)?)
    }

    /// Ends the presence of a peer under a key. Returns whether it was present.
    pub async fn untrack(&self, peer: &Peer, group: &str, key: &str) -> bool {
        let (Ok(group), Ok(key)) = (Name::new(group), Name::new(key)) else { return false };
        self.registry.untrack(peer.id(), &group, &key)
    }

    /// Who is present in a group, on all servers: the state, then its changes. While other servers cannot be
    /// reached, the last that is known of them holds.
    ///
    /// ```
    /// # use birpc_core::{Context, ErrorObject, PresenceEvent, Streaming};
    /// /// A method of a server whose result is the presence of a room.
    /// async fn watch(cx: &Context, room: String) -> Result<Streaming<PresenceEvent>, ErrorObject> {
    ///     Ok(Streaming::from_stream(cx.groups().presence(&room)))
    /// }
    /// ```
    pub fn presence(&self, group: &str) -> PresenceEvents {
        PresenceEvents::new(self.registry.clone(), group)
    }

    /// Sets what runs when messages that other servers have sent to a group may have been lost, with the name
    /// of the group; it replaces the former hook. A group is told for each time at which messages may have
    /// been lost, whatever their number, and only while it has members on this server: once, or twice after
    /// an outage. What the application does then is its own choice, such as to tell the members to load
    /// their state again.
    ///
    /// The hook must not block. A panic of it is logged and has no other effect.
    ///
    /// ```
    /// # fn example(groups: birpc_core::Groups) {
    /// groups.on_gap(|group| println!("messages to {group} may be missing"));
    /// # }
    /// ```
    pub fn on_gap(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        self.registry.on_gap().set(hook);
    }

    /// How often each group was told that messages may have been lost, of the groups that have members on
    /// this server, since the first of these joined.
    #[must_use]
    pub fn gaps(&self) -> BTreeMap<String, u64> {
        self.registry.gaps()
    }

    /// For what connects the groups to those of other servers.
    fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn begin_join(&self, peer: &Peer, topic: &str) -> Result<PendingJoin, GroupError> {
        PendingJoin::begin(self.registry.clone(), peer, topic)
    }

    /// Ends a peer's own join. Returns whether it had joined, or was about to.
    pub(crate) fn leave_topic(&self, peer: &Peer, topic: &str) -> bool {
        let Ok(name) = Name::new(topic) else { return false };
        self.registry.leave(peer.id(), &name, By::Peer).was_in
    }
}

/// Checks the name of a group, user or key.
pub(crate) fn check_name(name: &str) -> Result<(), GroupError> {
    Name::new(name).map(drop)
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").finish_non_exhaustive()
    }
}
