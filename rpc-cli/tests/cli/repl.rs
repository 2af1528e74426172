//! `birpc repl` with lines that come through a pipe.

use birpc::{Router, Server};
use tokio::sync::mpsc;

use super::servers::{Serving, foreign};
use super::support::{Running, run, run_with};

#[tokio::test]
async fn each_line_is_a_call() {
    let server = Serving::start().await;
    let lines = "add 1 -2\nadd a=3 b=4\n\necho {\"a\": [1.50]}\ncount 3\n  echo   \"x y\"  \n";
    let ended = run_with(&["repl", &server.url], lines).await;
    let results = "-1\n7\n{\"a\": [1.50]}\n0\n1\n2\n\"x y\"\n";
    assert_eq!(ended.parts(), (Some(0), results, ""));
}

#[tokio::test]
async fn a_call_that_fails_is_not_the_end() {
    let server = Serving::start().await;
    let ended = run_with(&["repl", &server.url], "fail\nnosuch\nadd x\n.wat\nadd 1 2").await;
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "3\n"));
    let notes: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[0].starts_with("{\"code\":7,"), "{notes:?}");
    assert!(notes[1].starts_with("{\"code\":-32601,"), "{notes:?}");
    assert!(notes[2].contains("param 1 is not JSON"), "{notes:?}");
    assert!(notes[3].contains(".help"), "{notes:?}");
}

#[tokio::test]
async fn a_request_of_the_server_is_answered_with_a_line() {
    let server = Serving::start().await;
    let mut repl = Running::start(&["repl", &server.url]);
    repl.type_line("ask \"confirm\" [\"delete?\"]").await;
    assert_eq!(repl.note().await.as_deref(), Some("<-- confirm [\"delete?\"]"));
    assert!(repl.note().await.is_some_and(|line| line.contains(".error CODE MESSAGE")));
    repl.type_line("{\"yes\": true}").await;
    assert_eq!(repl.line().await.as_deref(), Some("{\"yes\": true}"));
    repl.type_line("ask \"confirm\"").await;
    assert_eq!(repl.note().await.as_deref(), Some("<-- confirm"));
    repl.note().await;
    repl.type_line("add 1 2").await;
    assert!(repl.note().await.is_some_and(|line| line.contains("a call is in progress")));
    repl.type_line(".error 7 not now").await;
    assert_eq!(repl.note().await.as_deref(), Some("{\"code\":7,\"message\":\"not now\"}"));
    repl.type_line("tell \"said\" 2").await;
    let lines = [repl.line().await, repl.line().await, repl.line().await];
    let said = |line: &Option<String>| line.as_deref().is_some_and(|line| line.starts_with("<-- said ["));
    assert_eq!(lines.iter().filter(|line| said(line)).count(), 2, "{lines:?}");
    repl.close_stdin();
    assert_eq!(repl.end().await.code, Some(0));
}

#[tokio::test]
async fn a_request_that_the_server_cancels_is_not_waited_for() {
    let (sender, mut peers) = mpsc::unbounded_channel();
    let builder = Server::builder().on_connect(move |peer| {
        let _ = sender.send(peer);
        std::future::ready(())
    });
    let server = Serving::of(builder, Router::new()).await;
    let mut repl = Running::start(&["repl", &server.url]);
    let peer = peers.recv().await.expect("it connects");
    let call = |method: &'static str| {
        let peer = peer.clone();
        tokio::spawn(async move { peer.call::<i64>(method, ()).await })
    };
    let first = call("first");
    assert_eq!(repl.note().await.as_deref(), Some("<-- first"));
    repl.note().await;
    let second = call("second");
    assert_eq!(repl.note().await.as_deref(), Some("<-- second"));
    repl.note().await;
    first.abort();
    let says = "the server does not wait for this answer any more";
    assert_eq!(repl.note().await.as_deref(), Some(says));
    assert_eq!(repl.note().await.as_deref(), Some("<-- second"));
    repl.note().await;
    repl.type_line("2").await;
    assert_eq!(second.await.expect("no panic"), Ok(2));
}

#[tokio::test]
async fn it_ends_with_its_connection_and_says_so() {
    let server = Serving::start().await;
    let mut repl = Running::start(&["repl", &server.url]);
    repl.type_line("close 4001").await;
    let ended = repl.end().await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("4001: as asked"), "{}", ended.stderr);
    let ended = run(&["repl", "ws://127.0.0.1:1/"]).await;
    assert_eq!(ended.code, Some(3));
}

#[tokio::test]
async fn what_a_server_says_cannot_change_the_terminal() {
    let url = foreign(|mut far| async move {
        far.send("{\"jsonrpc\":\"2.0\",\"method\":\"\\u001b[2J\",\"params\":[\"\\u001b[2J\"]}").await;
        far.send("rubbish \u{1b}[2J").await;
        far.0.close(None).await.expect("it closes");
    })
    .await;
    let repl = Running::start(&["repl", &url]);
    let ended = repl.end().await;
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'), "{ended:?}");
}
