//! `birpc call` and `notify`: params, results, streams and progress.

use std::sync::Arc;

use birpc::{Context, ErrorObject, Router, Server};
use serde_json::json;
use tokio::sync::mpsc;

use super::servers::{Serving, foreign};
use super::support::{Folder, Running, run, run_with};

#[tokio::test]
async fn a_result_is_printed_as_it_was_received() {
    let server = Serving::start().await;
    for json in ["1.50", r#"{"a": [1, 2]}"#, "null", r#""\u0061 é""#, "123456789012345678901234567890", "[ ]"]
    {
        let ended = run(&["call", &server.url, "echo", json]).await;
        assert_eq!(ended.parts(), (Some(0), &*format!("{json}\n"), ""));
    }
}

#[tokio::test]
async fn params_go_by_position_or_by_name() {
    let server = Serving::start().await;
    let cases: [&[&str]; 6] = [
        &["add", "7", "-5"],
        &["add", "-5", "7"],
        &["add", "--timeout", "20s", "-5", "7"],
        &["add", "7", "-5", "--timeout", "20s"],
        &["add", "--named", "a=7", "--named", "b=-5"],
        &["add", " 7 ", "-5"],
    ];
    for case in cases {
        let ended = run(&[&["call", &server.url], case].concat()).await;
        assert_eq!(ended.parts(), (Some(0), "2\n", ""), "{case:?}");
    }
    for number in ["-1e-3", "-0", "-1E5", "-1.5"] {
        assert_eq!(run(&["call", &server.url, "echo", number]).await.stdout, format!("{number}\n"));
    }
}

#[tokio::test]
async fn a_param_may_be_in_a_file_or_on_standard_input() {
    let server = Serving::start().await;
    let folder = Folder::new();
    let file = folder.write("value.json", "{\"from\":\n \"a file\"}\n");
    let ended = run(&["call", &server.url, "echo", &format!("@{file}")]).await;
    assert_eq!(ended.parts(), (Some(0), "{\"from\":\n \"a file\"}\n", ""));
    let ended = run_with(&["call", &server.url, "echo", "-"], "\"from stdin\"\n").await;
    assert_eq!(ended.parts(), (Some(0), "\"from stdin\"\n", ""));
    let ended = run_with(&["call", &server.url, "echo", "--named", "value=-"], "[1]").await;
    assert_eq!(ended.parts(), (Some(0), "[1]\n", ""));
}

#[tokio::test]
async fn each_item_of_a_stream_is_a_line() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "count", "1000"]).await;
    let lines: Vec<_> = ended.stdout.lines().map(|line| line.parse::<u64>()).collect();
    assert_eq!(lines, (0..1000).map(Ok).collect::<Vec<_>>());
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "its end prints nothing");
}

#[tokio::test]
async fn a_stream_that_fails_leaves_its_items_and_its_error() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "fail_after", "2"]).await;
    let error = "{\"code\":7,\"message\":\"after 2\",\"data\":{\"n\":2}}\n";
    assert_eq!(ended.parts(), (Some(1), "0\n1\n", error));
}

#[tokio::test]
async fn progress_goes_to_standard_error() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "build"]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "\"built\"\n"));
    // The last report before the result always arrives; others may be replaced by it.
    assert_eq!(ended.stderr.lines().last(), Some("progress: {\"done\":2}"));
}

#[tokio::test]
async fn a_reader_that_ends_ends_the_stream_and_is_no_failure() {
    let server = Serving::start().await;
    let mut running = Running::start(&["call", &server.url, "endless"]);
    assert_eq!(running.line().await.as_deref(), Some("0"));
    let ended = running.close_stdout().end().await;
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
}

#[tokio::test]
async fn requests_of_the_server_are_refused_at_once() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "ask", "\"confirm\""]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    assert!(ended.stderr.starts_with("{\"code\":-32601,"), "{}", ended.stderr);
}

#[tokio::test]
async fn headers_and_subprotocols_are_those_of_the_arguments() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let builder = Server::builder().lenient_subprotocols(true).authorize(move |handshake| {
        let header =
            |name| handshake.headers().get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
        let _ = sender.send((
            header("x-one"),
            header("authorization"),
            handshake.offered_subprotocols().to_vec(),
        ));
        std::future::ready(Ok(birpc::Grant::new()))
    });
    let server =
        Serving::of(builder, Router::new().method("m", |_: Context, ()| async { Ok::<_, ErrorObject>(1) }))
            .await;
    let cases: [(&[&str], &[&str]); 6] = [
        (&[], &["jsonrpc", "birpc.v1"]),
        (&["--subprotocol", "b", "--subprotocol", "a"], &["b", "a"]),
        (&["--no-subprotocol"], &[]),
        (&["--dialect", "plain"], &["jsonrpc"]),
        (&["--dialect", "lsp"], &["jsonrpc"]),
        (&["--dialect", "mcp"], &["mcp"]),
    ];
    for (options, offered) in cases {
        let headers = ["-H", "X-One: 1: 2", "--header", "authorization:Bearer x"];
        let ended = run(&[&["call", &server.url, "m"], options, &headers].concat()).await;
        assert_eq!(ended.parts(), (Some(0), "1\n", ""), "{options:?}");
        let offered: Vec<_> = offered.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(seen.recv().await, Some((Some("1: 2".into()), Some("Bearer x".into()), offered)));
    }
    let ended = run(&["call", &server.url, "m", "-H", "no colon"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    let ended = run(&["call", &server.url, "m", "-H", "bad name: x"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
}

#[tokio::test]
async fn a_server_without_birpc_gets_a_plain_request() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let url = foreign(|mut far| async move {
        let _ = sender.send(far.text().await);
        far.send("{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":[1]}").await;
        far.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[ 1.0 ]}").await;
        assert_eq!(far.close_code().await, Some(1000));
    })
    .await;
    let ended = run(&["call", &url, "m", "--named", "x=[1.50]"]).await;
    assert_eq!(ended.parts(), (Some(0), "[ 1.0 ]\n", ""));
    let request = received.recv().await.expect("a request");
    assert_eq!(request, r#"{"jsonrpc":"2.0","method":"m","params":{"x":[1.50]},"id":1}"#);
}

#[tokio::test]
async fn a_notification_is_sent_before_the_command_ends() {
    let (sender, mut heard) = mpsc::unbounded_channel();
    let sender = Arc::new(sender);
    let router = Router::new().fallback(move |cx: Context, params: serde_json::Value| {
        let _ = sender.send((cx.id().is_none(), cx.method().to_owned(), params));
        async { Ok::<_, ErrorObject>(()) }
    });
    let server = Serving::of(Server::builder(), router).await;
    let ended = run(&["notify", &server.url, "said", "\"hello\""]).await;
    assert_eq!(ended.parts(), (Some(0), "", ""));
    assert_eq!(heard.recv().await, Some((true, "said".into(), json!(["hello"]))));
}

#[tokio::test]
async fn a_notification_that_was_not_received_is_a_failure() {
    let url = foreign(|far| async move { drop(far) }).await;
    let ended = run(&["notify", &url, "said"]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
    assert!(ended.stderr.contains("said"), "{}", ended.stderr);
}
