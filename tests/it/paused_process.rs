//! A client whose process stands still while its server goes on broadcasting: the server gives it up as a slow
//! reader, and it is up again when it continues.
#![cfg(unix)] // signals

use std::process::Stdio;
use std::time::Duration;

use birpc::{Client, Event, Reconnect, Router, Server};
use tokio::process::Command;

use crate::support::bounded;
use crate::support::process::Running;

/// Run as a process by the test below: reconnects with the defaults, and tells what happens.
#[tokio::test]
#[ignore = "the other half of a test"]
async fn client() {
    let Ok(url) = std::env::var("BIRPC_PAUSED_URL") else { return };
    let client = Client::builder().serve(Router::new()).reconnect(Reconnect::default()).connect(&url);
    let client = client.await.expect("the server is there");
    let mut events = client.events();
    loop {
        match events.next().await {
            Some(Event::Open) => println!("\nis open"),
            Some(Event::Lost(reason)) => println!("\nis lost {}", reason.code),
            Some(_) => {}
            None => return println!("\nis over"),
        }
    }
}

fn start(url: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("this test runs"));
    command.args(["--exact", "paused_process::client", "--ignored", "--nocapture"]);
    command.env("BIRPC_PAUSED_URL", url).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    Running::start(command)
}

/// The next line that the client wrote; the others are the test harness's.
async fn told(client: &mut Running) -> String {
    loop {
        let line = client.line().await;
        if line.starts_with("is ") {
            return line;
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
    let mut client = start(&url);
    assert_eq!(bounded(told(&mut client)).await, "is open");
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
    let lost = bounded(told(&mut client)).await;
    assert!(matches!(&*lost, "is lost 1013" | "is lost 1006"), "{lost}");
    assert_eq!(bounded(told(&mut client)).await, "is open");
    println!("{lost}, and open again after {:?}", continued.elapsed());
    assert!(continued.elapsed() < Duration::from_secs(5), "{:?}", continued.elapsed());
}
