//! A client's process is stopped while its server continues to broadcast: the server gives the client up as a
//! slow reader, and the client is back when its process continues.
#![cfg(unix)] // signals

use std::time::Duration;

use birpc::{Client, Event, Reconnect, Router, Server};

use crate::support::bounded;
use crate::support::process::{Running, argument_of_half, half, tell};

/// Run as a process by the test below: reconnects with default settings, and reports events.
#[tokio::test]
#[ignore = "the other half of a test"]
async fn client() {
    let Some(url) = argument_of_half() else { return };
    let client = Client::builder().serve(Router::new()).reconnect(Reconnect::default()).connect(&url);
    let client = client.await.expect("the server is there");
    let mut events = client.events();
    loop {
        match events.next().await {
            Some(Event::Open) => tell("is open"),
            Some(Event::Lost(reason)) => tell(&format!("is lost {}", reason.code)),
            Some(_) => {}
            None => return tell("is over"),
        }
    }
}

/// `BIRPC_PAUSE_SECONDS=34` runs it with the server's defaults.
#[tokio::test]
async fn a_stopped_client_is_up_again_after_it_continues() {
    let long = std::env::var("BIRPC_PAUSE_SECONDS").map(|seconds| seconds.parse().expect("a number"));
    let server = Server::builder().limits(|limits| {
        if long.is_err() {
            limits.write_stall = Duration::from_millis(200);
            limits.close_timeout = Duration::from_millis(200);
        }
    });
    let server = server.bind("127.0.0.1:0").await.expect("a free port");
    let (handle, url) = (server.handle(), format!("ws://{}/", server.local_addr().expect("it is bound")));
    tokio::spawn(server.serve(Router::new()));
    let broadcasts = handle.clone();
    tokio::spawn(async move {
        let price = "x".repeat(100_000);
        loop {
            broadcasts.peers().notify("price", [&price]).expect("it may be sent");
            tokio::time::sleep(Duration::from_millis(20)).await; // a market's pace
        }
    });
    let mut client = Running::start(half("paused_process::client", &url));
    assert_eq!(bounded(client.told()).await, "is open");
    client.signal("STOP").await;
    match long {
        Ok(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        Err(_) => {
            bounded(async {
                while !handle.peers().is_empty() {
                    tokio::time::sleep(Duration::from_millis(10)).await; // until the server has given it up
                }
            })
            .await
        }
    }
    client.signal("CONT").await;
    let continued = std::time::Instant::now();
    let lost = bounded(client.told()).await;
    assert!(matches!(&*lost, "is lost 1013" | "is lost 1006"), "{lost}");
    assert_eq!(bounded(client.told()).await, "is open");
    println!("{lost}, and open again after {:?}", continued.elapsed());
    assert!(continued.elapsed() < Duration::from_secs(5), "{:?}", continued.elapsed());
}
