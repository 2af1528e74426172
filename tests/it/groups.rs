//! Groups of a server's peers: who is in them, and until when.

use std::sync::Arc;

use birpc::transport::memory_pair;
use birpc::{
    Client, Config, Connection, ConnectionInfo, ErrorObject, GlobalId, GroupError, Peer, Router, Server,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::bounded;
use crate::support::house::{Guest, House, ListenerClient, say};

#[tokio::test]
async fn what_is_sent_to_a_group_reaches_its_members_and_nobody_else() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (mut ada, mut ben, mut eve) = (house.guest().await, house.guest().await, house.guest().await);
        groups.join(&ada.peer, "tea").await.expect("there is room");
        groups.join(&ben.peer, "tea").await.expect("there is room");
        groups.join(&ben.peer, "tea").await.expect("joining twice is joining once");
        assert_eq!(groups.count("tea").await, 2);

        assert_eq!(say(&groups, "tea", "to both").await, (2, 0));
        let others = groups.to("tea").except(ada.peer.global_id());
        let sent = others.send(|peer: &Peer| peer.notify("said", ["to ben"])).await.expect("it is short");
        assert_eq!(sent.local, 1);
        assert!(groups.leave(&ben.peer, "tea").await);
        assert!(!groups.leave(&ben.peer, "tea").await, "he has left");
        assert_eq!(say(&groups, "tea", "to ada").await, (1, 0));
        assert_eq!(say(&groups, "coffee", "to nobody").await, (0, 0));

        assert_eq!(ada.heard().await, ["to both", "to ada"]);
        assert_eq!(ben.heard().await, ["to both", "to ben"]);
        assert_eq!(eve.heard().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_context_and_all_handles_of_a_server_have_the_same_groups() {
    bounded(async {
        let router = Router::new().method("enter", |cx: birpc::Context, (room,): (String,)| async move {
            cx.groups().join(&cx.peer(), &room).await?;
            Ok::<_, ErrorObject>(cx.peer().global_id())
        });
        let server = Server::builder();
        let handle = server.handle();
        let server = server.bind("127.0.0.1:0").await.expect("a free port");
        let (url, groups) = (format!("ws://{}/", server.local_addr().expect("bound")), server.groups());
        tokio::spawn(server.serve(router));
        let client = Client::connect(&url).await.expect("it listens");
        let id: GlobalId = client.peer().call("enter", ["tea"]).await.expect("there is room");
        assert_eq!((groups.count("tea").await, handle.groups().count("tea").await), (1, 1));
        let peer = handle.peers().list().remove(0);
        assert_eq!((peer.global_id(), peer.groups().count("tea").await), (id, 1));
        let other = Server::bind("127.0.0.1:0").await.expect("a free port");
        assert_eq!(other.groups().count("tea").await, 0, "another server has other groups");
    })
    .await;
}

#[tokio::test]
async fn a_peer_has_left_all_groups_when_on_disconnect_runs() {
    bounded(async {
        let (end, mut ended) = mpsc::unbounded_channel();
        let server = Server::builder();
        let groups = server.handle().groups();
        let seen = groups.clone();
        let server = server.on_disconnect(move |peer, _| {
            let (seen, end) = (seen.clone(), end.clone());
            async move {
                let local = [seen.to("tea"), seen.user("ada")].map(|it| it.close(1000, "late"));
                let [group, user] = local;
                let reached = (group.await.expect("valid").local, user.await.expect("valid").local);
                let again = seen.join(&peer, "tea").await.err();
                let _ = end.send((seen.count("tea").await, reached, again));
            }
        });
        let mut house = House::serving(server, Router::new());
        for round in 0..20 {
            let guest = house.user("ada").await;
            groups.join(&guest.peer, "tea").await.expect("there is room");
            groups.track(&guest.peer, "tea", "ada", round).await.expect("she is a member");
            guest.client.close(1000, "bye").expect("a valid close");
            let expected = (0, (0, 0), Some(GroupError::Disconnected));
            assert_eq!(ended.recv().await, Some(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_has_disconnected_cannot_join() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let guest = house.guest().await;
        let peer = guest.peer.clone();
        guest.leave().await;
        assert_eq!(groups.join(&peer, "tea").await, Err(GroupError::Disconnected));
        assert_eq!(groups.set_user(&peer, "ada").await, Err(GroupError::Disconnected));
        assert_eq!(groups.track(&peer, "tea", "ada", 1).await, Err(GroupError::NotMember));
        assert_eq!(groups.count("tea").await, 0);
    })
    .await;
}

#[tokio::test]
async fn names_and_numbers_of_groups_are_limited() {
    bounded(async {
        let mut house = House::new();
        let (groups, guest) = (house.groups(), house.guest().await);
        for (name, bytes) in [(String::new(), 0), ("x".repeat(257), 257), ("é".repeat(1 << 19), 1 << 20)] {
            let refused = Err(GroupError::Name { bytes });
            assert_eq!(groups.join(&guest.peer, &name).await, refused);
            assert_eq!(groups.set_user(&guest.peer, &name).await, refused);
            assert_eq!(groups.track(&guest.peer, "tea", &name, 1).await, refused.map(drop));
            assert!(!groups.leave(&guest.peer, &name).await && groups.count(&name).await == 0);
            assert_eq!(say(&groups, &name, "nobody").await, (0, 0));
        }
        for number in 0..256 {
            groups.join(&guest.peer, &number.to_string()).await.expect("there is room");
        }
        let full = GroupError::TooManyGroups { limit: 256 };
        assert_eq!(groups.join(&guest.peer, "one more").await, Err(full.clone()));
        groups.join(&guest.peer, "7").await.expect("it is a member already");
        let error = ErrorObject::from(full);
        assert_eq!(
            (error.code(), error.data::<Value>().map(|data| data["kind"].clone())),
            (-32005, Some(json!("limit_exceeded")))
        );
        assert!(groups.leave(&guest.peer, "7").await);
        groups.join(&guest.peer, "one more").await.expect("there is room again");
    })
    .await;
}

#[tokio::test]
async fn names_are_compared_byte_by_byte() {
    bounded(async {
        let mut house = House::new();
        let (groups, mut guest) = (house.groups(), house.guest().await);
        let names = ["\u{e9}", "e\u{301}", "E\u{301}", "\0", " ", "a.b", "a.*", "\u{202e}x", "👩‍👩‍👧"];
        for name in names {
            groups.join(&guest.peer, name).await.expect("a valid name");
        }
        for name in names {
            assert_eq!(say(&groups, name, name).await, (1, 0));
        }
        assert_eq!(guest.heard().await, names);
        assert_eq!(say(&groups, "e", "nobody").await, (0, 0));
    })
    .await;
}

/// Connections without a server, which share their configuration.
#[tokio::test]
async fn connections_of_the_applications_own_have_groups_too() {
    bounded(async {
        let config = Arc::new(Config::default());
        let mut peers = Vec::new();
        for _ in 0..3 {
            let (near, far) = memory_pair();
            let (peer, connection) = Connection::new(near, config.clone(), ConnectionInfo::default());
            peers.push((peer, tokio::spawn(connection), far));
        }
        let groups = peers[0].0.groups();
        for (peer, ..) in &peers {
            groups.join(peer, "tea").await.expect("there is room");
            peer.groups().set_user(peer, "ada").await.expect("a valid name");
        }
        assert_eq!((say(&groups, "tea", "x").await, groups.count("tea").await), ((3, 0), 3));
        // One ends with a closing handshake that its peer cuts short, one is dropped.
        drop(peers.remove(0).2);
        peers[0].1.abort();
        while groups.count("tea").await > 1 {
            tokio::task::yield_now().await;
        }
        let left = groups.all().send(|user: &ListenerClient| user.said("x".into())).await;
        assert_eq!(left.map(|sent| sent.local), Ok(1));
    })
    .await;
}

#[tokio::test]
async fn many_that_come_join_and_go_leave_nothing() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let rooms = ["a", "b", "c", "d"];
        for round in 0..30_usize {
            let mut guests: Vec<Guest> = Vec::new();
            for number in 0..10 {
                let guest = house.user(rooms[number % 3]).await;
                for room in &rooms[..=number % 4] {
                    groups.join(&guest.peer, room).await.expect("there is room");
                    groups.track(&guest.peer, room, room, round).await.expect("it is a member");
                }
                guests.push(guest);
            }
            say(&groups, "a", "hello").await;
            for (number, guest) in guests.into_iter().enumerate() {
                match number % 3 {
                    0 => drop(guest.client),
                    1 => guest.peer.close(1000, "bye").expect("a valid close"),
                    _ => assert!(groups.leave(&guest.peer, "a").await),
                }
            }
        }
        while !house.acceptor().handle().peers().is_empty() {
            tokio::task::yield_now().await;
        }
        for room in rooms {
            assert_eq!(groups.count(room).await, 0);
            assert_eq!(groups.user(room).close(1000, "nobody").await.map(|sent| sent.local), Ok(0));
            let state = groups.presence(room).next().await;
            assert_eq!(state, Some(birpc::PresenceEvent::State(Default::default())));
        }
    })
    .await;
}
