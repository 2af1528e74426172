//! Calls that are sent in one JSON-RPC batch (JSON-RPC 2.0 §6), from a stub and by method name.

use birpc::{CallError, Context, ErrorObject, Router, RpcError, rpc};
use serde_json::json;

use crate::support::{Join, NoParams, Record, Side, over_both};

over_both! {
    a_typed_batch_is_one_array_with_ids_in_order
    replies_may_come_in_any_order_and_one_by_one
    each_call_has_its_own_outcome
    notifications_alone_go_out_and_await_nothing
    one_call_is_an_array_too
    a_batch_without_entries_sends_nothing
    a_method_called_send_does_not_clash
    calls_may_be_awaited_before_the_batch_is_sent
    a_batch_by_method_name
    a_generic_stub_has_a_batch
    a_batch_to_the_caller_holds_no_slot
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum CalcError {
    #[error("{by} is no divisor")]
    #[rpc(code = 1)]
    Divisor { by: i64 },
}

#[rpc(namespace = "calc")]
trait Calc {
    async fn add(&self, a: i64, b: i64) -> Result<i64, CalcError>;
    #[rpc(params = "named")]
    async fn divide(&self, a: i64, b: i64) -> Result<i64, CalcError>;
    #[rpc(notification)]
    async fn note(&self, line: String);
    async fn send(&self, to: String) -> Result<String, ErrorObject>;
}

struct Abacus(Record<String>);

impl Calc for Abacus {
    async fn add(&self, a: i64, b: i64) -> Result<i64, CalcError> {
        Ok(a + b)
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, CalcError> {
        a.checked_div(b).ok_or(CalcError::Divisor { by: b })
    }

    async fn note(&self, line: String) {
        self.0.push(line);
    }

    async fn send(&self, to: String) -> Result<String, ErrorObject> {
        Ok(format!("sent to {to}"))
    }
}

fn abacus() -> (Side, Record<String>) {
    let notes = Record::default();
    (Side::new(Router::new().service(CalcServer::new(Abacus(notes.clone())))), notes)
}

async fn a_typed_batch_is_one_array_with_ids_in_order(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let calc: CalcClient = peer.stub();
    let mut batch = calc.batch();
    let sum = batch.add(1, 2);
    batch.note("one".into());
    let quotient = batch.divide(6, 3);
    assert_eq!(peer.in_flight(), 0, "nothing is sent yet");
    batch.send().await.expect("it is open");
    let expected = json!([
        {"jsonrpc": "2.0", "method": "calc.add", "params": [1, 2], "id": 1},
        {"jsonrpc": "2.0", "method": "calc.note", "params": ["one"]},
        {"jsonrpc": "2.0", "method": "calc.divide", "params": {"a": 6, "b": 3}, "id": 2},
    ]);
    assert_eq!(raw.json().await, expected);
    assert_eq!(peer.in_flight(), 2);
    raw.send([r#"[{"jsonrpc":"2.0","id":1,"result":3},{"jsonrpc":"2.0","id":2,"result":2}]"#]).await;
    assert_eq!((sum.await, quotient.await), (Ok(3), Ok(2)));
    assert_eq!(peer.in_flight(), 0);
}

async fn replies_may_come_in_any_order_and_one_by_one(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let calc: CalcClient = peer.stub();
    for replies in [
        &[
            r#"[{"jsonrpc":"2.0","id":3,"result":3},{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"result":2}]"#,
        ][..],
        &[
            r#"{"jsonrpc":"2.0","id":6,"result":3}"#,
            r#"[{"jsonrpc":"2.0","id":4,"result":1}]"#,
            r#"{"jsonrpc":"2.0","id":5,"result":2}"#,
        ],
    ] {
        let mut batch = calc.batch();
        let calls = [batch.add(1, 0), batch.add(2, 0), batch.add(3, 0)];
        batch.send().await.expect("it is open");
        assert_eq!(raw.json().await.as_array().map(Vec::len), Some(3));
        raw.send(replies).await;
        for (number, call) in (1..).zip(calls) {
            assert_eq!(call.await, Ok(number));
        }
    }
    assert_eq!(peer.unmatched_responses(), 0);
}

async fn each_call_has_its_own_outcome(join_by: Join) {
    let (side, notes) = abacus();
    let pair = join_by.peers(Side::default(), side).await;
    let calc: CalcClient = pair.client.stub();
    let mut batch = calc.batch();
    let (sum, failing) = (batch.add(20, 22), batch.divide(1, 0));
    batch.note("between".into());
    let quotient = batch.divide(9, 3);
    batch.send().await.expect("it is open");
    assert_eq!(quotient.await, Ok(3));
    assert_eq!(failing.await, Err(CallError::Method(CalcError::Divisor { by: 0 })));
    assert_eq!(sum.await, Ok(42));
    assert_eq!(notes.take(), ["between"]);
    assert_eq!((pair.client.in_flight(), pair.client.unmatched_responses()), (0, 0));
}

async fn notifications_alone_go_out_and_await_nothing(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let mut batch = peer.stub::<CalcClient>().batch();
    batch.note("a".into());
    batch.note("b".into());
    batch.send().await.expect("it is open");
    let expected = json!([
        {"jsonrpc": "2.0", "method": "calc.note", "params": ["a"]},
        {"jsonrpc": "2.0", "method": "calc.note", "params": ["b"]},
    ]);
    assert_eq!(raw.json().await, expected);
    assert_eq!(peer.in_flight(), 0);
}

async fn one_call_is_an_array_too(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let mut batch = peer.batch();
    let call = batch.call::<i64>("one", ());
    batch.send().await.expect("it is open");
    assert_eq!(raw.json().await, json!([{"jsonrpc": "2.0", "method": "one", "id": 1}]));
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":1}"#]).await;
    assert_eq!(call.await, Ok(1));
}

async fn a_batch_without_entries_sends_nothing(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    assert_eq!(peer.batch().send().await, Ok(()));
    assert_eq!(peer.stub::<CalcClient>().batch().send().await, Ok(()));
    peer.notify("fence", ()).await.expect("it is open");
    assert_eq!(raw.json().await["method"], "fence");
}

async fn a_method_called_send_does_not_clash(join_by: Join) {
    let pair = join_by.peers(Side::default(), abacus().0).await;
    let mut batch = pair.client.stub::<CalcClient>().batch();
    let sent = (*batch).send("Ada".into());
    batch.send().await.expect("it is open");
    assert_eq!(sent.await.as_deref(), Ok("sent to Ada"));
}

async fn calls_may_be_awaited_before_the_batch_is_sent(join_by: Join) {
    let pair = join_by.peers(Side::default(), abacus().0).await;
    let mut batch = pair.client.stub::<CalcClient>().batch();
    let early = tokio::spawn(batch.add(1, 1));
    let late = batch.add(2, 2);
    // The calls are polled first, and the sending must wake them.
    let (late, sent) = tokio::join!(biased; late, batch.send());
    assert_eq!((early.await.expect("no panic"), late, sent), (Ok(2), Ok(4), Ok(())));
}

async fn a_batch_by_method_name(join_by: Join) {
    let (side, notes) = abacus();
    let pair = join_by.peers(Side::default(), side).await;
    let mut batch = pair.client.batch();
    let sum = batch.call::<i64>("calc.add", (1, 2));
    let unknown = batch.call::<i64>("calc.root", [2]);
    batch.notify("calc.note", ["by name"]);
    batch.send().await.expect("it is open");
    assert_eq!(sum.await, Ok(3));
    assert_eq!(crate::support::code(&unknown.await), -32601);
    assert_eq!(notes.take(), ["by name"]);
}

#[rpc]
trait Store<T> {
    async fn echo(&self, value: T) -> Result<T, ErrorObject>;
}

async fn a_generic_stub_has_a_batch(join_by: Join) {
    let echo = |_, (value,): (String,)| async move { Ok::<_, ErrorObject>(value) };
    let pair = join_by.peers(Side::default(), Side::new(Router::new().method("echo", echo))).await;
    let store: StoreClient<String> = pair.client.stub();
    let mut batch = store.batch();
    let echoed = batch.echo("text".into());
    batch.send().await.expect("it is open");
    assert_eq!(echoed.await.as_deref(), Ok("text"));
}

// With one slot on each side, every level of the nesting needs the slot of the one above.
async fn a_batch_to_the_caller_holds_no_slot(join_by: Join) {
    let twice = |method: &'static str| {
        move |cx: Context, _: NoParams| async move {
            let mut batch = cx.peer().batch();
            let (one, two) = (batch.call::<i64>(method, ()), batch.call::<i64>(method, ()));
            batch.send().await?;
            Ok::<_, ErrorObject>(one.await? + two.await?)
        }
    };
    let leaf = |_, _: NoParams| async { Ok::<_, ErrorObject>(1) };
    let server = Router::new().method("outer", twice("inner")).method("leaf", leaf);
    let client = Router::new().method("inner", twice("leaf"));
    let pair = join_by.peers(Side::new(client).in_flight(1), Side::new(server).in_flight(1)).await;
    assert_eq!(pair.client.call::<i64>("outer", ()).await, Ok(4));
}
