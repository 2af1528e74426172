//! Checks [`Membership`] against a model: a list of who has joined, left, asked, and gone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::error::GroupError;
use super::membership::{By, Left, Membership};
use super::name::Name;
use super::target::Target;
use crate::peer::PeerId;

/// The limits are so low that the steps reach them.
const OF_PEER: usize = 3;
const MAX_GROUPS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Enter(u8),
    Join(u8, u8),
    Begin(u8, u8, bool),
    /// Admits, completes or abandons a join that has begun; the number picks one.
    Admit(u8),
    Complete(u8),
    Abandon(u8),
    Leave(u8, u8, bool),
    User(u8, Option<u8>),
    BeginUser(u8, u8),
    CompleteUser(u8),
    AbandonUser(u8),
    End(u8),
    /// What is noted about first and last peers is taken.
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (peer, group) = (0..4_u8, 0..6_u8);
    let pair = (peer.clone(), group.clone());
    let by = (peer.clone(), group, any::<bool>());
    let step = prop_oneof![
        2 => peer.clone().prop_map(Step::Enter),
        4 => pair.prop_map(|(peer, group)| Step::Join(peer, group)),
        4 => by.clone().prop_map(|(peer, group, by)| Step::Begin(peer, group, by)),
        4 => any::<u8>().prop_map(Step::Admit),
        3 => any::<u8>().prop_map(Step::Complete),
        1 => any::<u8>().prop_map(Step::Abandon),
        4 => by.prop_map(|(peer, group, by)| Step::Leave(peer, group, by)),
        2 => (peer.clone(), proptest::option::of(0..2_u8)).prop_map(|(peer, user)| Step::User(peer, user)),
        3 => (peer.clone(), 0..3_u8).prop_map(|(peer, user)| Step::BeginUser(peer, user)),
        2 => any::<u8>().prop_map(Step::CompleteUser),
        1 => any::<u8>().prop_map(Step::AbandonUser),
        1 => peer.prop_map(Step::End),
        1 => Just(Step::Take),
    ];
    proptest::collection::vec(step, 0..80)
}

#[derive(Default)]
struct OfPeer {
    /// What it is in: by the server, and by its own join with this serial.
    groups: BTreeMap<u8, (bool, Option<u64>)>,
    user: Option<u8>,
}

/// A join that has begun.
struct Join {
    ticket: u64,
    peer: u8,
    group: u8,
    by: By,
    is_admitted: bool,
    /// Whether the group was left meanwhile.
    is_left: bool,
}

struct Checked {
    table: Membership<u8>,
    peers: BTreeMap<u8, OfPeer>,
    joins: Vec<Join>,
    /// The users that peers are about to have: ticket, peer, user, and whether it was given up.
    users: Vec<(u64, u8, u8, bool)>,
    /// The groups and users that have peers, as it was noted.
    wanted: BTreeSet<Target>,
}

fn id(peer: u8) -> PeerId {
    PeerId(u64::from(peer))
}

fn name(group: u8) -> Name {
    Name::new(&format!("group {group}")).expect("a valid name")
}

impl Checked {
    fn new() -> Self {
        let mut table = Membership::new(MAX_GROUPS);
        table.note_changes(true);
        let (peers, wanted) = (BTreeMap::new(), BTreeSet::new());
        Self { table, peers, joins: Vec::new(), users: Vec::new(), wanted }
    }

    fn is_member(&self, peer: u8, group: u8) -> bool {
        let is_admitted = |it: &Join| (it.peer, it.group) == (peer, group) && it.is_admitted && !it.is_left;
        let has_cause = self.peers.get(&peer).is_some_and(|of_peer| of_peer.groups.contains_key(&group));
        has_cause || self.joins.iter().any(is_admitted)
    }

    /// The members of a group in the model.
    fn members(&self, group: u8) -> BTreeSet<u8> {
        (0..4).filter(|peer| self.is_member(*peer, group)).collect()
    }

    /// The peers of a user in the model.
    fn of_user(&self, user: u8) -> BTreeSet<u8> {
        let next = self.users.iter().filter(|(_, _, next, over)| *next == user && !over);
        let has = self.peers.iter().filter(|(_, of_peer)| of_peer.user == Some(user)).map(|(peer, _)| *peer);
        has.chain(next.map(|(_, peer, ..)| *peer)).collect()
    }

    fn room(&self, peer: u8, group: u8) -> Result<(), GroupError> {
        if !self.peers.contains_key(&peer) {
            return Err(GroupError::Disconnected);
        }
        if self.is_member(peer, group) {
            return Ok(());
        }
        if (0..6).filter(|group| self.is_member(peer, *group)).count() >= OF_PEER {
            return Err(GroupError::TooManyGroups { limit: OF_PEER });
        }
        let used = (0..6).filter(|group| !self.members(*group).is_empty()).count();
        if used >= MAX_GROUPS && self.members(group).is_empty() {
            return Err(GroupError::TooManyNames { limit: MAX_GROUPS });
        }
        Ok(())
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Enter(peer) => {
                self.table.enter(id(peer), || peer);
                self.peers.entry(peer).or_default();
            }
            Step::Join(peer, group) => {
                let room = self.room(peer, group);
                assert_eq!(self.table.join(id(peer), &name(group), OF_PEER), room);
                if let (Ok(()), Some(of_peer)) = (room, self.peers.get_mut(&peer)) {
                    of_peer.groups.entry(group).or_default().0 = true;
                }
            }
            Step::Begin(peer, group, by_server) => {
                let by = if by_server { By::Server } else { By::Peer };
                let begun = self.table.begin_join(id(peer), &name(group), by, OF_PEER);
                assert_eq!(begun.clone().map(drop), self.room(peer, group));
                let join = |ticket| Join { ticket, peer, group, by, is_admitted: false, is_left: false };
                self.joins.extend(begun.map(join));
            }
            Step::Admit(index) => {
                let join = pick(&mut self.joins, index);
                join.map(|join| self.admit(join));
            }
            Step::Complete(index) => self.complete(index),
            Step::Abandon(index) => {
                let Some(Join { ticket, peer, group, is_left, .. }) = pick(&mut self.joins, index) else {
                    return;
                };
                let was_member = self.table.is_member(id(peer), name(group).as_str());
                let left = self.table.abandon_join(id(peer), &name(group), ticket);
                let is_out = was_member && !self.is_member(peer, group);
                assert_eq!(left, Left { was_in: !is_left, is_out, topic: None });
            }
            Step::Leave(peer, group, by_server) => self.leave(peer, group, by_server),
            Step::End(peer) => self.end(peer),
            Step::Take => self.take(),
            Step::User(..) | Step::BeginUser(..) | Step::CompleteUser(_) | Step::AbandonUser(_) => {
                self.run_user(step);
            }
        }
    }

    fn run_user(&mut self, step: &Step) {
        match *step {
            Step::User(peer, user) => {
                self.table.set_user(id(peer), user.map(name).as_ref());
                if let Some(of_peer) = self.peers.get_mut(&peer) {
                    of_peer.user = user;
                    self.give_up_users(|_, of| of == peer);
                }
            }
            Step::BeginUser(peer, user) => {
                let begun = self.table.begin_user(id(peer), &name(user));
                assert_eq!(begun.is_ok(), self.peers.contains_key(&peer));
                self.users.extend(begun.map(|ticket| (ticket, peer, user, false)));
            }
            Step::CompleteUser(index) => {
                let Some((ticket, peer, user, over)) = pick(&mut self.users, index) else { return };
                self.table.complete_user(id(peer), ticket);
                if let Some(of_peer) = self.peers.get_mut(&peer).filter(|_| !over) {
                    of_peer.user = Some(user);
                    self.give_up_users(|before, of| of == peer && before < ticket);
                }
            }
            Step::AbandonUser(index) => {
                let Some((ticket, peer, ..)) = pick(&mut self.users, index) else { return };
                self.table.abandon_user(id(peer), ticket);
            }
            _ => {}
        }
    }

    /// Admits the peer of a join. Returns whether the join goes on.
    fn admit(&mut self, join: Join) -> bool {
        let Join { ticket, peer, group, is_left, .. } = join;
        let room = self.room(peer, group);
        let admitted = self.table.admit(id(peer), &name(group), ticket, OF_PEER);
        // A join that is admitted already has room.
        let is_member = join.is_admitted && !is_left;
        let expected = if is_left {
            Ok(false)
        } else if is_member {
            Ok(true)
        } else {
            room.map(|()| true)
        };
        assert_eq!(admitted, expected);
        let goes_on = admitted == Ok(true);
        if admitted.is_ok() {
            self.joins.push(Join { is_admitted: goes_on, ..join });
        }
        goes_on
    }

    fn complete(&mut self, index: u8) {
        let Some(join) = pick(&mut self.joins, index) else { return };
        let (ticket, peer, group, by) = (join.ticket, join.peer, join.group, join.by);
        let is_admitted = self.admit(join);
        self.joins.retain(|join| join.ticket != ticket);
        let completed = self.table.complete_join(id(peer), &name(group), ticket);
        if !is_admitted {
            return assert_eq!(completed, None);
        }
        let of_peer = self.peers.get_mut(&peer).expect("its joins are given up when it ends");
        let (server, topic) = of_peer.groups.entry(group).or_default();
        let serial = match by {
            By::Server => {
                *server = true;
                ticket
            }
            By::Peer => *topic.get_or_insert(ticket),
        };
        assert_eq!(completed, Some(serial));
    }

    fn leave(&mut self, peer: u8, group: u8, by_server: bool) {
        let by = if by_server { By::Server } else { By::Peer };
        let was_member = self.is_member(peer, group);
        let left = self.table.leave(id(peer), &name(group), by);
        let given_up =
            self.give_up(|it| (it.peer, it.group) == (peer, group) && (by_server || it.by == By::Peer));
        let mut expected = Left { was_in: given_up || (by_server && was_member), ..Left::default() };
        if let Some(of_peer) = self.peers.get_mut(&peer)
            && let Some((server, topic)) = of_peer.groups.get_mut(&group)
        {
            expected.topic = topic.take();
            expected.was_in |= expected.topic.is_some();
            *server &= !by_server;
            if !*server {
                of_peer.groups.remove(&group);
            }
        }
        expected.is_out = was_member && !self.is_member(peer, group);
        assert_eq!(left, expected);
    }

    fn end(&mut self, peer: u8) {
        let groups: BTreeSet<Name> = (0..6).filter(|group| self.is_member(peer, *group)).map(name).collect();
        assert_eq!(self.table.end(id(peer)).into_iter().collect::<BTreeSet<Name>>(), groups);
        self.peers.remove(&peer);
        self.give_up(|it| it.peer == peer);
        self.give_up_users(|_, of| of == peer);
    }

    /// Marks joins as left. Returns whether there were any.
    fn give_up(&mut self, which: impl Fn(&Join) -> bool) -> bool {
        let given_up = self.joins.iter_mut().filter(|join| !join.is_left && which(join));
        given_up.map(|join| join.is_left = true).count() > 0
    }

    fn give_up_users(&mut self, which: impl Fn(u64, u8) -> bool) {
        for (ticket, peer, _, over) in &mut self.users {
            *over |= which(*ticket, *peer);
        }
    }

    /// Takes what was noted: each change of a target follows the opposite one.
    fn take(&mut self) {
        for (target, has_peers) in self.table.take_changes().collect::<Vec<_>>() {
            let changed = match has_peers {
                true => self.wanted.insert(target),
                false => self.wanted.remove(&target),
            };
            assert!(changed, "it was noted before");
        }
        assert_eq!(self.wanted, self.table.targets().collect());
    }

    /// Compares what can be seen.
    fn compare(&self) {
        self.table.check();
        for group in 0..6 {
            let name = name(group);
            let members: BTreeSet<u8> = self.table.members(name.as_str()).copied().collect();
            assert_eq!(members, self.members(group));
            assert_eq!(self.table.count(name.as_str()), members.len());
            let users: BTreeSet<u8> = self.table.of_user(name.as_str()).copied().collect();
            assert_eq!(users, self.of_user(group));
        }
        for peer in 0..4 {
            assert_eq!(self.table.knows(id(peer)), self.peers.contains_key(&peer));
            let is_in = |group: &u8| self.table.is_member(id(peer), name(*group).as_str());
            assert!((0..6).all(|group| is_in(&group) == self.is_member(peer, group)));
        }
        assert_eq!(self.table.known().count(), self.peers.len());
    }
}

fn pick<T>(list: &mut Vec<T>, index: u8) -> Option<T> {
    let index = usize::from(index).checked_rem(list.len())?;
    Some(list.remove(index))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn members_are_those_who_joined_and_have_not_left(steps in steps()) {
        let mut checked = Checked::new();
        for step in &steps {
            checked.run(step);
            checked.compare();
        }
        for peer in 0..4 {
            checked.run(&Step::End(peer));
        }
        checked.compare();
        checked.take();
        prop_assert!(checked.wanted.is_empty());
    }
}
