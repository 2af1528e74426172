//! Joins that other servers must know of: what holds meanwhile, and if they fail or are dropped.

use std::sync::Arc;

use birpc::{ErrorObject, GroupError, Joined, Remote, Router, Server, TopicJoin};
use serde_json::{Value, json};

use crate::support::house::{Guest, House, ListenerClient};
use crate::support::pending::is_pending;
use crate::support::servers::{Engine, Link, Servers};
use crate::support::{bounded, code};

async fn authorize(_: TopicJoin) -> Result<(), ErrorObject> {
    Ok(())
}

/// A server that is connected to others, of which there are none.
pub(crate) fn house() -> (House, Arc<Link>) {
    let house = House::serving(Server::builder(), Router::new().topics(authorize));
    let link = Servers::default().connect(&house.groups());
    (house, link)
}

pub(crate) fn remote(joined: Result<Joined, GroupError>) -> Result<Remote, GroupError> {
    joined.map(|joined| joined.remote)
}

async fn join_topic(guest: &Guest, topic: &str) -> Result<u64, birpc::CallError> {
    let joined = guest.client.peer().call::<Value>("rpc.join", json!({"topic": topic})).await?;
    Ok(joined["serial"].as_u64().expect("a number"))
}

#[tokio::test]
async fn a_join_waits_until_other_servers_know_of_it() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, mut guest) = (house.groups(), house.guest().await);
        let peer = guest.peer.clone();
        link.set_engine(Engine::Waits);
        let mut joining = Box::pin(groups.join(&peer, "tea"));
        assert!(is_pending(&mut joining).await);
        // What arrives from another server meanwhile is delivered.
        assert!(groups.is_member(&guest.peer, "tea"));
        let sent = groups.to("tea").send(|user: &ListenerClient| user.said("1".into()));
        assert!(is_pending(&mut { sent }).await);
        assert_eq!(guest.heard().await, ["1"]);
        link.set_engine(Engine::Works);
        assert_eq!(remote(joining.await), Ok(Remote::Published));
        assert_eq!(link.wants(), ["+tea"]);
        link.set_engine(Engine::Away);
        assert_eq!(remote(groups.join(&guest.peer, "coffee").await), Ok(Remote::Unreachable));
        assert!(groups.is_member(&guest.peer, "coffee"));
    })
    .await;
}

#[tokio::test]
async fn a_join_that_fails_or_is_dropped_leaves_the_membership_as_it_was() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        let refused = Err(GroupError::Refused("no permission".into()));
        for was_member in [false, true] {
            if was_member {
                groups.join(&guest.peer, "tea").await.expect("there is room");
                assert_eq!(link.wants(), ["+tea"]);
            }
            let changes: &[&str] = if was_member { &[] } else { &["+tea", "-tea"] };
            link.set_engine(Engine::Refuses);
            assert_eq!(remote(groups.join(&guest.peer, "tea").await), refused);
            assert_eq!(groups.is_member(&guest.peer, "tea"), was_member);
            assert_eq!(link.wants(), changes);

            link.set_engine(Engine::Waits);
            let mut joining = Box::pin(groups.join(&guest.peer, "tea"));
            assert!(is_pending(&mut joining).await);
            drop(joining);
            assert_eq!(groups.is_member(&guest.peer, "tea"), was_member);
            assert_eq!(link.wants(), changes);
            link.set_engine(Engine::Works);
        }
    })
    .await;
}

#[tokio::test]
async fn of_joins_at_the_same_time_one_is_enough() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        link.set_engine(Engine::Waits);
        let mut joins: Vec<_> = (0..3).map(|_| Box::pin(groups.join(&guest.peer, "tea"))).collect();
        for joining in &mut joins {
            assert!(is_pending(joining).await);
        }
        drop(joins.remove(0));
        assert!(groups.is_member(&guest.peer, "tea"));
        link.set_engine(Engine::Works);
        let (dropped, completed) = (joins.remove(0), joins.remove(0));
        assert_eq!(remote(completed.await), Ok(Remote::Published));
        drop(dropped);
        assert!(groups.is_member(&guest.peer, "tea"));
        assert_eq!(link.wants(), ["+tea"]);
    })
    .await;
}

#[tokio::test]
async fn a_leave_ends_joins_that_wait() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        link.set_engine(Engine::Waits);
        let mut joining = Box::pin(groups.join(&guest.peer, "tea"));
        assert!(is_pending(&mut joining).await);
        groups.track(&guest.peer, "tea", "ada", 1).await.expect("it is a member");
        assert!(groups.leave(&guest.peer, "tea").await);
        assert_eq!(link.wants(), ["+tea", "-tea"]);
        let mut again = Box::pin(groups.join(&guest.peer, "tea"));
        assert!(is_pending(&mut again).await);
        link.set_engine(Engine::Works);
        assert_eq!(remote(joining.await), Ok(Remote::Published), "it was joined, and then left");
        drop(again);
        assert!(!groups.is_member(&guest.peer, "tea"), "the join that was left did not come back");
        assert_eq!(link.wants(), ["+tea", "-tea"]);

        // A peer that disconnects meanwhile has not joined, and its presence is over.
        link.set_engine(Engine::Waits);
        let mut joining = Box::pin(groups.join(&guest.peer, "tea"));
        assert!(is_pending(&mut joining).await);
        groups.track(&guest.peer, "tea", "ada", 1).await.expect("it is a member");
        guest.client.close(1000, "bye").expect("a valid close");
        guest.peer.closed().await;
        assert_eq!(link.wants(), ["+tea", "-tea"]);
        link.set_engine(Engine::Works);
        assert_eq!(remote(joining.await), Err(GroupError::Disconnected));
        assert_eq!(link.local().own_presence(), []);
    })
    .await;
}

#[tokio::test]
async fn other_servers_know_of_the_first_and_the_last_peer_whatever_ends_it() {
    bounded(async {
        let (mut house, link) = house();
        let groups = house.groups();
        let (first, second) = (house.member("tea").await, house.member("tea").await);
        assert_eq!(link.wants(), ["+tea"]);
        groups.leave(&first.peer, "tea").await;
        assert_eq!(link.wants(), [""; 0]);
        groups.leave(&second.peer, "tea").await;
        assert_eq!(link.wants(), ["-tea"]);

        groups.join(&first.peer, "tea").await.expect("there is room");
        join_topic(&second, "tea").await.expect("it is allowed");
        groups.end_group("tea", &ErrorObject::new(0, "")).await;
        assert_eq!(link.wants(), ["+tea", "-tea"]);

        join_topic(&first, "news").await.expect("it is allowed");
        groups.join(&first.peer, "news").await.expect("there is room");
        let leave = async || first.client.peer().call::<bool>("rpc.leave", json!({"topic": "news"})).await;
        assert_eq!(leave().await, Ok(true));
        assert_eq!(link.wants(), ["+news"], "the server let it join too");
        groups.leave(&first.peer, "news").await;
        assert_eq!(link.wants(), ["-news"]);

        groups.set_user(&first.peer, "ada").await.expect("a valid name");
        groups.set_user(&first.peer, "ada").await.expect("a valid name");
        groups.set_user(&first.peer, "eve").await.expect("a valid name");
        assert_eq!(link.wants(), ["+@ada", "+@eve", "-@ada"], "the former user until the new one is known");
        groups.clear_user(&first.peer).await;
        assert_eq!(link.wants(), ["-@eve"]);

        groups.set_user(&first.peer, "ada").await.expect("a valid name");
        for group in ["one", "two"] {
            groups.join(&first.peer, group).await.expect("there is room");
        }
        let mut before = link.wants();
        first.leave().await;
        let mut after = link.wants();
        before.sort();
        after.sort();
        assert_eq!(
            (before, after),
            (
                vec!["+@ada".into(), "+one".into(), "+two".into()],
                vec!["-@ada".to_owned(), "-one".to_owned(), "-two".to_owned()]
            )
        );
    })
    .await;
}

#[tokio::test]
async fn a_topic_is_joined_when_other_servers_know_of_it() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        link.set_engine(Engine::Waits);
        let mut joining = Box::pin(join_topic(&guest, "news"));
        while !groups.is_member(&guest.peer, "news") {
            assert!(is_pending(&mut joining).await);
            tokio::task::yield_now().await;
        }
        link.set_engine(Engine::Works);
        let serial = joining.await.expect("it is allowed");
        link.set_engine(Engine::Refuses);
        assert_eq!(code(&join_topic(&guest, "sport").await), -32603);
        assert!(!groups.is_member(&guest.peer, "sport"));
        assert!(join_topic(&guest, "news").await.is_err());
        assert!(groups.is_member(&guest.peer, "news"), "the first join holds");
        link.set_engine(Engine::Away);
        assert_eq!(join_topic(&guest, "news").await, Ok(serial));
        assert_eq!(link.wants(), ["+news", "+sport", "-sport"]);
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_left_while_its_join_waits_is_not_joined() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, guest) = (house.groups(), house.guest().await);
        link.set_engine(Engine::Waits);
        for by_server in [false, true] {
            let mut joining = Box::pin(join_topic(&guest, "news"));
            while !groups.is_member(&guest.peer, "news") {
                assert!(is_pending(&mut joining).await);
                tokio::task::yield_now().await;
            }
            if by_server {
                assert!(groups.leave(&guest.peer, "news").await);
            } else {
                let left = guest.client.peer().call("rpc.leave", json!({"topic": "news"})).await;
                assert_eq!(left, Ok(true));
            }
            assert_eq!(link.wants(), ["+news", "-news"]);
            link.set_engine(Engine::Works);
            assert_eq!(code(&joining.await), -32800);
            assert!(!groups.is_member(&guest.peer, "news"));
            link.set_engine(Engine::Waits);
        }
        // The caller gives the call up.
        let mut joining = Box::pin(join_topic(&guest, "news"));
        while !groups.is_member(&guest.peer, "news") {
            assert!(is_pending(&mut joining).await);
            tokio::task::yield_now().await;
        }
        drop(joining);
        while groups.is_member(&guest.peer, "news") {
            tokio::task::yield_now().await;
        }
        assert_eq!(link.wants(), ["+news", "-news"]);
    })
    .await;
}
