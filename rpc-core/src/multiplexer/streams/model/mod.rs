//! Two peers, each with a table, over a network that is ordered and loses nothing until it is cut; and calls
//! with streams that live on it.
//!
//! Producers, consumers and handlers are tasks that are polled only when they were woken, and words go over
//! the network as text. So what is lost, be it a wake-up or a word, shows as a call that never ends.
//! [`interleavings`] goes through all orders of small lives, [`lives`] through random ones of many.

mod handler;
mod interleavings;
mod lives;
mod oracle;
mod side;
mod tasks;

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;

use self::side::Side;
use self::tasks::item_len;
use super::{CallStreams, End, Halt, StreamLimits};
use crate::message::{ErrorCode, Id, Totals};

/// What polls a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    life: usize,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Makes the call, and consumes its result.
    Caller,
    /// Produces that argument.
    Argument(usize),
    /// Produces the result and consumes the arguments.
    Handler,
}

/// How a source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// With error 7.
    Fails,
    /// With -32603.
    Panics,
    /// It has nothing more and waits.
    Never,
}

/// A stream of so many items, each of so many bytes; its consumer drops it after `take` of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    items: usize,
    len: usize,
    ending: Ending,
    take: Option<usize>,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub(super) struct Life {
    caller: usize,
    window: Totals,
    result: Option<Stream>,
    arguments: Vec<Stream>,
    /// Its handler ends with error 8 and opens nothing.
    refuses: bool,
    /// Its handler does not stop when it is cancelled.
    shielded: bool,
    /// Its handler does something else before it ends, which takes longer than all that others do.
    lingers: bool,
}

impl Life {
    fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.arguments.iter().chain(&self.result)
    }
}

#[derive(Clone, Debug, Default)]
struct Consumer {
    opened: bool,
    got: usize,
    seen: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    End(End),
    NotOpened(End),
    Dropped,
}

#[derive(Clone, Debug, Default)]
struct Producer {
    sent: usize,
    over: Option<Over>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Ended,
    Halted(Halt),
    Dropped,
}

/// A call, as both sides have it.
#[derive(Clone, Debug, Default)]
struct State {
    id: Option<u64>,
    /// At the caller.
    made: CallStreams,
    result: Consumer,
    arguments: Vec<Producer>,
    /// At the callee: from the request to the reply.
    serving: Option<Id>,
    served: CallStreams,
    output: Producer,
    /// Whether its handler has returned the result.
    returned: bool,
    inputs: Vec<Consumer>,
    /// Whether its handler does something else now, and whether that is done.
    lingers: bool,
    released: bool,
    /// Why its handler is to stop.
    stopped: Option<ErrorCode>,
    cancelled: bool,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Poll(Task),
    /// The first message of a side's queue goes out.
    Write(usize),
    /// The next message reaches a side.
    Deliver(usize),
    Cancel(usize),
    Drain(usize),
    Close,
}

#[derive(Clone, Debug)]
struct World {
    lives: Rc<[Life]>,
    states: Vec<State>,
    sides: [Side; 2],
    /// On their way to that side.
    links: [VecDeque<Bytes>; 2],
    woken: BTreeSet<Task>,
    closed: bool,
    /// Items that a producer puts into a message at most.
    batch: usize,
    /// Bytes of the largest item.
    largest: u64,
}

impl World {
    fn new(lives: impl Into<Rc<[Life]>>, limits: StreamLimits, batch: usize) -> Self {
        let lives = lives.into();
        let states = lives.iter().map(|life| State {
            arguments: vec![Producer::default(); life.arguments.len()],
            inputs: vec![Consumer { opened: true, ..Consumer::default() }; life.arguments.len()],
            ..State::default()
        });
        Self {
            states: states.collect(),
            sides: [Side::new(limits), Side::new(limits)],
            links: Default::default(),
            woken: (0..lives.len()).map(|life| Task { life, role: Role::Caller }).collect(),
            closed: false,
            batch,
            largest: lives.iter().flat_map(Life::streams).map(item_len).max().unwrap_or(0),
            lives,
        }
    }

    /// What has to happen, sooner or later.
    fn due(&self) -> Vec<Action> {
        let mut due: Vec<Action> = self.woken.iter().copied().map(Action::Poll).collect();
        due.extend((0..2).filter(|side| !self.sides[*side].queue.is_empty()).map(Action::Write));
        due.extend((0..2).filter(|side| !self.links[*side].is_empty()).map(Action::Deliver));
        due
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Poll(task) => {
                self.woken.remove(&task);
                match task.role {
                    Role::Caller => self.poll_caller(task.life),
                    Role::Argument(index) => self.poll_argument(task.life, index),
                    Role::Handler => self.poll_handler(task.life),
                }
            }
            Action::Write(side) => self.write(side),
            Action::Deliver(side) => self.deliver(side),
            Action::Cancel(life) => self.cancel(life),
            Action::Drain(side) => {
                self.sides[side].draining = true;
                let woken = self.sides[side].streams.drain();
                self.wake(woken);
            }
            Action::Close => self.close(),
        }
    }

    fn wake(&mut self, tasks: impl IntoIterator<Item = Task>) {
        self.woken.extend(tasks);
    }

    fn callee(&self, life: usize) -> usize {
        1 - self.lives[life].caller
    }

    /// Lets all happen that has to, in some order.
    fn settle(&mut self) {
        while let Some(action) = self.due().first().copied() {
            self.act(action);
            self.check_bounds();
        }
    }
}
