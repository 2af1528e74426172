//! Notifications that are encoded once and go to some peers, or to all.

use std::thread;
use std::time::Duration;

use birpc::{
    CallError, Client, Config, Connection, ConnectionInfo, Context, EncodedNotification, ErrorObject, Peer,
    Peers, Router, Server, rpc,
};
use futures_util::FutureExt;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use crate::support::bounded;

#[rpc(namespace = "room", client)]
trait Listener {
    #[rpc(notification)]
    async fn said(&self, line: String);
}

/// A client, and a queue of what it receives.
async fn listener(url: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (heard, hear) = mpsc::unbounded_channel();
    let said = move |_: Context, (line,): (String,)| {
        let _ = heard.send(line);
        std::future::ready(())
    };
    let client = Client::builder().serve(Router::new().notification("room.said", said)).connect(url).await;
    (client.expect("it listens"), hear)
}

#[tokio::test]
async fn a_group_hears_what_is_encoded_once_and_others_do_not() {
    bounded(async {
        let (came, mut come) = mpsc::unbounded_channel();
        let server = Server::builder().on_connect(move |peer| {
            let _ = came.send(peer);
            std::future::ready(())
        });
        let server = server.bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
        tokio::spawn(server.serve(Router::new()));
        let (_ada, mut ada) = listener(&url).await;
        let ada_peer: Peer = come.recv().await.expect("she has connected");
        let (_ben, mut ben) = listener(&url).await;
        let ben_peer = come.recv().await.expect("he has connected");

        let said = ada_peer.stub::<ListenerClient>().said("hello".into()).encode().expect("it serialises");
        assert!(ben_peer.try_notify(&said).expect("it is short"));
        let said = EncodedNotification::new("room.said", ["both"]).expect("it serialises");
        for peer in [&ada_peer, &ben_peer] {
            assert!(peer.try_notify(&said).expect("it is short"));
        }
        assert_eq!(ben.recv().await.as_deref(), Some("hello"));
        assert_eq!(ben.recv().await.as_deref(), Some("both"));
        assert_eq!(ada.recv().await.as_deref(), Some("both"), "it was encoded, and not sent, for her");
    })
    .await;
}

struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_and_nothing_is_queued() {
    let error = EncodedNotification::new("said", [Unserializable]).expect_err("it does not serialise");
    assert!(
        matches!(&error, CallError::Unsendable(why) if why.to_string().contains("not today")),
        "{error:?}"
    );

    let config = Config::default().limits(|limits| limits.max_message_out = 100);
    let (near, _far) = birpc::transport::memory_pair();
    let (peer, _connection) = Connection::new(near, config.into(), ConnectionInfo::default());
    let long = EncodedNotification::new("said", ["x".repeat(100)]).expect("it serialises");
    let error = peer.try_notify(&long).expect_err("it is over the limit");
    assert!(matches!(&error, CallError::Unsendable(why) if why.to_string().contains("100")), "{error:?}");
    assert!(peer.notify("said", ["x".repeat(100)]).encode().is_err(), "the same limit");
    assert_eq!(peer.buffered_amount(), 0);
}

/// A broadcast passes a peer without a connection to its closure, the same one each time.
fn nobody() -> Peer {
    let mut nobody = None;
    let told = Peers::default().broadcast(|peer: &Peer| {
        nobody = Some(peer.clone());
        peer.notify("tick", ())
    });
    assert_eq!(told.expect("it serialises"), 0);
    nobody.expect("it was called")
}

#[test]
fn what_a_broadcast_calls_with_is_no_connection_and_nothing_stays_of_it() {
    assert_eq!(nobody().id(), nobody().id(), "no connection is made for a broadcast");
    nobody().insert("a value");
    assert_eq!(nobody().get::<&str>(), None);
    let call = nobody().with_timeout(Duration::from_secs(1)).call::<()>("tick", ()).now_or_never();
    assert!(matches!(call, Some(Err(CallError::Disconnected { sent: false, .. }))), "{call:?}");
    // Nor does that peer belong to the runtime in which the first broadcast was made.
    let in_a_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let first = thread::spawn(move || in_a_runtime().expect("a runtime").block_on(async { nobody().id() }));
    assert_eq!(first.join().expect("no panic"), nobody().id());
    let error: Result<Result<(), CallError<ErrorObject>>, _> =
        in_a_runtime().expect("a runtime").block_on(async {
            tokio::time::timeout(Duration::from_secs(5), nobody().call::<()>("tick", ())).await
        });
    assert!(matches!(error, Ok(Err(CallError::Disconnected { .. }))), "{error:?}");
}
