//! Topics: groups that peers join and leave themselves.

use std::future::pending;
use std::sync::Arc;

use birpc::transport::{Frame, Transport};
use birpc::{CallError, ErrorObject, Router, Server, TopicJoin};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::support::connection::recv_json;
use crate::support::house::{Guest, House, say};
use crate::support::pending::is_pending;
use crate::support::{bounded, code};

/// Lets peers join every topic whose params are not `"no"`.
async fn authorize(join: TopicJoin) -> Result<(), ErrorObject> {
    match join.params::<Option<String>>()?.as_deref() {
        Some("no") => Err(ErrorObject::new(7, format!("{} may not join {}", join.peer().id(), join.topic()))),
        _ => Ok(()),
    }
}

fn house() -> House {
    House::serving(Server::builder(), Router::new().topics(authorize))
}

async fn join(guest: &Guest, topic: &str) -> Result<u64, CallError> {
    let joined = guest.client.peer().call::<Value>("rpc.join", json!({"topic": topic})).await?;
    assert_eq!(joined.as_object().map(serde_json::Map::len), Some(1), "{joined}");
    Ok(joined["serial"].as_u64().expect("a number"))
}

async fn leave(guest: &Guest, topic: &str) -> Result<bool, CallError> {
    guest.client.peer().call("rpc.leave", json!({"topic": topic})).await
}

#[tokio::test]
async fn a_peer_joins_gets_what_is_sent_and_leaves() {
    bounded(async {
        let mut house = house();
        let (groups, mut guest) = (house.groups(), house.guest().await);
        let serial = join(&guest, "tea").await.expect("it is allowed");
        assert_eq!(join(&guest, "tea").await, Ok(serial), "joining twice is joining once");
        assert_ne!(join(&guest, "coffee").await, Ok(serial));
        assert_eq!(say(&groups, "tea", "1").await, (1, 0));
        assert_eq!((leave(&guest, "tea").await, leave(&guest, "tea").await), (Ok(true), Ok(false)));
        assert_eq!(say(&groups, "tea", "2").await, (0, 0));
        assert!(join(&guest, "tea").await.expect("it is allowed") > serial, "a new join has a new serial");
        assert_eq!((say(&groups, "tea", "3").await, say(&groups, "coffee", "4").await), ((1, 0), (1, 0)));
        assert_eq!(guest.heard().await, ["1", "3", "4"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_join_gets_the_error_of_the_hook_and_is_none() {
    bounded(async {
        let mut house = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        let peer = guest.client.peer();
        for params in [json!({"topic": "tea", "params": "no"}), json!(["tea", "no"])] {
            let refused = peer.call::<Value>("rpc.join", params).await;
            assert_eq!(code(&refused), 7, "{refused:?}");
        }
        let wrong = peer.call::<Value>("rpc.join", json!({"topic": "tea", "params": 7})).await;
        assert_eq!(code(&wrong), -32602, "{wrong:?}");
        assert_eq!((groups.count("tea").await, leave(&guest, "tea").await), (0, Ok(false)));
        let joined = peer.call::<Value>("rpc.join", json!(["tea"])).await;
        assert!(joined.is_ok() && groups.count("tea").await == 1, "{joined:?}");
        let again = peer.call::<Value>("rpc.join", json!(["tea", "no"])).await;
        assert_eq!((code(&again), groups.count("tea").await), (7, 1), "the first join holds");
    })
    .await;
}

#[tokio::test]
async fn what_no_topic_can_be_is_refused_before_the_hook() {
    bounded(async {
        let (asked, mut asks) = mpsc::unbounded_channel();
        let router = Router::new().topics(move |join: TopicJoin| {
            let _ = asked.send(join.topic().len());
            std::future::ready(Ok(()))
        });
        let mut house = House::serving(Server::builder(), router);
        let guest = house.guest().await;
        let long = "x".repeat(1_000_000);
        let wrong = [json!({}), json!({"topic": 7}), json!({"topic": ""}), json!({"topic": long}), json!([])];
        for params in wrong.into_iter().chain([json!({"topic": null}), json!({"topic": "é".repeat(129)})]) {
            let refused = guest.client.peer().call::<Value>("rpc.join", params).await;
            assert_eq!(code(&refused), -32602, "{refused:?}");
        }
        assert_eq!(leave(&guest, &"x".repeat(1_000_000)).await, Ok(false));
        for number in 0..256 {
            join(&guest, &number.to_string()).await.expect("there is room");
        }
        while asks.try_recv().is_ok() {}
        let full = join(&guest, "one more").await;
        assert_eq!((code(&full), asks.try_recv().is_err()), (-32005, true), "{full:?}");
        assert_eq!(leave(&guest, "7").await, Ok(true));
        join(&guest, "one more").await.expect("there is room again");
    })
    .await;
}

/// A hook that waits until the test lets it go on.
fn slow() -> (House, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let router = Router::new().topics(move |_| {
        let waits = waits.clone();
        async move {
            waits.acquire().await.expect("it is never closed").forget();
            Ok(())
        }
    });
    (House::serving(Server::builder(), router), gate)
}

#[tokio::test]
async fn a_leave_gives_up_the_joins_that_are_being_authorized() {
    bounded(async {
        let (mut house, gate) = slow();
        let (groups, guest) = (house.groups(), house.guest().await);
        let (mut first, mut second) = (Box::pin(join(&guest, "tea")), Box::pin(join(&guest, "tea")));
        assert!(is_pending(&mut first).await && is_pending(&mut second).await);
        assert_eq!(leave(&guest, "tea").await, Ok(true));
        assert_eq!(leave(&guest, "tea").await, Ok(false));
        let mut third = Box::pin(join(&guest, "tea"));
        assert!(is_pending(&mut third).await);
        gate.add_permits(3);
        for given_up in [first.await, second.await] {
            assert_eq!(code(&given_up), -32800, "{given_up:?}");
        }
        third.await.expect("it came after the leave");
        assert_eq!((groups.count("tea").await, leave(&guest, "tea").await), (1, Ok(true)));
        assert_eq!(groups.count("tea").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_join_whose_call_is_cancelled_leaves_nothing() {
    bounded(async {
        let (mut house, gate) = slow();
        let (groups, guest) = (house.groups(), house.guest().await);
        {
            let joining = join(&guest, "tea");
            tokio::pin!(joining);
            assert!(is_pending(&mut joining).await);
            guest.client.peer().call::<Value>("rpc.leave", json!({"topic": "other"})).await.expect("served");
        }
        while guest.peer.serving() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(leave(&guest, "tea").await, Ok(false));
        gate.add_permits(1);
        assert_eq!(groups.count("tea").await, 0);
        join(&guest, "tea").await.expect("the permit is left");
        assert_eq!(groups.count("tea").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_hook_that_panics_or_never_ends_lets_nobody_join() {
    bounded(async {
        let router = Router::new().topics(|join: TopicJoin| async move {
            match join.topic() {
                "panic" => panic!("the test wants it"),
                _ => pending().await,
            }
        });
        let mut house = House::serving(Server::builder(), router);
        let (groups, guest) = (house.groups(), house.guest().await);
        let panicked = join(&guest, "panic").await;
        assert_eq!(code(&panicked), -32603, "{panicked:?}");
        assert_eq!(leave(&guest, "panic").await, Ok(false));
        let (peer, caller) = (guest.peer.clone(), guest.client.peer().clone());
        let mut joining = Box::pin(caller.call::<Value>("rpc.join", json!({"topic": "tea"})));
        assert!(is_pending(&mut joining).await);
        assert_eq!(leave(&guest, "none").await, Ok(false));
        guest.leave().await;
        assert!(joining.await.is_err_and(|error| error.is_disconnected()));
        assert_eq!((groups.count("tea").await, peer.serving()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_peer_is_told_that_the_server_has_ended_its_topic() {
    bounded(async {
        let mut house = house();
        let (groups, mut ada, mut ben) = (house.groups(), house.guest().await, house.guest().await);
        let serials = [join(&ada, "tea").await, join(&ben, "tea").await];
        let [of_ada, of_ben] = serials.map(|serial| serial.expect("it is allowed"));
        let mut eve = house.member("tea").await;
        say(&groups, "tea", "last words").await;
        assert!(groups.leave(&ada.peer, "tea").await);
        let left = json!({"topic": "tea", "serial": of_ada, "code": 0, "message": ""});
        assert_eq!(ada.heard().await, [json!("last words"), left]);
        assert_eq!(leave(&ada, "tea").await, Ok(false));

        let reason = ErrorObject::new(4, "é".repeat(5000));
        assert_eq!(groups.end_group("tea", &reason).await, 2);
        let message = "é".repeat(1000);
        let left = json!({"topic": "tea", "serial": of_ben, "code": 4, "message": message});
        assert_eq!(ben.heard().await, [json!("last words"), left]);
        assert_eq!(eve.heard().await, ["last words"], "it was no topic for her");
        assert_eq!((groups.count("tea").await, ada.heard().await), (0, vec![]));
    })
    .await;
}

#[tokio::test]
async fn a_peer_leaves_only_what_it_has_joined_itself() {
    bounded(async {
        let mut house = house();
        let (groups, mut guest) = (house.groups(), house.member("tea").await);
        assert_eq!((leave(&guest, "tea").await, groups.count("tea").await), (Ok(false), 1));
        join(&guest, "tea").await.expect("it is allowed");
        assert_eq!((leave(&guest, "tea").await, groups.count("tea").await), (Ok(true), 1));
        assert!(groups.leave(&guest.peer, "tea").await);
        assert_eq!((groups.count("tea").await, guest.heard().await), (0, vec![]), "it was no topic any more");
    })
    .await;
}

/// The words about topics take no credit, however many there are.
#[tokio::test]
async fn joins_and_leaves_in_a_loop_cost_nothing_that_stays() {
    bounded(async {
        let mut house = house();
        let (groups, mut guest) = (house.groups(), house.guest().await);
        for _ in 0..3000 {
            join(&guest, "tea").await.expect("it is allowed");
            assert!(groups.leave(&guest.peer, "tea").await);
        }
        assert_eq!(guest.heard().await.len(), 3000);
        for number in 0..3000 {
            join(&guest, &number.to_string()).await.expect("it is allowed");
            assert_eq!(leave(&guest, &number.to_string()).await, Ok(true));
        }
        assert_eq!(guest.heard().await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn peers_of_plain_json_rpc_join_topics_too() {
    bounded(async {
        let mut house = house();
        let groups = house.groups();
        let (mut far, peer) = house.raw(None).await;
        let join = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.join","params":{"topic":"tea"}}"#;
        far.send(Frame::Text(join.into())).expect("it is connected");
        let joined = recv_json(&mut far).await;
        let serial = joined["result"]["serial"].as_u64().expect("a number");
        assert_eq!(joined, json!({"jsonrpc": "2.0", "id": 1, "result": {"serial": serial}}));
        assert!(groups.leave_with(&peer, "tea", &ErrorObject::new(3, "it is cold")).await);
        let params = json!({"topic": "tea", "serial": serial, "code": 3, "message": "it is cold"});
        let left = json!({"jsonrpc": "2.0", "method": "rpc.left", "params": params});
        assert_eq!(recv_json(&mut far).await, left);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_learns_of_the_end_or_is_closed() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_queued_bytes = 2000);
        let mut house = House::serving(server, Router::new().topics(authorize));
        let groups = house.groups();
        let (mut far, peer) = house.raw(None).await;
        let join = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.join","params":{"topic":"tea"}}"#;
        far.send(Frame::Text(join.into())).expect("it is connected");
        recv_json(&mut far).await;
        while say(&groups, "tea", &"x".repeat(300)).await == (1, 0) {}
        assert!(groups.leave(&peer, "tea").await, "its queue is full, but not for this");
        loop {
            let message = recv_json(&mut far).await;
            if message["method"] == "rpc.left" {
                break;
            }
        }
        assert_eq!(peer.close_reason(), None);
    })
    .await;
}
