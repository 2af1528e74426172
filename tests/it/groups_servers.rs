//! Groups over two servers: what is sent to the peers of both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use birpc::__private::crates::cluster::{AlreadyAttached, Target};
use birpc::transport::Frame;
use birpc::{CallError, Peer, Remote, Sent};
use serde_json::{Value, json};

use crate::support::bounded;
use crate::support::connection::recv;
use crate::support::house::{Guest, ListenerClient};
use crate::support::pending::is_pending;
use crate::support::servers::{Engine, Pair};

async fn say(audience: birpc::Audience, line: &str) -> (usize, Remote) {
    let sent = audience.send(|user: &ListenerClient| user.said(line.into())).await.expect("it is short");
    assert_eq!(sent.missed, 0);
    (sent.local, sent.remote)
}

fn lines(numbers: impl Iterator<Item = u32>) -> Vec<Value> {
    numbers.map(|number| json!(number.to_string())).collect()
}

#[tokio::test]
async fn what_is_sent_reaches_the_members_on_all_servers_in_order_and_once() {
    bounded(async {
        let Pair { mut near, mut far, .. } = Pair::new();
        let groups = near.groups();
        let (mut here, mut there) = (near.member("tea").await, far.member("tea").await);
        let mut stranger = far.member("coffee").await;
        for number in 0..100 {
            let line = number.to_string();
            assert_eq!(say(groups.to("tea"), &line).await, (1, Remote::Published));
        }
        // What is sent there comes after what was sent before, since one task sends both.
        say(far.groups().to("tea"), "100").await;
        for guest in [&mut here, &mut there] {
            assert_eq!(guest.heard().await, lines(0..101));
        }
        assert_eq!(stranger.heard().await, [] as [Value; 0]);

        let (ada_here, ada_there) = (near.user("ada").await, far.user("ada").await);
        assert_eq!(say(groups.user("ada"), "1").await, (1, Remote::Published));
        let but_there = groups.to("tea").except(there.peer.global_id());
        assert_eq!(say(but_there, "2").await, (1, Remote::Published));
        let but_here = groups.to("tea").except(here.peer.global_id());
        assert_eq!(say(but_here, "3").await, (0, Remote::Published));
        assert_eq!(say(groups.all(), "4").await, (2, Remote::Published));
        assert_eq!(say(groups.to(""), "5").await, (0, Remote::None), "no server can have such a group");
        let heard = async |mut guest: Guest| guest.heard().await;
        assert_eq!(heard(here).await, ["2", "4"]);
        assert_eq!(heard(there).await, ["3", "4"]);
        assert_eq!(heard(stranger).await, ["4"]);
        assert_eq!(heard(ada_here).await, ["1", "4"]);
        assert_eq!(heard(ada_there).await, ["1", "4"]);
    })
    .await;
}

#[tokio::test]
async fn the_members_of_another_server_get_one_text() {
    bounded(async {
        let Pair { near, mut far, .. } = Pair::new();
        let (mut members, _) = far.raw_members(50, None, "tea").await;
        say(near.groups().to("tea"), "hello").await;
        let mut places = Vec::new();
        for member in &mut members {
            let Some(Frame::Text(text)) = recv(member).await else { panic!("expected a text") };
            places.push(text.as_ptr());
        }
        places.dedup();
        assert_eq!(places.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_engine_cannot_pass_on_reaches_nobody() {
    bounded(async {
        let Pair { mut near, mut far, links, .. } = Pair::new();
        let (mut here, mut there) = (near.member("tea").await, far.member("tea").await);
        let line = "x".repeat(200);
        let size = here.peer.notify("said", [&line]).encode().expect("it is short").size();
        links[0].set_max_text(size - 1);
        let groups = near.groups();
        let too_large = |error: CallError| {
            let CallError::Unsendable(why) = error else { panic!("expected Unsendable, got {error:?}") };
            let why = why.to_string();
            assert!(why.contains("engine") && why.contains(&(size - 1).to_string()), "{why}");
        };
        for audience in [groups.to("tea"), groups.user("nobody"), groups.all()] {
            let sent = audience.send(|user: &ListenerClient| user.said(line.clone())).await;
            too_large(sent.expect_err("it is too large"));
        }
        let mut asked = groups.to("tea").ask(|peer: &Peer| peer.call::<()>("fence", [&line]));
        let (id, answer) = asked.next().await.expect("the member here is named");
        assert_eq!(id, here.peer.global_id());
        too_large(answer.expect_err("it is too large"));
        assert!(asked.next().await.is_none());
        let member: Peer = groups.member(there.peer.global_id()).client();
        too_large(member.call::<()>("fence", [&line]).await.expect_err("it is too large"));
        too_large(member.notify("said", [&line]).await.expect_err("it is too large"));

        links[0].set_max_text(size);
        assert_eq!(say(groups.to("tea"), &line).await, (1, Remote::Published));
        member.notify("said", ["direct"]).await.expect("it is short");
        assert_eq!(here.heard().await, [json!(line)]);
        assert_eq!(there.heard().await, [json!(line), json!("direct")]);
    })
    .await;
}

#[tokio::test]
async fn sending_waits_for_the_engine_and_says_that_it_cannot_be_reached() {
    bounded(async {
        let Pair { mut near, far, links, .. } = Pair::new();
        let (groups, mut here) = (near.groups(), near.member("tea").await);
        links[0].set_engine(Engine::Waits);
        let mut sending = groups.to("tea").send(|user: &ListenerClient| user.said("1".into()));
        assert!(is_pending(&mut sending).await);
        assert_eq!(here.heard().await, ["1"], "the members here do not wait");
        links[0].set_engine(Engine::Works);
        let Sent { local, remote, .. } = sending.await.expect("it is short");
        assert_eq!((local, remote), (1, Remote::Published));

        links[0].set_engine(Engine::Waits);
        let mut sending = groups.to("tea").send(|user: &ListenerClient| user.said("2".into()));
        assert!(is_pending(&mut sending).await);
        drop(sending);
        let mut closing = Box::pin(groups.to("nobody").close(1000, ""));
        assert!(is_pending(&mut closing).await);
        links[0].set_engine(Engine::Away);
        assert_eq!(closing.await.map(|sent| sent.remote), Ok(Remote::Unreachable));
        assert_eq!(say(groups.to("tea"), "3").await, (1, Remote::Unreachable));
        assert_eq!(here.heard().await, ["2", "3"]);
        assert_eq!(far.groups().count("tea").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_user_is_logged_out_everywhere() {
    bounded(async {
        let Pair { mut near, mut far, .. } = Pair::new();
        let (here, there, other) = (near.user("ada").await, far.user("ada").await, far.user("ben").await);
        let closed = near.groups().user("ada").close(4001, "logged out").await.expect("a valid close");
        assert_eq!((closed.local, closed.remote), (1, Remote::Published));
        for guest in [&here, &there] {
            assert_eq!(guest.client.peer().closed().await.code, 4001);
        }
        assert_eq!(other.peer.call::<()>("fence", ()).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn members_of_all_servers_are_counted() {
    bounded(async {
        let Pair { mut near, mut far, links, .. } = Pair::new();
        let _members = [near.member("tea").await, far.member("tea").await, far.member("tea").await];
        for groups in [near.groups(), far.groups()] {
            assert_eq!((groups.count("tea").await, groups.count("coffee").await), (3, 0));
            assert_eq!(groups.count("").await, 0);
        }
        links[1].disconnect();
        assert_eq!((near.groups().count("tea").await, far.groups().count("tea").await), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn gaps_are_told_for_groups_with_members() {
    bounded(async {
        let Pair { mut near, links, .. } = Pair::new();
        let (groups, local) = (near.groups(), links[0].local());
        groups.on_gap(|_| panic!("it is replaced"));
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = told.clone();
        groups.on_gap(move |group| {
            hears.lock().expect("no panic").push(group.to_owned());
            assert_ne!(group, "coffee", "a panic of the application");
        });
        let (tea, coffee) = (near.member("tea").await, near.member("coffee").await);
        local.tell_gap(Some("tea"));
        local.tell_gap(Some("nobody"));
        local.tell_gap(None);
        let mut names = std::mem::take(&mut *told.lock().expect("no panic"));
        names[1..].sort();
        assert_eq!(names, ["tea", "coffee", "tea"]);
        let counts = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(groups.gaps(), counts(&[("coffee", 1), ("tea", 2)]));
        groups.leave(&coffee.peer, "coffee").await;
        assert_eq!(groups.gaps(), counts(&[("tea", 2)]), "nothing is kept of groups that are over");
        links[0].disconnect();
        local.tell_gap(None);
        assert_eq!(groups.gaps(), counts(&[]));
        drop(tea);
    })
    .await;
}

#[tokio::test]
async fn a_server_is_connected_once_and_may_leave_and_come_again() {
    bounded(async {
        let Pair { servers, mut near, mut far, links } = Pair::new();
        assert_eq!(servers.try_connect(&near.groups()).err(), Some(AlreadyAttached));
        let (mut here, mut there) = (near.member("tea").await, far.member("tea").await);
        let id = there.peer.global_id();
        let kept: Peer = near.groups().member(id).client();
        assert_eq!(kept.call::<()>("fence", ()).await, Ok(()));

        links[0].disconnect();
        assert_eq!(say(near.groups().to("tea"), "1").await, (1, Remote::None));
        assert_eq!(say(far.groups().to("tea"), "2").await, (1, Remote::Published));
        for peer in [kept, near.groups().member(id).client()] {
            let lost = peer.call::<()>("fence", ()).await;
            assert!(matches!(lost, Err(CallError::Disconnected { sent: false, .. })), "{lost:?}");
        }
        let old = links[0].local();
        let text = br#"{"jsonrpc":"2.0","method":"said","params":["3"]}"#;
        assert_eq!(old.deliver(&Target::All, &[].into(), &text[..].into()), Some(0));
        assert_eq!(old.members(&Target::All, &[].into()), []);
        assert_eq!((old.count(&Target::All), old.targets()), (0, Vec::new()));

        let again = servers.connect(&near.groups());
        assert_eq!(again.wants(), ["+tea"], "it is told of the groups that are there");
        assert_eq!(say(far.groups().to("tea"), "4").await, (1, Remote::Published));
        old.detach();
        assert_eq!(say(near.groups().to("tea"), "5").await, (1, Remote::Published));
        assert_eq!(here.heard().await, ["1", "4", "5"]);
        assert_eq!(there.heard().await, ["2", "4", "5"]);
    })
    .await;
}
