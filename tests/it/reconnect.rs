//! A client that reconnects: after which ends, after which delay, the hook, and the state that its handles
//! show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::transport::{Frame, Transport};
use birpc::{
    CallError, Client, ClientBuilder, CloseReason, ConnectError, ConnectionState, ErrorObject, Event,
    Initiator, Reconnect, Router,
};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Dials, NoParams, Raw, unreachable};

fn builder(reconnect: Reconnect) -> ClientBuilder {
    Client::builder().reconnect(reconnect)
}

async fn connected() -> (Client, Dials, Raw) {
    Dials::connected(builder(Reconnect::default())).await
}

async fn client_is(client: &Client, state: ConnectionState) {
    while client.state() != state {
        tokio::task::yield_now().await;
    }
}

async fn down(client: &Client) {
    client_is(client, ConnectionState::Connecting).await;
}

fn reply(request: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": null}).to_string()
}

/// Ends the connection with a code as the peer would, or as the network does.
fn end(mut raw: Raw, code: u16) {
    let Raw::Memory(transport) = &mut raw else { unreachable!("it is in memory") };
    let frame = match code {
        1006 => return,
        1005 => None,
        code => Some(birpc::CloseFrame::new(code, "").expect("it may be sent")),
    };
    transport.send(Frame::Close(frame)).expect("a peer");
    tokio::spawn(async move { while raw.hear().await != crate::support::Heard::End {} });
}

#[tokio::test(start_paused = true)]
async fn each_close_code_decides_as_the_table_says() {
    for (code, most) in [(1006, 250), (1011, 250), (1001, 2000), (1012, 2000), (1013, 2000)] {
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let (client, mut dials, raw) = connected().await;
            let lost = Instant::now();
            end(raw, code);
            dials.next().await;
            longest = longest.max(lost.elapsed());
            assert_eq!(dials.times.take().len(), 2, "{code}");
            drop(client);
        }
        // The clock counts milliseconds.
        assert!(longest <= Duration::from_millis(most + 1), "{code}: {longest:?}");
        // Twenty random parts of 2 s are all within 250 ms with a probability of 2^-60.
        assert_eq!(longest > Duration::from_millis(251), most == 2000, "{code}: {longest:?}");
    }
    for code in [1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 3000, 3001, 3999, 4000, 4999] {
        let (client, mut dials, raw) = connected().await;
        end(raw, code);
        assert_eq!((client.closed().await.code, client.state()), (code, ConnectionState::Closed));
        dials.over.recv().await.expect("it dials no more");
        assert_eq!(dials.times.take().len(), 1, "{code}");
        let ended = client.peer().call::<()>("late", ()).await.expect_err("it is closed");
        assert!(matches!(ended, CallError::Disconnected { sent: false, .. }), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_on_every_code() {
    let asked = crate::support::Record::default();
    let record = asked.clone();
    let reconnect = Reconnect::default().when(move |cause, default| {
        record.push((cause.close_code(), default));
        cause.close_code() != Some(1012)
    });
    let (client, mut dials, mut raw) = Dials::connected(builder(reconnect)).await;
    let codes = [1000, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1013, 3000, 3001, 4000, 4999];
    for code in codes {
        end(raw, code);
        raw = dials.next().await;
    }
    end(raw, 1012);
    assert_eq!(client.closed().await.code, 1012);
    let by_default = |code| matches!(code, 1001 | 1006 | 1011 | 1012 | 1013);
    let expected = codes.into_iter().chain([1012]).map(|code| (Some(code), by_default(code)));
    assert_eq!(asked.take(), expected.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_panics_is_taken_by_default() {
    let reconnect = || Reconnect::default().when(|_, _| panic!("on purpose"));
    let (client, _, raw) = Dials::connected(builder(reconnect())).await;
    end(raw, 4000);
    assert_eq!(client.closed().await.code, 4000);
    let (_client, mut dials, raw) = Dials::connected(builder(reconnect())).await;
    dials.fail([unreachable()]);
    end(raw, 1006);
    dials.next().await;
}

#[tokio::test(start_paused = true)]
async fn it_is_not_asked_about_a_close_of_its_own() {
    let reconnect = Reconnect::default().when(|_, _| panic!("it was asked"));
    let (client, mut dials, _raw) = Dials::connected(builder(reconnect)).await;
    client.close(1012, "").expect("it may be sent");
    assert_eq!(client.closed().await.code, 1012);
    dials.over.recv().await.expect("it dials no more");
}

#[tokio::test(start_paused = true)]
async fn attempts_come_ever_later_up_to_the_cap() {
    let (client, mut dials, raw) = connected().await;
    dials.times.take();
    dials.fail((0..40).map(|_| unreachable()));
    let mut last = Instant::now();
    end(raw, 1006);
    let raw = dials.next().await;
    let (mut bound, mut waited) = (Duration::from_millis(250), Duration::ZERO);
    let times = dials.times.take();
    assert_eq!(times.len(), 41);
    for time in times {
        // The clock counts milliseconds.
        assert!(time - last <= bound + Duration::from_millis(1), "{:?} over {bound:?}", time - last);
        waited += time - last;
        (last, bound) = (time, (bound * 2).min(Duration::from_secs(30)));
    }
    // Forty random parts, most of them of 30 s, add up to less than a tenth with a probability of about
    // 10^-20.
    assert!(waited > Duration::from_secs(100), "{waited:?}");

    // After a connection that lasts, the backoff starts over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let lost = Instant::now();
    end(raw, 1006);
    dials.next().await;
    assert!(lost.elapsed() <= Duration::from_millis(251), "{:?}", lost.elapsed());
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn it_gives_up_after_so_many_attempts() {
    let (client, mut dials, mut raw) = Dials::connected(builder(Reconnect::default().max_attempts(3))).await;
    for _ in 0..5 {
        dials.fail([unreachable(), unreachable()]);
        end(raw, 1006);
        raw = dials.next().await; // with the third; the next outage counts for itself
        client_is(&client, ConnectionState::Open).await;
    }
    dials.times.take();
    dials.fail((0..3).map(|_| unreachable()));
    let waiting = tokio::spawn(client.peer().call::<()>("wait", ()));
    raw.json().await;
    end(raw, 1006);
    let reason = client.closed().await;
    assert_eq!((reason.code, reason.initiator, dials.times.take().len()), (1006, Initiator::Network, 3));
    assert!(reason.reason.contains("3 attempts") && reason.reason.contains("memory"), "{reason}");
    waiting.await.expect("no panic").expect_err("it was sent, and ended");
}

fn refused(status: u16) -> ConnectError {
    ConnectError::Refused { status, headers: Box::default(), body: "no".into() }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_in_an_outage_is_tried_again() {
    let (client, mut dials, raw) = connected().await;
    let failures = || {
        let statuses = [200, 301, 302, 400, 401, 403, 404, 408, 410, 426, 429, 500, 502, 503];
        let handshake = ConnectError::Handshake("no WebSocket".into());
        statuses.into_iter().map(refused).chain([handshake, unreachable()])
    };
    dials.fail(failures());
    end(raw, 1006);
    down(&client).await;
    let waiting = tokio::spawn(client.peer().call::<()>("wait", ()));
    let mut raw = dials.next().await;
    let request = raw.json().await;
    raw.send([reply(&request)]).await;
    assert_eq!(waiting.await.expect("no panic"), Ok(()));
    assert_eq!(dials.times.take().len(), failures().count() + 2);
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_on_failures_too() {
    let reconnect = Reconnect::default().when(|cause, default| default && cause.status() != Some(401));
    let (client, mut dials, raw) = Dials::connected(builder(reconnect)).await;
    dials.fail([refused(503), unreachable(), refused(401)]);
    end(raw, 1006);
    down(&client).await;
    let waiting = client.peer().call::<()>("wait", ()).await;
    let reason = client.closed().await;
    assert_eq!(waiting, Err(CallError::Disconnected { reason: reason.clone(), sent: false }));
    assert!(reason.reason.contains("401"), "{reason}");
    assert_eq!(dials.times.take().len(), 4);
    dials.over.recv().await.expect("it dials no more");
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_told() {
    let address = "127.0.0.1:1";
    let dial = move || async move {
        let source = std::io::ErrorKind::ConnectionRefused.into();
        Err::<(birpc::transport::MemoryTransport, _), _>(ConnectError::Io { address: address.into(), source })
    };
    let error = builder(Reconnect::default()).connect_over(dial).await.expect_err("nobody is there");
    assert!(matches!(error, ConnectError::Io { .. }), "{error:?}");
}

/// Logs in on each connection.
fn login() -> Reconnect {
    Reconnect::default().on_connected(|peer| async move {
        let _ = peer.call::<()>("login", ()).await; // a connection that is lost has another hook
    })
}

#[tokio::test(start_paused = true)]
async fn the_hook_comes_first_on_each_connection() {
    let first = async |dials: &mut Dials| {
        let mut raw = dials.next().await;
        let request = raw.json().await;
        assert_eq!(request["method"], "login");
        raw.send([reply(&request)]).await;
        raw
    };
    let (client, mut dials, mut raw) = Dials::connect(builder(login()), first).await;
    let client = client.expect("it connects");
    for round in 0..10 {
        end(raw, 1006);
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(client.peer().call::<()>("work", ()))).collect();
        raw = dials.next().await;
        let request = raw.json().await;
        assert_eq!(request["method"], "login", "round {round}");
        assert_eq!(client.state(), ConnectionState::Connecting);
        let late = tokio::spawn(client.peer().call::<()>("work", ()));
        assert!(raw.hear().now_or_never().is_none(), "nothing else has come");
        raw.send([reply(&request)]).await;
        for call in waiting.into_iter().chain([late]) {
            let request = raw.json().await;
            assert_eq!(request["method"], "work");
            raw.send([reply(&request)]).await;
            drop(call);
        }
    }
    assert_eq!(client.state(), ConnectionState::Open);
}

/// A client whose first login succeeded.
async fn logged_in(reconnect: Reconnect) -> (birpc::Client, Dials, crate::support::Raw) {
    let first = async |dials: &mut Dials| {
        let mut raw = dials.next().await;
        let request = raw.json().await;
        raw.send([reply(&request)]).await;
        raw
    };
    let (client, dials, raw) = Dials::connect(builder(reconnect), first).await;
    (client.expect("it connects"), dials, raw)
}

#[tokio::test(start_paused = true)]
async fn the_server_may_call_while_the_hook_runs() {
    let router = Router::new().method("name", |_, _: NoParams| async { Ok::<_, ErrorObject>("Ada") });
    let first = async |dials: &mut Dials| {
        let mut raw = dials.next().await;
        let login = raw.json().await;
        let answer = raw.ask(r#"{"jsonrpc":"2.0","method":"name","id":"who"}"#).await;
        assert_eq!(answer["result"], "Ada");
        raw.send([reply(&login)]).await;
        raw
    };
    let (client, _, _raw) = Dials::connect(builder(login()).serve(router), first).await;
    assert_eq!(client.expect("it connects").state(), ConnectionState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_in_the_hook_is_renewed() {
    let (client, mut dials, raw) = logged_in(login()).await;
    end(raw, 1006);
    for _ in 0..3 {
        let mut raw = dials.next().await;
        assert_eq!(raw.json().await["method"], "login");
    }
    let mut raw = dials.next().await;
    let request = raw.json().await;
    raw.send([reply(&request)]).await;
    client_is(&client, ConnectionState::Open).await;
    assert_eq!(dials.times.take().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_closes_its_connection_and_runs_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let reconnect = Reconnect::default().on_connected(move |_| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        assert!(run != 1, "on purpose, before its future");
        async move { assert!(run != 2, "on purpose, in its future") }
    });
    let (client, mut dials, raw) = Dials::connected(builder(reconnect)).await;
    end(raw, 1006);
    for _ in 0..2 {
        let mut raw = dials.next().await;
        assert!(matches!(raw.hear().await, crate::support::Heard::Close(1011, _)));
    }
    let _raw = dials.next().await;
    client_is(&client, ConnectionState::Open).await;
    assert_eq!(runs.load(Ordering::Relaxed), 4);
}

/// Only a connection that was up is restored, and there was none yet.
#[tokio::test(start_paused = true)]
async fn a_first_connection_that_does_not_last_as_long_as_its_hook_fails_connect() {
    let lose = async |dials: &mut Dials| {
        let mut raw = dials.next().await;
        assert_eq!(raw.json().await["method"], "login");
    };
    let (client, dials, ()) = Dials::connect(builder(login()), lose).await;
    let error = client.expect_err("it was lost");
    assert!(matches!(&error, ConnectError::Closed(CloseReason { code: 1006, .. })), "{error:?}");
    assert_eq!(dials.times.take().len(), 1);

    let panics = Reconnect::default().on_connected(|_| async { panic!("on purpose") });
    let first = async |dials: &mut Dials| dials.next().await.hear().await;
    let (client, dials, _) = Dials::connect(builder(panics), first).await;
    let error = client.expect_err("the hook panicked");
    assert!(matches!(&error, ConnectError::Closed(CloseReason { code: 1011, .. })), "{error:?}");
    assert_eq!(dials.times.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_end_it_for_good() {
    let reconnect = Reconnect::default().on_connected(|peer| async move {
        peer.close(3000, "the login failed").expect("it may be sent");
    });
    let first = async |dials: &mut Dials| {
        let mut raw = dials.next().await;
        assert_eq!(raw.hear().await, crate::support::Heard::Close(3000, "the login failed".into()));
    };
    let (client, mut dials, ()) = Dials::connect(builder(reconnect), first).await;
    let error = client.expect_err("the hook ended it");
    assert!(matches!(&error, ConnectError::Closed(CloseReason { code: 3000, .. })), "{error:?}");
    dials.over.recv().await.expect("it dials no more");
    assert_eq!(dials.times.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_an_outage_and_what_waits_for_its_end() {
    let (client, mut dials, raw) = connected().await;
    dials.fail((0..1000).map(|_| unreachable()));
    end(raw, 1006);
    down(&client).await;
    let call = client.peer().call::<()>("wait", ());
    let close = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(client.state(), ConnectionState::Connecting);
        client.close(4000, "enough").expect("it may be sent");
        client.close(4001, "too late").expect("it may be sent");
    };
    let (outcome, ()) = tokio::join!(call, close);
    let reason = client.closed().await;
    assert_eq!((reason.code, &*reason.reason, reason.initiator), (4000, "enough", Initiator::Local));
    assert_eq!(outcome, Err(CallError::Disconnected { reason, sent: false }));
    dials.over.recv().await.expect("it dials no more");
    assert_eq!(client.state(), ConnectionState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_close_while_it_is_up_is_sent_and_ends_it_whatever_its_code() {
    let (client, mut dials, mut raw) = connected().await;
    client.close(1001, "bye").expect("it may be sent");
    assert_eq!(client.state(), ConnectionState::Closing);
    assert_eq!(raw.hear().await, crate::support::Heard::Close(1001, "bye".into()));
    assert_eq!(client.closed().await.code, 1001);
    dials.over.recv().await.expect("it dials no more");
    assert_eq!(dials.times.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_it_in_an_outage_too() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (client, mut dials, raw) = connected().await;
    dials.fail((0..1000).map(|_| unreachable()));
    end(raw, 1006);
    let stub = client.peer().clone();
    drop(client);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(dials.over.try_recv().is_err(), "a handle is left");
    drop(stub);
    dials.over.recv().await.expect("it dials no more");
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_while_the_hook_runs_closes_its_connection() {
    let reconnect = Reconnect::default().on_connected(|_| std::future::pending());
    let (dial, mut dials) = Dials::new();
    let mut connecting = Box::pin(builder(reconnect).connect_over(dial));
    assert!(connecting.as_mut().now_or_never().is_none());
    let mut raw = dials.next().await;
    assert!(tokio::time::timeout(Duration::from_secs(1), connecting).await.is_err(), "the hook never ends");
    assert_eq!(raw.hear().await, crate::support::Heard::Close(1000, String::new()));
    dials.over.recv().await.expect("it dials no more");
}

#[tokio::test(start_paused = true)]
async fn state_and_events_tell_of_each_connection() {
    let (client, mut dials, raw) = connected().await;
    let mut events = client.events();
    assert_eq!(events.next().await, Some(Event::Open));
    assert!(events.next().now_or_never().is_none());
    end(raw, 1012);
    let Some(Event::Lost(reason)) = events.next().await else { panic!("it was lost") };
    assert_eq!((reason.code, client.state()), (1012, ConnectionState::Connecting));
    assert_eq!(client.peer().close_reason(), Some(reason));
    let raw = dials.next().await;
    assert_eq!(events.next().await, Some(Event::Open));
    assert_eq!((client.state(), client.subprotocol()), (ConnectionState::Open, Some("birpc.v1")));
    assert_eq!(client.peer().close_reason(), None);

    // A loss before the first poll is reported as well.
    let mut events = client.events();
    end(raw, 1012);
    let raw = dials.next().await;
    client_is(&client, ConnectionState::Open).await;
    assert_eq!(events.next().await, Some(Event::Open));
    assert!(matches!(events.next().await, Some(Event::Lost(reason)) if reason.code == 1012));
    assert_eq!(events.next().await, Some(Event::Open));

    // Two losses without a poll between them are reported as one.
    end(raw, 1006);
    end(dials.next().await, 1011);
    let raw = dials.next().await;
    client_is(&client, ConnectionState::Open).await;
    let Some(Event::Lost(reason)) = events.next().await else { panic!("it was lost") };
    assert_eq!(reason.code, 1011);
    assert_eq!(events.next().await, Some(Event::Open));

    end(raw, 1008);
    assert!(matches!(events.next().await, Some(Event::Error(reason)) if reason.code == 1008));
    assert!(matches!(events.next().await, Some(Event::Close(reason)) if reason.code == 1008));
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn handles_values_and_the_router_stay() {
    let router = Router::new().method("count", |cx: birpc::Context, _: NoParams| async move {
        let count = cx.get::<AtomicUsize>().expect("it was kept");
        Ok::<_, ErrorObject>(count.fetch_add(1, Ordering::Relaxed))
    });
    let (client, mut dials, mut raw) = Dials::connected(builder(Reconnect::default()).serve(router)).await;
    client.peer().insert(AtomicUsize::new(0));
    let (handle, id) = (client.peer().clone(), client.peer().id());
    for round in 0..5 {
        let answer = raw.ask(r#"{"jsonrpc":"2.0","method":"count","id":1}"#).await;
        assert_eq!(answer["result"], round);
        end(raw, 1006);
        raw = dials.next().await;
        assert!(handle == *client.peer() && client.peer().id() == id);
    }
    let count = Arc::downgrade(&handle.get::<AtomicUsize>().expect("it stays"));
    client.close(1000, "").expect("it may be sent");
    client.closed().await;
    assert!(count.upgrade().is_none(), "it goes with the last connection");
}
