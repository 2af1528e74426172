//! `birpc listen`: what it prints, and how it answers.

use birpc::{ErrorObject, Peer, RawValue, Router, Server};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::servers::{FLOOD, Serving, flood, foreign, until};
use super::support::{HANGS, Running, lives};

/// A server, and the handle of each client that connects.
async fn server() -> (Serving, mpsc::UnboundedReceiver<Peer>) {
    let (sender, peers) = mpsc::unbounded_channel();
    let builder = Server::builder().on_connect(move |peer| {
        let _ = sender.send(peer);
        std::future::ready(())
    });
    (Serving::of(builder, Router::new()).await, peers)
}

async fn next(peers: &mut mpsc::UnboundedReceiver<Peer>) -> Peer {
    timeout(HANGS, peers.recv()).await.expect("a client connects").expect("the server runs")
}

async fn call(peer: &Peer, method: &str, params: &str) -> Result<String, i64> {
    let params: Box<RawValue> = serde_json::from_str(params).expect("JSON");
    let called = peer.invoke::<Result<Box<RawValue>, ErrorObject>>(method, params);
    match timeout(HANGS, called).await.expect("an answer") {
        Ok(result) => Ok(result.get().to_owned()),
        Err(birpc::CallError::Rpc(error) | birpc::CallError::Method(error)) => Err(error.code()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_and_notifications_are_lines_and_unknown_methods_are_refused() {
    let (server, mut peers) = server().await;
    let mut listening = Running::start(&["listen", &server.url]);
    let peer = next(&mut peers).await;
    assert_eq!(listening.note().await.as_deref(), Some("birpc: connected"));
    peer.notify("said", [1.5]).await.expect("it is sent");
    assert_eq!(listening.line().await.as_deref(), Some(r#"{"method":"said","params":[1.5]}"#));
    peer.notify("done", ()).await.expect("it is sent");
    assert_eq!(listening.line().await.as_deref(), Some(r#"{"method":"done"}"#));
    assert_eq!(call(&peer, "confirm", r#"{"a":"\u0061\n"}"#).await, Err(-32601));
    let line = listening.line().await;
    assert_eq!(line.as_deref(), Some(r#"{"id":1,"method":"confirm","params":{"a":"\u0061\n"}}"#));
    peer.close(1000, "").expect("a code that may be sent");
    let ended = listening.end().await;
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
    assert!(ended.stderr.contains("closed by the peer with 1000"), "{}", ended.stderr);
}

#[tokio::test]
async fn constant_answers_come_before_the_command_and_the_command_before_a_refusal() {
    let (server, mut peers) = server().await;
    let script = r#"read -r params
        [ "$BIRPC_METHOD" = bad ] && exit 3
        [ "$BIRPC_METHOD" = rubbish ] && echo hello && exit
        echo "{\"method\": \"$BIRPC_METHOD\", \"params\": $params}""#;
    let mut listening = Running::start(&[
        "listen",
        &server.url,
        "--answer",
        "confirm=true",
        "--answer",
        "name= \"a=b\"",
        "--answer-with",
        script,
    ]);
    let peer = next(&mut peers).await;
    assert_eq!(call(&peer, "confirm", "[1]").await.as_deref(), Ok("true"));
    assert_eq!(call(&peer, "name", "[]").await.as_deref(), Ok("\"a=b\""));
    assert_eq!(
        call(&peer, "other", "[1, 2]").await.as_deref(),
        Ok(r#"{"method": "other", "params": [1, 2]}"#)
    );
    assert_eq!(call(&peer, "bad", "[]").await, Err(-32603));
    assert_eq!(call(&peer, "rubbish", "[]").await, Err(-32603));
    for id in 1..=5 {
        let line = listening.line().await.expect("a line");
        assert!(line.starts_with(&format!("{{\"id\":{id},")), "{line}");
    }
    peer.close(1000, "").expect("a code that may be sent");
    let ended = listening.end().await;
    assert!(ended.stderr.contains("no answer to `bad`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("no answer to `rubbish`"), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_that_is_cancelled_ends_everything_that_its_command_has_started() {
    let (server, mut peers) = server().await;
    let mut listening =
        Running::start(&["listen", &server.url, "--answer-with", "sleep 1000 & echo >&2 $$ $!; wait"]);
    let peer = next(&mut peers).await;
    let calling = tokio::spawn(async move { call(&peer, "m", "[]").await });
    listening.note().await;
    let ids = listening.note().await.expect("the processes' ids");
    calling.abort();
    until(|| !ids.split(' ').any(lives)).await;
}

#[tokio::test]
async fn what_is_not_json_rpc_is_shown_too() {
    let url = foreign(|mut far| async move {
        far.send("{\"event\": \"tick\"}").await;
        far.send("hello \u{1b}[2J").await;
        far.send("{\"method\":\"no version\",\n\"params\":[\n1]}").await;
        far.0.close(None).await.expect("it closes");
    })
    .await;
    let ended = Running::start(&["listen", &url]).end().await;
    let lines = "{\"other\":{\"event\": \"tick\"}}\n{\"other\":\"hello \\u001b[2J\"}\n\
                 {\"method\":\"no version\",\"params\":[ 1]}\n";
    assert_eq!((ended.code, &*ended.stdout), (Some(3), lines), "{}", ended.stderr);
}

#[tokio::test]
async fn nothing_is_lost_while_nobody_reads_the_output() {
    let (server, mut peers) = server().await;
    let mut listening = Running::start(&["listen", &server.url, "--subprotocol", "jsonrpc"]);
    let peer = next(&mut peers).await;
    let telling = flood(&peer).await;
    for number in 0..FLOOD {
        let line = listening.line().await.expect("a line");
        assert!(line.starts_with(&format!("{{\"method\":\"said\",\"params\":[{number},")), "{line}");
    }
    telling.await.expect("no panic");
    peer.close(1000, "").expect("a code that may be sent");
    assert_eq!(listening.end().await.code, Some(3));
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_it_although_nobody_reads_the_output() {
    let (server, mut peers) = server().await;
    let listening = Running::start(&["listen", &server.url, "--subprotocol", "jsonrpc"]);
    let peer = next(&mut peers).await;
    let telling = flood(&peer).await;
    listening.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(listening.end_unread().await, Some(143));
    telling.abort();
}

#[tokio::test]
async fn a_reader_that_ends_ends_it() {
    let (server, mut peers) = server().await;
    let listening = Running::start(&["listen", &server.url]);
    let peer = next(&mut peers).await;
    let closed = listening.close_stdout();
    peer.notify("said", [1]).await.expect("it is sent");
    let ended = closed.end().await;
    assert_eq!((ended.code, &*ended.stderr), (Some(0), "birpc: connected\n"));
}

#[tokio::test]
async fn with_reconnect_it_goes_on_after_a_lost_connection() {
    let (server, mut peers) = server().await;
    let mut listening = Running::start(&["listen", &server.url, "--reconnect"]);
    assert_eq!(listening.note().await.as_deref(), Some("birpc: connected"));
    let first = next(&mut peers).await;
    first.close(1012, "restart").expect("a code that may be sent");
    let second = next(&mut peers).await;
    second.notify("said", [2]).await.expect("it is sent");
    assert_eq!(listening.line().await.as_deref(), Some(r#"{"method":"said","params":[2]}"#));
    second.close(1000, "bye").expect("a code that may be sent");
    let ended = listening.end().await;
    assert_eq!(ended.code, Some(3), "1000 is final");
    assert!(ended.stderr.contains("connecting again"), "{}", ended.stderr);
    assert!(ended.stderr.contains("birpc: connected again"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_named_before_it_connects() {
    for answer in ["confirm", "confirm=yes"] {
        let ended = Running::start(&["listen", "ws://127.0.0.1:1/", "--answer", answer]).end().await;
        assert_eq!(ended.code, Some(64));
        assert!(ended.stderr.contains("confirm"), "{}", ended.stderr);
    }
}
