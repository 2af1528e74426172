//! Each example runs and prints the expected lines.

#[allow(dead_code, unreachable_pub)]
#[path = "../api/mod.rs"]
mod api;
#[allow(dead_code, unreachable_pub)]
#[path = "../../tests/support/process.rs"]
mod process;

use std::time::Duration;

use process::{Running, example};

/// Fails a test that would wait for ever.
async fn bounded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs")
}

/// Checks that each of these texts occurs in a line of its own, in any order.
fn assert_says(lines: &[String], expected: &[&str]) {
    for text in expected {
        assert!(lines.iter().any(|line| line.contains(text)), "{text:?} in {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

#[tokio::test]
async fn quickstart_calls_both_ways_and_exits_with_0() {
    bounded(async {
        let (lines, ok) = Running::start(example("quickstart")).rest().await;
        assert!(ok, "{lines:#?}");
        assert_says(
            &lines,
            &[
                "client: connected to ws://127.0.0.1:",
                "server: Ada is typing",
                "client: the server asks: post \"hello\"?",
                "client: the room heard \"hello\"",
                "client: posted line 1",
                "client: refused: at most 20 bytes a line",
                "client: the connection was closed by the peer with 1001",
            ],
        );
    })
    .await;
}

#[tokio::test]
async fn streams_go_both_ways_and_the_upload_has_a_progress_bar() {
    bounded(async {
        let (lines, ok) = Running::start(example("streams")).rest().await;
        assert!(ok, "{lines:#?}");
        let bar = format!("\rupload: [{}] 200/200", "#".repeat(40));
        assert!(lines.iter().any(|line| line.ends_with(&bar)), "{lines:#?}");
        let said: Vec<_> = lines.iter().filter(|line| !line.contains('\r')).collect();
        let expected = [
            "log: the studio opens",
            "log: a guest arrives",
            "log: the red light is on",
            "stored: 200000 bytes",
            "transcribed: birpc",
        ];
        assert_eq!(said, expected);
    })
    .await;
}

#[tokio::test]
async fn blocks_of_the_node_are_watched() {
    bounded(async {
        let mut command = example("ethereum");
        command.arg("127.0.0.1:0");
        let mut node = Running::start(command);
        let mut command = example("ethereum");
        command.args(["--watch", &node.url().await]);
        let (lines, ok) = Running::start(command).rest().await;
        assert!(ok, "{lines:#?}");
        assert_eq!((lines.len(), lines[0].as_str()), (4, "chain 0x539"), "{lines:#?}");
        assert!(lines[1..].iter().all(|line| line.starts_with("block \"0x")), "{lines:#?}");
    })
    .await;
}

async fn start_server() -> (Running, String) {
    let mut command = example("server");
    command.arg("127.0.0.1:0");
    let mut server = Running::start(command);
    let url = server.url().await;
    (server, url)
}

#[tokio::test]
async fn client_joins_the_room_of_server() {
    bounded(async {
        let (mut server, url) = start_server().await;
        let mut command = example("client");
        command.arg(&url);
        let (lines, ok) = Running::start(command).rest().await;
        assert!(ok, "{lines:#?}");
        assert_says(
            &lines,
            &[
                "client: refused, as it should be: join first",
                "client: server said: client-",
                "client: here already: []",
                " said: hello",
                " said: hello!",
                "client: posted line 1",
                "client: the server asks: really shout \"hello!\"?",
                "client: posted line 2",
                "client: the connection was closed by this side with 1000",
            ],
        );
        for text in ["connected", " is here", " is typing", ": hello (heard by 1)", ": hello! (heard by 1)"] {
            let line = server.line().await;
            assert!(line.contains(text), "{line}");
        }
        assert!(server.line().await.contains(" left (closed by the peer with 1000: bye) (heard by 0)"));
    })
    .await;
}

async fn chat(name: &str, url: &str) -> Running {
    let mut command = example("chat");
    command.args([name, url]);
    Running::start(command)
}

#[tokio::test]
async fn chat_broadcasts_and_is_called_back() {
    bounded(async {
        let (_server, url) = start_server().await;
        let mut ada = chat("Ada", &url).await;
        assert_eq!([ada.line().await, ada.line().await], ["server: Ada is here", "here already: []"]);
        let mut bob = chat("Bob", &url).await;
        let bob_first = [bob.line().await, bob.line().await];
        assert_eq!(bob_first, ["server: Bob is here", "here already: [\"Ada\"]"]);
        assert_eq!(ada.line().await, "server: Bob is here");
        bob.type_line("hi").await;
        assert_eq!([bob.line().await, ada.line().await], ["Bob: hi", "Bob: hi"]);
        ada.type_line("hey!").await;
        assert_eq!(ada.line().await, "really shout \"hey!\"? [y/n]");
        ada.type_line("y").await;
        assert_eq!([ada.line().await, bob.line().await], ["Ada: hey!", "Ada: hey!"]);
        let (rest, ok) = bob.rest().await;
        assert!(ok && rest.is_empty(), "{rest:#?}");
        assert_eq!(ada.line().await, "server: Bob left (closed by the peer with 1000: bye)");
    })
    .await;
}

/// A call of `post` that waits for an answer when the server gets SIGTERM still gets its answer.
#[cfg(unix)]
#[tokio::test]
async fn server_finishes_what_is_open_when_it_is_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        bounded(async {
            let (mut server, url) = start_server().await;
            let mut ada = chat("Ada", &url).await;
            assert_eq!([ada.line().await, ada.line().await], ["server: Ada is here", "here already: []"]);
            ada.type_line("hey!").await;
            assert_eq!(ada.line().await, "really shout \"hey!\"? [y/n]");
            let pid = server.child.id().expect("it runs").to_string();
            let kill = tokio::process::Command::new("kill").args([signal, &pid]).status().await;
            assert!(kill.expect("kill is there").success());
            while server.line().await != "server: shutting down" {}
            ada.type_line("y").await;
            assert_eq!(ada.line().await, "Ada: hey!");
            assert_eq!(ada.line().await, "closed by the peer with 1001: the server is shutting down");
            assert!(ada.rest().await.1);
            let (rest, ok) = server.rest().await;
            assert!(ok && rest.iter().any(|line| line.ends_with("calls finished, 0 cut")), "{rest:#?}");
        })
        .await;
    }
}

/// `UPDATE=1 cargo test -p birpc-examples` writes the file, and `npm run page` in `clients/typescript` the
/// script.
#[test]
fn the_page_of_browser_has_the_types_of_the_traits() {
    birpc::Contract::new("chat", "0.1.0")
        .serves::<api::ChatContract>()
        .calls::<api::UserContract>()
        .assert_typescript("browser/api.ts");
}

/// The answer to a GET by HTTP/1.0.
#[cfg(feature = "axum")]
async fn get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

// `cargo xtask typescript` tests the page in a browser.
#[cfg(feature = "axum")]
#[tokio::test]
async fn browser_serves_its_page_and_the_rpc_on_one_port() {
    bounded(async {
        let mut command = example("browser");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut server = Running::start(command);
        let url = server.url().await;
        let address =
            url.strip_prefix("http://").and_then(|url| url.strip_suffix('/')).expect("http://ADDR/");
        let page = get(address, "/").await;
        assert!(page.starts_with("HTTP/1.0 200 OK"), "{page}");
        for name in ["style.css", "chat.js", "view.js", "api.js", "client.js"] {
            let file = get(address, &format!("/{name}")).await;
            let kind = if name.ends_with("css") { "text/css" } else { "text/javascript" };
            assert!(file.starts_with("HTTP/1.0 200 OK") && file.contains(kind), "{file}");
        }

        let mut ada = chat("Ada", &format!("ws://{address}/rpc")).await;
        assert_eq!([ada.line().await, ada.line().await], ["server: Ada is here", "here already: []"]);
        ada.type_line("hi").await;
        assert_eq!(ada.line().await, "Ada: hi");
    })
    .await;
}
