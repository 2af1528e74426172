//! A soak test: many connections perform random actions against the testbed, which runs in its own process.
//! After that, both sides must hold no more than before. Then come peers that are killed or do not read.
//!
//! `cargo xtask soak` runs it: `cargo run --release --example soak -- [--seconds N] [--connections N] [--seed
//! N] [--strict]`. It prints a line for each check. It needs Linux, whose /proc shows how much memory a
//! process has.

mod abuse;
mod acts;
mod flood;
mod garbage;
mod kill;
mod life;
mod memory;
mod neighbours;
mod random;
mod report;
mod storm;
mod streams;
mod testbed;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use random::Random;
use report::{Outcome, Report};
use testbed::Testbed;

struct Options {
    time: Duration,
    connections: u64,
    seed: u64,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(url) = argument("--flood") {
        flood::run(&url).await?;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos() as u64;
    let options = Options {
        time: Duration::from_secs(option("--seconds")?.unwrap_or(60)),
        connections: option("--connections")?.unwrap_or(200),
        seed: option("--seed")?.unwrap_or(now),
    };
    // Handlers panic here thousands of times, on purpose.
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref() != Some(&"the soak was asked to panic") {
            eprintln!("{panic}");
        }
    }));
    let strict = std::env::args().any(|argument| argument == "--strict");
    let report = Arc::new(Report::new(strict));
    soak(&options, &report).await?;
    kill::kill(&report).await?;
    abuse::calls(&report).await?;
    abuse::notifications(&report).await?;
    Ok(report.exit_code())
}

/// How long it may take until ended connections have been cleaned up: the time of two closes.
const SETTLES: Duration = Duration::from_secs(10);

/// A shorter warm-up than this would not cover all cases.
const WARM_UP: Duration = Duration::from_secs(5);

/// The fragmentation of an allocator's free memory varies by some percent between runs.
const WARM_UPS: u32 = 3;

/// The same load several times: first warm-ups, after which the allocator's arenas and the tables have
/// reached their sizes, then the soak itself, which must need no more memory than the largest warm-up.
async fn soak(options: &Options, report: &Arc<Report>) -> Result<(), Box<dyn Error>> {
    let &Options { time, connections, seed } = options;
    println!("# {connections} connections for {} s, --seed {seed}", time.as_secs());
    let testbed = Testbed::start(&[]).await?;
    let mut random = Random::new(seed);
    let before = testbed.held().await?;
    let tasks = tasks();

    let (mut memory, warmed_up) = (0, Arc::default());
    for _ in 0..WARM_UPS {
        let warm_up = (time / 3 / WARM_UPS).max(WARM_UP);
        load(&testbed, connections, warm_up, &mut random, &warmed_up).await;
        testbed.settled(&before, SETTLES).await?;
        memory = memory.max(testbed.memory.now()?);
    }
    report.check("everything in the warm-ups had the outcome that it must have", warmed_up.outcome());

    load(&testbed, connections, time, &mut random, report).await;
    report.load_is_over();
    let settled = testbed.settled(&before, SETTLES).await;
    report.check("after the soak the server holds nothing", settled.map(|()| format!("{before:?}")));
    report.check("no task is left on this side", tasks_settled(tasks).await);
    let mut needed = within_a_tenth(testbed.memory.now()?, memory);
    if needed.is_err() {
        // A leak grows with each load; memory that the allocator keeps does not.
        load(&testbed, connections, time, &mut random, &Arc::default()).await;
        testbed.settled(&before, SETTLES).await?;
        needed = within_a_tenth(testbed.memory.now()?, memory);
    }
    report.check("the server's memory is what it was", needed);
    Ok(())
}

/// All connections at once, then some connections for a longer time.
async fn load(
    testbed: &Testbed,
    connections: u64,
    time: Duration,
    random: &mut Random,
    report: &Arc<Report>,
) {
    storm::storm(&testbed.url, random, report).await;
    let mut lives = JoinSet::new();
    for _ in 0..connections {
        lives.spawn(life::lives(testbed.url.clone(), random.fork(), report.clone(), time));
    }
    lives.join_all().await;
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

async fn tasks_settled(before: usize) -> Outcome {
    let settles = async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let settled = tokio::time::timeout(SETTLES, settles).await;
    settled.map(|()| String::new()).map_err(|_| format!("{} in place of {before}", tasks()))
}

/// A smaller value is not a leak.
fn within_a_tenth(now: u64, before: u64) -> Outcome {
    let measured = format!("{now} KiB, {before} KiB after a warm-up");
    if now * 10 <= before * 11 { Ok(measured) } else { Err(measured) }
}

/// The number after a flag.
fn option(flag: &str) -> Result<Option<u64>, String> {
    let number = |value: String| value.parse().map_err(|_| format!("{flag} {value}: no number"));
    argument(flag).map(number).transpose()
}

fn argument(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}
