//! Many clients connect at once, as after an outage.

use std::sync::Arc;

use birpc::Client;
use tokio::task::JoinSet;

use crate::random::Random;
use crate::report::Report;

/// The number of clients.
const STORM: u64 = 1000;

/// This many clients connect, make a call and disconnect, all at once.
pub(crate) async fn storm(url: &str, random: &mut Random, report: &Arc<Report>) {
    let mut storm = JoinSet::new();
    for number in 0..STORM {
        let (url, mut random, report) = (url.to_owned(), random.fork(), report.clone());
        storm.spawn(async move {
            match come_and_go(&url, number, &mut random).await {
                Ok(()) => report.count("connections of a storm"),
                Err(why) => report.wrong(&format!("a connection of a storm: {why}")),
            }
        });
    }
    storm.join_all().await;
}

async fn come_and_go(url: &str, number: u64, random: &mut Random) -> Result<(), String> {
    let client = Client::connect(url).await.map_err(|error| error.to_string())?;
    let sum = client.peer().call::<u64>("add", (number, 1)).await.map_err(|error| error.to_string())?;
    if sum != number + 1 {
        return Err(format!("{number} and 1 make {sum}"));
    }
    if random.one_in(2) {
        // This cannot fail: the code may be sent and the reason is short.
        let _ = client.close(1000, "");
        client.closed().await;
    }
    Ok(())
}
