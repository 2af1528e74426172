//! Random lives of many calls on one connection, and what they would notice.

use std::panic::catch_unwind;

use super::super::{Breakage, StreamLimits};
use super::{Action, Ending, Life, Stream, World};
use crate::message::Totals;
use crate::stream_lives::Random;

/// Connections of a test; `BIRPC_LIVES` has another number, `BIRPC_SEED` the first.
const RUNS: u64 = 300;

/// What can be broken in the table; a producer that is dropped is none of its business.
const BREAKAGES: [Breakage; 10] = [
    Breakage::DisconnectIsClean,
    Breakage::CancelIsClean,
    Breakage::DoneForgetsItsError,
    Breakage::EndOvertakesItems,
    Breakage::EndWakesNobody,
    Breakage::CancelIsNotTold,
    Breakage::ReplyLeavesArguments,
    Breakage::StopIsIgnored,
    Breakage::CreditWakesNobody,
    Breakage::NamesOutliveTheirCall,
];

impl Random {
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
fn run(seed: u64) {
    let mut random = Random::new(seed);
    let lives: Vec<Life> = (0..1 + random.below(8)).map(|_| random.life()).collect();
    let (limits, batch) = (random.limits(), random.one(&[1, 1, 4, 32]));
    let mut world = World::new(lives, limits, batch);
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
        let failed = catch_unwind(|| run(seed)).is_err();
        assert!(!failed, "seed {seed}");
    }
}

#[test]
fn each_breakage_is_noticed() {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |breakage, seed| Breakage::during(Some(breakage), || catch_unwind(|| run(seed)).is_err());
    let noticed = BREAKAGES.map(|breakage| (0..RUNS).find(|seed| fails(breakage, *seed)));
    std::panic::set_hook(silent);
    for (breakage, noticed) in BREAKAGES.into_iter().zip(noticed) {
        println!("{breakage:?} by seed {noticed:?}");
        assert!(noticed.is_some(), "{breakage:?} is not noticed");
    }
}
