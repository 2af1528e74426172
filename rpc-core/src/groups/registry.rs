//! The groups of a server: the tables under their lock, and when peers enter and leave them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::all_peers::AllPeers;
use super::error::GroupError;
use super::event::{Meta, PresenceEvent};
use super::global_id::{GlobalId, random_node};
use super::membership::{By, Left, Membership};
use super::name::Name;
use super::on_gap::OnGap;
use super::other_servers::PresenceKey;
use super::presence::Wakers;
use super::recipient::{Member, Recipient};
use super::settings::Settings;
use super::tables::{OtherChange, Others, Tables};
use super::target::Target;
use crate::close::ConnectionState;
use crate::peer::{Peer, PeerId};

/// So many entries of other servers are changed while the lock is held once.
const AT_ONCE: usize = 1000;

pub(crate) struct Registry {
    node: u128,
    /// Set if the connections belong to a server.
    all: Option<Box<dyn AllPeers>>,
    /// Once they are known.
    settings: OnceLock<Settings>,
    on_gap: OnGap,
    attachments: AtomicU64,
    tables: Mutex<Tables>,
}

/// The registries that a peer is in. The value is kept with the peer's connection, so it is dropped with the
/// other values when the connection has ended, and a value that comes too late is dropped at once.
#[derive(Default)]
pub(super) struct Entered(Mutex<Vec<Leave>>);

/// Removes a peer from a registry when it is dropped.
struct Leave {
    registry: Arc<Registry>,
    id: PeerId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.registry.end(self.id);
    }
}

impl Entered {
    /// Leaves all groups of a peer whose connection has ended, before its other values are dropped.
    pub(super) fn leave(peer: &Peer) {
        if let Some(entered) = peer.get::<Self>() {
            let leaving = std::mem::take(&mut *entered.0.lock().unwrap_or_else(PoisonError::into_inner));
            drop(leaving);
        }
    }
}

impl Registry {
    pub(super) fn new(all: Option<Box<dyn AllPeers>>) -> Self {
        Self {
            node: random_node(),
            all,
            settings: OnceLock::new(),
            on_gap: OnGap::default(),
            attachments: AtomicU64::new(0),
            tables: Mutex::new(Tables::new()),
        }
    }

    /// Makes the settings known. The first ones count.
    pub(super) fn set_settings(&self, settings: Settings) {
        self.settings.get_or_init(|| settings);
    }

    pub(super) fn settings(&self) -> Settings {
        let unknown = Settings { max_message: usize::MAX, call_timeout: None };
        self.settings.get().copied().unwrap_or(unknown)
    }

    pub(super) fn node(&self) -> u128 {
        self.node
    }

    pub(super) fn on_gap(&self) -> &OnGap {
        &self.on_gap
    }

    /// How often each group with members was told that messages may have been lost.
    pub(super) fn gaps(&self) -> BTreeMap<String, u64> {
        self.lock().gaps()
    }

    /// Tells the application that messages to a group may have been lost; `None`: to each group.
    pub(super) fn tell_gap(&self, attachment: u64, group: Option<&str>) {
        let mut tables = self.lock();
        if tables.is_attached(attachment) {
            let told = tables.note_gap(group);
            drop(tables);
            self.on_gap.tell(&told);
        }
    }

    pub(super) fn global_id(&self, id: PeerId) -> GlobalId {
        GlobalId::new(self.node, id)
    }

    /// The connection of this server with this id.
    pub(super) fn peer(&self, id: PeerId) -> Option<Peer> {
        let listed = self.all.as_ref().and_then(|all| all.get(id));
        listed.or_else(|| self.with(|it| it.member(id).map(|member| member.peer().clone())))
    }

    /// The same, with what it has missed.
    pub(super) fn recipient(&self, id: PeerId) -> Option<Recipient> {
        let member = self.with(|it| it.member(id).cloned()).map(Recipient::Member);
        member.or_else(|| self.peer(id).map(Recipient::Other))
    }

    /// The number of peers of this server that belong to a target.
    pub(super) fn count(&self, target: &Target) -> usize {
        match target {
            Target::Group(name) => self.with(|it| it.count(name)),
            Target::User(name) => self.with(|it| it.of_user(name).count()),
            Target::All => self.connections(),
        }
    }

    /// The number of connections.
    pub(super) fn connections(&self) -> usize {
        self.all.as_ref().map_or_else(|| self.with(|it| it.known().count()), |all| all.count())
    }

    /// A number for another connection with other servers.
    pub(super) fn next_attachment(&self) -> u64 {
        self.attachments.fetch_add(1, Ordering::Relaxed)
    }

    /// Connects the groups to other servers, and tells these of all groups, users and presence. `false` if
    /// they are connected already.
    pub(super) fn attach(&self, attachment: u64, others: Others) -> bool {
        self.lock().attach(self.node, attachment, others)
    }

    /// Ends the connection to other servers, and their presence.
    pub(super) fn detach(&self, attachment: u64) {
        let detached = self.lock().detach(self.node, attachment);
        // The other servers are dropped without the lock.
        let Some((_others, wakers)) = detached else { return };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether this is the present connection to other servers.
    pub(super) fn is_attached(&self, attachment: u64) -> bool {
        self.lock().is_attached(attachment)
    }

    /// The other servers, if there are some.
    pub(super) fn others(&self) -> Option<Others> {
        self.lock().others()
    }

    /// Changes the membership of a peer, which is entered if it is not known yet. `change` also gets the
    /// other servers, if there are some.
    pub(super) fn with_peer<R>(
        self: &Arc<Self>,
        peer: &Peer,
        change: impl FnOnce(&mut Membership<Arc<Member>>, Option<Others>) -> Result<R, GroupError>,
    ) -> Result<R, GroupError> {
        let id = peer.id();
        let mut tables = self.lock();
        // Checked under the lock: the state of a connection changes before its groups are left, so either
        // this sees the change, or the leave finds the peer.
        if matches!(peer.state(), ConnectionState::Closing | ConnectionState::Closed) {
            return Err(GroupError::Disconnected);
        }
        let is_new = !tables.membership().knows(id);
        tables.membership().enter(id, || Arc::new(Member::new(peer.plain())));
        let others = tables.others();
        let changed = change(tables.membership(), others);
        tables.pass_on();
        drop(tables);
        if is_new {
            let leave = Leave { registry: self.clone(), id };
            peer.value_or_default::<Entered>().0.lock().unwrap_or_else(PoisonError::into_inner).push(leave);
            if peer.state() == ConnectionState::Closed {
                return Err(GroupError::Disconnected);
            }
        }
        changed
    }

    /// Changes the membership of a peer that may be unknown, or only looks at it.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Membership<Arc<Member>>) -> R) -> R {
        let mut tables = self.lock();
        let result = change(tables.membership());
        tables.pass_on();
        result
    }

    /// Removes a peer from a group, with its presence there.
    pub(super) fn leave(&self, id: PeerId, group: &Name, by: By) -> Left {
        self.leave_by(id, group, |it| it.leave(id, group, by))
    }

    /// Gives up a join that has not ended.
    pub(super) fn abandon_join(&self, id: PeerId, group: &Name, ticket: u64) {
        self.leave_by(id, group, |it| it.abandon_join(id, group, ticket));
    }

    fn leave_by(
        &self,
        id: PeerId,
        group: &Name,
        leave: impl FnOnce(&mut Membership<Arc<Member>>) -> Left,
    ) -> Left {
        let mut tables = self.lock();
        let left = leave(tables.membership());
        let wakers = match left.is_out {
            true => tables.presence().leave(group, self.global_id(id)),
            false => Wakers::new(),
        };
        self.finish(tables, wakers);
        left
    }

    /// Forgets a peer whose connection has ended.
    pub(super) fn end(&self, id: PeerId) {
        let mut tables = self.lock();
        // Dropped without the lock: it may be the last handle of its connection.
        let _member = tables.membership().member(id).cloned();
        tables.membership().end(id);
        let wakers = tables.presence().end(self.global_id(id));
        self.finish(tables, wakers);
    }

    pub(super) fn track(&self, id: PeerId, group: &str, key: &Name, meta: Meta) -> Result<(), GroupError> {
        let group = Name::new(group)?;
        let mut tables = self.lock();
        if !tables.membership().is_member(id, group.as_str()) {
            return Err(GroupError::NotMember);
        }
        let wakers = tables.presence().track(&group, key, self.global_id(id), meta)?;
        self.finish(tables, wakers);
        Ok(())
    }

    pub(super) fn untrack(&self, id: PeerId, group: &Name, key: &Name) -> bool {
        let mut tables = self.lock();
        let removed = tables.presence().untrack(group, key, self.global_id(id));
        let was_tracked = removed.is_some();
        self.finish(tables, removed.unwrap_or_default());
        was_tracked
    }

    /// This server's own presence.
    pub(super) fn own_presence(&self) -> Vec<(PresenceKey, Meta)> {
        self.lock().presence().entries_of(self.node)
    }

    /// Applies changes of another server's presence.
    pub(super) fn apply_presence(&self, attachment: u64, changes: Vec<OtherChange>) {
        let mut changes = changes.into_iter().filter(|(peer, ..)| peer.node() != self.node).peekable();
        while changes.peek().is_some() {
            let mut tables = self.lock();
            if !tables.is_attached(attachment) {
                return;
            }
            let wakers = tables.apply(changes.by_ref().take(AT_ONCE));
            self.finish(tables, wakers);
        }
    }

    /// Ends the presence of another server.
    pub(super) fn end_presence_of(&self, attachment: u64, node: u128) {
        loop {
            let mut tables = self.lock();
            if node == self.node || !tables.is_attached(attachment) {
                return;
            }
            let Some(wakers) = tables.end_some(node) else { return };
            self.finish(tables, wakers);
        }
    }

    pub(super) fn watch(&self, group: &Name) -> usize {
        self.lock().presence().watch(group)
    }

    pub(super) fn unwatch(&self, group: &Name, watcher: usize) {
        let waker = self.lock().presence().unwatch(group, watcher);
        drop(waker);
    }

    pub(super) fn poll_watch(&self, group: &Name, watcher: usize, waker: &Waker) -> Option<PresenceEvent> {
        // Cloned and dropped without the lock, since both run code of the executor.
        let mut waker = Some(waker.clone());
        let event = self.lock().presence().poll(group, watcher, &mut waker);
        drop(waker);
        event
    }

    /// The peers of this server that belong to a target, and the other servers, if there are some.
    pub(super) fn recipients(&self, target: &Target) -> (Vec<Recipient>, Option<Others>) {
        let list = match target {
            Target::All => self.all.as_ref().map(|all| all.list()),
            Target::Group(_) | Target::User(_) => None,
        };
        let mut tables = self.lock();
        let others = tables.others().filter(|_| target.is_valid());
        let membership = tables.membership();
        let member = |member: &Arc<Member>| Recipient::Member(member.clone());
        let peers = match (target, list) {
            (Target::Group(name), _) => membership.members(name).map(member).collect(),
            (Target::User(name), _) => membership.of_user(name).map(member).collect(),
            (Target::All, None) => membership.known().map(member).collect(),
            (Target::All, Some(list)) => {
                let known = |peer: Peer| match membership.member(peer.id()) {
                    Some(known) => member(known),
                    None => Recipient::Other(peer),
                };
                list.into_iter().map(known).collect()
            }
        };
        (peers, others)
    }

    /// Tells the other servers what has changed, releases the lock, and wakes watchers.
    fn finish(&self, mut tables: MutexGuard<'_, Tables>, wakers: Wakers) {
        tables.pass_on();
        drop(tables);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // No code of the application runs under the lock, so a poisoned lock protects a consistent state.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
