//! `birpc record` and `replay`.

use birpc::{Client, Context, ErrorObject, Router, Server};
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::servers::{Foreign, Serving, connect, foreign, until};
use super::support::{Folder, Running, run};

fn numbers(product: bool) -> Router {
    Router::new()
        .method("add", move |_: Context, (a, b): (i64, i64)| async move {
            Ok::<_, ErrorObject>(if product { a * b } else { a + b })
        })
        .method("ask", |cx: Context, ()| async move {
            let answer = cx.peer().call::<String>("name", ()).await;
            answer.map_err(birpc::CallError::relay)
        })
}

/// Records two calls of a client, and returns the transcript.
async fn recorded(server: &Serving, folder: &Folder) -> String {
    recorded_beside(server, folder, &["session.txt"]).await
}

/// The same with other files in the folder. `names` are those that there are at the end.
async fn recorded_beside(server: &Serving, folder: &Folder, names: &[&str]) -> String {
    let file = folder.file("session.txt");
    let mut recording = Running::start(&["record", &file, &server.url]);
    let url = recording.url().await;
    let back = Router::new().method("name", |_: Context, ()| async { Ok::<_, ErrorObject>("ada") });
    let client = Client::builder().serve(back).connect(&url).await.expect("it listens");
    assert_eq!(client.subprotocol(), Some("birpc.v1"), "as the server has it");
    assert_eq!(client.call::<i64>("add", (2, 3)).await, Ok(5));
    assert_eq!(client.call::<String>("ask", ()).await.as_deref(), Ok("ada"));
    client.close(4001, "done").expect("a code that may be sent").await;
    // The block is appended when the connection has ended at both sides.
    until(|| std::fs::read_to_string(&file).is_ok_and(|text| text.contains("<-- close 4001"))).await;
    until(|| folder.names() == names).await;
    file
}

#[tokio::test]
async fn what_was_said_is_a_transcript_that_can_be_played() {
    let folder = Folder::new();
    let server = Serving::of(Server::builder(), numbers(false)).await;
    let file = recorded(&server, &folder).await;
    let text = std::fs::read_to_string(&file).expect("it is there");
    let expected = "# Connection 1.\n= birpc.v1\n\
        --> {\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[2,3],\"id\":1}\n\
        <-- {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}\n\
        --> {\"jsonrpc\":\"2.0\",\"method\":\"ask\",\"id\":2}\n\
        <-- {\"jsonrpc\":\"2.0\",\"method\":\"name\",\"id\":1}\n\
        --> {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"ada\"}\n\
        <-- {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"ada\"}\n\
        --> close 4001 done\n<-- close 4001 done\n";
    let without_credit: String =
        text.lines().filter(|line| !line.contains("rpc.allow")).map(|line| format!("{line}\n")).collect();
    assert_eq!(without_credit, expected);

    let ended = run(&["replay", &file, &server.url]).await;
    assert_eq!(ended.parts(), (Some(0), "", "birpc: 1 block as expected\n"));
}

#[tokio::test]
async fn a_difference_is_shown_and_is_1() {
    let folder = Folder::new();
    let server = Serving::of(Server::builder(), numbers(false)).await;
    let file = recorded(&server, &folder).await;
    let other = Serving::of(Server::builder(), numbers(true)).await;
    let ended = run(&["replay", &file, &other.url]).await;
    assert_eq!((ended.code, &*ended.stderr), (Some(1), "birpc: 1 of 1 block differ\n"));
    assert!(ended.stdout.contains(": Connection 1.\n"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("  expected {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("       got {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":6}\n"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn all_connections_and_all_messages_are_recorded() {
    let folder = Folder::new();
    let file = folder.file("session.txt");
    std::fs::write(&file, "# Before.\n--> []\n").expect("it can be written");
    let url = foreign_twice().await;
    let mut recording = Running::start(&["record", &file, &url]);
    let proxy = recording.url().await;
    let mut one = connect(&proxy).await;
    one.send("hello").await;
    assert_eq!(one.text().await, "<<2*x>>");
    one.0.send(Message::binary(vec![0, 255])).await.expect("it is sent");
    drop(one);
    until(|| std::fs::read_to_string(&file).is_ok_and(|text| text.contains("lost"))).await;
    let text = std::fs::read_to_string(&file).expect("it is there");
    let expected = "# Before.\n--> []\n\n# Connection 1.\n--> (text hex) 68 65 6c 6c 6f\n\
                    <-- (text hex) 3c 3c 32 2a 78 3e 3e\n--> (hex) 00 ff\n\
                    // the connection of the client is lost";
    assert!(text.starts_with(expected), "{text}");
}

/// A server without a subprotocol, for the first connection of `record` and one of its client.
async fn foreign_twice() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
                while let Some(Ok(message)) = futures_util::StreamExt::next(&mut socket).await {
                    if message.is_text() {
                        socket.send(Message::text("<<2*x>>")).await.expect("it is sent");
                    }
                }
            });
        }
    });
    url
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_recorded_so_far_stays_when_the_user_ends_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let file = folder.file("session.txt");
    let server = Serving::of(Server::builder(), numbers(false)).await;
    let mut recording = Running::start(&["record", &file, &server.url]);
    let url = recording.url().await;
    let client = Client::builder().connect(&url).await.expect("it listens");
    assert_eq!(client.call::<i64>("add", (2, 3)).await, Ok(5));
    recording.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(recording.end().await.code, Some(130));
    assert_eq!(client.closed().await.code, 1001);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.contains("\"result\":5"), "{text}");
    assert_eq!(folder.names(), ["session.txt"]);
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may have secrets");
}

#[tokio::test]
async fn what_a_killed_recording_has_left_is_kept() {
    let folder = Folder::new();
    let left = folder.write("session.txt.1.part", "# Connection 1.\n--> []\n");
    let server = Serving::of(Server::builder(), numbers(false)).await;
    let file = recorded_beside(&server, &folder, &["session.txt", "session.txt.1.part"]).await;
    assert_eq!(std::fs::read_to_string(&left).expect("it is there"), "# Connection 1.\n--> []\n");
    assert!(
        std::fs::read_to_string(&file).expect("it is there").starts_with("# Connection 1.\n= birpc.v1\n")
    );
}

#[tokio::test]
async fn the_subprotocol_of_a_block_can_be_replaced() {
    let folder = Folder::new();
    let server = Serving::of(Server::builder(), numbers(false)).await;
    let request = "--> {\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[2,3],\"id\":1}";
    let file = folder
        .write("a.txt", format!("# A sum.\n{request}\n<-- {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}}\n"));
    for (options, code) in [(&[][..], 0), (&["--no-subprotocol"], 0), (&["--subprotocol", "unknown"], 3)] {
        let ended = run(&[&["replay", &file, &server.url], options].concat()).await;
        assert_eq!(ended.code, Some(code), "{options:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn failures_are_named() {
    let folder = Folder::new();
    let file = folder.file("session.txt");
    let ended = run(&["record", &file, "ws://127.0.0.1:1/"]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""), "{}", ended.stderr);
    let ended = run(&["record", "/nonexistent/session.txt", "ws://127.0.0.1:1/"]).await;
    assert_eq!(ended.code, Some(74), "{}", ended.stderr);
    let ended = run(&["replay", "/nonexistent", "ws://127.0.0.1:1/"]).await;
    assert_eq!(ended.code, Some(74), "{}", ended.stderr);
    let wrong = folder.write("wrong.txt", "# A title.\n\n-> []\n");
    let ended = run(&["replay", &wrong, "ws://127.0.0.1:1/"]).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("wrong.txt:3: neither"), "{}", ended.stderr);
    let right = folder.write("right.txt", "# A title.\n--> []\n<-- nothing\n");
    assert_eq!(run(&["replay", &right, "ws://127.0.0.1:1/"]).await.code, Some(3));
}

#[tokio::test]
async fn a_server_that_says_nothing_or_ends_is_a_difference() {
    let folder = Folder::new();
    let file = folder.write("a.txt", "# Asks.\n--> {\"id\":1}\n<-- {\"id\":1,\"result\":*}\n");
    let url = foreign(Foreign::stay).await;
    let ended = run(&["replay", &file, &url, "--timeout", "100ms"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("got nothing within 100ms (--timeout)"), "{}", ended.stdout);
    let url = foreign(|mut far| async move { far.0.close(None).await.expect("it closes") }).await;
    let ended = run(&["replay", &file, &url]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("got close 1005"), "{}", ended.stdout);
    let url = foreign(|mut far| async move {
        far.send("{\"id\":1,\"result\":[7]}").await;
        far.send("{\"id\":2,\"result\":[7]}").await;
        far.stay().await;
    })
    .await;
    let ended = run(&["replay", &file, &url]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("expected nothing, then\n       got {\"id\":2"), "{}", ended.stdout);
}
