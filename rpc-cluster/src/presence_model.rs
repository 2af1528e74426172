//! Checks that the entries of servers converge over an engine that loses, doubles and reorders messages.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::node_id::NodeId;
use crate::presence::{Change, Delta, OtherEntries, OwnEntries, Piece};

#[derive(Clone, Debug)]
enum Step {
    /// An entry of the server changes.
    Change(u8, Option<u8>),
    Heartbeat,
    Deliver(u8),
    Lose(u8),
    Double(u8),
    /// The other server is believed to be dead, with what is under way.
    Gone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8, proptest::option::of(0..3_u8)).prop_map(|(key, meta)| Step::Change(key, meta)),
        2 => Just(Step::Heartbeat),
        8 => any::<u8>().prop_map(Step::Deliver),
        3 => any::<u8>().prop_map(Step::Lose),
        1 => any::<u8>().prop_map(Step::Double),
        1 => Just(Step::Gone),
    ];
    proptest::collection::vec(step, 0..100)
}

#[derive(Clone, Debug)]
enum Word {
    Delta(Delta<u8, u8>),
    Version(u64),
    Piece(Piece<u8, u8>),
}

const NODE: NodeId = NodeId(7);

#[derive(Default)]
struct World {
    own: OwnEntries<u8, u8>,
    other: OtherEntries<u8, u8>,
    truth: BTreeMap<u8, u8>,
    /// What those who watch believe, from the changes.
    view: BTreeMap<u8, u8>,
    under_way: Vec<Word>,
}

impl World {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Change(key, meta) => {
                match meta {
                    Some(meta) => drop(self.truth.insert(key, meta)),
                    None => drop(self.truth.remove(&key)),
                }
                let delta = self.own.change(key, meta);
                self.under_way.push(Word::Delta(delta));
            }
            Step::Heartbeat => self.under_way.push(Word::Version(self.own.version())),
            Step::Deliver(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    let word = self.under_way.remove(index);
                    self.deliver(word);
                }
            }
            Step::Lose(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    self.under_way.remove(index);
                }
            }
            Step::Double(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    self.deliver(self.under_way[index].clone());
                }
            }
            Step::Gone => {
                self.under_way.clear();
                let changes = self.other.handle_gone(NODE);
                self.see(changes);
                assert!(self.view.is_empty());
            }
        }
        let known: BTreeMap<u8, u8> = self.other.of(NODE).map(|(key, meta)| (*key, *meta)).collect();
        assert_eq!(self.view, known, "those who watch were told what has changed, and nothing else");
    }

    fn deliver(&mut self, word: Word) {
        let needs_snapshot = match word {
            Word::Delta(delta) => {
                let (changes, needs) = self.other.handle_delta(NODE, delta);
                self.see(changes);
                needs
            }
            Word::Version(version) => self.other.handle_version(NODE, version),
            Word::Piece(piece) => {
                let changes = self.other.handle_piece(NODE, piece);
                self.see(changes);
                false
            }
        };
        if needs_snapshot {
            self.under_way.extend(self.own.snapshot(2).into_iter().map(Word::Piece));
        }
    }

    fn see(&mut self, changes: Vec<Change<u8, u8>>) {
        for (node, key, meta) in changes {
            assert_eq!(node, NODE);
            let before = match meta {
                Some(meta) => self.view.insert(key, meta),
                None => self.view.remove(&key),
            };
            assert_ne!(before, meta, "a change that is none");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn entries_converge_with_the_first_heartbeat_that_arrives(steps in steps()) {
        let mut world = World::default();
        for step in &steps {
            world.run(step);
        }
        world.under_way.clear();
        world.run(&Step::Heartbeat);
        while !world.under_way.is_empty() {
            world.run(&Step::Deliver(0));
        }
        prop_assert_eq!(&world.view, &world.truth);
    }
}
