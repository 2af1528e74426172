//! Checks [`Membership`] against a model: a list of who has joined, left, asked, and gone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::error::GroupError;
use super::membership::{By, Left, Membership};
use super::name::Name;
use crate::peer::PeerId;

/// The limits are so low that the steps reach them.
const OF_PEER: usize = 3;
const MAX_GROUPS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Enter(u8),
    Join(u8, u8),
    Begin(u8, u8),
    /// Completes or abandons a pending join; the number picks one.
    Complete(u8),
    Abandon(u8),
    Leave(u8, u8, bool),
    User(u8, Option<u8>),
    End(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (peer, group) = (0..4_u8, 0..6_u8);
    let step = prop_oneof![
        2 => peer.clone().prop_map(Step::Enter),
        4 => (peer.clone(), group.clone()).prop_map(|(peer, group)| Step::Join(peer, group)),
        3 => (peer.clone(), group.clone()).prop_map(|(peer, group)| Step::Begin(peer, group)),
        3 => any::<u8>().prop_map(Step::Complete),
        1 => any::<u8>().prop_map(Step::Abandon),
        4 => (peer.clone(), group.clone(), any::<bool>()).prop_map(|(peer, group, by)| {
            Step::Leave(peer, group, by)
        }),
        2 => (peer.clone(), proptest::option::of(0..2_u8)).prop_map(|(peer, user)| Step::User(peer, user)),
        1 => peer.prop_map(Step::End),
    ];
    proptest::collection::vec(step, 0..80)
}

/// What a peer is in: by the server, and by its own join with this serial.
type Groups = BTreeMap<u8, (bool, Option<u64>)>;

struct Checked {
    table: Membership<u8>,
    peers: BTreeMap<u8, (Groups, Option<u8>)>,
    /// Joins that are being authorized: ticket, peer, group, and whether the topic was left meanwhile.
    pending: Vec<(u64, u8, u8, bool)>,
}

fn id(peer: u8) -> PeerId {
    PeerId(u64::from(peer))
}

fn name(group: u8) -> Name {
    Name::new(&format!("group {group}")).expect("a valid name")
}

impl Checked {
    fn new() -> Self {
        Self { table: Membership::new(MAX_GROUPS), peers: BTreeMap::new(), pending: Vec::new() }
    }

    /// The members of a group in the model.
    fn members(&self, group: u8) -> BTreeSet<u8> {
        let has = |(groups, _): &(Groups, _)| groups.contains_key(&group);
        self.peers.iter().filter(|(_, entry)| has(entry)).map(|(peer, _)| *peer).collect()
    }

    fn groups(&self) -> BTreeSet<u8> {
        self.peers.values().flat_map(|(groups, _)| groups.keys().copied()).collect()
    }

    fn room(&self, peer: u8, group: u8) -> Result<(), GroupError> {
        let (groups, _) = self.peers.get(&peer).ok_or(GroupError::Disconnected)?;
        if groups.contains_key(&group) {
            return Ok(());
        }
        if groups.len() >= OF_PEER {
            return Err(GroupError::TooManyGroups { limit: OF_PEER });
        }
        let all = self.groups();
        if all.len() >= MAX_GROUPS && !all.contains(&group) {
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
            Step::Join(peer, group) => self.join(peer, group),
            Step::Begin(peer, group) => {
                let begun = self.table.begin_join(id(peer), &name(group), OF_PEER);
                assert_eq!(begun.clone().map(drop), self.room(peer, group));
                self.pending.extend(begun.map(|ticket| (ticket, peer, group, false)));
            }
            Step::Complete(index) => self.complete(index),
            Step::Abandon(index) => {
                let Some((ticket, peer, group, left)) = self.pick(index) else { return };
                assert_eq!(self.table.abandon_join(id(peer), &name(group), ticket), !left);
            }
            Step::Leave(peer, group, by_server) => self.leave(peer, group, by_server),
            Step::User(peer, user) => {
                self.table.set_user(id(peer), user.map(name).as_ref());
                if let Some((_, now)) = self.peers.get_mut(&peer) {
                    *now = user;
                }
            }
            Step::End(peer) => {
                let left: BTreeSet<Name> = self.table.end(id(peer)).into_iter().collect();
                let (groups, _) = self.peers.remove(&peer).unwrap_or_default();
                assert_eq!(left, groups.into_keys().map(name).collect());
                self.give_up(|of, _| of == peer);
            }
        }
    }

    fn join(&mut self, peer: u8, group: u8) {
        let was_empty = self.members(group).is_empty();
        let joined = self.table.join(id(peer), &name(group), OF_PEER);
        assert_eq!(joined, self.room(peer, group).map(|()| was_empty));
        if let (Ok(_), Some((groups, _))) = (joined, self.peers.get_mut(&peer)) {
            groups.entry(group).or_default().0 = true;
        }
    }

    fn complete(&mut self, index: u8) {
        let Some((ticket, peer, group, left)) = self.pick(index) else { return };
        let completed = self.table.complete_join(id(peer), &name(group), ticket, OF_PEER);
        if left {
            return assert_eq!(completed, Ok(None));
        }
        if let Err(full) = self.room(peer, group) {
            return assert_eq!(completed, Err(full));
        }
        let (groups, _) = self.peers.get_mut(&peer).expect("its joins are given up when it ends");
        let serial = *groups.entry(group).or_default().1.get_or_insert(ticket);
        assert_eq!(completed, Ok(Some(serial)));
    }

    fn leave(&mut self, peer: u8, group: u8, by_server: bool) {
        let by = if by_server { By::Server } else { By::Peer };
        let left = self.table.leave(id(peer), &name(group), by);
        let mut expected =
            Left { was_in: self.give_up(|of, at| (of, at) == (peer, group)), ..Left::default() };
        if let Some((groups, _)) = self.peers.get_mut(&peer)
            && let Some((server, topic)) = groups.get_mut(&group)
        {
            expected.topic = topic.take();
            expected.was_in |= by_server || expected.topic.is_some();
            *server &= !by_server;
            expected.is_out = !*server;
            if expected.is_out {
                groups.remove(&group);
            }
        }
        expected.is_empty = expected.is_out && self.members(group).is_empty();
        assert_eq!(left, expected);
    }

    /// Marks pending joins as left. Returns whether there were any.
    fn give_up(&mut self, which: impl Fn(u8, u8) -> bool) -> bool {
        let mut any = false;
        for (_, peer, group, left) in &mut self.pending {
            if which(*peer, *group) && !*left {
                (any, *left) = (true, true);
            }
        }
        any
    }

    fn pick(&mut self, index: u8) -> Option<(u64, u8, u8, bool)> {
        let index = usize::from(index).checked_rem(self.pending.len())?;
        Some(self.pending.remove(index))
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
            let has = |(_, (_, user)): &(&u8, &(Groups, Option<u8>))| *user == Some(group);
            assert_eq!(users, self.peers.iter().filter(has).map(|(peer, _)| *peer).collect());
        }
        for peer in 0..4 {
            assert_eq!(self.table.knows(id(peer)), self.peers.contains_key(&peer));
            let is_in = |group: &u8| self.table.is_member(id(peer), name(*group).as_str());
            let groups = self.peers.get(&peer).map(|(groups, _)| groups.keys().copied().collect());
            assert_eq!((0..6).filter(is_in).collect::<BTreeSet<u8>>(), groups.unwrap_or_default());
        }
        assert_eq!(self.table.known().count(), self.peers.len());
    }
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
        prop_assert_eq!(checked.groups().len(), 0);
    }
}
