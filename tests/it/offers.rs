//! The subprotocols that a client offers, and the dialect with a server that picks the first one.

use birpc::{Client, ClientBuilder, ConnectError, Dialect, Server};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::support::{Heard, Raw, Record, bounded};

/// The client's offer, and both sides, at a server that picks the first subprotocol, as npm's `ws` does.
async fn at_an_echoing_server(builder: ClientBuilder) -> (Option<String>, Client, Raw) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let offers = Record::default();
    let record = offers.clone();
    let serve = async {
        let (stream, _) = listener.accept().await.expect("a client");
        #[allow(clippy::result_large_err)] // tungstenite's
        let echo = |request: &Request, mut response: Response| {
            let offered =
                request.headers().get("sec-websocket-protocol").map(|line| line.to_str().expect("ASCII"));
            record.push(offered.map(str::to_owned));
            if let Some(first) = offered.and_then(|offered| offered.split(',').next()) {
                response.headers_mut().insert("sec-websocket-protocol", first.parse().expect("a token"));
            }
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, echo).await.expect("an upgrade");
        Raw::Socket(Box::new(socket))
    };
    let (raw, client) = bounded(async { tokio::join!(serve, builder.connect(&url)) }).await;
    (offers.take().remove(0), client.expect("it connects"), raw)
}

#[tokio::test]
async fn a_server_that_picks_the_first_is_taken_for_plain_json_rpc() {
    let (offered, client, mut raw) = at_an_echoing_server(Client::builder()).await;
    assert_eq!((offered.as_deref(), client.subprotocol()), (Some("jsonrpc, birpc.v1"), Some("jsonrpc")));
    drop(client.peer().call::<()>("slow", ()).with_timeout(std::time::Duration::ZERO).await);
    client.close(1000, "").expect("it may be sent");
    while let Heard::Text(text) = bounded(raw.hear()).await {
        assert!(!text.contains("rpc.cancel"), "{text}");
    }
}

#[tokio::test]
async fn a_dialect_that_was_set_is_spoken_with_such_a_server() {
    let builder = Client::builder().dialect(Dialect::lsp());
    let (offered, client, mut raw) = at_an_echoing_server(builder).await;
    assert_eq!((offered.as_deref(), client.subprotocol()), (Some("jsonrpc"), Some("jsonrpc")));
    let calling = tokio::spawn(client.peer().call::<()>("textDocument/hover", ()));
    let call = bounded(raw.json()).await;
    calling.abort();
    let cancel = bounded(raw.json()).await;
    assert_eq!((&cancel["method"], &cancel["params"]["id"]), (&"$/cancelRequest".into(), &call["id"]));
}

#[tokio::test]
async fn a_client_may_offer_none() {
    for builder in [Client::builder().no_subprotocol(), Client::builder().subprotocols([])] {
        let (offered, client, _raw) = at_an_echoing_server(builder.dialect(Dialect::lsp())).await;
        assert_eq!((offered, client.subprotocol()), (None, None));
    }
}

#[tokio::test]
async fn what_was_chosen_is_offered_with_a_dialect_too() {
    let builder = Client::builder().subprotocols(["mcp", "birpc.v1"]).dialect(Dialect::mcp());
    assert_eq!(at_an_echoing_server(builder).await.0.as_deref(), Some("mcp, birpc.v1"));
}

#[tokio::test]
async fn a_birpc_server_picks_birpc_v1() {
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("bound"));
    tokio::spawn(server.serve(birpc::Router::new()));
    let client = bounded(Client::connect(&url)).await.expect("it connects");
    assert_eq!(client.subprotocol(), Some("birpc.v1"));
}

#[tokio::test]
async fn a_server_may_agree_on_none() {
    let server = Server::builder().subprotocols([]).bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("bound"));
    tokio::spawn(server.serve(birpc::Router::new()));
    let refused = bounded(Client::connect(&url)).await.expect_err("it offers two");
    assert!(matches!(refused, ConnectError::Refused { status: 400, .. }), "{refused}");
    let client = bounded(Client::builder().no_subprotocol().connect(&url)).await.expect("it connects");
    assert_eq!(client.subprotocol(), None);
}

#[tokio::test]
async fn what_is_no_subprotocol_is_refused_before_anything_is_sent() {
    for (names, why) in [
        (&["a,b"][..], "an item of its own"),
        (&["jsonrpc", "bad\nname"], "\\n"),
        (&["a b"], "letters, digits"),
        (&[""], "\"\""),
    ] {
        let builder = Client::builder().subprotocols(names.iter().copied());
        let error = builder.connect("ws://127.0.0.1:1/").await.expect_err("it is no token");
        assert!(matches!(error, ConnectError::Subprotocol(_)), "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
    }
}
