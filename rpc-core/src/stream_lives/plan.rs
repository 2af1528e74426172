//! What happens on a connection, decided by a seed.

use super::Random;
use crate::config::Limits;

/// What happens to a connection and the calls on it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) calls: Vec<CallPlan>,
    /// Whether a layer is around the methods.
    pub(super) layered: bool,
    pub(super) event: Event,
    /// The side at which that happens.
    pub(super) side: usize,
    /// How many times other tasks run before.
    pub(super) after: usize,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Nothing,
    /// Its transport is dropped, as when a process is killed.
    Kill,
    /// It is closed without waiting for anything.
    Stop,
    /// New calls are refused, and those that are open go on.
    Drain,
    /// It is drained, and closed at a deadline.
    Shutdown,
}

impl Event {
    pub(super) const ALL: [Self; 5] = [Self::Nothing, Self::Kill, Self::Stop, Self::Drain, Self::Shutdown];

    pub(super) fn ends_the_connection(self) -> bool {
        matches!(self, Self::Kill | Self::Stop | Self::Shutdown)
    }

    pub(super) fn drains(self) -> bool {
        matches!(self, Self::Drain | Self::Shutdown)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Its result is a stream.
    Down,
    /// Its argument is one.
    Up,
    /// Both are streams. The result has an item for each of the argument.
    Both,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Down, Self::Up, Self::Both];
}

/// A call with streams.
#[derive(Clone, Debug)]
pub(super) struct CallPlan {
    /// The side that makes it.
    pub(super) caller: usize,
    pub(super) kind: Kind,
    pub(super) result: StreamPlan,
    pub(super) argument: StreamPlan,
    pub(super) handler: HandlerPlan,
    pub(super) act: Act,
    /// The window of its result, in items and bytes.
    pub(super) window: (usize, usize),
    /// How many times others run before it is made.
    pub(super) after: usize,
}

impl CallPlan {
    /// Whether it may stay open for ever.
    pub(super) fn may_wait(&self) -> bool {
        let waits = |plan: &StreamPlan| {
            let is_dropped = plan.take.is_some_and(|take| take <= plan.items);
            plan.stalls || (plan.ending == Ending::Never && !is_dropped)
        };
        let (result, argument) = (self.kind != Kind::Up, self.kind != Kind::Down);
        let result = result && (self.result.stalls || (self.kind == Kind::Down && waits(&self.result)));
        result || (argument && waits(&self.argument)) || self.handler == HandlerPlan::Lingers
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamPlan {
    pub(super) items: usize,
    /// The approximate size of an item, in bytes.
    pub(super) len: usize,
    pub(super) ending: Ending,
    pub(super) made_by: MadeBy,
    /// Its consumer drops it after so many items.
    pub(super) take: Option<usize>,
    /// Its consumer keeps it and does not read.
    pub(super) stalls: bool,
    /// Whether other tasks run before each item, at both ends.
    pub(super) pauses: bool,
}

/// How a source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// With error 7.
    Fails,
    Panics,
    /// One item more panics half-way while it is serialised.
    PanicsInItem,
    /// It waits for ever after its items.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeBy {
    Stream,
    Block,
    /// A channel that has all its items from the beginning, and holds eight. No result of a call with an
    /// argument is one.
    Channel,
}

/// What the handler of a call does besides its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandlerPlan {
    Plain,
    /// It ends with error 8, and opens nothing.
    Refuses,
    /// It panics before it returns.
    Panics,
    /// It is not called, since its params do not decode.
    WrongParams,
    /// It is not called, since a layer refuses the call.
    Unserved,
    /// It reads its argument in a section that is shielded from cancels.
    Shields,
    /// A task that it spawns reads its argument, and outlives it.
    HandsOn,
    /// It waits for ever after it has read or dropped its argument.
    Lingers,
}

/// What the caller does with its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Await,
    /// Drops it, or its result, after other tasks have run so many times.
    Drop(usize),
    /// Cancels it with its handle after other tasks have run so many times.
    Cancel(usize),
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut calls: Vec<CallPlan> = (0..1 + random.below(7)).map(|_| call(&mut random)).collect();
        let limits = limits(&mut random, &calls);
        let layered = calls.iter().any(|call| call.handler == HandlerPlan::Unserved) || random.chance(4);
        let event = random.one(&Event::ALL);
        if random.chance(4) {
            calls.iter_mut().for_each(|call| call.act = Act::Await);
        }
        // Most begin in the first turns.
        let turns = random.one(&[12, 12, 20, 40]);
        Self { limits, calls, layered, event, side: random.below(2), after: random.below(turns) }
    }

    /// Whether a limit may refuse a call.
    pub(super) fn is_tight(&self) -> bool {
        let Limits { max_streams, max_stream_bytes, max_in_flight, .. } = self.limits;
        max_streams < 100 || max_stream_bytes < 16 << 20 || max_in_flight < 100
    }
}

fn call(random: &mut Random) -> CallPlan {
    use HandlerPlan::{HandsOn, Lingers, Panics, Plain, Refuses, Shields, Unserved, WrongParams};
    let kind = random.one(&Kind::ALL);
    let kinds: &[HandlerPlan] = match kind {
        Kind::Down => &[Plain],
        Kind::Up => &[Shields, HandsOn, Lingers],
        Kind::Both => &[Shields],
    };
    let handler = match random.below(10) {
        0 => random.one(&[Refuses, Panics, WrongParams, Unserved]),
        1..4 => random.one(kinds),
        _ => Plain,
    };
    let mut argument = stream(random, true);
    // A task that a handler has spawned, or a shielded section, would then never end.
    argument.stalls &= !matches!(handler, HandsOn | Shields);
    CallPlan {
        caller: random.below(2),
        kind,
        result: stream(random, kind == Kind::Down),
        argument,
        handler,
        act: match random.below(6) {
            0 => Act::Drop(random.below(40)),
            1 => Act::Cancel(random.below(40)),
            _ => Act::Await,
        },
        window: (random.one(&[0, 1, 2, 64, 64]), random.one(&[1, 50, 1 << 10, 256 << 10, 256 << 10])),
        after: random.below(10),
    }
}

fn stream(random: &mut Random, may_be_channel: bool) -> StreamPlan {
    use Ending::{Complete, Fails, Never, Panics, PanicsInItem};
    let (items, len) =
        random.one(&[(0, 4), (1, 4), (2, 60), (4, 2000), (17, 4), (18, 200), (40, 4), (70, 4)]);
    let mut plan = StreamPlan {
        items,
        len,
        ending: random.one(&[Complete, Complete, Complete, Fails, Panics, PanicsInItem, Never]),
        made_by: random.one(&[MadeBy::Stream, MadeBy::Block, MadeBy::Channel]),
        take: random.chance(4).then(|| random.below(items + 1)),
        stalls: random.chance(16),
        pauses: random.chance(2),
    };
    match plan.made_by {
        MadeBy::Channel if !may_be_channel => plan.made_by = MadeBy::Block,
        MadeBy::Channel if plan.ending != Never => plan.ending = Complete,
        _ => {}
    }
    plan
}

fn limits(random: &mut Random, calls: &[CallPlan]) -> Limits {
    let mut limits = Limits::default();
    if random.chance(3) {
        limits.max_streams = random.one(&[1, 3, 1024]);
        limits.max_stream_bytes = random.one(&[1, 2 << 10, 20 << 10, 16 << 20]);
    }
    limits.stream_window_items = random.one(&[1, 16, 64]);
    limits.stream_window_bytes = random.one(&[1, 2 << 10, 256 << 10]);
    // A handler that waits for something else than its peer keeps its slot.
    let keeps = |call: &CallPlan| call.argument.stalls || call.handler == HandlerPlan::Lingers;
    if !calls.iter().any(keeps) {
        limits.max_in_flight = random.one(&[1, 2, 1024]);
    }
    limits
}
