//! Checks [`Presence`] against a model: a map of what is tracked, and watchers that apply what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use proptest::prelude::*;

use super::error::GroupError;
use super::event::{Meta, PresenceEvent};
use super::global_id::GlobalId;
use super::name::Name;
use super::other_servers::PresenceKey;
use super::presence::{Presence, PresenceLimits, Wakers};
use crate::peer::PeerId;

const LIMITS: PresenceLimits = PresenceLimits { of_peer: 3, total: 6 };

#[derive(Clone, Debug)]
enum Step {
    /// The peers 0 to 2 are of this server, the others of two others.
    Track(u8, u8, u8, u8),
    Untrack(u8, u8, u8),
    Leave(u8, u8),
    End(u8),
    /// Another server is gone.
    Gone(u8),
    Watch(u8),
    Unwatch(u8),
    /// A watcher is polled once, or until there is nothing more.
    Poll(u8, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (peer, group, key) = (0..9_u8, 0..2_u8, 0..3_u8);
    let entry = (group.clone(), key, peer.clone());
    let step = prop_oneof![
        6 => (entry.clone(), 0..3_u8).prop_map(|((g, k, p), meta)| Step::Track(g, k, p, meta)),
        3 => entry.prop_map(|(g, k, p)| Step::Untrack(g, k, p)),
        1 => (group.clone(), peer.clone()).prop_map(|(g, p)| Step::Leave(g, p)),
        1 => peer.prop_map(Step::End),
        1 => (1..3_u8).prop_map(Step::Gone),
        2 => group.prop_map(Step::Watch),
        1 => any::<u8>().prop_map(Step::Unwatch),
        5 => (any::<u8>(), any::<bool>()).prop_map(|(watcher, whole)| Step::Poll(watcher, whole)),
    ];
    proptest::collection::vec(step, 0..100)
}

/// What is tracked, by group, key and peer.
type Entries = BTreeMap<(u8, u8, u8), u8>;

/// What a group looks like: the metas of each key.
type View = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Watcher {
    group: u8,
    key: usize,
    /// What it believes, once it has been told the state.
    view: Option<View>,
    /// Set when its last poll found nothing.
    waits: Option<Arc<Flag>>,
}

struct Checked {
    table: Presence,
    entries: Entries,
    /// The entries of this server, as it was noted.
    noted: Entries,
    watchers: Vec<Watcher>,
}

fn name(number: u8) -> Name {
    Name::new(&number.to_string()).expect("a valid name")
}

fn peer(number: u8) -> GlobalId {
    GlobalId::new(u128::from(number / 3), PeerId(u64::from(number)))
}

fn numbers(metas: &[Meta]) -> Vec<u8> {
    metas.iter().map(|meta| meta.get().expect("a number")).collect()
}

impl Checked {
    fn view(&self, group: u8) -> View {
        let mut view = View::new();
        for ((_, key, _), meta) in self.entries.iter().filter(|((of, ..), _)| *of == group) {
            view.entry(key.to_string()).or_default().push(*meta);
        }
        view
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Track(group, key, of, meta) => self.track(group, key, of, meta),
            Step::Untrack(group, key, of) => {
                let removed = self.table.untrack(&name(group), &name(key), peer(of));
                assert_eq!(removed.is_some(), self.entries.remove(&(group, key, of)).is_some());
                wake(removed.unwrap_or_default());
            }
            Step::Leave(group, of) => {
                self.entries.retain(|(at, _, by), _| (*at, *by) != (group, of));
                wake(self.table.leave(&name(group), peer(of)));
            }
            Step::End(of) => {
                self.entries.retain(|(_, _, by), _| *by != of);
                wake(self.table.end(peer(of)));
            }
            Step::Gone(server) => {
                self.entries.retain(|(_, _, by), _| by / 3 != server);
                let peers = self.table.peers_of(u128::from(server), usize::MAX);
                peers.into_iter().for_each(|peer| wake(self.table.end(peer)));
            }
            Step::Watch(group) => {
                let key = self.table.watch(&name(group));
                self.watchers.push(Watcher { group, key, view: None, waits: None });
            }
            Step::Unwatch(index) => {
                let Some(index) = usize::from(index).checked_rem(self.watchers.len()) else { return };
                let watcher = self.watchers.remove(index);
                self.table.unwatch(&name(watcher.group), watcher.key);
            }
            Step::Poll(index, whole) => {
                let Some(index) = usize::from(index).checked_rem(self.watchers.len()) else { return };
                while self.poll(index) && whole {}
            }
        }
    }

    fn track(&mut self, group: u8, key: u8, of: u8, meta: u8) {
        let is_new = !self.entries.contains_key(&(group, key, of));
        let of_this = self.entries.keys().filter(|(_, _, by)| *by == of).count();
        // Another server counts what it has; this one counts all.
        let counts = |by: &u8| of < 3 || by / 3 == of / 3;
        let counted = self.entries.keys().filter(|(_, _, by)| counts(by)).count();
        let full = [(of_this, LIMITS.of_peer), (counted, LIMITS.total)];
        let limit = full.iter().find(|(count, limit)| is_new && count >= limit).map(|(_, limit)| *limit);
        let json = Meta::new(&meta).expect("it is small");
        if limit.is_none() {
            self.entries.insert((group, key, of), meta);
        }
        if of >= 3 {
            return wake(self.table.track_other(&name(group), &name(key), peer(of), json));
        }
        let tracked = self.table.track(&name(group), &name(key), peer(of), json);
        assert_eq!(tracked.as_ref().err(), limit.map(|limit| GroupError::TooManyEntries { limit }).as_ref());
        wake(tracked.unwrap_or_default());
    }

    /// Takes what was noted of this server's entries.
    fn take(&mut self) {
        for (PresenceKey { group, key, peer }, meta) in self.table.take_changes() {
            let number = |text: &str| text.parse().expect("a number");
            let entry = (number(&group), number(&key), peer.get() as u8);
            match meta {
                Some(meta) => drop(self.noted.insert(entry, numbers(&[meta])[0])),
                None => assert!(self.noted.remove(&entry).is_some(), "it was not noted"),
            }
        }
        let own = self.entries.iter().filter(|((_, _, by), _)| *by < 3);
        assert_eq!(self.noted, own.map(|(entry, meta)| (*entry, *meta)).collect());
        let listed = self.table.entries_of(0).into_iter().map(|(entry, _)| entry).collect::<BTreeSet<_>>();
        assert_eq!(listed.len(), self.noted.len());
    }

    /// Polls a watcher, which applies what it is told. Returns whether there was something.
    fn poll(&mut self, index: usize) -> bool {
        let watcher = &mut self.watchers[index];
        let flag = Arc::new(Flag::default());
        let mut waker = Some(Waker::from(flag.clone()));
        let event = self.table.poll(&name(watcher.group), watcher.key, &mut waker);
        watcher.waits = event.is_none().then_some(flag);
        let is_something = event.is_some();
        if let Some(PresenceEvent::State(state)) = event {
            let view = state.iter().map(|(key, metas)| (key.clone(), numbers(metas))).collect();
            assert_eq!(watcher.view.replace(view), None, "the state is told first, and once");
            return true;
        }
        let view = watcher.view.as_mut().expect("the state is told first");
        match event {
            Some(PresenceEvent::Joined { key, metas }) => {
                assert_eq!(view.insert(key, numbers(&metas)), None, "it was present");
            }
            Some(PresenceEvent::Updated { key, metas }) => {
                assert!(view.insert(key, numbers(&metas)).is_some(), "it was not present");
            }
            Some(PresenceEvent::Left { key, metas }) => {
                assert!(metas.is_empty() && view.remove(&key).is_some(), "it was not present");
            }
            Some(PresenceEvent::State(_)) | None => {}
        }
        is_something
    }

    fn compare(&self) {
        self.table.check();
        for watcher in &self.watchers {
            // Who has been told everything has been told the truth, and is woken when it changes.
            if let (Some(view), Some(waits)) = (&watcher.view, &watcher.waits)
                && !waits.0.load(Ordering::Relaxed)
            {
                assert_eq!(*view, self.view(watcher.group));
            }
        }
    }
}

fn wake(wakers: Wakers) {
    wakers.into_iter().for_each(Waker::wake);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_watcher_knows_what_is_tracked_once_it_has_been_told(steps in steps()) {
        let mut table = Presence::new(LIMITS);
        table.note_changes(Some(0));
        let (entries, noted) = (Entries::new(), Entries::new());
        let mut checked = Checked { table, entries, noted, watchers: Vec::new() };
        for step in &steps {
            checked.run(step);
            checked.compare();
            checked.take();
        }
        for index in 0..checked.watchers.len() {
            while checked.poll(index) {}
        }
        checked.compare();
        for of in 0..9 {
            checked.run(&Step::End(of));
        }
        while !checked.watchers.is_empty() {
            checked.run(&Step::Unwatch(0));
        }
        checked.compare();
        let left: BTreeSet<_> = checked.entries.keys().collect();
        prop_assert!(left.is_empty() && checked.table.len() == 0);
    }
}
