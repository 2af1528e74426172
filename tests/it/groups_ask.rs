//! Calls to all members of a group: each member is named once, whatever it does.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::time::Duration;

use birpc::transport::{Frame, Transport};
use birpc::{
    CallError, Client, Context, ErrorObject, GlobalId, Peer, Router, RpcError, Server, Streaming, rpc,
};
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::connection::recv_json;
use crate::support::house::House;
use crate::support::pending::is_pending;
use crate::support::{NoParams, OnDrop, bounded};

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum VoteError {
    #[error("no opinion about {about}")]
    #[rpc(code = 5)]
    NoOpinion { about: String },
}

#[rpc(client)]
trait Voter {
    async fn vote(&self, question: String) -> Result<String, VoteError>;
    async fn reasons(&self) -> Result<Streaming<String>, ErrorObject>;
}

/// The outcome of a vote, without its texts.
fn kind<T, E>(outcome: &Result<T, CallError<E>>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(CallError::Method(_)) => "method",
        Err(CallError::Rpc(error)) if error.code() == -32601 => "not found",
        Err(CallError::TimedOut) => "timed out",
        Err(CallError::Disconnected { sent: true, .. }) => "lost",
        Err(CallError::Disconnected { sent: false, .. }) => "unsent",
        Err(CallError::Undecodable(_)) => "undecodable",
        Err(CallError::Unsendable(_)) => "unsendable",
        Err(_) => "other",
    }
}

fn voting(answer: &'static str) -> Router {
    Router::new().method("vote", move |_: Context, (question,): (String,)| async move {
        match answer {
            "none" => Err(VoteError::NoOpinion { about: question }),
            "never" => pending().await,
            answer => Ok(answer.to_owned()),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn each_member_is_named_once_whatever_it_does() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut expected: BTreeMap<GlobalId, &str> = BTreeMap::new();
        let mut guests = Vec::new();
        let serving = [("tea", "ok"), ("none", "method"), ("never", "timed out")];
        for (answer, kind) in serving.into_iter().chain([("", "not found")]) {
            let methods = if answer.is_empty() { Router::new() } else { voting(answer) };
            let guest = house.enter(Client::builder(), methods).await;
            groups.join(&guest.peer, "tea").await.expect("there is room");
            expected.insert(guest.peer.global_id(), kind);
            guests.push(guest);
        }
        // One disconnects when it is asked, one before, one answers twice, and one answers nonsense.
        let (mut cut, peer) = house.raw(Some("birpc.v1")).await;
        groups.join(&peer, "tea").await.expect("there is room");
        expected.insert(peer.global_id(), "lost");
        let (gone, peer) = house.raw(None).await;
        groups.join(&peer, "tea").await.expect("there is room");
        drop(gone);
        peer.closed().await;
        let (mut twice, doubling) = house.raw(None).await;
        groups.join(&doubling, "tea").await.expect("there is room");
        expected.insert(doubling.global_id(), "ok");
        let (mut odd, peer) = house.raw(None).await;
        groups.join(&peer, "tea").await.expect("there is room");
        expected.insert(peer.global_id(), "undecodable");

        let began = Instant::now();
        let audience = groups.to("tea").timeout(Duration::from_secs(5));
        let votes = audience.ask(|user: &VoterClient| user.vote("tea or coffee?".into()));
        let answering = async move {
            recv_json(&mut cut).await;
            drop(cut);
            let id = recv_json(&mut twice).await["id"].take();
            for _ in 0..2 {
                let reply = json!({"jsonrpc": "2.0", "id": id, "result": "coffee"}).to_string();
                twice.send(Frame::Text(reply.into())).expect("it is connected");
            }
            let id = recv_json(&mut odd).await["id"].take();
            let reply = json!({"jsonrpc": "2.0", "id": id, "result": 7}).to_string();
            odd.send(Frame::Text(reply.into())).expect("it is connected");
            // The transports stay open until all have answered.
            (twice, odd)
        };
        let (named, _open) = tokio::join!(votes.collect::<Vec<_>>(), answering);
        assert_eq!(began.elapsed().as_secs(), 5);
        assert_eq!(named.len(), expected.len());
        for (id, vote) in &named {
            assert_eq!(kind(vote), expected[id], "{vote:?}");
            if let Err(CallError::Method(error)) = vote {
                assert_eq!(*error, VoteError::NoOpinion { about: "tea or coffee?".into() });
            }
        }
        let ids: Vec<GlobalId> = named.iter().map(|(id, _)| *id).collect();
        assert!(expected.keys().all(|id| ids.contains(id)));
        assert_eq!(doubling.unmatched_responses(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn those_are_asked_who_are_members_when_the_asking_begins() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut guests = Vec::new();
        for answer in ["leaves", "stays", "leaves while asked", "comes late"] {
            guests.push(house.enter(Client::builder(), voting(answer)).await);
        }
        for guest in &guests[..3] {
            groups.join(&guest.peer, "tea").await.expect("there is room");
        }
        let mut votes = groups.to("tea").ask(|user: &VoterClient| user.vote(String::new()));
        assert!(groups.leave(&guests[0].peer, "tea").await);
        let mut heard = Vec::new();
        {
            let next = votes.next();
            tokio::pin!(next);
            assert!(is_pending(&mut next).await, "the first poll asks");
            assert!(groups.leave(&guests[2].peer, "tea").await);
            groups.join(&guests[3].peer, "tea").await.expect("there is room");
            heard.extend(next.await);
        }
        while let Some(vote) = votes.next().await {
            heard.push(vote);
        }
        let mut heard: Vec<String> = heard.into_iter().map(|(_, vote)| vote.expect("a vote")).collect();
        heard.sort();
        assert_eq!(heard, ["leaves while asked", "stays"]);
        assert!(votes.next().await.is_none(), "it stays at its end");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn at_most_a_thousand_are_asked_at_once_and_all_are_named() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (_silent, peers) = house.raw_members(1500, None, "tea").await;
        let began = Instant::now();
        let mut votes = groups.to("tea").ask(|user: &VoterClient| user.vote(String::new()));
        let mut named = 0;
        while let Some((_, vote)) = votes.next().await {
            assert_eq!(kind(&vote), "timed out");
            if named == 0 {
                assert_eq!(began.elapsed().as_secs(), 10, "the timeout that is not set");
            }
            named += 1;
            if named % 100 == 0 {
                let open: usize = peers.iter().map(Peer::in_flight).sum();
                assert!(open <= 1000, "{open}");
            }
        }
        assert_eq!((named, began.elapsed().as_secs()), (1500, 20));
    })
    .await;
}

#[tokio::test]
async fn large_requests_are_fewer_at_once() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_message_out = 32 << 20);
        let mut house = House::serving(server, Router::new());
        let groups = house.groups();
        let (_silent, peers) = house.raw_members(5, None, "tea").await;
        let mut votes = groups.to("tea").ask(|user: &VoterClient| user.vote("x".repeat(20 << 20)));
        let next = votes.next();
        tokio::pin!(next);
        assert!(is_pending(&mut next).await);
        assert_eq!(peers.iter().map(Peer::in_flight).sum::<usize>(), 3, "64 MiB hold three of 20 MiB");
    })
    .await;
}

#[tokio::test]
async fn dropping_the_answers_cancels_the_calls() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (began, mut begun) = mpsc::unbounded_channel();
        let (end, mut ended) = mpsc::unbounded_channel();
        let mut guests = Vec::new();
        for _ in 0..3 {
            let (began, end) = (began.clone(), end.clone());
            let methods = Router::new().method("vote", move |_: Context, _: Value| {
                let guard = OnDrop::tell(&end);
                let _ = began.send(());
                async move {
                    let _guard = guard;
                    pending::<Result<(), ErrorObject>>().await
                }
            });
            let guest = house.enter(Client::builder(), methods).await;
            groups.join(&guest.peer, "tea").await.expect("there is room");
            guests.push(guest);
        }
        let mut votes = groups.to("tea").ask(|user: &VoterClient| user.vote(String::new()));
        {
            let next = votes.next();
            tokio::pin!(next);
            assert!(is_pending(&mut next).await);
            for _ in 0..3 {
                begun.recv().await.expect("each is asked");
            }
        }
        assert_eq!(votes.size_hint(), (3, Some(3)));
        drop(votes);
        for _ in 0..3 {
            ended.recv().await.expect("each handler is dropped");
        }
        assert!(guests.iter().all(|guest| guest.peer.in_flight() == 0));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_cannot_be_made_to_many_is_an_error_of_each() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_message_out = 300);
        let mut house = House::serving(server, Router::new());
        let groups = house.groups();
        let _guests = (house.member("tea").await, house.member("tea").await);
        let streams = groups.to("tea").ask(|user: &VoterClient| user.reasons());
        let kinds: Vec<_> = streams.map(|(_, vote)| kind(&vote)).collect().await;
        assert_eq!(kinds, ["unsendable"; 2]);
        for call in [
            |peer: &Peer| peer.call::<Value>("vote", ["x".repeat(300)]),
            |peer: &Peer| peer.call::<Value>("vote", [f64::NAN]),
            |peer: &Peer| peer.call::<Value>("vote", 7),
        ] {
            let kinds: Vec<_> = groups.to("tea").ask(call).map(|(_, vote)| kind(&vote)).collect().await;
            assert_eq!(kinds, ["unsendable"; 2]);
        }
        let nobody = groups.to("nobody").ask(|peer: &Peer| peer.call::<Value>("vote", ()));
        assert_eq!(nobody.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_asker_is_asked_too_if_it_is_a_member() {
    bounded(async {
        let ask = |cx: Context, _: NoParams| async move {
            let votes = cx.groups().to("tea").ask(|user: &VoterClient| user.vote(String::new()));
            let votes: Vec<String> = votes.filter_map(|(_, vote)| ready(vote.ok())).collect().await;
            Ok::<_, ErrorObject>(votes)
        };
        let mut house = House::serving(Server::builder(), Router::new().method("ask", ask));
        let groups = house.groups();
        let ada = house.enter(Client::builder(), voting("tea")).await;
        let ben = house.enter(Client::builder(), voting("coffee")).await;
        for guest in [&ada, &ben] {
            groups.join(&guest.peer, "tea").await.expect("there is room");
        }
        let mut votes: Vec<String> = ada.client.peer().call("ask", ()).await.expect("it is served");
        votes.sort();
        assert_eq!(votes, ["coffee", "tea"]);
    })
    .await;
}
