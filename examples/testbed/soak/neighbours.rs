//! Well-behaved connections, and the latency of their calls.

use std::future::Future;
use std::time::{Duration, Instant};

use birpc::Client;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;

/// The number of connections, and the pause between two calls of each: enough calls for a percentile, too few
/// to be a load.
const NEIGHBOURS: usize = 20;
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Neighbours(Vec<Client>);

impl Neighbours {
    pub(crate) async fn connect(url: &str) -> Result<Self, String> {
        let clients = try_join_all((0..NEIGHBOURS).map(|_| Client::connect(url))).await;
        clients.map(Self).map_err(|error| error.to_string())
    }

    /// Returns the 99th percentile of the calls made while `other` runs, and the output of `other`.
    pub(crate) async fn p99_during<T>(
        &self,
        other: impl Future<Output = T>,
    ) -> Result<(Duration, T), String> {
        let (stop, stopped) = watch::channel(false);
        let calls = join_all(self.0.iter().map(|client| latencies(client, stopped.clone())));
        let other = async {
            let output = other.await;
            stop.send_replace(true);
            output
        };
        let (latencies, output) = tokio::join!(calls, other);
        let mut all = latencies.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        all.sort_unstable();
        let p99 = all.get(all.len() * 99 / 100).ok_or("no call was made meanwhile")?;
        Ok((*p99, output))
    }
}

async fn latencies(client: &Client, stop: watch::Receiver<bool>) -> Result<Vec<Duration>, String> {
    let mut latencies = Vec::new();
    while !*stop.borrow() {
        let began = Instant::now();
        client
            .peer()
            .call::<i64>("add", (1, 2))
            .await
            .map_err(|error| format!("a neighbour's call: {error}"))?;
        latencies.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(latencies)
}
