//! Those to whom something is sent: the peers of a group, of a user, or all.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::global_id::GlobalId;
use super::other_servers::Message;
use super::recipient::Recipient;
use super::registry::Registry;
use super::sent::{Remote, Sent};
use super::tables::Others;
use super::target::Target;
use crate::close::CloseFrame;
use crate::error::CallError;
use crate::peer::EncodedNotification;

#[derive(Clone)]
pub(super) struct Recipients {
    registry: Arc<Registry>,
    target: Target,
    except: BTreeSet<GlobalId>,
}

/// What the peers of this server have got, and the sending to those of others, if there are some.
pub(super) type Delivery = (Sent, Option<BoxFuture<'static, Remote>>);

impl Recipients {
    pub(super) fn new(registry: Arc<Registry>, target: Target) -> Self {
        Self { registry, target, except: BTreeSet::new() }
    }

    /// Leaves out one peer.
    pub(super) fn leave_out(&mut self, peer: GlobalId) {
        self.except.insert(peer);
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn except(&self) -> &BTreeSet<GlobalId> {
        &self.except
    }

    /// Maximum size of a message to them, in bytes.
    pub(super) fn max_message(&self) -> usize {
        self.registry.settings().max_message
    }

    /// The peers of this server that belong to them now, and the other servers, if there are some.
    pub(super) fn now(&self) -> (Vec<(GlobalId, Recipient)>, Option<Others>) {
        let (peers, others) = self.registry.recipients(&self.target);
        (named(&self.registry, peers, &self.except), others)
    }

    /// Passes a notification to the queues of the peers of this server, and to the other servers.
    pub(super) fn deliver(&self, notification: &EncodedNotification) -> Result<Delivery, CallError> {
        let (size, limit) = (notification.size(), self.max_message());
        if size > limit {
            let why = format!("the message has {size} bytes, over the limit of {limit}");
            return Err(CallError::unsendable(why));
        }
        let (peers, others) = self.now();
        if let Some(others) = &others {
            within_engine(size, others)?;
        }
        let local = peers.iter().filter(|(_, peer)| peer.offer(notification)).count();
        let message = || Message::Notification(notification.text());
        let publishing = others.map(|others| others.publish(&self.target, &self.except, message()));
        Ok((Sent { local, missed: peers.len() - local, remote: Remote::None }, publishing))
    }

    /// Closes the connections of these peers, of all servers.
    pub(super) fn close(&self, frame: &CloseFrame) -> Delivery {
        let (peers, others) = self.now();
        peers.iter().for_each(|(_, peer)| peer.peer().close_with(frame.clone()));
        let message = || Message::Close(frame.clone());
        let publishing = others.map(|others| others.publish(&self.target, &self.except, message()));
        (Sent { local: peers.len(), missed: 0, remote: Remote::None }, publishing)
    }
}

/// These peers with their ids, without those that are left out.
pub(super) fn named(
    registry: &Registry,
    peers: Vec<Recipient>,
    except: &BTreeSet<GlobalId>,
) -> Vec<(GlobalId, Recipient)> {
    let named = peers.into_iter().map(|peer| (registry.global_id(peer.peer().id()), peer));
    named.filter(|(id, _)| !except.contains(id)).collect()
}

/// Checks that a text can be passed on to other servers.
pub(super) fn within_engine(size: usize, others: &Others) -> Result<(), CallError> {
    let limit = others.max_text();
    if size <= limit {
        return Ok(());
    }
    let why = format!(
        "the message has {size} bytes; the engine that connects the servers passes on at most {limit}"
    );
    Err(CallError::unsendable(why))
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipients")
            .field("target", &self.target)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
