//! When a server is away for a few seconds, all its clients are back soon after it listens again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{Client, Config, ConnectError, Connection, ConnectionInfo, Reconnect, Router, Server};
use futures_util::future::join_all;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::support::{Record, own_address, unreachable};

const OUTAGE: Duration = Duration::from_secs(5);
const BACK_WITHIN: Duration = Duration::from_secs(10);

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Over transports in memory, so that the clock can be paused and there can be many clients.
#[tokio::test(start_paused = true)]
async fn the_last_of_5000_clients_is_back_soon_after_an_outage() {
    const CLIENTS: usize = 5000;
    let (cut, _) = broadcast::channel::<()>(1);
    let (down, back) = (Arc::new(AtomicBool::new(false)), Record::default());
    let open = || {
        let (down, cut, back) = (down.clone(), cut.clone(), back.clone());
        move || {
            let opened = if down.load(Ordering::Relaxed) {
                Err(unreachable())
            } else {
                let ((near, far), mut cuts) = (memory_pair(), cut.subscribe());
                back.push(Instant::now());
                let (_, served) =
                    Connection::new(far, Arc::new(Config::default()), ConnectionInfo::default());
                tokio::spawn(async move {
                    tokio::select! { _ = served => {}, _ = cuts.recv() => {} }
                });
                Ok((near, ConnectionInfo::default()))
            };
            std::future::ready::<Result<_, ConnectError>>(opened)
        }
    };
    let connect = |_| Client::builder().reconnect(Reconnect::default()).connect_over(open());
    let clients = join_all((0..CLIENTS).map(connect)).await;
    assert!(clients.iter().all(Result::is_ok));
    back.take();
    down.store(true, Ordering::Relaxed);
    cut.send(()).expect("servers listen");
    tokio::time::sleep(OUTAGE).await;
    down.store(false, Ordering::Relaxed);
    let listens = Instant::now();
    tokio::time::sleep(BACK_WITHIN).await;
    let mut back: Vec<_> = back.take().iter().map(|time| *time - listens).collect();
    back.sort();
    assert_eq!(back.len(), CLIENTS, "all are back within {BACK_WITHIN:?}");
    // They do not all connect at the same time either.
    assert!(percentile(&back, 50) > Duration::from_millis(500), "{:?}", percentile(&back, 50));
}

/// The same over sockets. `BIRPC_OUTAGE_CLIENTS=5000` with `--release --nocapture` measures it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_clients_are_back_soon_after_an_outage() {
    let clients = std::env::var("BIRPC_OUTAGE_CLIENTS").map_or(100, |count| count.parse().expect("a number"));
    let outage = if clients > 100 { OUTAGE } else { Duration::from_millis(500) };
    let server = Server::bind(own_address(2)).await.expect("a free port");
    let address = server.local_addr().expect("it is bound");
    let url = format!("ws://{address}/");
    let running = Serving::start(server);
    let connect = |_| async { Client::builder().reconnect(Reconnect::default()).connect(&url).await };
    let clients = join_all((0..clients).map(connect)).await;
    let clients: Vec<_> = clients.into_iter().map(|client| client.expect("the server is there")).collect();
    let mut events: Vec<_> = clients.iter().map(|client| client.events()).collect();
    running.kill();
    tokio::time::sleep(outage).await; // it is away
    let running = Serving::start(Server::bind(address).await.expect("the port is free again"));
    let listens = std::time::Instant::now();
    let back = events.iter_mut().map(async |events| {
        let mut lost = false;
        loop {
            match events.next().await {
                Some(birpc::Event::Lost(_)) => lost = true,
                Some(birpc::Event::Open) if lost => return listens.elapsed(),
                Some(_) => {}
                None => panic!("the client is closed"),
            }
        }
    });
    let mut back = tokio::time::timeout(2 * BACK_WITHIN, join_all(back)).await.expect("all come back");
    back.sort();
    let [half, most, last] = [50, 99, 100].map(|percent| percentile(&back, percent));
    println!("{} clients are back: p50 {half:?}, p99 {most:?}, last {last:?}", back.len());
    assert!(last < BACK_WITHIN, "{last:?}");
    running.kill();
}

/// A server with its own runtime, so that it can end like a process.
struct Serving(tokio::runtime::Runtime);

impl Serving {
    fn start(server: Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.spawn(server.serve(Router::new()));
        Self(runtime)
    }

    fn kill(self) {
        self.0.shutdown_background();
    }
}
