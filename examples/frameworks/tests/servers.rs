//! Servers of each framework, called by birpc's client and by a foreign one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use birpc::{CallError, Client, Config, Context, ErrorObject, Initiator, Keepalive, Router};
use birpc_frameworks::methods;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::{WebSocketStream, connect_async};

type Socket = WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Runs each test with each framework that is enabled.
macro_rules! frameworks {
    ($($test:ident)*) => {
        frameworks! { @ "axum" axum $($test)* }
        frameworks! { @ "poem" poem $($test)* }
        frameworks! { @ "warp" warp $($test)* }
    };
    (@ $feature:literal $framework:ident $($test:ident)*) => {
        #[cfg(feature = $feature)]
        mod $framework {
            $(#[tokio::test]
            async fn $test() {
                super::bounded(super::$test(super::serve::$framework(super::config()).await)).await;
            })*
        }
    };
}

frameworks! {
    both_sides_call_each_other
    the_subprotocol_is_agreed_on
    the_peers_close_is_answered_with_its_code
    ours_reaches_the_peer
    a_ping_is_answered_and_ours_goes_out
    a_message_over_the_limit_ends_the_connection
    text_that_is_no_utf8_ends_the_connection
}

mod serve {
    use super::*;

    #[cfg(feature = "axum")]
    pub(super) async fn axum(config: Arc<Config>) -> SocketAddr {
        let (listener, address) = listener().await;
        let route = birpc_frameworks::axum::route(config, Arc::new(with_close()));
        let app = ::axum::Router::new().route("/rpc", route);
        tokio::spawn(async move { ::axum::serve(listener, app).await });
        address
    }

    #[cfg(feature = "poem")]
    pub(super) async fn poem(config: Arc<Config>) -> SocketAddr {
        use ::poem::listener::{Acceptor, Listener};

        let acceptor = ::poem::listener::TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.expect("a free port");
        let address = *acceptor.local_addr()[0].as_socket_addr().expect("an address");
        let endpoint = birpc_frameworks::poem::endpoint(config, Arc::new(with_close()));
        let app = ::poem::Route::new().at("/rpc", ::poem::get(endpoint));
        tokio::spawn(::poem::Server::new_with_acceptor(acceptor).run(app));
        address
    }

    #[cfg(feature = "warp")]
    pub(super) async fn warp(config: Arc<Config>) -> SocketAddr {
        let (listener, address) = listener().await;
        let route = birpc_frameworks::warp::route(config, Arc::new(with_close()));
        tokio::spawn(::warp::serve(route).incoming(listener).run());
        address
    }

    #[cfg(any(feature = "axum", feature = "warp"))]
    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        (listener, address)
    }

    fn with_close() -> Router {
        methods().notification("close", |cx: Context, (code,): (u16,)| async move {
            cx.peer().close(code, "as you wish").expect("it may be sent");
        })
    }
}

fn config() -> Arc<Config> {
    let mut config = Config::default();
    config.limits.max_message_in = 64 << 10;
    config.keepalive = Keepalive::every(Duration::from_millis(200), Duration::from_secs(10));
    Arc::new(config)
}

async fn bounded(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs");
}

async fn foreign(address: SocketAddr) -> Socket {
    connect_async(format!("ws://{address}/rpc")).await.expect("it upgrades").0
}

/// The next message that is not a ping.
async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(message)) => return Some(message),
            Some(Err(_)) | None => return None,
        }
    }
}

async fn both_sides_call_each_other(address: SocketAddr) {
    let number = Router::new().method("number", |_: Context, (): ()| async { Ok::<_, ErrorObject>(7) });
    let client = Client::builder().serve(number).connect(&format!("ws://{address}/rpc")).await;
    let client = client.expect("it connects");
    assert_eq!(client.peer().call::<i64>("add", (1, 2)).await, Ok(3));
    assert_eq!(client.peer().call::<i64>("ask", ()).await, Ok(7));
    let missing = client.peer().call::<i64>("none", ()).await;
    assert!(matches!(missing, Err(CallError::Rpc(error)) if error.code() == -32601));
}

async fn the_subprotocol_is_agreed_on(address: SocketAddr) {
    let url = format!("ws://{address}/rpc");
    let client = Client::builder().connect(&url).await.expect("it connects");
    assert_eq!(client.subprotocol(), Some("birpc.v1"));
    let plain = Client::builder().no_subprotocol().connect(&url).await.expect("it connects");
    assert_eq!(plain.subprotocol(), None);
    assert_eq!(plain.peer().call::<i64>("add", (1, 2)).await, Ok(3));
}

async fn the_peers_close_is_answered_with_its_code(address: SocketAddr) {
    let mut socket = foreign(address).await;
    let frame = CloseFrame { code: 4001.into(), reason: "enough".into() };
    socket.close(Some(frame.clone())).await.expect("it is sent");
    assert_eq!(next(&mut socket).await, Some(Message::Close(Some(frame))));
    assert_eq!(next(&mut socket).await, None);
}

async fn ours_reaches_the_peer(address: SocketAddr) {
    let client = Client::builder().connect(&format!("ws://{address}/rpc")).await.expect("it connects");
    client.peer().notify("close", [4002]).await.expect("it is sent");
    let reason = client.closed().await;
    assert_eq!((reason.code, &*reason.reason, reason.clean), (4002, "as you wish", true));
    assert_eq!(reason.initiator, Initiator::Remote);
}

async fn a_ping_is_answered_and_ours_goes_out(address: SocketAddr) {
    let mut socket = foreign(address).await;
    socket.send(Message::Ping("are you there".into())).await.expect("it is sent");
    let (mut pinged, mut answered) = (false, false);
    while !(pinged && answered) {
        match socket.next().await.expect("it is open").expect("a message") {
            Message::Ping(_) => pinged = true,
            Message::Pong(payload) => answered = payload == "are you there",
            other => panic!("{other:?}"),
        }
    }
}

/// The framework's own limit is the same here. Its error has no code, so the peer gets no close frame.
async fn a_message_over_the_limit_ends_the_connection(address: SocketAddr) {
    let mut socket = foreign(address).await;
    let _ = socket.send(Message::text("x".repeat(65 << 10))).await; // it may be cut amid it
    assert_eq!(next(&mut socket).await, None);
}

async fn text_that_is_no_utf8_ends_the_connection(address: SocketAddr) {
    let mut socket = foreign(address).await;
    let frame = RawFrame::message(vec![b'"', 0xff, b'"'], OpCode::Data(Data::Text), true);
    socket.send(Message::Frame(frame)).await.expect("it is sent");
    assert_eq!(next(&mut socket).await, None);
}
