//! A server loses all its clients at once, again and again: they come back, and nothing is left of their old
//! connections.

use std::time::Duration;

use birpc::{Client, Context, ErrorObject, Event, Reconnect, Router};
use futures_util::future::join_all;

use crate::support::{Side, bounded, listen};

const CLIENTS: usize = 200;
const ROUNDS: usize = 5;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn double() -> Router {
    Router::new().method("double", |_: Context, (n,): (usize,)| async move { Ok::<_, ErrorObject>(2 * n) })
}

async fn call(client: &Client, n: usize) {
    assert_eq!(client.peer().call::<usize>("double", (n,)).await, Ok(2 * n));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reconnects_leave_nothing_behind() {
    bounded(async {
        let mut server = listen(Side::new(double())).await;
        let (before, url) = (tasks(), server.url());
        let clients = join_all((0..CLIENTS).map(async |n| {
            let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20));
            let client = Client::builder().reconnect(reconnect).connect(&url).await.expect("it connects");
            call(&client, n).await; // so that the server has its peer listed
            client
        }))
        .await;
        for _ in 0..ROUNDS {
            let mut events: Vec<_> = clients.iter().map(|client| client.events()).collect();
            for peer in server.handle.peers().list() {
                peer.close(1011, "on purpose").expect("it may be sent");
            }
            join_all(clients.iter().zip(&mut events).enumerate().map(async |(n, (client, events))| {
                while !matches!(events.next().await, Some(Event::Lost(reason)) if reason.code == 1011) {}
                call(client, n).await; // waits for the next connection, or is made on it
            }))
            .await;
        }
        drop(clients);
        let mut connected = 0;
        while connected < CLIENTS * (ROUNDS + 1) {
            server.connected.recv().await.expect("the server runs");
            connected += 1;
        }
        while !server.handle.peers().is_empty() || tasks() > before {
            tokio::task::yield_now().await;
        }
        assert!(server.connected.try_recv().is_err(), "nobody came more often than it was sent away");
    })
    .await;
}
