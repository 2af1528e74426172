//! Calls to all members of a group over two servers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use birpc::__private::crates::cluster::global_id;
use birpc::{Answers, CallError, GlobalId, Peer};
use tokio::time::Instant;

use crate::groups_servers_calls::{VoteError, VoterClient, voter};
use crate::support::bounded;
use crate::support::pending::is_pending;
use crate::support::servers::Pair;

/// The answers by who has given them, each once.
async fn answers(mut votes: Answers<Result<String, VoteError>>) -> BTreeMap<GlobalId, String> {
    let mut answers = BTreeMap::new();
    while let Some((id, vote)) = votes.next().await {
        let text = match vote {
            Ok(vote) => vote,
            Err(CallError::Method(_)) => "none".into(),
            Err(CallError::TimedOut) => "timed out".into(),
            Err(CallError::Disconnected { sent, .. }) => format!("lost, sent: {sent}"),
            Err(error) => panic!("unexpected: {error}"),
        };
        assert_eq!(answers.insert(id, text), None, "{id} was named before");
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn each_member_of_all_servers_is_named_once() {
    bounded(async {
        let Pair { mut near, mut far, links, .. } = Pair::new();
        let mut expected = BTreeMap::new();
        let mut guests = Vec::new();
        for house in [&mut near, &mut far] {
            for (answer, text) in [("yes", "yes"), ("none", "none"), ("never", "timed out")] {
                let guest = voter(house, answer).await;
                expected.insert(guest.peer.global_id(), text.to_owned());
                guests.push(guest);
            }
        }
        let ask = || near.groups().to("tea").timeout(Duration::from_secs(5));
        let vote = |user: &VoterClient| user.vote("tea?".into());
        let since = Instant::now();
        assert_eq!(answers(ask().ask(vote)).await, expected);
        assert_eq!(since.elapsed(), Duration::from_secs(5));

        for index in [1, 4] {
            let id = guests[index].peer.global_id();
            let mut others = expected.clone();
            others.remove(&id);
            assert_eq!(answers(ask().except(id).ask(vote)).await, others);
        }
        links[1].is_silent.store(true, Ordering::Relaxed);
        let mut with_silent: BTreeMap<_, _> = expected.into_iter().take(0).collect();
        for (guest, text) in guests.iter().zip(["yes", "none", "timed out"]) {
            with_silent.insert(guest.peer.global_id(), text.to_owned());
        }
        let server = global_id(links[1].local().node(), 0);
        assert!(server.is_server() && !guests[3].peer.global_id().is_server());
        with_silent.insert(server, "lost, sent: true".into());
        assert_eq!(answers(ask().ask(vote)).await, with_silent);
        links[0].disconnect();
        with_silent.remove(&server);
        assert_eq!(answers(ask().ask(vote)).await, with_silent);
        let nobody = answers(near.groups().to("nobody").ask(vote)).await;
        assert_eq!(nobody, BTreeMap::new());
    })
    .await;
}

#[tokio::test]
async fn dropping_the_answers_cancels_the_calls_on_all_servers() {
    bounded(async {
        let Pair { mut near, mut far, .. } = Pair::new();
        let (here, there) = (voter(&mut near, "never").await, voter(&mut far, "never").await);
        let mut votes = near.groups().to("tea").ask(|user: &VoterClient| user.vote(String::new()));
        assert!(is_pending(&mut Box::pin(votes.next())).await);
        assert_eq!((here.peer.in_flight(), there.peer.in_flight()), (1, 1));
        drop(votes);
        assert_eq!((here.peer.in_flight(), there.peer.in_flight()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn many_members_of_another_server_are_asked_a_thousand_at_a_time() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let (mut wires, peers) = far.raw_members(1200, None, "tea").await;
        let open = || peers.iter().map(Peer::in_flight).sum::<usize>();
        let mut votes = near.groups().to("tea").ask(|user: &VoterClient| user.vote(String::new()));
        assert!(is_pending(&mut Box::pin(votes.next())).await);
        assert_eq!(open(), 1000);
        wires.clear();
        assert_eq!(answers(votes).await.len(), 1200);
    })
    .await;
}
