//! Ctrl-C and other signals at each stage of a command.
#![cfg(unix)]

use nix::sys::signal::Signal;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::servers::{Serving, foreign};
use super::support::Running;

#[tokio::test]
async fn while_it_connects() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", silent.local_addr().expect("it is bound"));
    let running = Running::start(&["call", &url, "m"]);
    let (_stream, _) = silent.accept().await.expect("it connects");
    running.signal(Signal::SIGINT);
    let ended = running.end().await;
    assert_eq!(ended.parts(), (Some(130), "", ""));
}

#[tokio::test]
async fn while_it_waits_for_the_answer_which_is_cancelled() {
    let (sender, received) = oneshot::channel();
    let url = foreign(|mut far| async move {
        far.text().await;
        let _ = sender.send(());
        // Plain JSON-RPC has no cancel, so only the close comes.
        assert_eq!(far.close_code().await, Some(1000));
    })
    .await;
    let running = Running::start(&["call", &url, "m"]);
    received.await.expect("the request comes");
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().await.parts(), (Some(130), "", ""));
}

#[tokio::test]
async fn a_server_that_can_is_told_to_cancel() {
    let server = Serving::start().await;
    let running = Running::start(&["call", &server.url, "never"]);
    let peers = server.handle.peers().clone();
    super::servers::until(|| peers.list().first().is_some_and(|peer| peer.serving() == 1)).await;
    let peer = peers.list().remove(0);
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().await.code, Some(130));
    assert_eq!(peer.closed().await.code, 1000);
    assert_eq!(peer.serving(), 0);
}

#[tokio::test]
async fn while_items_come_without_end() {
    let server = Serving::start().await;
    let mut running = Running::start(&["call", &server.url, "endless"]);
    assert_eq!(running.line().await.as_deref(), Some("0"));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().await.code, Some(130));
}

#[tokio::test]
async fn a_second_one_does_not_wait_for_the_close() {
    let (sender, received) = oneshot::channel();
    let (closing, is_closing) = oneshot::channel();
    let url = foreign(|mut far| async move {
        far.text().await;
        let _ = sender.send(());
        // Reads nothing, and so answers no close.
        let _ = is_closing.await;
    })
    .await;
    let running = Running::start(&["call", &url, "m"]);
    received.await.expect("the request comes");
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().await.code, Some(130));
    let _ = closing.send(());
}

#[tokio::test]
async fn of_what_waits_for_the_server() {
    let server = Serving::start().await;
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let mut running = Running::start(&["listen", &server.url]);
        assert_eq!(running.note().await.as_deref(), Some("birpc: connected"));
        running.signal(signal);
        assert_eq!(running.end().await.code, Some(code));
    }
}
