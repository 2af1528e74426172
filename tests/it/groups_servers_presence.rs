//! The presence of peers of two servers.

use birpc::__private::crates::cluster::{PresenceKey, peer_id};
use birpc::{ErrorObject, Groups, Meta, PresenceEvent, PresenceEvents};
use serde_json::{Value, json};

use crate::support::bounded;
use crate::support::house::Guest;
use crate::support::servers::Pair;

/// The next event, as JSON.
async fn next(events: &mut PresenceEvents) -> Value {
    serde_json::to_value(events.next().await).expect("it serialises")
}

#[tokio::test]
async fn presence_is_that_of_all_servers() {
    bounded(async {
        let Pair { servers, mut near, mut far, links } = Pair::new();
        let (here, there) = (near.member("tea").await, far.member("tea").await);
        let mut events = near.groups().presence("tea");
        assert_eq!(next(&mut events).await, json!({"state": {}}));
        let track = async |groups: Groups, guest: &Guest, meta: u32| {
            groups.track(&guest.peer, "tea", "ada", meta).await.expect("there is room");
            servers.pass_on_presence();
        };
        track(far.groups(), &there, 1).await;
        assert_eq!(next(&mut events).await, json!({"joined": {"key": "ada", "metas": [1]}}));
        track(near.groups(), &here, 2).await;
        let both = near.groups().presence("tea").next().await;
        let Some(PresenceEvent::State(state)) = both else { panic!("expected the state, got {both:?}") };
        let metas = json!(state["ada"]);
        assert!(metas == json!([1, 2]) || metas == json!([2, 1]), "{metas}");
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "ada", "metas": metas}}));
        assert_eq!(
            next(&mut far.groups().presence("tea")).await,
            json!({"state": {"ada": metas}}),
            "all agree"
        );

        far.groups().leave(&there.peer, "tea").await;
        servers.pass_on_presence();
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "ada", "metas": [2]}}));
        far.groups().join(&there.peer, "tea").await.expect("there is room");
        track(far.groups(), &there, 3).await;
        assert_eq!(next(&mut events).await["updated"]["metas"].as_array().map(Vec::len), Some(2));
        there.leave().await;
        servers.pass_on_presence();
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "ada", "metas": [2]}}));

        let entry = |peer| PresenceKey { group: "tea".into(), key: "eve".into(), peer: peer_id(peer) };
        let meta = |json: &str| serde_json::from_str::<Meta>(json).expect("JSON");
        links[0].local().apply_presence(7, vec![(entry(1), Some(meta("1")))]);
        assert_eq!(next(&mut events).await, json!({"joined": {"key": "eve", "metas": [1]}}));
        links[0].local().node_gone(7);
        assert_eq!(next(&mut events).await, json!({"left": {"key": "eve", "metas": []}}));
        links[0].local().apply_presence(8, vec![(entry(1), Some(meta("1")))]);
        links[0].disconnect();
        links[0].local().apply_presence(8, vec![(entry(2), Some(meta("1")))]);
        assert_eq!(next(&mut near.groups().presence("tea")).await, json!({"state": {"ada": [2]}}));
    })
    .await;
}

#[tokio::test]
async fn entries_of_others_that_no_server_may_have_are_dropped() {
    bounded(async {
        let Pair { near, links, .. } = Pair::new();
        let local = links[0].local();
        let entry = |group: &str, key: &str, number: u64| PresenceKey {
            group: group.into(),
            key: key.into(),
            peer: peer_id(number),
        };
        let meta = |bytes: usize| {
            let text = serde_json::to_string(&"x".repeat(bytes - 2)).expect("a text");
            Some(serde_json::from_str::<Meta>(&text).expect("JSON"))
        };
        let long = "x".repeat(257);
        let node = 7;
        let changes = vec![
            (entry("", "ada", 1), meta(2)),
            (entry("tea", "", 1), meta(2)),
            (entry(&long, "ada", 1), meta(2)),
            (entry("tea", &long, 1), meta(2)),
            (entry("tea", "ada", 1), meta(1025)),
            (entry("tea", "nobody", 1), None),
        ];
        local.apply_presence(node, changes);
        assert_eq!(next(&mut near.groups().presence("tea")).await, json!({"state": {}}));
        // A server cannot write the entries of this one.
        local.apply_presence(local.node(), vec![(entry("tea", "ada", 1), meta(2))]);
        assert_eq!(next(&mut near.groups().presence("tea")).await, json!({"state": {}}));

        let many = (0..100_001).map(|number| (entry("tea", "ada", number), meta(2))).collect();
        local.apply_presence(node, many);
        let Some(PresenceEvent::State(state)) = near.groups().presence("tea").next().await else { panic!() };
        assert_eq!(state["ada"].len(), 100_000);
    })
    .await;
}

#[tokio::test]
async fn track_is_refused_when_all_servers_have_as_many_entries_as_may_be() {
    bounded(async {
        let Pair { mut near, links, .. } = Pair::new();
        let here = near.member("tea").await;
        let meta: Meta = serde_json::from_str("1").expect("JSON");
        let entry = |number| PresenceKey { group: "tea".into(), key: "eve".into(), peer: peer_id(number) };
        let many = (0..100_000).map(|number| (entry(number), Some(meta.clone()))).collect();
        links[0].local().apply_presence(7, many);
        let refused = near.groups().track(&here.peer, "tea", "ada", 1).await.expect_err("it is full");
        assert_eq!(ErrorObject::from(refused).code(), -32005);
        links[0].local().node_gone(7);
        assert_eq!(near.groups().track(&here.peer, "tea", "ada", 1).await, Ok(()));
    })
    .await;
}
