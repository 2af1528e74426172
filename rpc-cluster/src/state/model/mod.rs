//! Runs the states of several nodes over an engine that loses, doubles, delays and reorders messages, is lost
//! and restored, and stops servers. Checked: each call ends once, with the outcome of its own peer, and is
//! said not to be sent only if it has not run and never will; each loss in a group is told as a gap; joins
//! end; and when the engine is well again, all servers know each other, their presence, and nothing of what
//! is over.

mod sim;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::envelope::{RemotePeer, Request};
use sim::{CONNECTED, Record, SERVERS, Sim, group, outcome};

const SECOND: Duration = Duration::from_secs(1);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

struct World {
    now: Duration,
    random: Random,
    sims: Vec<Sim>,
    lossy: bool,
    record: Record,
}

impl World {
    fn new(seed: u64) -> Self {
        let sims = (1..=SERVERS as u128).map(|id| Sim::new(NodeId(id))).collect();
        let mut world =
            Self { now: Duration::ZERO, random: Random(seed), sims, lossy: false, record: Record::default() };
        for index in 0..SERVERS {
            world.sims[index].state.want(&group(), true);
            world.settle(index);
        }
        world.pass(3 * SECOND);
        world
    }

    fn step(&mut self) {
        let index = self.random.below(SERVERS as u64) as usize;
        let other = NodeId(u128::from(self.random.below(SERVERS as u64)) + 1);
        if self.sims[index].is_stopped && self.random.below(4) > 0 {
            return;
        }
        match self.random.below(24) {
            0..=4 if other != self.sims[index].id => self.call(index, other),
            5 => self.ask(index),
            6..=8 => self.say(index),
            9..=12 => self.finish(index),
            13 => self.forget(index),
            14..=15 => self.track(index),
            16 => self.rejoin(index),
            17 => self.pass(Duration::from_millis(700)),
            18 if self.random.below(8) == 0 => self.pass(12 * SECOND),
            19 if self.random.below(4) == 0 => self.toggle_engine(index),
            20 if self.random.below(4) == 0 => {
                self.sims[index].is_stopped = !self.sims[index].is_stopped;
            }
            _ => self.arrive(index),
        }
        self.settle(index);
    }

    fn command(&mut self, index: usize, command: Command) -> Ticket {
        let now = self.now;
        let sim = &mut self.sims[index];
        sim.ticket += 1;
        sim.state.handle_command(sim.ticket, command, now);
        sim.ticket
    }

    fn request(&mut self) -> Request {
        let time_left = Duration::from_millis(self.random.below(5000));
        Request { time_left, is_sensitive: false, traceparent: String::new(), text: Bytes::new() }
    }

    fn call(&mut self, index: usize, node: NodeId) {
        let peer = RemotePeer { node, peer: self.random.below(CONNECTED + 1) + 1 };
        let request = self.request();
        let call = self.command(index, Command::Call { peer, request });
        self.sims[index].calls.insert(call);
    }

    fn ask(&mut self, index: usize) {
        let request = self.request();
        let call = self.command(index, Command::Ask { target: group(), except: Vec::new(), request });
        self.sims[index].asks.insert(call, BTreeSet::new());
    }

    /// Says the next number in the group. Only what the engine has taken counts.
    fn say(&mut self, index: usize) {
        if self.sims[index].is_lost {
            return;
        }
        self.sims[index].said += 1;
        let text = format!("{}:{}", self.sims[index].id.0, self.sims[index].said).into();
        let word = SendWord::Notification { except: Vec::new(), text };
        self.command(index, Command::Publish { target: group(), word });
    }

    fn finish(&mut self, index: usize) {
        let sim = &mut self.sims[index];
        let Some((node, call, peer)) = sim.running.pop_first() else { return };
        let served = match peer {
            0 => Served::AllAnswered,
            peer => Served::Reply(outcome(node, call, peer)),
        };
        // An ask has its members' answers first.
        if peer == 0 {
            for peer in 1..=CONNECTED {
                let answer = Served::Answer { peer, outcome: outcome(node, call, peer) };
                sim.state.handle_served(node, call, answer, self.now);
            }
        }
        sim.state.handle_served(node, call, served, self.now);
    }

    fn forget(&mut self, index: usize) {
        let sim = &mut self.sims[index];
        if let Some(call) = sim.calls.pop_first() {
            sim.state.forget(call, None);
        }
        if let Some((call, _)) = sim.asks.pop_first() {
            sim.state.forget(call, None);
        }
    }

    fn track(&mut self, index: usize) {
        let key = format!("key {}", self.random.below(4));
        let key = EntryKey { group: "tea".into(), key: key.into(), peer: 1 };
        let meta = (self.random.below(3) > 0).then(|| Bytes::from(self.random.below(9).to_string()));
        let sim = &mut self.sims[index];
        match meta.clone() {
            Some(meta) => drop(sim.own.insert(key.clone(), meta)),
            None => drop(sim.own.remove(&key)),
        }
        sim.state.change_presence(key, meta, self.now);
    }

    fn rejoin(&mut self, index: usize) {
        let sim = &mut self.sims[index];
        sim.state.want(&group(), false);
        sim.heard.clear();
        self.settle(index);
        self.sims[index].state.want(&group(), true);
        let join = self.command(index, Command::Wait { target: group() });
        self.sims[index].joins.insert(join);
    }

    fn toggle_engine(&mut self, index: usize) {
        let now = self.now;
        let sim = &mut self.sims[index];
        sim.is_lost = !sim.is_lost;
        if sim.is_lost {
            sim.subscriptions.clear();
            sim.arriving.clear();
            sim.heard.clear();
        }
        let event = if sim.is_lost { BackplaneEvent::Lost } else { BackplaneEvent::Restored };
        sim.state.handle_event(event, now);
    }

    /// Something arrives at a server, in or out of order.
    fn arrive(&mut self, index: usize) {
        let is_late = self.lossy && self.random.below(20) == 0;
        let sim = &mut self.sims[index];
        if sim.is_stopped {
            return;
        }
        if let Some(event) = sim.arriving.pop_front() {
            if is_late && sim.arriving.len() > 1 {
                sim.arriving.push_back(event);
            } else {
                sim.state.handle_event(event, self.now);
            }
        }
    }

    /// Time passes, in which everything arrives that is under way.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + SECOND / 5).min(end);
            for index in 0..SERVERS {
                if self.sims[index].is_stopped {
                    continue;
                }
                let now = self.now;
                if now >= self.sims[index].state.next_time() {
                    self.sims[index].state.handle_time(now);
                }
                self.settle(index);
                while !self.sims[index].arriving.is_empty() {
                    self.arrive(index);
                    self.settle(index);
                }
            }
        }
    }

    /// Does what a server has decided.
    fn settle(&mut self, index: usize) {
        loop {
            let now = self.now;
            self.sims[index].state.settle(now);
            let mut has_acted = false;
            while let Some(output) = self.sims[index].state.poll_output() {
                self.sims[index].handle_output(output, now, &mut self.record);
                has_acted = true;
            }
            while let Some(change) = self.sims[index].state.poll_change() {
                let sim = &mut self.sims[index];
                let result = if sim.is_lost { Err(BackplaneError::Unreachable) } else { Ok(()) };
                if change.subscribe && !sim.is_lost {
                    sim.subscriptions.insert(change.topic.clone());
                } else {
                    sim.subscriptions.remove(&change.topic);
                }
                sim.state.handle_changed(&change, result);
                has_acted = true;
            }
            if let Some(publishing) = self.sims[index].state.poll_publish(now) {
                let taken = self.publish(index, publishing);
                self.sims[index].state.handle_published(taken, now);
                has_acted = true;
            }
            if !has_acted {
                return;
            }
        }
    }

    fn publish(&mut self, index: usize, publishing: Publishing) -> Taken {
        if self.sims[index].is_lost {
            return Taken::No;
        }
        let Publishing { topic, bytes, tag, .. } = publishing;
        let event = BackplaneEvent::Message { topic: topic.clone(), bytes };
        let mut is_known = false;
        for sim in &mut self.sims {
            if !sim.subscriptions.contains(&topic) {
                continue;
            }
            is_known = true;
            if self.lossy && self.random.below(20) == 0 {
                continue;
            }
            sim.arriving.push_back(event.clone());
            if self.lossy && self.random.below(20) == 0 {
                sim.arriving.push_back(event.clone());
            }
        }
        if let Some(tag) = tag.filter(|_| !is_known) {
            self.sims[index].arriving.push_back(BackplaneEvent::Nobody { tag });
        }
        Taken::Yes
    }

    /// The engine is well, and everything ends.
    fn calm(&mut self) {
        self.lossy = false;
        for index in 0..SERVERS {
            self.sims[index].is_stopped = false;
            if self.sims[index].is_lost {
                self.toggle_engine(index);
                self.settle(index);
            }
        }
        self.pass(30 * SECOND);
        for index in 0..SERVERS {
            while !self.sims[index].running.is_empty() {
                self.finish(index);
                self.settle(index);
            }
        }
        self.pass(90 * SECOND);
    }

    fn check_calm(&mut self) {
        let all: BTreeMap<(NodeId, EntryKey), Bytes> = self
            .sims
            .iter()
            .flat_map(|sim| sim.own.iter().map(|(key, meta)| ((sim.id, key.clone()), meta.clone())))
            .collect();
        for sim in &mut self.sims {
            assert!(sim.calls.is_empty() && sim.asks.is_empty() && sim.joins.is_empty(), "something waits");
            assert_eq!(
                sim.state.nodes(None).map_or(0, |(_, nodes)| nodes.len()),
                SERVERS - 1,
                "the others are known"
            );
            let others: BTreeMap<_, _> = all
                .iter()
                .filter(|((node, _), _)| *node != sim.id)
                .map(|(key, meta)| (key.clone(), meta.clone()))
                .collect();
            assert_eq!(sim.present, others, "presence converges");
            let [pending, running, topics, _] = sim.state.sizes();
            assert_eq!([pending, running, topics], [0, 0, 3], "nothing is left");
            assert!(sim.state.is_idle());
        }
    }
}

fn run(seed: u64, lossy: bool) {
    println!("seed {seed}");
    let mut world = World::new(seed);
    world.lossy = lossy;
    for _ in 0..600 {
        world.step();
    }
    world.calm();
    world.check_calm();
}

#[test]
fn nodes_over_an_engine_that_fails_keep_what_they_promise() {
    for seed in 0..150 {
        run(seed, true);
    }
}

#[test]
fn nodes_over_an_engine_that_is_only_lost_keep_what_they_promise() {
    for seed in 1000..1100 {
        run(seed, false);
    }
}
