//! Calls to a peer of another server.

use std::future::pending;
use std::time::Duration;

use birpc::__private::crates::cluster::{global_id, global_id_parts};
use birpc::middleware::{Caller, Next, OutgoingCall, from_fn};
use birpc::transport::{Frame, Transport};
use birpc::{
    CallError, Client, Context, EncodedNotification, ErrorObject, GlobalId, Groups, Peer, Progress, RawValue,
    Router, RpcError, Server, Streaming, rpc,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::connection::recv_json;
use crate::support::house::{Guest, House};
use crate::support::pending::is_pending;
use crate::support::servers::{Engine, Pair};
use crate::support::{OnDrop, bounded, code};

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
pub(crate) enum VoteError {
    #[error("no opinion about {about}")]
    #[rpc(code = 5)]
    NoOpinion { about: String },
}

#[rpc(client)]
pub(crate) trait Voter {
    async fn vote(&self, question: String) -> Result<String, VoteError>;
    async fn reasons(&self) -> Result<Streaming<String>, ErrorObject>;
    #[rpc(notification)]
    async fn told(&self, result: String);
}

pub(crate) fn voting(answer: &'static str) -> Router {
    Router::new().method("vote", move |_: Context, (question,): (String,)| async move {
        match answer {
            "none" => Err(VoteError::NoOpinion { about: question }),
            "never" => pending().await,
            answer => Ok(answer.to_owned()),
        }
    })
}

pub(crate) async fn voter(house: &mut House, answer: &'static str) -> Guest {
    let guest = house.enter(Client::builder().subprotocols(["birpc.v1"]), voting(answer)).await;
    house.groups().join(&guest.peer, "tea").await.expect("there is room");
    guest
}

fn member(groups: &Groups, id: GlobalId) -> VoterClient {
    groups.member(id).client()
}

fn why<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, CallError<E>>) -> String {
    match result {
        Err(CallError::Unsendable(why)) => why.to_string(),
        other => panic!("expected Unsendable, got {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_of_another_server_is_called_like_any_peer() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let groups = near.groups();
        let id = async |far: &mut House, answer| voter(far, answer).await;
        let (yes, none, never) =
            (id(&mut far, "yes").await, id(&mut far, "none").await, id(&mut far, "never").await);
        let of = |guest: &Guest| member(&groups, guest.peer.global_id());
        assert_eq!(of(&yes).vote("tea?".into()).await, Ok("yes".into()));
        let about = "tea?".into();
        assert_eq!(
            of(&none).vote("tea?".into()).await,
            Err(CallError::Method(VoteError::NoOpinion { about }))
        );
        let unknown: Peer = groups.member(yes.peer.global_id()).client();
        let unknown = unknown.call::<()>("nothing", ()).await;
        assert_eq!(unknown, yes.peer.call("nothing", ()).await);
        assert_eq!(code(&unknown), -32601);

        let since = Instant::now();
        let limited = of(&never).vote(String::new()).with_timeout(Duration::from_secs(3)).await;
        assert_eq!((limited, since.elapsed()), (Err(CallError::TimedOut), Duration::from_secs(3)));
        let since = Instant::now();
        assert_eq!(of(&never).vote(String::new()).await, Err(CallError::TimedOut));
        assert_eq!(since.elapsed(), Duration::from_secs(60), "no call is without a timeout");
        assert_eq!(of(&yes).vote("tea?".into()).idempotent().await, Ok("yes".into()));

        let mut lost = Box::pin(of(&never).vote(String::new()));
        assert!(is_pending(&mut lost).await);
        never.leave().await;
        assert!(matches!(lost.await, Err(CallError::Disconnected { sent: true, .. })));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_servers_timeout_of_calls_applies() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::of(Server::builder().call_timeout(Duration::from_secs(7)));
        let never = voter(&mut far, "never").await;
        let since = Instant::now();
        let timed_out = member(&near.groups(), never.peer.global_id()).vote(String::new()).await;
        assert_eq!((timed_out, since.elapsed()), (Err(CallError::TimedOut), Duration::from_secs(7)));
    })
    .await;
}

#[tokio::test]
async fn the_peer_is_called_with_an_id_of_its_own_servers() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let (mut wire, peer) = far.raw(None).await;
        let called: Peer = near.groups().member(peer.global_id()).client();
        let (mut here, mut elsewhere) =
            (Box::pin(peer.call::<Value>("a", ())), Box::pin(called.call::<Value>("b", [1])));
        assert!(is_pending(&mut here).await && is_pending(&mut elsewhere).await);
        let (first, second) = (recv_json(&mut wire).await, recv_json(&mut wire).await);
        assert_eq!((&first["method"], &second["method"]), (&json!("a"), &json!("b")));
        assert_ne!(first["id"], second["id"]);
        assert_eq!((second["params"].clone(), peer.in_flight()), (json!([1]), 2));
        let reply = json!({"jsonrpc": "2.0", "id": second["id"], "result": {"x": [1.50]}}).to_string();
        wire.send(Frame::Text(reply.into())).expect("it is open");
        assert_eq!(elsewhere.await, Ok(json!({"x": [1.5]})));
        called.notify("c", ("é", 1)).await.expect("it is connected");
        assert_eq!(recv_json(&mut wire).await, json!({"jsonrpc": "2.0", "method": "c", "params": ["é", 1]}));
        assert_eq!(peer.in_flight(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_or_cancelled_ends_at_the_peer() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let (begin, mut began) = mpsc::unbounded_channel();
        let (end, mut ended) = mpsc::unbounded_channel();
        let hang = move |_: Context, (): ()| {
            let (begin, end) = (begin.clone(), end.clone());
            async move {
                let _end = OnDrop::tell(&end);
                begin.send(()).expect("the test goes on");
                pending::<Result<(), ErrorObject>>().await
            }
        };
        let methods = Router::new().method("hang", hang);
        let guest = far.enter(Client::builder().subprotocols(["birpc.v1"]), methods).await;
        let called: Peer = near.groups().member(guest.peer.global_id()).client();
        let call = called.call::<()>("hang", ());
        let call = tokio::spawn(call);
        began.recv().await.expect("it is called");
        call.abort();
        ended.recv().await.expect("it is dropped");

        let call = called.call::<()>("hang", ());
        let handle = call.handle();
        let call = tokio::spawn(call);
        began.recv().await.expect("it is called");
        handle.cancel();
        assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
        ended.recv().await.expect("it is dropped");
        while guest.peer.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn layers_of_the_caller_are_in_front() {
    bounded(async {
        async fn twice(mut call: OutgoingCall, next: Next<Caller>) -> Result<Box<RawValue>, CallError> {
            assert_eq!(call.is_notification(), call.method() == "told");
            if call.is_notification() {
                call.set_params(Some(RawValue::from_string(r#"["changed"]"#.into()).expect("JSON")));
                return next.run(call).await;
            }
            // The handle in front of which the layer is calls the same peer.
            let plain = call.peer().call::<String>("vote", ["plain"]).await;
            assert_eq!(plain, Ok("yes".into()));
            next.run(call.clone()).await?;
            next.run(call).await
        }
        let Pair { near, mut far, .. } = Pair::new();
        let (hear, mut heard) = mpsc::unbounded_channel();
        let told = hear.clone();
        let methods = Router::new()
            .method("vote", move |_: Context, (question,): (String,)| {
                hear.send(question).expect("the test goes on");
                std::future::ready(Ok::<_, VoteError>("yes".to_owned()))
            })
            .notification("told", move |_: Context, (result,): (String,)| {
                told.send(result).expect("the test goes on");
                std::future::ready(())
            });
        let guest = far.enter(Client::builder(), methods).await;
        let peer: Peer = near.groups().member(guest.peer.global_id()).client();
        let voter: VoterClient = peer.layer(from_fn(twice)).stub();
        assert_eq!(voter.vote("tea?".into()).await, Ok("yes".into()));
        voter.told("over".into()).await.expect("it is connected");
        for expected in ["plain", "tea?", "tea?", "changed"] {
            assert_eq!(heard.recv().await.as_deref(), Some(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn what_does_not_cross_servers_says_so() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let mut guest = voter(&mut far, "yes").await;
        let peer: Peer = near.groups().member(guest.peer.global_id()).client();
        let stub: VoterClient = peer.stub();
        assert!(why(stub.reasons().await.map(drop)).contains("streams do not cross servers"));
        let items = Streaming::<u8>::from_iter([1]);
        let takes = peer.invoke_with_streams::<Result<(), ErrorObject>>("put", (items,));
        assert!(why(takes.await).contains("streams do not cross servers"));
        let progress = Progress::to(|_: u8| {});
        let reports = peer.call::<String>("vote", [""]).with_progress(progress).await;
        assert!(why(reports).contains("progress do not cross servers"));
        let mut batch = peer.batch();
        let of_batch = batch.call::<String>("vote", [""]);
        assert!(why(batch.send().await).contains("batches do not cross servers"));
        assert!(why(of_batch.await).contains("batches do not cross servers"));
        let said = EncodedNotification::new("said", ["no"]).expect("it serialises");
        assert!(why(peer.try_notify(&said)).contains("another server"));
        assert!(why(peer.call::<()>("vote", 7).await).contains("neither an array nor an object"));
        assert!(why(peer.notify("said", f64::NAN).await).contains("serialise"));
        assert_eq!(guest.heard().await, [] as [Value; 0]);
        assert_eq!(stub.vote(String::new()).await, Ok("yes".into()));
    })
    .await;
}

#[tokio::test]
async fn peers_that_do_not_exist_are_disconnected_and_get_nothing() {
    bounded(async {
        let Pair { near, mut far, links, .. } = Pair::new();
        let (groups, guest) = (near.groups(), voter(&mut far, "yes").await);
        let id = guest.peer.global_id();
        let (node, number) = global_id_parts(id);
        let kept = member(&groups, id);
        guest.leave().await;
        let ids =
            [id, global_id(node, 0), global_id(node, number + 100), global_id(7, number), global_id(7, 0)];
        for stub in ids.map(|id| member(&groups, id)).into_iter().chain([kept]) {
            let lost = stub.vote(String::new()).await;
            assert!(matches!(lost, Err(CallError::Disconnected { sent: false, .. })), "{lost:?}");
            let lost = stub.told(String::new()).await;
            assert!(matches!(lost, Err(CallError::Disconnected { sent: false, .. })), "{lost:?}");
        }
        let (here, _) = global_id_parts(global_id(links[0].local().node(), 1));
        assert_eq!(here, links[0].local().node());
        let alone = House::new();
        let lost = member(&alone.groups(), id).vote(String::new()).await;
        assert!(matches!(lost, Err(CallError::Disconnected { sent: false, .. })), "{lost:?}");
    })
    .await;
}

#[tokio::test]
async fn a_handle_of_another_servers_peer_is_no_connection_here() {
    bounded(async {
        let Pair { mut near, mut far, .. } = Pair::new();
        let (here, there) = (near.member("tea").await, far.member("tea").await);
        let groups = near.groups();
        let handle = || groups.member(there.peer.global_id()).client::<Peer>();
        let (peer, same) = (handle(), handle());
        assert_eq!(peer.global_id(), there.peer.global_id());
        assert!(peer == same && peer != here.peer && peer != there.peer);
        assert_ne!(peer, groups.member(global_id(7, 1)).client());
        assert_eq!(peer.groups().count("tea").await, 2);
        assert_eq!(peer.remote_addr(), None);
        // It cannot be put into groups here, and nobody is removed in its place.
        assert!(groups.join(&peer, "tea").await.is_err());
        assert!(!groups.leave(&peer, "tea").await && !groups.is_member(&peer, "tea"));
        assert!(groups.track(&peer, "tea", "ada", 1).await.is_err());
        peer.close(1000, "bye").expect("a valid close");
        assert_eq!(there.peer.call::<()>("fence", ()).await, Ok(()));
        assert_eq!(peer.call::<()>("fence", ()).await, Ok(()));
        assert!(groups.is_member(&here.peer, "tea"));
    })
    .await;
}

#[tokio::test]
async fn an_outage_does_not_keep_a_handler_from_its_own_members() {
    bounded(async {
        let Pair { mut near, links, .. } = Pair::new();
        let yes = voter(&mut near, "yes").await;
        links[0].set_engine(Engine::Away);
        assert_eq!(member(&near.groups(), yes.peer.global_id()).vote(String::new()).await, Ok("yes".into()));
    })
    .await;
}
