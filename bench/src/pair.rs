//! A client and a server in one process with one connection, and callers in a closed loop: each makes its
//! next call when the previous one has been answered.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::task::JoinSet;

use crate::options::option;

/// A client that calls `add`; its clones share one connection.
pub trait Adds: Clone + Send + Sync + 'static {
    /// The server's sum.
    fn add(&self, a: i64, b: i64) -> impl Future<Output = i64> + Send;
}

/// How long the callers make calls.
enum Length {
    Time(Duration),
    /// A number of calls of all callers together, for tools that count instructions.
    Calls(u64),
}

/// Runs the program of a pair: with `--callers N` and `--seconds S`, or `--calls C` instead of the latter.
/// `connect` starts the server and connects to it. Prints `calls N seconds S`, after a warm-up of a fifth of
/// the time, which counts in neither.
///
/// # Errors
/// Invalid arguments, an error of `connect`, or a caller that panicked because its reply was wrong.
pub fn run<C: Adds>(connect: impl AsyncFnOnce() -> Result<C, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let callers: usize = option("--callers", 1)?;
    let seconds = Duration::try_from_secs_f64(option("--seconds", 2.0)?)?;
    let calls: u64 = option("--calls", 0)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = connect().await?;
        let length = if calls > 0 {
            Length::Calls(calls)
        } else {
            closed_loop(&client, callers, &Length::Time(seconds / 5)).await?;
            Length::Time(seconds)
        };
        let start = Instant::now();
        let calls = closed_loop(&client, callers, &length).await?;
        println!("calls {calls} seconds {:.3}", start.elapsed().as_secs_f64());
        Ok(())
    })
}

/// The number of calls that were answered.
async fn closed_loop<C: Adds>(client: &C, callers: usize, length: &Length) -> Result<u64, Box<dyn Error>> {
    let over = Arc::new(AtomicBool::new(false));
    let at_most = match length {
        Length::Time(_) => u64::MAX,
        Length::Calls(calls) => calls.div_ceil(callers as u64),
    };
    let mut running = JoinSet::new();
    for caller in 0..callers as i64 {
        running.spawn(one_caller(client.clone(), caller, at_most, over.clone()));
    }
    if let Length::Time(time) = length {
        tokio::time::sleep(*time).await;
        over.store(true, Ordering::Relaxed);
    }
    let mut calls = 0;
    while let Some(done) = running.join_next().await {
        calls += done?;
    }
    Ok(calls)
}

async fn one_caller<C: Adds>(client: C, caller: i64, at_most: u64, over: Arc<AtomicBool>) -> u64 {
    let mut calls = 0;
    while calls < at_most && !over.load(Ordering::Relaxed) {
        assert_eq!(client.add(caller, 2).await, caller + 2, "a wrong reply");
        calls += 1;
    }
    calls
}
