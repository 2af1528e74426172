//! Streams that go on after an outage, in both forms: each outage is one call and one gap, and no item comes
//! twice.

use std::time::Duration;

use birpc::{
    CallError, Client, ConnectionState, ErrorObject, Keepalive, Reconnect, StreamError, Streaming, Update,
    WhileDown, rpc,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Dials, Raw, unreachable};

/// Runs each test in both forms.
macro_rules! in_both_forms {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test(start_paused = true)]
            async fn of_birpc() {
                crate::support::bounded(super::$name(super::Form::Birpc)).await;
            }

            #[tokio::test(start_paused = true)]
            async fn of_ethereum() {
                crate::support::bounded(super::$name(super::Form::Ethereum)).await;
            }
        }
    )*};
}

in_both_forms! {
    an_outage_is_one_call_and_one_gap
    params_are_made_from_the_last_item
    outages_one_after_the_other_are_one_gap
    a_call_that_fails_on_the_next_connection_ends_the_stream
    the_end_of_the_client_ends_the_stream
    calls_that_may_not_wait_do_not_matter
    a_handle_cancels_it_in_an_outage
    dropping_it_in_an_outage_leaves_nothing
    only_what_is_idempotent_is_called_again
    a_client_that_does_not_reconnect_has_a_plain_end
    an_outage_before_the_first_reply_is_no_gap
    a_server_that_shuts_down_hands_its_streams_on
}

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(idempotent, subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, from: u64) -> Result<Streaming<u64>, ErrorObject>;

    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn once(&self) -> Result<Streaming<u64>, ErrorObject>;
}

#[derive(Clone, Copy)]
enum Form {
    Birpc,
    Ethereum,
}

/// The peer of one connection, which has been asked for a stream.
struct Opened {
    raw: Raw,
    form: Form,
    request: Value,
    id: Value,
}

impl Form {
    fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Birpc => Some("birpc.v1"),
            Self::Ethereum => None,
        }
    }

    async fn connected(self, reconnect: Reconnect) -> (Client, Dials, Raw) {
        let builder = Client::builder().reconnect(reconnect).keepalive(Keepalive::off());
        Dials::connected_as(self.subprotocol(), builder).await
    }

    /// The peer hears the call.
    async fn heard(self, mut raw: Raw, from: u64) -> Opened {
        let request = raw.json().await;
        assert_eq!((&request["method"], &request["params"]), (&json!("eth_subscribe"), &json!([from])));
        // Servers begin to count again.
        Opened { raw, form: self, request, id: json!("0x1") }
    }

    async fn opened(self, raw: Raw, from: u64) -> Opened {
        let mut opened = self.heard(raw, from).await;
        opened.open().await;
        opened
    }
}

impl Opened {
    async fn open(&mut self) {
        let id = &self.request["id"];
        let opened = match self.form {
            Form::Birpc => json!({"jsonrpc": "2.0", "method": "rpc.item", "params": [id]}),
            Form::Ethereum => json!({"jsonrpc": "2.0", "id": id, "result": self.id}),
        };
        self.raw.send([opened.to_string()]).await;
    }

    async fn item(&mut self, item: u64) {
        let item = match self.form {
            Form::Birpc => {
                json!({"jsonrpc": "2.0", "method": "rpc.item", "params": [self.request["id"], item]})
            }
            Form::Ethereum => {
                let params = json!({"subscription": self.id, "result": item});
                json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})
            }
        };
        self.raw.send([item.to_string()]).await;
    }

    /// The stream fails.
    async fn fail(&mut self, error: Value) {
        let error = match self.form {
            Form::Birpc => json!({"jsonrpc": "2.0", "id": self.request["id"], "error": error}),
            Form::Ethereum => {
                let params = json!({"subscription": self.id, "error": error});
                json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})
            }
        };
        self.raw.send([error.to_string()]).await;
    }

    /// The peer hears that the stream was dropped.
    async fn left(&mut self) {
        let heard = self.raw.json().await;
        match self.form {
            Form::Birpc => {
                assert_eq!(
                    (&heard["method"], &heard["params"]["id"]),
                    (&json!("rpc.cancel"), &self.request["id"])
                );
            }
            Form::Ethereum => {
                assert_eq!(
                    (&heard["method"], &heard["params"]),
                    (&json!("eth_unsubscribe"), &json!([self.id]))
                );
            }
        }
    }
}

type Updates = Streaming<Update<u64>>;

async fn next(updates: &mut Updates) -> Update<u64> {
    updates.next().await.expect("it goes on").expect("it goes on")
}

/// The next update is a gap after this close code. Returns how long the outage was.
async fn gap(updates: &mut Updates, code: u16) -> Duration {
    match next(updates).await {
        Update::Gap { reason, outage } => {
            assert_eq!(reason.code, code, "{reason}");
            outage
        }
        other => panic!("{other:?}"),
    }
}

async fn an_outage_is_one_call_and_one_gap(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let eth: EthClient = client.stub();
    let opening = tokio::spawn(eth.subscribe(3).resubscribing());
    let mut peer = form.opened(raw, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    for item in 0..2 {
        peer.item(item).await;
        assert_eq!(next(&mut updates).await, Update::Item(item));
    }
    for outage in 1..4 {
        peer.item(outage * 10).await;
        // A client that has nothing to write reads what has come before it notices the loss.
        while client.peer().buffered_amount() > 0 {
            tokio::task::yield_now().await;
        }
        dials.fail([unreachable()]);
        drop(peer);
        assert_eq!(next(&mut updates).await, Update::Item(outage * 10));
        let began = Instant::now();
        let going_on = tokio::spawn(async move {
            let outage = gap(&mut updates, 1006).await;
            (outage, updates)
        });
        let raw = dials.next().await;
        peer = form.heard(raw, 3).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        peer.open().await;
        let (time, again) = going_on.await.expect("no panic");
        updates = again;
        assert!(time >= Duration::from_secs(5) && time <= began.elapsed(), "{time:?}");
        peer.item(outage * 10 + 1).await;
        assert_eq!(next(&mut updates).await, Update::Item(outage * 10 + 1));
    }
    drop(updates);
    peer.left().await;
    assert_eq!(client.peer().in_flight(), 0);
}

async fn params_are_made_from_the_last_item(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let eth: EthClient = client.stub();
    let from = |last: Option<u64>| (last.map_or(100, |last| last + 1),);
    let opening = tokio::spawn(eth.subscribe(0).resubscribing_with(from));
    let peer = form.opened(raw, 0).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    drop(peer);
    let reading = tokio::spawn(async move {
        gap(&mut updates, 1006).await;
        let item = next(&mut updates).await;
        (item, updates)
    });
    let mut peer = form.opened(dials.next().await, 100).await;
    peer.item(7).await;
    let (item, mut updates) = reading.await.expect("no panic");
    assert_eq!(item, Update::Item(7));
    drop(peer);
    let reading = tokio::spawn(async move { gap(&mut updates, 1006).await });
    form.opened(dials.next().await, 8).await;
    reading.await.expect("no panic");
}

async fn outages_one_after_the_other_are_one_gap(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    let mut peer = form.opened(raw, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    peer.raw.close(1012, "an update").await;
    while peer.raw.hear().await != crate::support::Heard::End {}
    let reading = tokio::spawn(async move {
        gap(&mut updates, 1012).await;
        let item = next(&mut updates).await;
        (item, updates)
    });
    // Lost before the call came, then before its answer.
    drop(dials.next().await);
    for _ in 0..7 {
        drop(form.heard(dials.next().await, 3).await);
    }
    let mut peer = form.opened(dials.next().await, 3).await;
    peer.item(1).await;
    let (item, updates) = reading.await.expect("no panic");
    assert_eq!(item, Update::Item(1));
    drop(updates);
    peer.left().await;
}

async fn a_call_that_fails_on_the_next_connection_ends_the_stream(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    drop(form.opened(raw, 3).await);
    let mut updates = opening.await.expect("no panic").expect("it opens");
    let reading = tokio::spawn(async move { (updates.next().await, updates.next().await) });
    let mut peer = form.heard(dials.next().await, 3).await;
    let error = json!({"code": 8, "message": "log in first"});
    peer.raw.send([json!({"jsonrpc": "2.0", "id": peer.request["id"], "error": error}).to_string()]).await;
    let (end, after) = reading.await.expect("no panic");
    let Some(Err(StreamError::Resubscribe(CallError::Method(error)))) = end else { panic!("{end:?}") };
    assert_eq!((error.code(), after), (8, None));
}

async fn the_end_of_the_client_ends_the_stream(form: Form) {
    let (client, _dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    let mut peer = form.opened(raw, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    // After this code no connection follows.
    peer.raw.close(1000, "over").await;
    let end = updates.next().await;
    assert!(
        matches!(&end, Some(Err(StreamError::Disconnected { reason })) if reason.code == 1000),
        "{end:?}"
    );
    assert_eq!(updates.next().await, None);
}

async fn calls_that_may_not_wait_do_not_matter(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default().while_down(WhileDown::Fail)).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    drop(form.opened(raw, 3).await);
    let mut updates = opening.await.expect("no panic").expect("it opens");
    let reading = tokio::spawn(async move {
        gap(&mut updates, 1006).await;
        updates
    });
    for _ in 0..3 {
        drop(form.heard(dials.next().await, 3).await);
    }
    let mut peer = form.opened(dials.next().await, 3).await;
    drop(reading.await.expect("no panic"));
    peer.left().await;
}

async fn a_handle_cancels_it_in_an_outage(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let call = client.stub::<EthClient>().subscribe(3);
    let handle = call.handle();
    let opening = tokio::spawn(call.resubscribing());
    drop(form.opened(raw, 3).await);
    let mut updates = opening.await.expect("no panic").expect("it opens");
    dials.fail([unreachable()]);
    let reading = tokio::spawn(async move { (updates.next().await, updates.next().await) });
    while client.state() != ConnectionState::Connecting {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    handle.cancel();
    assert_eq!(reading.await.expect("no panic"), (Some(Err(StreamError::Cancelled)), None));
    let mut raw = dials.next().await;
    let call = tokio::spawn(client.peer().call::<u64>("add", (1, 2)));
    assert_eq!(raw.json().await["method"], "add", "nothing else is sent");
    drop(call);
}

async fn dropping_it_in_an_outage_leaves_nothing(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    drop(form.opened(raw, 3).await);
    let mut updates = opening.await.expect("no panic").expect("it opens");
    let reading = tokio::spawn(async move { updates.next().await });
    while client.state() != ConnectionState::Connecting {
        tokio::task::yield_now().await;
    }
    reading.abort();
    assert!(reading.await.is_err());
    let mut raw = dials.next().await;
    let call = tokio::spawn(client.peer().call::<u64>("add", (1, 2)));
    assert_eq!(raw.json().await["method"], "add", "nothing else is sent");
    drop(call);
}

async fn only_what_is_idempotent_is_called_again(form: Form) {
    let (client, _dials, mut raw) = form.connected(Reconnect::default()).await;
    let outcome = client.stub::<EthClient>().once().resubscribing().await.map(drop);
    let Err(CallError::Unsendable(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.to_string().contains("idempotent"), "{why}");
    let opening = tokio::spawn(client.stub::<EthClient>().once().idempotent().resubscribing());
    assert_eq!(raw.json().await["method"], "eth_once");
    opening.abort();
}

async fn a_client_that_does_not_reconnect_has_a_plain_end(form: Form) {
    let (near, far) = birpc::transport::memory_pair();
    let mut info = birpc::ConnectionInfo::default();
    info.subprotocol = form.subprotocol().map(str::to_owned);
    let (peer, connection) = birpc::Connection::new(near, std::sync::Arc::default(), info);
    tokio::spawn(connection.serve(birpc::Router::new()));
    let opening = tokio::spawn(peer.stub::<EthClient>().subscribe(3).resubscribing());
    let mut opened = form.opened(Raw::Memory(far), 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    opened.item(1).await;
    assert_eq!(next(&mut updates).await, Update::Item(1));
    drop(opened);
    let end = updates.next().await;
    assert!(matches!(end, Some(Err(StreamError::Disconnected { .. }))), "{end:?}");
    assert_eq!(updates.next().await, None);
}

async fn an_outage_before_the_first_reply_is_no_gap(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    drop(form.heard(raw, 3).await);
    let mut peer = form.opened(dials.next().await, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    peer.item(1).await;
    assert_eq!(next(&mut updates).await, Update::Item(1));
}

/// A server that shuts down ends streams with -32001 while its connection goes on for a while: that is the
/// beginning of an outage.
async fn a_server_that_shuts_down_hands_its_streams_on(form: Form) {
    let (client, mut dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    let mut peer = form.opened(raw, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    peer.item(1).await;
    assert_eq!(next(&mut updates).await, Update::Item(1));
    peer.fail(json!({"code": -32001, "message": "Shutting down", "data": {"kind": "shutting_down"}})).await;
    let reading = tokio::spawn(async move {
        let outage = gap(&mut updates, 1012).await;
        let item = next(&mut updates).await;
        (outage, item, updates)
    });
    tokio::time::sleep(Duration::from_secs(9)).await;
    peer.raw.close(1012, "an update").await;
    let mut peer = form.opened(dials.next().await, 3).await;
    peer.item(2).await;
    let (outage, item, _updates) = reading.await.expect("no panic");
    assert!(outage >= Duration::from_secs(9), "{outage:?}");
    assert_eq!(item, Update::Item(2));
}

/// The code means something else at other peers.
#[tokio::test(start_paused = true)]
async fn an_error_of_another_peer_with_the_code_of_a_shutdown_is_an_end() {
    let form = Form::Ethereum;
    let (client, _dials, raw) = form.connected(Reconnect::default()).await;
    let opening = tokio::spawn(client.stub::<EthClient>().subscribe(3).resubscribing());
    let mut peer = form.opened(raw, 3).await;
    let mut updates = opening.await.expect("no panic").expect("it opens");
    peer.fail(json!({"code": -32001, "message": "resource not found"})).await;
    let end = updates.next().await;
    assert!(matches!(&end, Some(Err(StreamError::Refused(error))) if error.code() == -32001), "{end:?}");
    assert_eq!(updates.next().await, None);
}

/// A server in a process of its own, which is killed while a stream is open.
#[cfg(unix)]
mod killed {
    use std::time::Duration;

    use birpc::{Client, ErrorObject, Reconnect, Server, Streaming, Update};

    use super::{Eth, EthClient, EthServer};
    use crate::support::process::{Running, argument_of_half, half, tell};
    use crate::support::{bounded, own_address};

    struct Numbers;

    impl Eth for Numbers {
        async fn subscribe(&self, from: u64) -> Result<Streaming<u64>, ErrorObject> {
            Ok(Streaming::produce(move |out| async move {
                for number in from.. {
                    out.send(number).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(())
            }))
        }

        async fn once(&self) -> Result<Streaming<u64>, ErrorObject> {
            Ok(Streaming::empty())
        }
    }

    /// Run as a process by the test below.
    #[tokio::test]
    #[ignore = "the other half of a test"]
    async fn server() {
        let Some(listen) = argument_of_half() else { return };
        let server = Server::builder().bind(&listen).await.expect("a free port");
        tell(&server.local_addr().expect("it is bound").to_string());
        server.serve(EthServer::new(Numbers)).await.expect("nothing stops it");
    }

    #[tokio::test]
    async fn a_server_that_is_killed_is_one_gap_and_no_item_comes_twice() {
        bounded(async {
            let start = |listen: &str| Running::start(half("resubscribing::killed::server", listen));
            let mut server = start(&own_address(3));
            let address = server.told().await;
            let reconnect =
                Reconnect::default().backoff(Duration::from_millis(10), Duration::from_millis(20));
            let client = Client::builder().reconnect(reconnect).connect(&format!("ws://{address}/")).await;
            let eth: EthClient = client.expect("it listens").stub();
            let from = |last: Option<u64>| (last.map_or(1, |last| last + 1),);
            let mut numbers = eth.subscribe(1).resubscribing_with(from).await.expect("it opens");
            let mut expected = 1;
            for _ in 0..3 {
                for _ in 0..20 {
                    assert_eq!(numbers.next().await, Some(Ok(Update::Item(expected))));
                    expected += 1;
                }
                server.child.kill().await.expect("it ran"); // and its port is free
                server = start(&address);
                server.told().await;
                // What had arrived before comes first.
                let outage = loop {
                    match numbers.next().await.expect("it goes on").expect("it goes on") {
                        Update::Item(number) => assert_eq!(number, expected),
                        Update::Gap { outage, .. } => break outage,
                        other => panic!("{other:?}"),
                    }
                    expected += 1;
                };
                assert!(outage > Duration::ZERO);
            }
        })
        .await;
    }
}
