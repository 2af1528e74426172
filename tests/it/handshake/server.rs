//! Plays the requests of clients against birpc's server.

use std::path::Path;

use birpc::{Acceptor, ServerBuilder};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::script::{self, Block, Names, values};
use super::setups;
use crate::support::bounded;
use crate::support::bytes::{Bytes, TEXT, frame};

const FENCE: &str = r#"{"jsonrpc":"2.0","id":"the fence","method":"ping"}"#;
const FENCE_ANSWER: &str = r#"{"jsonrpc":"2.0","id":"the fence","result":"pong"}"#;

/// Plays a file, against a mounted server or one with a listener.
pub(crate) async fn play(path: &Path, mounted: bool) {
    let mut failures = Vec::new();
    for block in script::read(path) {
        // A stopped server does not listen any more: only a mounted one can answer.
        if block.setup.ends_with("stopped") && !mounted {
            continue;
        }
        if let Err(error) = bounded(play_block(block.clone(), mounted)).await {
            failures.push(format!("{}:{}: {}\n    {error}", path.display(), block.line, block.title));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn play_block(mut block: Block, mounted: bool) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let builder = setups::server(&block.setup, &address.to_string());
    for line in &mut block.to_client {
        *line = line.replace("{host}", &address.to_string());
    }
    let serving = serve(builder, listener, mounted.then(|| setups::largest_header(&block.setup)));

    let mut far = Bytes::new(TcpStream::connect(address).await.expect("the server listens"), true);
    let names = Names { host: &address.to_string(), accept: "" };
    far.send(&script::bytes(&block.to_server, &names)).await;
    let outcome = expect(&block, &mut far).await;
    serving.abort();
    outcome
}

/// Mounted in a server that accepts headers of this size, or with a listener.
fn serve(builder: ServerBuilder, listener: TcpListener, mounted: Option<usize>) -> JoinHandle<()> {
    let Some(largest_header) = mounted else {
        let serving = builder.from_listener(listener).serve(setups::router());
        return tokio::spawn(async move { serving.await.expect("a good router") });
    };
    let acceptor = builder.mount(setups::router()).expect("a good router");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        host(acceptor, stream, largest_header).await;
    })
}

/// Another hyper server, for a single connection.
async fn host(acceptor: Acceptor, stream: TcpStream, largest_header: usize) {
    let service = service_fn(|request| async {
        let (response, upgrade) = acceptor.accept(request, None).await;
        if let Some(upgrade) = upgrade {
            tokio::spawn(upgrade.run());
        }
        Ok::<_, std::convert::Infallible>(response)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    // Requests that are not valid HTTP never reach birpc.
    let _ = http
        .max_buf_size(largest_header)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn expect(block: &Block, far: &mut Bytes<TcpStream>) -> Result<(), String> {
    let head = far.head().await;
    if block.to_client == ["nothing"] {
        return if head.is_empty() { Ok(()) } else { Err(format!("an answer came:\n{head}")) };
    }
    // HTTP/1.0 is answered with HTTP/1.0.
    let status = head.strip_prefix("HTTP/1.").and_then(|head| head.get(2..5)).unwrap_or("no status");
    if block.to_client[0] != status {
        return Err(format!("expected {}, came {status}:\n{head}", block.to_client[0]));
    }
    let wrong = |why: &str| Err(format!("{why}:\n{head}"));
    for expected in block.to_client[1..].iter().filter(|line| !line.starts_with('(')) {
        let is_so = match (expected.strip_prefix("no "), expected.split_once(": ")) {
            (Some(name), _) => values(&head, name).is_empty(),
            (None, Some((name, value))) => values(&head, name) == [value],
            (None, None) => return Err(format!("what is `{expected}`?")),
        };
        if !is_so {
            return wrong(&format!("expected `{expected}`"));
        }
    }
    if status == "101" { upgraded(block, &head, far).await } else { refused(block, &head, far).await }
}

/// The checks for every 101 (RFC 6455 §4.2.2), and the frames.
async fn upgraded(block: &Block, head: &str, far: &mut Bytes<TcpStream>) -> Result<(), String> {
    let sent = String::from_utf8_lossy(&script::bytes(&block.to_server, &Names { host: "", accept: "" }))
        .into_owned();
    let accept = derive_accept_key(values(&sent, "Sec-WebSocket-Key")[0].as_bytes());
    let must = [
        ("Upgrade", vec!["websocket"]),
        ("Connection", vec!["Upgrade"]),
        ("Sec-WebSocket-Accept", vec![accept.as_str()]),
        ("Sec-WebSocket-Extensions", vec![]),
        ("Sec-WebSocket-Version", vec![]),
        ("Content-Length", vec![]),
        ("Transfer-Encoding", vec![]),
    ];
    for (name, value) in must {
        if values(head, name) != value {
            return Err(format!("expected {name} {value:?}:\n{head}"));
        }
    }
    let is_expected = block.to_client.iter().any(|line| line.starts_with("Sec-WebSocket-Protocol: "));
    if !is_expected && !values(head, "Sec-WebSocket-Protocol").is_empty() {
        return Err(format!("a subprotocol that is not expected:\n{head}"));
    }
    let frames = block.to_client.iter().filter_map(|line| line.strip_prefix("(frame) "));
    for expected in frames {
        let text = far.text().await;
        if text != expected {
            return Err(format!("expected the frame {expected}\n    came {text}"));
        }
    }
    if let Some(code) = block.to_client.iter().find_map(|line| line.strip_prefix("(close) ")) {
        let (came, reason) = far.close().await;
        return if came.to_string() == code { Ok(()) } else { Err(format!("closed with {came} {reason}")) };
    }
    far.send(&frame(TEXT, FENCE.as_bytes(), true)).await;
    let answer = far.text().await;
    if answer == FENCE_ANSWER { Ok(()) } else { Err(format!("expected no more frames, came {answer}")) }
}

/// The checks for every refusal.
async fn refused(block: &Block, head: &str, far: &mut Bytes<TcpStream>) -> Result<(), String> {
    let body = String::from_utf8_lossy(&far.rest().await).into_owned();
    let version = values(head, "Sec-WebSocket-Version");
    let is_426 = block.to_client[0] == "426";
    if version != if is_426 { vec!["13"] } else { vec![] } {
        return Err(format!("Sec-WebSocket-Version {version:?}:\n{head}"));
    }
    for name in ["Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"] {
        if !values(head, name).is_empty() {
            return Err(format!("{name} in a refusal:\n{head}"));
        }
    }
    for expected in block.to_client.iter().filter_map(|line| line.strip_prefix("(body) ")) {
        if !body.contains(expected) {
            return Err(format!("expected `{expected}` in the body, came: {body}"));
        }
    }
    Ok(())
}
