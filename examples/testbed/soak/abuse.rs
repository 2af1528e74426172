//! Peers that do not read: their cost, their end, and their effect on other connections.

use std::error::Error;
use std::time::{Duration, Instant};

use birpc::{CallError, Client, Limits};

use crate::flood::Flood;
use crate::memory::Memory;
use crate::neighbours::Neighbours;
use crate::report::{Outcome, Report};
use crate::testbed::Testbed;

const NOTIFICATIONS: usize = 1_000_000;

/// A peer that reads nothing for this long is closed; the default is 30 s.
const STALL: Duration = Duration::from_secs(2);

/// How much longer this may take on a busy machine.
const SLACK: Duration = Duration::from_secs(10);

/// Long enough for a percentile that is not an accident.
const MEASURED: Duration = Duration::from_secs(3);

/// The time that the scheduler of a machine with two cores adds to a p99 of a tenth of a millisecond,
/// whatever else runs.
const NOISE: Duration = Duration::from_micros(500);

/// Other work on the machine can spoil a percentile, but rarely this many in a row.
const ATTEMPTS: usize = 3;

/// A peer that sends 100 000 calls and never reads.
pub(crate) async fn calls(report: &Report) -> Result<(), Box<dyn Error>> {
    let mut found = never_reading().await?;
    for _ in 1..ATTEMPTS {
        if found.neighbours.is_err() {
            found = never_reading().await?;
        }
    }
    report.check("a peer that sends 100 000 calls and never reads is closed with 1013", found.closed);
    report.check("it costs no more memory than the limits allow", found.cost);
    report.check_time(
        "its neighbours' p99 stays within 2 x of what it is while another server has such a peer, or 0.5 \
        ms above it",
        found.neighbours,
    );
    report.check("nothing is left of it", found.left);
    Ok(())
}

struct Found {
    closed: Outcome,
    cost: Outcome,
    neighbours: Outcome,
    left: Outcome,
}

async fn never_reading() -> Result<Found, Box<dyn Error>> {
    let testbed = Testbed::start(&["--write-stall", &STALL.as_millis().to_string()]).await?;
    let neighbours = Neighbours::connect(&testbed.url).await?;
    let (quiet, ()) = neighbours.p99_during(tokio::time::sleep(MEASURED)).await?;
    let undisturbed = beside_another(&neighbours).await?;
    let (held, memory) = (testbed.held().await?, testbed.memory.now()?);
    testbed.memory.forget_peak()?;

    let mut flood = Flood::start(&testbed.url)?;
    let (disturbed, taken) = neighbours.p99_during(flood.taken()).await?;
    let closed = closed(&testbed, taken?).await;
    let cost = testbed.memory.peak()?.saturating_sub(memory);
    drop(flood); // its connection was open up to here, and unread
    let measured =
        format!("{disturbed:?}, {undisturbed:?} while another server has it, {quiet:?} while nobody sends");
    let near = disturbed <= (2 * undisturbed).max(undisturbed + NOISE);
    Ok(Found {
        closed,
        cost: within(cost, allowed()),
        neighbours: if near { Ok(measured) } else { Err(measured) },
        left: testbed.settled(&held, SLACK).await.map(|()| String::new()),
    })
}

/// The neighbours' p99 while another server has such a peer: the machine has as much to do, but their server
/// is not disturbed.
async fn beside_another(neighbours: &Neighbours) -> Result<Duration, Box<dyn Error>> {
    let another = Testbed::start(&["--write-stall", &STALL.as_millis().to_string()]).await?;
    let mut flood = Flood::start(&another.url)?;
    let (p99, taken) = neighbours.p99_during(flood.taken()).await?;
    taken?;
    Ok(p99)
}

/// Waits until the testbed has closed the connection.
async fn closed(testbed: &Testbed, taken: usize) -> Outcome {
    let began = Instant::now();
    while testbed.closed_with(1013).await.map_err(|error| error.to_string())? == 0 {
        if began.elapsed() > STALL + SLACK {
            return Err(format!("{taken} calls were taken, and it is there after {:?}", began.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(format!(
        "{taken} were taken; gone {:.1?} later, a stall of {STALL:?} and a close included",
        began.elapsed()
    ))
}

/// The memory that the limits of one connection allow, in KiB.
fn allowed() -> u64 {
    let limits = Limits::default();
    // Replies; pongs and errors; parked calls; an incoming and an outgoing message.
    let bytes = 2 * limits.max_queued_bytes
        + limits.max_parked_bytes
        + limits.max_message_in
        + limits.max_message_out
        + limits.max_open * CALL;
    (bytes >> 10) as u64
}

/// The size of an open call, in bytes: its entry and its handler's task.
const CALL: usize = 1 << 10;

fn within(cost: u64, allowed: u64) -> Outcome {
    let measured = format!("{cost} KiB at most, of {allowed} KiB");
    if cost <= allowed { Ok(measured) } else { Err(measured) }
}

/// A peer whose process is stopped, and to which one million notifications are sent.
pub(crate) async fn notifications(report: &Report) -> Result<(), Box<dyn Error>> {
    let testbed = Testbed::start(&[]).await?;
    let limits = |limits: &mut Limits| (limits.write_stall, limits.close_timeout) = (STALL, STALL);
    // Plain JSON-RPC: under birpc.v1 the notifier would wait for credit.
    let client = Client::builder().subprotocols(["jsonrpc"]).limits(limits).connect(&testbed.url).await?;
    testbed.signal("STOP").await?;
    let memory = Memory::of(std::process::id());
    let before = memory.now()?;
    memory.forget_peak()?;

    let began = Instant::now();
    let (mut taken, mut ended) = (0, Err("all of them were taken".to_owned()));
    for _ in 0..NOTIFICATIONS {
        match client.peer().notify("log", ["a line that nobody reads"]).await {
            Ok(()) => taken += 1,
            Err(error) => {
                ended = stalled(&error, began.elapsed(), taken);
                break;
            }
        }
    }
    report.check("who notifies a stopped peer one million times learns that it is gone", ended);
    let cost = memory.peak()?.saturating_sub(before);
    report.check("the notifier's memory stays within the limits", within(cost, allowed()));
    Ok(())
}

fn stalled(error: &CallError, took: Duration, taken: usize) -> Outcome {
    let measured = format!("after {took:.1?}, {taken} notifications were taken; {error}");
    match error {
        CallError::Disconnected { reason, sent: false } if reason.code == 1013 && took < STALL + SLACK => {
            Ok(measured)
        }
        _ => Err(measured),
    }
}
