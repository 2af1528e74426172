//! Which side may state that a method has not run: only the side that refused the call before its handler
//! began.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{
    CallError, Client, Connection, Context, ErrorObject, RawValue, Reconnect, Router, Server, WhileDown,
};
use serde_json::{Value, json};

use crate::support::{Dials, Join, Raw, Side, bounded, code, hanging, over_both};

over_both! {
    what_is_refused_at_the_door_was_not_served
    calls_that_were_accepted_are_not_refused_by_a_drain
    no_error_of_a_handler_says_that_it_has_not_run
    a_layer_may_refuse_before_it_calls_what_is_behind_it
    a_layer_that_let_the_handler_begin_may_not_say_so
    a_nested_error_is_the_cause_and_no_answer_of_the_handler
    a_relay_passes_an_error_on_but_not_that_its_method_has_not_run
}

/// Errors of a handler that look like refusals of admission.
fn lookalikes() -> Vec<ErrorObject> {
    let refusal = |code: i64| {
        let data = json!({"kind": "shutting_down", "served": false});
        ErrorObject::new(code, "Shutting down").with_data(&data)
    };
    vec![
        refusal(-32001),
        refusal(-32005),
        refusal(7),
        ErrorObject::new(-32001, "so it says").not_served(),
        ErrorObject::new(-32005, "so it says").with_data(&[1]).not_served(),
        ErrorObject::new(-32001, "so it says").not_served().with_data(&json!({"kind": "shutting_down"})),
        serde_json::from_str(
            r#"{"code":-32001,"message":"","data":{ "s\u0065rved" : false, "kind":"shutting_down","served":false}}"#,
        )
        .expect("an error object"),
    ]
}

fn says_not_served(reply: &Value) -> bool {
    reply["error"]["data"].get("served").is_some()
}

async fn what_is_refused_at_the_door_was_not_served(join_by: Join) {
    let (router, mut handlers) = hanging();
    let side = Side::new(router).limits(|limits| (limits.max_in_flight, limits.max_open) = (1, 2));
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), side).await;
    let hang = |id: u32| format!(r#"{{"jsonrpc":"2.0","method":"hang","id":{id}}}"#);
    raw.send([hang(1), hang(2), hang(3)]).await;
    let refused = raw.json().await;
    assert_eq!(refused["error"]["code"], -32005);
    assert_eq!((&refused["id"], &refused["error"]["data"]["served"]), (&json!(3), &json!(false)));
    raw.send([format!("[{},{}]", hang(4), hang(5))]).await;
    let refused = raw.json().await;
    assert!(refused.as_array().is_some_and(|replies| replies.iter().all(says_not_served)), "{refused}");
    handlers.began.recv().await.expect("the first runs");

    let drain = tokio::spawn(async move { peer.drain().await });
    let shutting_down = loop {
        let refused = raw.ask(&hang(6)).await;
        if refused["error"]["code"] == -32001 {
            break refused;
        }
        assert_eq!(refused["error"]["code"], -32005);
    };
    assert_eq!(shutting_down["error"]["data"], json!({"kind": "shutting_down", "served": false}));
    // Also refused, but without stating whether it was served: the caller made the mistake.
    let invalid = raw.ask(r#"{"jsonrpc":"2.0","method":1,"id":7}"#).await;
    assert!(!says_not_served(&invalid), "{invalid}");
    drain.abort();
}

async fn calls_that_were_accepted_are_not_refused_by_a_drain(join_by: Join) {
    let (begin, mut began) = tokio::sync::mpsc::unbounded_channel();
    let go_on = Arc::new(tokio::sync::Notify::new());
    let wait = go_on.clone();
    let router = Router::new().method("work", move |_: Context, ()| {
        begin.send(()).expect("the test listens");
        let wait = wait.clone();
        async move {
            wait.notified().await;
            Ok::<_, ErrorObject>(1)
        }
    });
    let pair = join_by.peers(Side::default(), Side::new(router).in_flight(1)).await;
    let calls = [(); 2].map(|()| tokio::spawn(pair.client.call::<u32>("work", ())));
    began.recv().await.expect("one runs");
    while pair.server.serving() < 2 {
        tokio::task::yield_now().await;
    }
    let drain = tokio::spawn({
        let server = pair.server.clone();
        async move { server.drain().await }
    });
    while code(&pair.client.call::<()>("no such method", ()).await) != -32001 {}
    go_on.notify_one();
    began.recv().await.expect("the parked one runs");
    go_on.notify_one();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(1));
    }
    assert_eq!(drain.await.expect("no panic").finished, 2);
}

async fn no_error_of_a_handler_says_that_it_has_not_run(join_by: Join) {
    let fail = |_: Context, (index, later): (usize, bool)| async move {
        if later {
            tokio::task::yield_now().await;
        }
        Err::<(), _>(lookalikes().swap_remove(index))
    };
    // The handler itself, and behind layers that pass its error on.
    let pass = from_fn(|call: IncomingCall, next: Next<Handler>| next.run(call));
    for router in [
        Router::new().method("fail", fail),
        Router::new().method("fail", fail).layer(pass.clone()),
        Router::new().method("fail", fail).layer(pass.clone()).layer(pass),
    ] {
        let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), Side::new(router)).await;
        for (index, later) in (0..lookalikes().len()).flat_map(|index| [(index, false), (index, true)]) {
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": "fail", "params": [index, later]});
            let reply = raw.ask(&request.to_string()).await;
            assert_eq!(
                reply["error"]["code"],
                lookalikes()[index].code(),
                "the code is the handler's to choose"
            );
            assert!(!says_not_served(&reply), "{reply}");
            let reply = raw.ask(&json!([request]).to_string()).await;
            assert!(!says_not_served(&reply[0]), "{reply}");
        }
    }
}

/// Serves `work`, which counts how often it has run.
fn counted() -> (Router, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let router = Router::new().method("work", move |_: Context, ()| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<(), ErrorObject>>()
    });
    (router, runs)
}

async fn a_layer_may_refuse_before_it_calls_what_is_behind_it(join_by: Join) {
    let (router, runs) = counted();
    let refuse = from_fn(|_: IncomingCall, _: Next<Handler>| {
        ready(Err::<Box<RawValue>, _>(ErrorObject::new(429, "later").with_data(&"soon").not_served()))
    });
    let pass = from_fn(|call: IncomingCall, next: Next<Handler>| next.run(call));
    let pair = join_by.peers(Side::default(), Side::new(router.layer(refuse).layer(pass))).await;
    let Err(CallError::Rpc(error)) = pair.client.call::<()>("work", ()).await else { panic!("not refused") };
    assert_eq!(error.data(), Some(json!({"detail": "soon", "served": false})));
    assert!(error.is_not_served() && error.code() == 429);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

async fn a_layer_that_let_the_handler_begin_may_not_say_so(join_by: Join) {
    let (router, runs) = counted();
    let give_up = from_fn(async |call: IncomingCall, next: Next<Handler>| {
        let running = next.run(call);
        tokio::select! {
            biased;
            result = running => result,
            () = ready(()) => Err(ErrorObject::new(-32001, "took too long").not_served()),
        }
    });
    let pair = join_by.peers(Side::default(), Side::new(router.layer(give_up))).await;
    let Err(CallError::Rpc(error)) = pair.client.call::<()>("work", ()).await else { panic!("not refused") };
    assert!(!error.is_not_served() && error.raw_data().is_some_and(|data| data.get() == "{}"), "{error:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// Serves `call`, which calls a method of its caller and passes the error on.
fn between(pass_on: fn(CallError) -> ErrorObject) -> Router {
    Router::new().method("call", move |cx: Context, (method,): (String,)| async move {
        cx.peer().call::<Value>(&method, ()).await.map_err(pass_on)
    })
}

/// A method that fails.
fn backend() -> Router {
    Router::new().method("get", |_: Context, ()| async {
        Err::<(), _>(ErrorObject::new(5, "no such key").with_data(&json!({"key": "x"})))
    })
}

async fn a_nested_error_is_the_cause_and_no_answer_of_the_handler(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), Side::new(between(ErrorObject::from))).await;
    let data = json!({"kind": "shutting_down", "served": false});
    let refusal = json!({"code": -32001, "message": "Shutting down", "data": data});
    let reply = reply_through(&mut raw, &refusal).await;
    let cause = json!({"code": -32001, "message": "Shutting down", "data": {"kind": "shutting_down"}});
    let data = json!({"kind": "internal_error", "cause": cause});
    assert_eq!(reply["error"], json!({"code": -32603, "message": "Internal error", "data": data}));

    let pair = join_by.peers(Side::new(backend()), Side::new(between(ErrorObject::from))).await;
    for (method, code) in [("get", 5), ("no such method", -32601)] {
        let Err(CallError::Rpc(error)) = pair.client.call::<()>("call", [method]).await else { panic!() };
        let data: Value = error.data().expect("JSON");
        assert_eq!((error.code(), &data["cause"]["code"]), (-32603, &json!(code)));
    }
    let timed_out = ErrorObject::from(CallError::<ErrorObject>::TimedOut);
    let cancelled = ErrorObject::from(CallError::<ErrorObject>::Cancelled);
    assert_eq!((timed_out.code(), cancelled.code()), (-32603, -32603));
}

async fn a_relay_passes_an_error_on_but_not_that_its_method_has_not_run(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), Side::new(between(CallError::relay))).await;
    for error in [
        json!({"code": -32001, "message": "Shutting down", "data": {"kind": "shutting_down"}}),
        json!({"code": -32601, "message": "Method not found", "data": {"method": "get"}}),
        json!({"code": 5, "message": "no such key", "data": [1.0, {"served": false}]}),
        json!({"code": 5, "message": "no such key"}),
    ] {
        assert_eq!(reply_through(&mut raw, &error).await["error"], error);
    }
    let refusal = json!({"code": -32001, "message": "", "data": {"served": false, "kind": "shutting_down"}});
    let relayed = json!({"code": -32001, "message": "", "data": {"kind": "shutting_down"}});
    assert_eq!(reply_through(&mut raw, &refusal).await["error"], relayed);
}

/// The reply to `call` if the nested call is answered with this error.
async fn reply_through(raw: &mut Raw, error: &Value) -> Value {
    let request = raw.ask(r#"{"jsonrpc":"2.0","method":"call","params":["get"],"id":1}"#).await;
    assert_eq!(request["method"], "get");
    raw.ask(&json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string()).await
}

async fn reconnecting() -> (Client, Dials, Raw) {
    Dials::connected(Client::builder().reconnect(Reconnect::default())).await
}

fn reply(request: &Value, error: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string()
}

#[tokio::test]
async fn a_method_whose_backend_shuts_down_runs_once() {
    bounded(async {
        let (to_inner, inner_end) = Connection::pair(Router::new(), Router::new());
        tokio::spawn(async move {
            inner_end.drain().await;
            std::future::pending::<()>().await
        });
        while code(&to_inner.call::<i64>("get", ()).await) != -32001 {}
        let runs = Arc::new(AtomicUsize::new(0));
        let count = runs.clone();
        let router = Router::new().method("pay", move |_: Context, ()| {
            count.fetch_add(1, Ordering::SeqCst);
            let inner = to_inner.clone();
            async move { Ok::<i64, ErrorObject>(inner.call("get", ()).await?) }
        });
        let server = Server::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
        let peers = server.handle().peers().clone();
        tokio::spawn(server.serve(router));
        let client =
            Client::builder().reconnect(Reconnect::default()).connect(&url).await.expect("it listens");

        assert_eq!(code(&client.peer().call::<i64>("pay", ()).await), -32603);
        for peer in peers.list() {
            peer.close(1012, "").expect("it may be sent");
        }
        client.peer().call::<i64>("no such method", ()).await.expect_err("on the next connection");
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_out_again_only_after_the_refusal_of_admission() {
    let (client, mut dials, mut raw) = reconnecting().await;
    for error in [
        json!({"code": -32001, "message": "Shutting down", "data": {"kind": "shutting_down"}}),
        json!({"code": -32001, "message": "", "data": {"cause": {"served": false}}}),
        json!({"code": -32001, "message": "", "data": {"served": "false"}}),
        json!({"code": -32005, "message": "", "data": {"kind": "limit_exceeded", "served": false}}),
        json!({"code": -32603, "message": "", "data": {"served": false}}),
    ] {
        let call = tokio::spawn(client.peer().call::<()>("work", ()));
        let request = raw.json().await;
        raw.send([reply(&request, &error)]).await;
        assert_eq!(code(&call.await.expect("no panic")), error["code"], "{error}");
    }
    let call = tokio::spawn(client.peer().call::<()>("work", ()));
    let request = raw.json().await;
    raw.send([reply(&request, &json!({"code": -32001, "message": "", "data": {"served": false}}))]).await;
    raw.close(1001, "").await;
    let mut raw = dials.next().await;
    let request = raw.json().await;
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": null}).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_speak_birpc_cannot_say_so() {
    for subprotocol in [None, Some("jsonrpc"), Some("my.own")] {
        let (mut raw, peer) = Join::Memory.raw(subprotocol, Side::default()).await;
        let call = tokio::spawn(peer.call::<()>("work", ()));
        let request = raw.json().await;
        let error = json!({"code": -32001, "message": "", "data": {"served": false}});
        raw.send([reply(&request, &error)]).await;
        let Err(CallError::Rpc(error)) = call.await.expect("no panic") else { panic!("not refused") };
        assert!(!error.is_not_served(), "{subprotocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_a_close_keeps_no_caller() {
    let refusal = json!({"code": -32001, "message": "Shutting down", "data": {"served": false}});
    let (client, _dials, mut raw) = reconnecting().await;
    let began = tokio::time::Instant::now();
    let (patient, hurried) =
        (client.peer().clone(), client.peer().clone().with_timeout(Duration::from_secs(2)));
    let patient = tokio::spawn(patient.call::<()>("work", ()));
    let hurried = tokio::spawn(hurried.call::<()>("work", ()));
    for _ in 0..2 {
        let request = raw.json().await;
        raw.send([reply(&request, &refusal)]).await;
    }
    assert_eq!(hurried.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 2);
    let Err(CallError::Rpc(error)) = patient.await.expect("no panic") else { panic!("not refused") };
    assert!(error.is_not_served());
    assert_eq!(began.elapsed(), client.peer().limits().close_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_refused_waits_for_the_next_connection_once_its_own_has_ended() {
    let refusal = json!({"code": -32001, "message": "Shutting down", "data": {"served": false}});
    let (client, mut dials, mut raw) = reconnecting().await;
    let call = tokio::spawn(client.peer().call::<u8>("work", ()));
    let request = raw.json().await;
    raw.send([reply(&request, &refusal)]).await;
    dials.fail((0..10).map(|_| crate::support::unreachable())); // longer than it would wait for the close
    raw.close(1001, "").await;
    let mut raw = dials.next().await;
    let request = raw.json().await;
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 7}).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_is_sent_five_times_at_most() {
    for while_down in [WhileDown::default(), WhileDown::Wait { at_most: 1 }] {
        let builder = Client::builder().reconnect(Reconnect::default().while_down(while_down));
        let (client, mut dials, mut raw) = Dials::connected(builder).await;
        let call = tokio::spawn(client.peer().call::<()>("work", ()).idempotent());
        for send in 1..=5 {
            assert_eq!(raw.json().await["method"], "work", "{send}");
            drop(raw); // it ends its server, each time
            raw = dials.next().await;
        }
        let ended = call.await.expect("no panic");
        assert!(matches!(ended, Err(CallError::Disconnected { sent: true, .. })), "{ended:?}");
        client.peer().notify("fence", ()).await.expect("it is up again");
        assert_eq!(raw.json().await["method"], "fence");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_each_server_refuses_is_sent_five_times_at_most() {
    let refusal = json!({"code": -32001, "message": "Shutting down", "data": {"served": false}});
    let (client, mut dials, mut raw) = reconnecting().await;
    let call = tokio::spawn(client.peer().call::<()>("work", ()));
    for send in 1..=5 {
        let request = raw.json().await;
        raw.send([reply(&request, &refusal)]).await;
        if send < 5 {
            raw.close(1001, "").await;
            raw = dials.next().await;
        }
    }
    let Err(CallError::Rpc(error)) = call.await.expect("no panic") else { panic!("not refused") };
    assert!(error.is_not_served());
}

#[tokio::test(start_paused = true)]
async fn copies_of_requests_are_bounded() {
    let builder = Client::builder().limits(|limits| limits.max_queued_bytes = 3000);
    let (client, mut dials, mut raw) = Dials::connected(builder.reconnect(Reconnect::default())).await;
    let text = "x".repeat(1000);
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(tokio::spawn(client.peer().call::<()>("work", [&text]).idempotent()));
        assert_eq!(raw.json().await["method"], "work");
    }
    drop(raw);
    let mut raw = dials.next().await;
    for _ in 0..2 {
        let request = raw.json().await;
        raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": null}).to_string()]).await;
    }
    let mut ended = Vec::new();
    for call in calls {
        ended.push(call.await.expect("no panic"));
    }
    assert_eq!(ended.iter().filter(|ended| ended.is_ok()).count(), 2);
    let uncopied =
        |ended: &&Result<(), CallError>| matches!(ended, Err(CallError::Disconnected { sent: true, .. }));
    assert_eq!(ended.iter().filter(uncopied).count(), 1, "there was no room for a copy of the third");
    // The copies of calls that have ended are freed.
    let call = tokio::spawn(client.peer().call::<()>("work", [&text]).idempotent());
    raw.json().await;
    drop(raw);
    let mut raw = dials.next().await;
    let request = raw.json().await;
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": null}).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(()));
}
