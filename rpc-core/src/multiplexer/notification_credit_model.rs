//! Two peers whose handlers of notifications notify each other, in all orders: when credit must come back.

use std::collections::{HashSet, VecDeque};

use super::*;

/// When a notification's credit is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Start,
    End,
    /// At its handler's end, or when that first waits for the peer.
    FirstWait,
}

/// A handler: how many notifications it still sends, and how many levels are below those.
#[derive(Clone, Debug)]
struct Handler {
    depth: usize,
    left: usize,
    waits: bool,
    holds: bool,
}

#[derive(Clone, Debug)]
struct Peer {
    credit: NotificationCredit,
    /// On their way to it: a notification of that depth, or a total.
    link: VecDeque<Message>,
    /// Handlers that wait for a slot.
    parked: VecDeque<usize>,
    handlers: Vec<Handler>,
    /// What the application still sends, outside of handlers.
    to_send: usize,
}

#[derive(Clone, Debug)]
enum Message {
    Notification(usize),
    Allow(Totals),
}

#[derive(Clone, Copy, Debug)]
struct Spec {
    rule: Rule,
    window: Totals,
    /// Notifications of the two applications, their depth, and how many each handler sends.
    sends: [usize; 2],
    depth: usize,
    fan: usize,
    max_in_flight: usize,
    max_open: usize,
}

#[derive(Clone, Debug)]
struct World {
    spec: Spec,
    peers: [Peer; 2],
}

/// What a run came to, over all orders.
#[derive(Debug, Default)]
struct Found {
    /// Whether some order of events leaves something waiting for ever.
    stuck: bool,
    /// Whether neither side could detect that from its own state.
    unseen: bool,
    most_open: usize,
}

const BYTES: usize = 100;

impl World {
    fn new(spec: Spec) -> Self {
        let peer = Peer {
            credit: NotificationCredit::new(spec.window),
            link: VecDeque::new(),
            parked: VecDeque::new(),
            handlers: Vec::new(),
            to_send: 0,
        };
        let peers = spec.sends.map(|to_send| Peer { to_send, ..peer.clone() });
        Self { spec, peers }
    }

    /// All that may happen next, each in a world of its own.
    fn nexts(&self) -> Vec<Self> {
        let mut nexts = Vec::new();
        for side in 0..2 {
            let mut go = |act: &dyn Fn(&mut Self) -> bool| {
                let mut next = self.clone();
                if act(&mut next) {
                    next.allow(side);
                    nexts.push(next);
                }
            };
            go(&|world| world.send(side));
            go(&|world| world.deliver(side));
            go(&|world| world.start(side));
            for index in 0..self.peers[side].handlers.len() {
                go(&|world| world.handle(side, index));
            }
        }
        nexts
    }

    fn notify(&mut self, side: usize, depth: usize) -> bool {
        let may = self.peers[side].credit.may_send([BYTES]);
        if may {
            self.peers[side].credit.spend(BYTES);
            self.peers[1 - side].link.push_back(Message::Notification(depth));
        }
        may
    }

    fn send(&mut self, side: usize) -> bool {
        let sent = self.peers[side].to_send > 0 && self.notify(side, self.spec.depth);
        self.peers[side].to_send -= usize::from(sent);
        sent
    }

    fn deliver(&mut self, side: usize) -> bool {
        let peer = &mut self.peers[side];
        match peer.link.pop_front() {
            None => return false,
            Some(Message::Allow(total)) => peer.credit.handle_allow(total),
            Some(Message::Notification(depth)) => {
                peer.credit.arrive(BYTES).expect("it was granted");
                peer.parked.push_back(depth);
            }
        }
        true
    }

    fn start(&mut self, side: usize) -> bool {
        let (peer, spec) = (&mut self.peers[side], self.spec);
        let running = peer.handlers.iter().filter(|handler| !handler.waits).count();
        if running >= spec.max_in_flight {
            return false;
        }
        let Some(depth) = peer.parked.pop_front() else { return false };
        let holds = spec.rule != Rule::Start;
        if !holds {
            peer.credit.give_back(BYTES);
        }
        let left = if depth > 0 { spec.fan } else { 0 };
        peer.handlers.push(Handler { depth, left, waits: false, holds });
        true
    }

    fn handle(&mut self, side: usize, index: usize) -> bool {
        let Handler { depth, left, waits, holds } = self.peers[side].handlers[index];
        if left > 0 && self.notify(side, depth.saturating_sub(1)) {
            let handler = &mut self.peers[side].handlers[index];
            (handler.left, handler.waits) = (left - 1, false);
            return true;
        }
        let peer = &mut self.peers[side];
        if left > 0 {
            let gives = holds && self.spec.rule == Rule::FirstWait;
            if gives {
                peer.credit.give_back(BYTES);
            }
            let handler = &mut peer.handlers[index];
            (handler.waits, handler.holds) = (true, holds && !gives);
            return !waits;
        }
        peer.handlers.remove(index);
        if holds {
            peer.credit.give_back(BYTES);
        }
        true
    }

    fn allow(&mut self, side: usize) {
        let peer = &mut self.peers[side];
        if peer.handlers.len() < self.spec.max_open
            && let Some(total) = peer.credit.poll_allow()
        {
            self.peers[1 - side].link.push_back(Message::Allow(total));
        }
    }

    /// What a side sees of a circle that its bound closes: as many handlers are open as may be, all of them
    /// wait, and the peer may send nothing.
    fn is_circle(&self, side: usize) -> bool {
        let Peer { handlers, credit, .. } = &self.peers[side];
        let all_wait = handlers.iter().all(|handler| handler.waits);
        handlers.len() >= self.spec.max_open && all_wait && credit.is_used_up()
    }

    fn is_done(&self) -> bool {
        let idle = |peer: &Peer| peer.handlers.is_empty() && peer.parked.is_empty() && peer.to_send == 0;
        self.peers.iter().all(idle)
    }
}

fn explore(spec: Spec) -> Found {
    let (mut found, mut seen) = (Found::default(), HashSet::new());
    let mut open = vec![World::new(spec)];
    while let Some(world) = open.pop() {
        let nexts = world.nexts();
        for peer in &world.peers {
            found.most_open = found.most_open.max(peer.handlers.len() + peer.parked.len());
        }
        if nexts.is_empty() {
            found.stuck |= !world.is_done();
            found.unseen |= !world.is_done() && !(0..2).any(|side| world.is_circle(side));
            if world.is_done() {
                assert!(world.peers.iter().all(|peer| peer.credit.held() == 0), "credit is lost");
                assert!(world.peers.iter().all(|peer| peer.credit.may_send([BYTES])), "credit is lost");
            }
        }
        open.extend(nexts.into_iter().filter(|next| seen.insert(format!("{:?}", next.peers))));
    }
    found
}

/// One application sends two, the other one, whose handlers each notify back, three deep.
const CIRCLES: Spec = Spec {
    rule: Rule::FirstWait,
    window: Totals { items: 1, bytes: 1 },
    sends: [2, 1],
    depth: 2,
    fan: 1,
    max_in_flight: 1,
    max_open: 100,
};

/// Handlers that notify nobody.
const SLOW: Spec = Spec { depth: 0, sends: [6, 0], window: Totals { items: 2, bytes: 1000 }, ..CIRCLES };

#[test]
fn at_the_end_makes_circles() {
    assert!(explore(Spec { rule: Rule::End, ..CIRCLES }).stuck);
}

#[test]
fn at_the_start_is_no_backpressure() {
    let at_start = explore(Spec { rule: Rule::Start, max_in_flight: 100, ..SLOW });
    assert_eq!(at_start.most_open, 6, "all that were sent are open");
    // With one slot the others are parked, and hold their credit.
    assert_eq!(explore(Spec { rule: Rule::Start, ..SLOW }).most_open, 3);
}

#[test]
fn at_the_first_wait_is_both() {
    let found = explore(CIRCLES);
    assert!(!found.stuck);
    assert!(found.most_open <= 8, "{found:?}");
    let fans = explore(Spec { sends: [1, 1], fan: 2, depth: 1, ..CIRCLES });
    assert!(!fans.stuck);
    for max_in_flight in [1, 100] {
        let slow = explore(Spec { max_in_flight, ..SLOW });
        assert!(!slow.stuck);
        assert_eq!(slow.most_open, 2, "a window");
    }
}

/// The bound on open calls closes the circle again, as a lossless and bounded network of peers that each send
/// more than they get must: this is where the connection has to fail.
#[test]
fn a_circle_of_as_many_as_may_be_open_is_stuck() {
    let bounded = Spec { max_open: 1, ..CIRCLES };
    let found = explore(bounded);
    assert!(found.stuck);
    assert!(found.most_open <= bounded.max_open + 1, "{found:?}");
    assert!(!found.unseen, "it has to be seen to be ended");
    assert!(!explore(Spec { max_open: 2, sends: [2, 2], depth: 1, ..CIRCLES }).unseen);
    // Nothing of this needs a circle that is deep: handlers that do not notify back never get there.
    assert!(!explore(Spec { depth: 0, ..bounded }).stuck);
}
