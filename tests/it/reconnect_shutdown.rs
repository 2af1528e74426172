//! A server shuts down, and its client reconnects: calls that the server refuses are sent on the next
//! connection.

use birpc::{CallError, Client, ConnectionState, ErrorObject, Event, Reconnect, WhileDown};
use serde_json::{Value, json};

use crate::support::{Dials, Raw, code};

async fn connected(while_down: WhileDown) -> (Client, Dials, Raw) {
    Dials::connected(Client::builder().reconnect(Reconnect::default().while_down(while_down))).await
}

const WAITS: WhileDown = WhileDown::Wait { at_most: 10 };

/// The answer of a birpc server that is draining.
fn shutting_down(request: &Value) -> String {
    let data = json!({"kind": "shutting_down", "served": false});
    let error = json!({"code": -32001, "message": "Shutting down", "data": data});
    json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string()
}

fn result(request: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": 7}).to_string()
}

async fn end(mut raw: Raw, code: u16) {
    raw.close(code, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_by_a_shutdown_goes_out_on_the_next_connection() {
    let (client, mut dials, mut raw) = connected(WAITS).await;
    let call = tokio::spawn(client.peer().call::<u32>("work", [1]));
    let first = raw.json().await;
    raw.send([shutting_down(&first)]).await;
    client.peer().notify("fence", ()).await.expect("the connection is still there");
    assert_eq!(raw.json().await["method"], "fence", "the call is not sent over it again");
    end(raw, 1001).await;
    let mut raw = dials.next().await;
    let again = raw.json().await;
    assert_eq!((&again["method"], &again["params"]), (&first["method"], &first["params"]));
    raw.send([result(&again)]).await;
    assert_eq!(call.await.expect("no panic"), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn where_calls_do_not_wait_the_refusal_is_told() {
    let (client, _dials, mut raw) = connected(WhileDown::Fail).await;
    let call = tokio::spawn(client.peer().call::<u32>("work", ()));
    let request = raw.json().await;
    raw.send([shutting_down(&request)]).await;
    assert_eq!(code(&call.await.expect("no panic")), -32001);
}

#[tokio::test(start_paused = true)]
async fn another_servers_32001_is_its_own() {
    let (client, _dials, mut raw) = connected(WAITS).await;
    let call = tokio::spawn(client.peer().call::<u32>("work", ()));
    let request = raw.json().await;
    let error = json!({"code": -32001, "message": "Resource not found"});
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string()]).await;
    let expected = ErrorObject::new(-32001, "Resource not found");
    match call.await.expect("no panic") {
        Err(CallError::Rpc(error) | CallError::Method(error)) => assert_eq!(error, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn events_tell_of_a_loss_that_came_before_they_were_asked() {
    let (client, mut dials, raw) = connected(WAITS).await;
    let mut events = client.events();
    end(raw, 1012).await;
    while client.state() != ConnectionState::Connecting {
        tokio::task::yield_now().await;
    }
    assert_eq!(events.next().await, Some(Event::Open), "it was, when they began");
    assert!(matches!(events.next().await, Some(Event::Lost(reason)) if reason.code == 1012));
    let _raw = dials.next().await;
    assert_eq!(events.next().await, Some(Event::Open));
}
