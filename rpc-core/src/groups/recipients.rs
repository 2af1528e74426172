//! Those to whom something is sent: the peers of a group, of a user, or all of a server.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::global_id::GlobalId;
use super::recipient::Recipient;
use super::registry::Registry;
use super::sent::{Remote, Sent};
use super::target::Target;
use crate::error::CallError;
use crate::peer::EncodedNotification;

#[derive(Clone)]
pub(super) struct Recipients {
    registry: Arc<Registry>,
    target: Target,
    except: BTreeSet<GlobalId>,
}

impl Recipients {
    pub(super) fn new(registry: Arc<Registry>, target: Target) -> Self {
        Self { registry, target, except: BTreeSet::new() }
    }

    /// Leaves out one peer.
    pub(super) fn leave_out(&mut self, peer: GlobalId) {
        self.except.insert(peer);
    }

    /// Maximum size of a message to them, in bytes.
    pub(super) fn max_message(&self) -> usize {
        self.registry.max_message()
    }

    /// The peers that belong to them now.
    pub(super) fn now(&self) -> Vec<(GlobalId, Recipient)> {
        let peers: Vec<Recipient> = match &self.target {
            Target::Group(name) => {
                self.registry.with(|it| it.members(name).cloned().map(Recipient::Member).collect())
            }
            Target::User(name) => {
                self.registry.with(|it| it.of_user(name).cloned().map(Recipient::Member).collect())
            }
            Target::All => self.registry.all(),
        };
        let named = peers.into_iter().map(|peer| (self.registry.global_id(peer.peer().id()), peer));
        named.filter(|(id, _)| !self.except.contains(id)).collect()
    }

    /// Passes a notification to the queues of these peers.
    pub(super) fn deliver(&self, notification: &EncodedNotification) -> Result<Sent, CallError> {
        let (size, limit) = (notification.size(), self.max_message());
        if size > limit {
            let why = format!("the message has {size} bytes, over the limit of {limit}");
            return Err(CallError::unsendable(why));
        }
        let peers = self.now();
        let local = peers.iter().filter(|(_, peer)| peer.offer(notification)).count();
        Ok(Sent { local, missed: peers.len() - local, remote: Remote::None })
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipients")
            .field("target", &self.target)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
