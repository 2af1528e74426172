//! The groups of a server and the users of its peers, as its inspector shows them.

use birpc::{Client, Peer};
use serde_json::{Value, json};

use super::{Inspected, router, sample, stream};

/// Names a peer, instead of the user that it belongs to.
struct Badge(&'static str);

/// A server with peers in the order of their ids, each of which belongs to a user. Peer 0 has a badge.
async fn crowd(peers: usize) -> (Inspected, Vec<Client>, Vec<Peer>) {
    let inspected = Inspected::with(router(), |inspector| {
        inspector.user(|peer| peer.get::<Badge>().map(|badge| badge.0.into()))
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..peers {
        clients.push(inspected.client().await);
    }
    let mut peers = inspected.server.peers().list();
    peers.sort_by_key(|peer| peer.id());
    for (n, peer) in peers.iter().enumerate() {
        inspected.server.groups().set_user(peer, &format!("user{n}")).await.expect("a user");
    }
    peers[0].insert(Badge("ada"));
    (inspected, clients, peers)
}

async fn ask(page: &Client, method: &str, query: Value) -> Value {
    page.peer().call::<Value>(&format!("inspector.{method}"), [query]).await.expect("an answer")
}

/// The names of the groups in an answer.
fn names(answer: &Value) -> Vec<&str> {
    let rows = answer["groups"].as_array().expect("rows");
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn the_largest_groups_come_first_with_members_and_users() {
    let (inspected, _clients, peers) = crowd(10).await;
    let page = inspected.page().await;
    assert_eq!(ask(&page, "groups", json!({"take": 9})).await, json!({"matching": 0, "groups": []}));

    let groups = inspected.server.groups();
    let odd = format!("{}\n<b>", "é".repeat(100));
    for peer in &peers {
        groups.join(peer, "hall").await.expect("room");
    }
    for peer in &peers[..3] {
        groups.join(peer, "Room").await.expect("room");
    }
    groups.join(&peers[9], &odd).await.expect("room");

    let answer = ask(&page, "groups", json!({"take": 9})).await;
    assert_eq!((&answer["matching"], names(&answer)), (&json!(3), vec!["hall", "Room", &odd]));
    let (hall, room, last) = (&answer["groups"][0], &answer["groups"][1], &answer["groups"][2]);
    assert_eq!((&hall["members"], &hall["more_users"]), (&json!(10), &json!(true)));
    assert_eq!(hall["users"].as_array().map(Vec::len), Some(8), "{hall}");
    assert_eq!((&room["members"], &room["more_users"]), (&json!(3), &json!(false)));
    assert_eq!(room["users"], json!(["ada", "user1", "user2"]));
    assert!(last["shown"].as_str().is_some_and(|shown| !shown.contains('\n')), "{last}");

    assert_eq!(names(&ask(&page, "groups", json!({"take": 9, "filter": "rOO"})).await), ["Room"]);
    let part = ask(&page, "groups", json!({"take": 1, "skip": 1})).await;
    assert_eq!((&part["matching"], names(&part)), (&json!(3), vec!["Room"]));
    let none = ask(&page, "groups", json!({"take": usize::MAX, "skip": usize::MAX})).await;
    assert_eq!((&none["matching"], names(&none)), (&json!(3), vec![]));

    for peer in &peers[..3] {
        groups.leave(peer, "Room").await;
    }
    assert_eq!(names(&ask(&page, "groups", json!({"take": 9})).await), ["hall", &odd]);
}

#[tokio::test]
async fn peers_are_shown_with_their_users_and_groups_and_those_of_one_group_alone() {
    let (inspected, _clients, peers) = crowd(4).await;
    let (page, groups) = (inspected.page().await, inspected.server.groups());
    for peer in &peers[..3] {
        groups.join(peer, "room").await.expect("room");
        groups.join(peer, "hall").await.expect("room");
    }
    groups.clear_user(&peers[3]).await;

    let all = ask(&page, "peers", json!({"take": 9})).await;
    let users: Vec<_> = all["peers"].as_array().expect("rows").iter().map(|row| &row["user"]).collect();
    assert_eq!(users, [&json!("ada"), &json!("user1"), &json!("user2"), &Value::Null]);
    assert_eq!(all["peers"][1]["groups"], json!(["hall", "room"]));
    assert_eq!((&all["peers"][1]["group_count"], &all["peers"][3]["group_count"]), (&json!(2), &json!(0)));

    for (query, matching) in [
        (json!({"take": 9, "group": "room"}), 3),
        (json!({"take": 9, "group": "room", "filter": "USER2"}), 1),
        (json!({"take": 9, "group": "none"}), 0),
        (json!({"take": 9, "group": ""}), 0),
        (json!({"take": 9, "group": null, "filter": "user1"}), 1),
    ] {
        assert_eq!(ask(&page, "peers", query.clone()).await["matching"], matching, "{query}");
    }
}

#[tokio::test]
async fn what_is_shown_of_many_groups_is_bounded() {
    let (inspected, _clients, peers) = crowd(2).await;
    let (page, groups) = (inspected.page().await, inspected.server.groups());
    for n in 0..300 {
        let peer = &peers[usize::from(n < 240)];
        groups.join(peer, &format!("group{n:03}")).await.expect("room");
    }
    let answer = ask(&page, "groups", json!({"take": 1000})).await;
    assert_eq!((&answer["matching"], names(&answer).len()), (&json!(300), 200));
    assert_eq!(names(&ask(&page, "groups", json!({"take": 2, "skip": 298})).await), ["group298", "group299"]);
    let row = &ask(&page, "peers", json!({"only": peers[1].id(), "take": 1})).await["peers"][0];
    assert_eq!((&row["group_count"], row["groups"].as_array().map(Vec::len)), (&json!(240), Some(20)));

    let mut samples = stream(&page, "inspector.samples", ()).await;
    let seen = sample(&mut samples, |_| true).await;
    let limits = seen["limits"].as_array().expect("rows");
    let row = limits.iter().find(|row| row["name"] == "max_groups").expect("a row");
    assert_eq!((&row["used"], &row["peer"]), (&json!(240), &json!(peers[1].id())));
}
