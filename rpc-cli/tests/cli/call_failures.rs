//! How `birpc call` ends if there is no result: the exit code, and what is on standard error.

use birpc::{Server, ServerTls};
use futures_util::SinkExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::servers::{Foreign, Implementation, ServiceServer, Serving, foreign, foreign_asked};
use super::support::{Ended, Folder, run};

fn failed(ended: &Ended, code: i32, says: &str) {
    assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(says), "{says}: {}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_methods_error_is_1_and_a_refusal_is_2() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "fail"]).await;
    assert_eq!(ended.parts(), (Some(1), "", "{\"code\":7,\"message\":\"after 0\",\"data\":{\"n\":0}}\n"));
    failed(&run(&["call", &server.url, "nosuch"]).await, 2, "{\"code\":-32601,");
    failed(&run(&["call", &server.url, "add", "\"x\"", "1"]).await, 2, "{\"code\":-32602,");
}

#[tokio::test]
async fn no_connection_is_3() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    failed(&run(&["call", &url, "m"]).await, 3, "cannot connect to 127.0.0.1:");
    failed(&run(&["call", "ws://nosuchhost.invalid/", "m"]).await, 3, "nosuchhost.invalid");
    // The system resets a connection that is closed before its bytes are read.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        stream.peek(&mut [0]).await.expect("its request comes");
    });
    failed(&run(&["call", &url, "m"]).await, 3, ", during the opening handshake");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_4_at_every_stage() {
    let server = Serving::start().await;
    let says = "took longer than 200ms (--timeout)";
    failed(&run(&["call", &server.url, "never", "--timeout", "200ms"]).await, 4, says);
    // Accepted by the system, and never by a server.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", silent.local_addr().expect("it is bound"));
    failed(&run(&["call", &url, "m", "--timeout", "200ms"]).await, 4, says);
    // After the handshake.
    let url = foreign(Foreign::stay).await;
    failed(&run(&["call", &url, "m", "--timeout", "200ms"]).await, 4, says);
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_3() {
    let server = Serving::start().await;
    let ended = run(&["call", &server.url, "ask", "\"m\"", "--subprotocol", "birpc.v1"]).await;
    assert_eq!(ended.code, Some(2));
    let url = foreign_asked(|mut far| async move {
        far.0.close(None).await.expect("it closes");
    })
    .await;
    failed(&run(&["call", &url, "m"]).await, 3, "the connection ended before the answer of `m`");
    let url = foreign_asked(|far| async move { drop(far) }).await;
    failed(&run(&["call", &url, "m"]).await, 3, "lost with 1006");
}

#[tokio::test]
async fn rubbish_of_the_server_is_no_answer() {
    let url = foreign_asked(|mut far| async move {
        let frame = Frame::message(vec![b'"', 0xff, b'"'], OpCode::Data(Data::Text), true);
        far.0.send(Message::Frame(frame)).await.expect("it is sent");
        far.stay().await;
    })
    .await;
    failed(&run(&["call", &url, "m"]).await, 3, "1007: text that is not UTF-8");

    let url = foreign_asked(|mut far| async move {
        for _ in 0..16 {
            far.send("hello").await;
        }
        far.stay().await;
    })
    .await;
    failed(&run(&["call", &url, "m"]).await, 3, "1007: 16 messages in a row were not JSON");

    let url = foreign_asked(|mut far| async move {
        far.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"no object\"}").await;
        far.stay().await;
    })
    .await;
    failed(&run(&["call", &url, "m"]).await, 3, "the answer of `m` is not JSON-RPC");
}

#[tokio::test]
async fn an_answer_in_a_binary_message_is_one() {
    let url = foreign_asked(|mut far| async move {
        let reply = br#"{"jsonrpc":"2.0","id":1,"result":1}"#.to_vec();
        far.0.send(Message::binary(reply)).await.expect("it is sent");
        far.stay().await;
    })
    .await;
    assert_eq!(run(&["call", &url, "m"]).await.parts(), (Some(0), "1\n", ""));
}

#[tokio::test]
async fn an_answer_may_be_large_but_not_larger_than_the_limit() {
    let answer = |bytes: usize| async move {
        foreign_asked(move |mut far| async move {
            far.send(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{}\"}}", "x".repeat(bytes))).await;
            far.stay().await;
        })
        .await
    };
    let ended = run(&["call", &answer(9 << 20).await, "m"]).await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), (9 << 20) + 3));
    let ended = run(&["call", &answer(2000).await, "m", "--max-message", "1KiB"]).await;
    failed(&ended, 3, "the limit is 1024 (`max_message_in`); --max-message allows more");
    let ended =
        run(&["call", &answer(0).await, "m", &format!("\"{}\"", "x".repeat(2000)), "--max-message", "1K"])
            .await;
    failed(&ended, 64, "`m` cannot be sent: the message has ");
    failed(&ended, 64, "over the limit of 1024 (--max-message)");
}

#[tokio::test]
async fn wrong_arguments_are_64_and_are_named() {
    let both = ["call", "ws://127.0.0.1:1/", "m", "--dialect", "birpc", "--no-subprotocol"];
    let cases: [(&[&str], &str); 15] = [
        (&both, "`--dialect birpc` cannot be used with --no-subprotocol"),
        (&[], "Usage: birpc"),
        (&["call"], "<URL>"),
        (&["call", "ws://127.0.0.1:1/"], "<METHOD>"),
        (&["frobnicate"], "frobnicate"),
        (&["call", "http://127.0.0.1:1/", "m"], "ws:// or wss://"),
        (&["call", "ws://127.0.0.1:1/", "m", "hello"], "param 1, from the command line, is not JSON"),
        (&["call", "ws://127.0.0.1:1/", "m", "1", "{"], "param 2, from the command line, is not JSON"),
        (&["call", "ws://127.0.0.1:1/", "m", ""], "it is empty"),
        (&["call", "ws://127.0.0.1:1/", "m", "--named", "name=me"], "param `name`"),
        (&["call", "ws://127.0.0.1:1/", "m", "--named", "name"], "`--named name` has no value"),
        (&["call", "ws://127.0.0.1:1/", "m", "1", "--named", "a=1"], "cannot be used with"),
        (&["call", "ws://127.0.0.1:1/", "m", "--timeout", "soon"], "300ms, 5s, 2m or 1h"),
        (&["call", "ws://127.0.0.1:1/", "m", "--timout", "3s"], "--timout"),
        (&["call", "ws://127.0.0.1:1/", "m", "-", "-"], "only one param"),
    ];
    for (arguments, says) in cases {
        failed(&run(arguments).await, 64, says);
    }
    failed(&run(&["call", "ws://127.0.0.1:1/", "m", "@/nonexistent"]).await, 74, "`/nonexistent`");
    failed(&run(&["call", "ws://127.0.0.1:1/", "m", "@/"]).await, 74, "cannot read `/`");
    let help = run(&["--help"]).await;
    assert_eq!((help.code, &*help.stderr), (Some(0), ""));
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
}

#[tokio::test]
async fn a_server_with_tls_is_trusted_by_its_authority_alone() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let tls = ServerTls::from_pem(made.cert.pem(), made.signing_key.serialize_pem()).expect("PEM");
    let server = Serving::of(Server::builder().tls(tls), ServiceServer::new(Implementation)).await;
    let url = server.url.replace("ws://127.0.0.1", "wss://localhost");
    let folder = Folder::new();
    let file = folder.write("ca.pem", made.cert.pem());
    let ended = run(&["call", &url, "add", "1", "2", "--cacert", &file]).await;
    assert_eq!(ended.parts(), (Some(0), "3\n", ""));
    failed(&run(&["call", &url, "add", "1", "2"]).await, 3, "TLS with localhost:");
    failed(&run(&["call", &url, "add", "1", "2", "--cacert", "/nonexistent"]).await, 64, "/nonexistent");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn output_that_cannot_be_written_is_74() {
    let server = Serving::start().await;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = super::support::command(&["call", &server.url, "add", "1", "2"]);
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().expect("it is built");
    let output = child.wait_with_output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}
