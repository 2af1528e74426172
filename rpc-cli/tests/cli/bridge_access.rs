//! Who may connect to `birpc bridge`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Running, run};

/// The status of the answer to a handshake with these headers, and its text.
async fn handshake(url: &str, headers: &str) -> (u16, String) {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "GET / HTTP/1.1\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.expect("it answers");
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{text}")), text)
}

#[tokio::test]
async fn programs_of_this_machine_may_and_no_pages() {
    let mut bridge = Running::start(&["bridge", "--", "cat"]);
    let url = bridge.url().await;
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    for host in ["localhost", "127.0.0.1", "[::1]", "LocalHost"] {
        let (status, text) = handshake(&url, &format!("Host: {host}:{port}\r\n")).await;
        assert_eq!(status, 101, "{text}");
    }
    let origins = [
        "http://evil.example",
        "null",
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{port}"),
    ];
    for origin in origins {
        let (status, text) =
            handshake(&url, &format!("Host: localhost:{port}\r\nOrigin: {origin}\r\n")).await;
        assert_eq!(status, 403, "{origin}: {text}");
        assert!(bridge.note().await.is_some_and(|line| line.contains("--origin") && line.contains(origin)));
    }
    let hosts =
        [format!("evil.example:{port}"), "localhost".into(), format!("localhost.evil.example:{port}")];
    for host in hosts {
        let (status, text) = handshake(&url, &format!("Host: {host}\r\n")).await;
        assert_eq!(status, 403, "{host}: {text}");
        assert!(bridge.note().await.is_some_and(|line| line.contains("--host")));
    }
}

#[tokio::test]
async fn the_user_may_allow_more() {
    let arguments = ["bridge", "--origin", "http://app.example", "--host", "bridge.example", "--", "cat"];
    let mut bridge = Running::start(&arguments);
    let url = bridge.url().await;
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    for host in ["localhost", "bridge.example"] {
        let headers = format!("Host: {host}:{port}\r\nOrigin: http://app.example\r\n");
        assert_eq!(handshake(&url, &headers).await.0, 101);
    }
    let headers = format!("Host: localhost:{port}\r\nOrigin: http://app.example.evil\r\n");
    assert_eq!(handshake(&url, &headers).await.0, 403);
}

#[tokio::test]
async fn the_number_of_processes_is_limited() {
    let mut bridge = Running::start(&["bridge", "--max-connections", "1", "--", "cat"]);
    let url = bridge.url().await;
    let _first = super::servers::connect(&url).await;
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    assert_eq!(handshake(&url, &format!("Host: {address}\r\n")).await.0, 503);
}

#[tokio::test]
async fn mistakes_are_named_before_it_listens() {
    let cases: [(&[&str], i32, &str); 11] = [
        (&["bridge"], 64, "COMMAND"),
        (
            &["bridge", "--", "no-such-command-anywhere"],
            64,
            "`no-such-command-anywhere` is in no folder of PATH",
        ),
        (&["bridge", "--", "/no/such/command"], 64, "`/no/such/command` does not exist"),
        (&["bridge", "--framing", "tabs", "--", "cat"], 64, "tabs"),
        (&["bridge", "--listen", "nowhere", "--", "cat"], 74, "cannot listen on nowhere (write HOST:PORT)"),
        (&["bridge", "--", "/usr"], 64, "`/usr` is no file"),
        (&["bridge", "--max-connections", "0", "--", "cat"], 64, "--max-connections"),
        (&["bridge", "--subprotocol", "a b", "--", "cat"], 64, "\"a b\" is no subprotocol"),
        (&["bridge", "--origin", "http://localhost:3000/", "--", "cat"], 64, "such as http://localhost:3000"),
        (&["bridge", "--origin", "*", "--", "cat"], 64, "such as http://localhost:3000"),
        (&["bridge", "--host", "http://bridge.lan", "--", "cat"], 64, "bridge.lan or bridge.lan:8080"),
    ];
    for (arguments, code, says) in cases {
        let ended = run(arguments).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{says}: {}", ended.stderr);
    }
}
