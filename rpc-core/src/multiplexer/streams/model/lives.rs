//! Random lives of many calls on one connection, and what they would notice.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{Breakage, StreamLimits};
use super::{Action, Ending, Life, Stream, World};
use crate::message::Totals;

/// Connections of a test; `BIRPC_LIVES` has another number, `BIRPC_SEED` the first.
const RUNS: u64 = 300;

/// xorshift64*: the same numbers for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| random.0 = random.0.wrapping_add(random.below(1 << 20) as u64) | 1);
        random
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn stream(&mut self) -> Stream {
        use Ending::{Complete, Fails, Never, Panics};
        let items = self.one(&[0, 1, 2, 5, 17, 40]);
        Stream {
            items,
            len: self.one(&[3, 3, 60, 1000, 20_000]),
            ending: self.one(&[Complete, Complete, Fails, Panics, Never]),
            take: self.chance(4).then(|| self.below(items + 1)),
        }
    }

    fn life(&mut self) -> Life {
        let arguments = self.one(&[0, 0, 1, 1, 2]);
        Life {
            caller: self.below(2),
            window: Totals { items: self.one(&[1, 2, 64]), bytes: self.one(&[1, 50, 1 << 10, 256 << 10]) },
            result: (arguments == 0 || self.chance(2)).then(|| self.stream()),
            arguments: (0..arguments).map(|_| self.stream()).collect(),
            refuses: self.chance(16),
            shielded: self.chance(3),
            lingers: self.chance(3),
        }
    }

    fn limits(&mut self) -> StreamLimits {
        StreamLimits {
            max_streams: self.one(&[1, 4, 100]),
            max_stream_bytes: self.one(&[1, 20 << 10, 64 << 10, 16 << 20]),
            window: Totals { items: self.one(&[1, 16, 64]), bytes: self.one(&[1, 20 << 10, 256 << 10]) },
        }
    }
}

/// One connection from its begin to its end.
fn run(seed: u64, breakage: Option<Breakage>) {
    let mut random = Random::new(seed);
    let lives: Vec<Life> = (0..1 + random.below(8)).map(|_| random.life()).collect();
    let (limits, batch) = (random.limits(), random.one(&[1, 1, 4, 32]));
    let mut world = World::new(lives, limits, batch);
    world.sides.iter_mut().for_each(|side| side.streams.breakage = breakage);
    // Half of them see nothing but what the lives themselves do.
    let disturbed = random.chance(2);
    loop {
        let due = world.due();
        if due.is_empty() {
            if world.release() {
                continue;
            }
            break;
        }
        let action = match disturbed && random.chance(40) {
            true if random.chance(6) && !world.closed => Action::Close,
            true if random.chance(6) => Action::Drain(random.below(2)),
            true => Action::Cancel(random.below(world.lives.len())),
            false => random.one(&due),
        };
        world.act(action);
        world.check_bounds();
    }
    world.check_end();
}

fn runs() -> u64 {
    std::env::var("BIRPC_LIVES").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

#[test]
fn every_life_ends_as_it_must() {
    let from = std::env::var("BIRPC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    for seed in from..from + runs() {
        let failed = catch_unwind(|| run(seed, None)).is_err();
        assert!(!failed, "seed {seed}");
    }
}

#[test]
fn each_breakage_is_noticed() {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let noticed = Breakage::ALL.map(|breakage| {
        (0..RUNS).find(|seed| catch_unwind(AssertUnwindSafe(|| run(*seed, Some(breakage)))).is_err())
    });
    std::panic::set_hook(silent);
    for (breakage, noticed) in Breakage::ALL.into_iter().zip(noticed) {
        println!("{breakage:?} by seed {noticed:?}");
        assert!(noticed.is_some(), "{breakage:?} is not noticed");
    }
}
