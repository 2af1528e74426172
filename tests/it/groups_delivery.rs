//! What is sent to a group: its order, and what becomes of it if members do not read or leave meanwhile.

use std::collections::BTreeSet;
use std::future::poll_fn;

use birpc::transport::{Frame, Transport};
use birpc::{CallError, Groups, Peer, Router, Sent, Server, WhenFull, rpc};
use serde_json::{Value, json};

use crate::support::bounded;
use crate::support::house::House;

#[rpc(client)]
trait Listener {
    #[rpc(notification)]
    async fn said(&self, line: String);
}

/// Sends a line to a group, and returns how many have it and how many miss it.
async fn say(groups: &Groups, group: &str, line: &str) -> (usize, usize) {
    let sent = groups.to(group).send(|user: &ListenerClient| user.said(line.into())).await;
    let Sent { local, missed, .. } = sent.expect("it is short");
    (local, missed)
}

#[tokio::test]
async fn sends_of_one_task_arrive_in_their_order() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut guests = Vec::new();
        for _ in 0..5 {
            guests.push(house.guest().await);
            groups.join(&guests[guests.len() - 1].peer, "tea").await.expect("there is room");
        }
        for number in 0..200 {
            say(&groups, "tea", &number.to_string()).await;
        }
        for guest in &mut guests {
            let expected: Vec<Value> = (0..200).map(|number| json!(number.to_string())).collect();
            assert_eq!(guest.heard().await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn all_members_get_the_same_text_which_is_made_once() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut members = Vec::new();
        for _ in 0..2000 {
            let (far, peer) = house.raw(None).await;
            groups.join(&peer, "tea").await.expect("there is room");
            members.push(far);
        }
        assert_eq!(say(&groups, "tea", &"x".repeat(10_000)).await, (2000, 0));
        let mut places = BTreeSet::new();
        for far in &mut members {
            let frame = poll_fn(|cx| far.poll_recv(cx)).await;
            let Some(Ok(Frame::Text(text))) = frame else { panic!("expected a text, got {frame:?}") };
            places.insert(text.as_ptr());
        }
        assert_eq!(places.len(), 1, "the memory transport passes on the buffer that was queued");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_reaches_nobody() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_message_out = 200);
        let mut house = House::serving(server, Router::new());
        let (groups, mut guest) = (house.groups(), house.guest().await);
        groups.join(&guest.peer, "tea").await.expect("there is room");
        let long = "x".repeat(200);
        for audience in [groups.to("tea"), groups.to("nobody"), groups.user("nobody"), groups.all()] {
            let sent = audience.clone().send(|user: &ListenerClient| user.said(long.clone())).await;
            assert!(matches!(&sent, Err(CallError::Unsendable(why)) if why.to_string().contains("200")));
            let sent = audience.send(|peer: &Peer| peer.notify("said", [f64::NAN])).await;
            assert!(matches!(sent, Err(CallError::Unsendable(_))), "{sent:?}");
        }
        assert_eq!(guest.heard().await, [""; 0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_read_misses_alone_and_delays_nobody() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_queued_bytes = 10_000);
        let mut house = House::serving(server, Router::new());
        let (groups, mut guest) = (house.groups(), house.guest().await);
        let (_unread, stalled) = house.raw(None).await;
        let (_unread_too, closed) = house.raw(None).await;
        closed.set_when_full(WhenFull::Close);
        for peer in [&guest.peer, &stalled, &closed] {
            groups.join(peer, "tea").await.expect("there is room");
        }
        let line = "x".repeat(1000);
        let mut missed = 0;
        for _ in 0..500 {
            missed += say(&groups, "tea", &line).await.1;
            assert_eq!(guest.heard().await, [line.as_str()]);
        }
        assert!(missed > 300, "{missed}");
        assert_eq!(stalled.close_reason(), None);
        let (of_guest, of_stalled) = (groups.missed(&guest.peer), groups.missed(&stalled));
        assert!(of_guest == 0 && of_stalled > 100, "{of_guest}, {of_stalled}");
        assert_eq!(closed.closed().await.code, 1013);
        assert_eq!(groups.count("tea").await, 2, "the one whose connection was closed has left");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_send_to_members_none_of_which_reads_is_ready_at_once() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_queued_bytes = 1000);
        let mut house = House::serving(server, Router::new());
        let groups = house.groups();
        let mut unread = Vec::new();
        for _ in 0..10 {
            let (far, peer) = house.raw(Some("birpc.v1")).await;
            groups.join(&peer, "tea").await.expect("there is room");
            unread.push(far);
        }
        while say(&groups, "tea", &"x".repeat(2000)).await != (0, 10) {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_after_a_leave_arrives() {
    bounded(async {
        let mut house = House::new();
        let (groups, mut guest) = (house.groups(), house.guest().await);
        let (sender, fenced) = (groups.clone(), guest.peer.clone());
        let sending = tokio::spawn(async move {
            loop {
                say(&sender, "tea", "noise").await;
                // So that the client's credit suffices for all of it.
                fenced.call::<()>("fence", ()).await.expect("it is connected");
            }
        });
        for round in 0..300 {
            groups.join(&guest.peer, "tea").await.expect("there is room");
            say(&groups, "tea", &round.to_string()).await;
            assert!(groups.leave(&guest.peer, "tea").await);
            // The send of the other task that was under way has been queued by now, if it was for this peer.
            let before = guest.heard().await;
            assert!(before.contains(&json!(round.to_string())));
            say(&groups, "tea", "late").await;
            assert!(!guest.heard().await.contains(&json!("late")));
        }
        sending.abort();
        assert!(sending.await.is_err_and(|error| error.is_cancelled()), "it has not failed");
        assert_eq!(groups.count("tea").await, 0);
    })
    .await;
}
