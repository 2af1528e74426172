//! Joins, and changes of users, until other servers know of them.
//!
//! A peer belongs to its new group or user at once, since what other servers send to it may arrive before
//! they are known to know of it. What fails or is dropped is undone.

use std::sync::Arc;

use super::error::GroupError;
use super::membership::By;
use super::name::Name;
use super::registry::Registry;
use super::sent::{Joined, Remote};
use super::tables::Others;
use super::target::Target;
use crate::peer::{Peer, PeerId};

/// A join of a peer that is a member already. If it is dropped, the peer is not a member, unless there is
/// another reason.
struct Joining {
    registry: Arc<Registry>,
    id: PeerId,
    group: Name,
    ticket: u64,
}

impl Drop for Joining {
    fn drop(&mut self) {
        // Has no effect if the join was completed.
        self.registry.abandon_join(self.id, &self.group, self.ticket);
    }
}

/// Adds a peer to a group on behalf of the server.
pub(super) async fn join(registry: &Arc<Registry>, peer: &Peer, group: &str) -> Result<Joined, GroupError> {
    let (id, group, limit) = (peer.id(), Name::new(group)?, peer.limits().max_groups);
    let begun = registry.with_peer(peer, |it, others| {
        let Some(others) = others else { return it.join(id, &group, limit).map(|()| None) };
        let ticket = it.begin_join(id, &group, By::Server, limit)?;
        it.admit(id, &group, ticket, limit)?;
        Ok(Some((ticket, others)))
    })?;
    let Some((ticket, others)) = begun else { return Ok(Joined { remote: Remote::None }) };
    let joining = Joining { registry: registry.clone(), id, group, ticket };
    let remote = others.proved(&Target::Group(joining.group.shared())).await?;
    joining.registry.with(|it| {
        // If it is not completed, the peer has left the group since.
        it.complete_join(id, &joining.group, ticket);
        if it.knows(id) { Ok(Joined { remote }) } else { Err(GroupError::Disconnected) }
    })
}

/// A change of a peer's user. If it is dropped, the peer keeps its former one.
pub(crate) struct ChangeOfUser {
    registry: Arc<Registry>,
    id: PeerId,
    user: Name,
    ticket: u64,
    others: Others,
}

impl Drop for ChangeOfUser {
    fn drop(&mut self) {
        // Has no effect if the change was completed.
        self.registry.with(|it| it.abandon_user(self.id, self.ticket));
    }
}

impl ChangeOfUser {
    /// Begins to set the user of a peer. `None` if it is set: there are no other servers.
    pub(super) fn begin(
        registry: &Arc<Registry>,
        peer: &Peer,
        user: &str,
    ) -> Result<Option<Self>, GroupError> {
        let (id, user) = (peer.id(), Name::new(user)?);
        let begun = registry.with_peer(peer, |it, others| match others {
            None => {
                it.set_user(id, Some(&user));
                Ok(None)
            }
            Some(others) => Ok(Some((it.begin_user(id, &user)?, others))),
        })?;
        Ok(begun.map(|(ticket, others)| Self { registry: registry.clone(), id, user, ticket, others }))
    }

    /// Waits until other servers know of it.
    pub(crate) async fn complete(self) -> Result<Joined, GroupError> {
        let remote = self.others.proved(&Target::User(self.user.shared())).await?;
        self.registry.with(|it| {
            // If it is not completed, the peer has got a later user since, or none.
            it.complete_user(self.id, self.ticket);
            if it.knows(self.id) { Ok(Joined { remote }) } else { Err(GroupError::Disconnected) }
        })
    }
}

/// A join of a topic, while the application authorizes it. If it is dropped before it is completed, the peer
/// has not joined.
pub(crate) struct PendingJoin {
    joining: Joining,
    peer: Peer,
}

impl PendingJoin {
    pub(super) fn begin(registry: Arc<Registry>, peer: &Peer, topic: &str) -> Result<Self, GroupError> {
        let (id, group, limit) = (peer.id(), Name::new(topic)?, peer.limits().max_groups);
        let ticket = registry.with_peer(peer, |it, _| it.begin_join(id, &group, By::Peer, limit))?;
        Ok(Self { joining: Joining { registry, id, group, ticket }, peer: peer.plain() })
    }

    /// Makes the peer a member, and waits until other servers know of it. Returns the serial of its join;
    /// `None` if it has left the topic meanwhile.
    pub(crate) async fn complete(self) -> Result<Option<u64>, GroupError> {
        let Joining { registry, id, group, ticket } = &self.joining;
        let limit = self.peer.limits().max_groups;
        let admitted = registry.with_peer(&self.peer, |it, others| {
            let is_admitted = it.admit(*id, group, *ticket, limit)?;
            Ok(match others.filter(|_| is_admitted) {
                Some(others) => Err(others),
                None => Ok(it.complete_join(*id, group, *ticket)),
            })
        })?;
        let others = match admitted {
            Ok(completed) => return Ok(completed),
            Err(others) => others,
        };
        others.proved(&Target::Group(group.shared())).await?;
        registry.with(|it| match it.complete_join(*id, group, *ticket) {
            None if !it.knows(*id) => Err(GroupError::Disconnected),
            serial => Ok(serial),
        })
    }
}
