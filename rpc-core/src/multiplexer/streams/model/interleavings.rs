//! All orders in which a few things can happen.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::StreamLimits;
use super::{Action, Ending, Life, Stream, World};
use crate::message::Totals;

/// What may happen besides what has to.
#[derive(Clone, Copy, Debug, Default)]
struct May {
    cancel: bool,
    close: bool,
    /// Whether messages wait in the queue, or go out at once.
    queue: bool,
}

const LIMITS: StreamLimits =
    StreamLimits { max_streams: 2, max_stream_bytes: 64 << 10, window: Totals { items: 1, bytes: 1 } };

const ONE: Totals = Totals { items: 1, bytes: 1 };

fn stream(items: usize, ending: Ending) -> Stream {
    Stream { items, len: 3, ending, take: None }
}

fn life(result: Option<Stream>, arguments: &[Stream]) -> Life {
    Life {
        caller: 0,
        window: ONE,
        result,
        arguments: arguments.into(),
        refuses: false,
        shielded: false,
        lingers: false,
    }
}

/// Feeds a hasher with what is formatted.
struct Fed<H>(H);

impl<H: Hasher> Write for Fed<H> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Goes through all orders.
fn explore(lives: &[Life], may: May) {
    let states = [RandomState::new(), RandomState::new()];
    let hash = |world: &World| {
        states.each_ref().map(|state| {
            let mut fed = Fed(state.build_hasher());
            let World { states, sides, links, woken, closed, .. } = world;
            write!(fed, "{states:?}{sides:?}{links:?}{woken:?}{closed}").expect("a hasher takes all");
            fed.0.finish()
        })
    };
    let mut seen = HashSet::new();
    let mut open = vec![(World::new(lives, LIMITS, 1), Vec::new())];
    while let Some((world, path)) = open.pop() {
        let (due, others) = (world.due(), optional(&world, may));
        let fails = |check: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(check)).is_err();
        assert!(!due.is_empty() || !fails(&mut || world.check_end()), "the path there was {path:?}");
        for action in due.into_iter().chain(others) {
            let mut next = world.clone();
            assert!(!fails(&mut || step(&mut next, action, may)), "{action:?} failed behind {path:?}");
            if seen.insert(hash(&next)) {
                let path = path.iter().copied().chain([action]).collect();
                open.push((next, path));
            }
        }
    }
}

fn step(world: &mut World, action: Action, may: May) {
    world.act(action);
    while !may.queue
        && let Some(side) = (0..2).find(|side| !world.sides[*side].queue.is_empty())
    {
        world.write(side);
    }
    world.check_bounds();
}

fn optional(world: &World, may: May) -> Vec<Action> {
    let mut actions = Vec::new();
    if may.close && !world.closed {
        actions.push(Action::Close);
    }
    if may.cancel {
        let open = |life: &usize| !world.states[*life].cancelled && world.states[*life].id.is_some();
        actions.extend((0..world.lives.len()).filter(open).map(Action::Cancel));
    }
    actions
}

const ALL: May = May { cancel: true, close: true, queue: false };

/// As [`ALL`], and messages wait in the queue for any time.
const QUEUED: May = May { queue: true, ..ALL };

const CUT: May = May { cancel: false, close: true, queue: false };

const ENDINGS: [Ending; 4] = [Ending::Complete, Ending::Fails, Ending::Panics, Ending::Never];

#[test]
fn results() {
    for ending in ENDINGS {
        for (items, len) in [(0, 3), (3, 3), (2, 300)] {
            explore(&[life(Some(Stream { len, ..stream(items, ending) }), &[])], QUEUED);
        }
    }
    for window in
        [Totals { items: 3, bytes: 1 }, Totals { items: 1, bytes: 100 }, Totals { items: 2, bytes: 9 }]
    {
        explore(&[Life { window, ..life(Some(stream(4, Ending::Complete)), &[]) }], QUEUED);
    }
}

#[test]
fn results_that_are_dropped() {
    for take in 0..3 {
        for ending in [Ending::Complete, Ending::Fails, Ending::Never] {
            let result = Stream { take: Some(take), ..stream(2, ending) };
            explore(&[life(Some(result), &[])], QUEUED);
        }
    }
}

#[test]
fn arguments() {
    for ending in ENDINGS {
        for shielded in [false, true] {
            explore(&[Life { shielded, ..life(None, &[stream(2, ending)]) }], QUEUED);
        }
    }
    // Past what is fixed, in items and in bytes, so that more has to be wanted.
    explore(&[life(None, &[stream(18, Ending::Complete)])], ALL);
    explore(&[life(None, &[Stream { len: 9 << 10, ..stream(3, Ending::Fails) }])], ALL);
}

#[test]
fn arguments_that_are_dropped() {
    for take in 0..3 {
        for ending in [Ending::Complete, Ending::Fails, Ending::Never] {
            let argument = Stream { take: Some(take), ..stream(2, ending) };
            explore(&[Life { lingers: ending != Ending::Fails, ..life(None, &[argument]) }], QUEUED);
        }
    }
    let refused = Life { refuses: true, ..life(None, &[stream(2, Ending::Never)]) };
    explore(&[refused], QUEUED);
}

#[test]
fn both_ways_at_once() {
    let (result, argument) = (Some(stream(2, Ending::Complete)), [stream(2, Ending::Complete)]);
    explore(&[life(result, &argument)], ALL);
    for shielded in [false, true] {
        let never = [stream(1, Ending::Never)];
        explore(&[Life { shielded, ..life(Some(stream(1, Ending::Never)), &never) }], ALL);
    }
    let dropped = Stream { take: Some(1), ..stream(2, Ending::Complete) };
    explore(&[life(Some(dropped), &[dropped])], ALL);
    let refused = Life { refuses: true, ..life(result, &argument) };
    explore(&[refused], QUEUED);
}

#[test]
fn calls_of_both_sides_have_the_same_id() {
    let one = life(Some(stream(1, Ending::Complete)), &[]);
    let other = Life { caller: 1, ..life(None, &[stream(1, Ending::Fails)]) };
    explore(&[one.clone(), other.clone()], CUT);
    explore(&[one.clone(), Life { caller: 1, ..one }], CUT);
    explore(&[other.clone(), Life { caller: 0, ..other }], CUT);
}
