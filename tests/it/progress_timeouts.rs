//! Timeouts that progress resets, on a paused clock.

use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Transport, memory_pair};
use birpc::{CallError, Config, Connection, ConnectionInfo, Keepalive, Peer, Progress, Router};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::connection::recv;
use crate::support::pending::is_pending;

const SECOND: Duration = Duration::from_secs(1);

fn connect(subprotocol: &str) -> (Peer, MemoryTransport) {
    let (ours, theirs) = memory_pair();
    let mut config = Config::default();
    config.keepalive = Keepalive::off();
    let mut info = ConnectionInfo::default();
    info.subprotocol = Some(subprotocol.into());
    let (peer, connection) = Connection::new(ours, config.into(), info);
    tokio::spawn(connection.serve(Router::new()));
    (peer, theirs)
}

fn send(peer: &mut MemoryTransport, message: serde_json::Value) {
    peer.send(Frame::Text(message.to_string().into())).expect("a peer");
}

fn report(peer: &mut MemoryTransport, value: impl Into<serde_json::Value>) {
    send(peer, json!({"jsonrpc": "2.0", "method": "rpc.progress", "params": [1, value.into()]}));
}

async fn text(peer: &mut MemoryTransport) -> String {
    match recv(peer).await {
        Some(Frame::Text(text)) => String::from_utf8(text.to_vec()).expect("UTF-8"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_starts_the_timeout_anew() {
    let (peer, mut other) = connect("birpc.v1");
    let began = Instant::now();
    let call = peer.call::<u8>("go", ()).with_timeout(10 * SECOND).timeout_resets(3600 * SECOND);
    let call = tokio::spawn(call);
    // Without a function that hears, progress is asked for all the same.
    assert_eq!(text(&mut other).await, r#"{"jsonrpc":"2.0","method":"go","progress":true,"id":1}"#);
    for _ in 0..5 {
        sleep(9 * SECOND).await;
        report(&mut other, json!({"any": "thing"}));
    }
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 45 + 10);
    assert!(text(&mut other).await.contains("rpc.cancel"));
}

#[tokio::test(start_paused = true)]
async fn the_total_bounds_a_call_that_reports_for_ever() {
    let (peer, mut other) = connect("birpc.v1");
    let began = Instant::now();
    let progress = Progress::to(|_: u32| {});
    let call = peer.call::<u8>("go", ()).with_progress(progress);
    let call = tokio::spawn(call.timeout_resets(60 * SECOND).with_timeout(10 * SECOND));
    text(&mut other).await;
    tokio::spawn(async move {
        for number in 0.. {
            report(&mut other, number);
            sleep(SECOND).await;
        }
    });
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn without_resets_reports_change_no_timeout() {
    let (peer, mut other) = connect("birpc.v1");
    let began = Instant::now();
    let progress = Progress::to(|_: u32| {});
    let call = tokio::spawn(peer.call::<u8>("go", ()).with_progress(progress).with_timeout(10 * SECOND));
    text(&mut other).await;
    sleep(9 * SECOND).await;
    report(&mut other, 1);
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn reports_that_are_ignored_reset_nothing() {
    let (peer, mut other) = connect("birpc.v1");
    let began = Instant::now();
    let progress = Progress::to(|_: u32| panic!("no report is a number"));
    let call = peer.call::<u8>("go", ()).with_progress(progress).with_timeout(10 * SECOND);
    let call = tokio::spawn(call.timeout_resets(3600 * SECOND));
    text(&mut other).await;
    sleep(9 * SECOND).await;
    report(&mut other, "of another type");
    send(&mut other, json!({"jsonrpc": "2.0", "method": "rpc.progress", "params": [2, 1]}));
    send(&mut other, json!({"jsonrpc": "2.0", "method": "rpc.progress", "params": [1]}));
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_total_alone_is_a_timeout() {
    for subprotocol in ["birpc.v1", "jsonrpc"] {
        let (peer, mut other) = connect(subprotocol);
        let began = Instant::now();
        let call = tokio::spawn(peer.call::<u8>("go", ()).timeout_resets(20 * SECOND));
        let asked = text(&mut other).await.contains("progress");
        assert_eq!(asked, subprotocol == "birpc.v1");
        report(&mut other, 1);
        assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
        assert_eq!(began.elapsed().as_secs(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_that_waits_when_the_timeout_elapses_counts() {
    let (peer, mut other) = connect("birpc.v1");
    let mut call = peer.call::<u8>("go", ()).with_timeout(10 * SECOND).timeout_resets(3600 * SECOND);
    assert!(is_pending(&mut call).await);
    text(&mut other).await;
    report(&mut other, 1);
    // The task that awaits the call is busy.
    sleep(15 * SECOND).await;
    assert!(is_pending(&mut call).await);
    let began = Instant::now();
    assert_eq!(call.await, Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn any_durations_are_valid() {
    let (peer, mut other) = connect("birpc.v1");
    let longest = Duration::MAX;
    let call = peer.call::<u8>("go", ()).with_timeout(longest).timeout_resets(longest);
    let call = tokio::spawn(call);
    text(&mut other).await;
    report(&mut other, 1);
    send(&mut other, json!({"jsonrpc": "2.0", "id": 1, "result": 1}));
    assert_eq!(call.await.expect("no panic"), Ok(1));
    let none = peer.call::<u8>("go", ()).with_timeout(longest).timeout_resets(Duration::ZERO);
    assert_eq!(none.await, Err(CallError::TimedOut));
}
