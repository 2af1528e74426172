//! What is sent to a group: its order, and what becomes of it if members do not read or leave meanwhile.

use std::collections::BTreeSet;

use birpc::transport::Frame;
use birpc::{CallError, Peer, Router, Server, WhenFull};
use serde_json::{Value, json};

use crate::support::bounded;
use crate::support::connection::recv;
use crate::support::house::{House, ListenerClient, say};

#[tokio::test]
async fn sends_of_one_task_arrive_in_their_order() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut guests = Vec::new();
        for _ in 0..5 {
            guests.push(house.member("tea").await);
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
        let (mut members, _) = house.raw_members(2000, None, "tea").await;
        assert_eq!(say(&groups, "tea", &"x".repeat(10_000)).await, (2000, 0));
        let mut places = BTreeSet::new();
        for far in &mut members {
            let frame = recv(far).await;
            let Some(Frame::Text(text)) = frame else { panic!("expected a text, got {frame:?}") };
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
        let (groups, mut guest) = (house.groups(), house.member("tea").await);
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
        let (_unread, _) = house.raw_members(10, Some("birpc.v1"), "tea").await;
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
