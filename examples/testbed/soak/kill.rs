//! A peer that is killed.

use std::error::Error;
use std::time::{Duration, Instant};

use birpc::{CallError, Client};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::testbed::Testbed;

const PENDING: usize = 10_000;

/// The maximum time from the signal to the end of the last call.
const LIMIT: Duration = Duration::from_millis(100);

/// All calls that wait for a killed peer end soon.
pub(crate) async fn kill(report: &Report) -> Result<(), Box<dyn Error>> {
    let mut testbed = Testbed::start(&["--max-in-flight", &(2 * PENDING).to_string()]).await?;
    let client = Client::connect(&testbed.url).await?;
    let mut calls = JoinSet::new();
    for _ in 0..PENDING {
        calls.spawn(client.peer().call::<Value>("sleep", [3_600_000]));
    }
    while client.peer().call::<Value>("whoami", ()).await?["in_flight"] != PENDING + 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    testbed.kill()?;
    let outcomes = calls.join_all().await;
    let took = began.elapsed();
    let lost = |outcome| match outcome {
        &Err(CallError::Disconnected { ref reason, sent: true }) => reason.code == 1006,
        _ => false,
    };
    let measured = format!("{took:?} for {PENDING} calls");
    let result = |good: bool| if good { Ok(measured.clone()) } else { Err(measured.clone()) };
    report.check("every pending call ends with the peer that is killed", result(outcomes.iter().all(lost)));
    report.check_time("within 100 ms of SIGKILL", result(took <= LIMIT));
    Ok(())
}
