//! Who is present in a group, as its members and watchers see it.

use birpc::{
    Context, ErrorObject, GroupError, Groups, Meta, PresenceEvent, PresenceEvents, Server, StreamError,
    Streaming, rpc,
};
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::support::bounded;
use crate::support::house::House;

#[rpc]
trait Rooms {
    async fn watch(&self, cx: &Context, room: String) -> Result<Streaming<PresenceEvent>, ErrorObject>;
    async fn track(&self, cx: &Context, room: String, meta: Value) -> Result<(), ErrorObject>;
}

struct Hotel;

impl Rooms for Hotel {
    async fn watch(&self, cx: &Context, room: String) -> Result<Streaming<PresenceEvent>, ErrorObject> {
        Ok(Streaming::from_stream(cx.groups().presence(&room)))
    }

    async fn track(&self, cx: &Context, room: String, meta: Value) -> Result<(), ErrorObject> {
        let (groups, peer) = (cx.groups(), cx.peer());
        groups.join(&peer, &room).await?;
        Ok(groups.track(&peer, &room, "ada", meta).await?)
    }
}

/// An event as JSON.
async fn next(events: &mut PresenceEvents) -> Value {
    json_of(&events.next().await.expect("it never ends"))
}

fn json_of(event: &PresenceEvent) -> Value {
    serde_json::to_value(event).expect("it serialises")
}

/// The events that are there now.
fn ready(events: &mut PresenceEvents) -> Vec<PresenceEvent> {
    std::iter::from_fn(|| events.next().now_or_never().flatten()).collect()
}

async fn state(groups: &Groups, group: &str) -> Value {
    next(&mut groups.presence(group)).await
}

#[tokio::test]
async fn a_watcher_gets_the_state_and_then_each_change() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (phone, laptop) = (house.member("tea").await, house.member("tea").await);
        groups.track(&phone.peer, "tea", "ada", "phone").await.expect("a member");
        let mut events = groups.presence("tea");
        assert_eq!(next(&mut events).await, json!({"state": {"ada": ["phone"]}}));
        assert!(ready(&mut events).is_empty());

        groups.track(&laptop.peer, "tea", "ada", "laptop").await.expect("a member");
        let both = json!({"updated": {"key": "ada", "metas": ["phone", "laptop"]}});
        assert_eq!(next(&mut events).await, both);
        groups.track(&laptop.peer, "tea", "ben", json!({"page": 1})).await.expect("a member");
        assert_eq!(next(&mut events).await, json!({"joined": {"key": "ben", "metas": [{"page": 1}]}}));
        groups.track(&laptop.peer, "tea", "ben", json!({"page": 2})).await.expect("a member");
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "ben", "metas": [{"page": 2}]}}));
        assert!(groups.untrack(&laptop.peer, "tea", "ben").await);
        assert!(!groups.untrack(&laptop.peer, "tea", "ben").await);
        assert_eq!(next(&mut events).await, json!({"left": {"key": "ben", "metas": []}}));

        assert!(groups.leave(&laptop.peer, "tea").await, "a leave ends the presence");
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "ada", "metas": ["phone"]}}));
        phone.leave().await;
        assert_eq!(next(&mut events).await, json!({"left": {"key": "ada", "metas": []}}));
        assert!(ready(&mut events).is_empty());
        assert_eq!(state(&groups, "tea").await, json!({"state": {}}));
    })
    .await;
}

#[tokio::test]
async fn what_is_invalid_changes_nothing() {
    bounded(async {
        let mut house = House::new();
        let (groups, guest) = (house.groups(), house.member("tea").await);
        let track = async |group: &str, key: &str, meta: Value| {
            groups.track(&guest.peer, group, key, meta).await.err()
        };
        assert_eq!(track("coffee", "ada", json!(1)).await, Some(GroupError::NotMember));
        assert_eq!(track("tea", "", json!(1)).await, Some(GroupError::Name { bytes: 0 }));
        let too_large = GroupError::MetaTooLarge { bytes: 1 << 20, limit: 1024 };
        assert_eq!(track("tea", "ada", json!("x".repeat((1 << 20) - 2))).await, Some(too_large.clone()));
        let unserialisable = groups.track(&guest.peer, "tea", "ada", f64::INFINITY).await;
        assert!(matches!(unserialisable, Err(GroupError::Meta(_))), "{unserialisable:?}");
        assert!(!groups.untrack(&guest.peer, "tea", "ada").await);
        assert_eq!(state(&groups, "tea").await, json!({"state": {}}));
        assert_eq!(ErrorObject::from(too_large).code(), -32602);

        for number in 0..256 {
            assert_eq!(track("tea", &number.to_string(), json!(number)).await, None);
        }
        assert_eq!(track("tea", "more", json!(1)).await, Some(GroupError::TooManyEntries { limit: 256 }));
        assert_eq!(track("tea", "7", json!("again")).await, None, "it replaces its former meta");

        let mut nowhere = groups.presence(&"x".repeat(257));
        assert_eq!(next(&mut nowhere).await, json!({"state": {}}));
        assert!(ready(&mut nowhere).is_empty());
    })
    .await;
}

#[tokio::test]
async fn changes_that_nobody_takes_are_told_as_one_for_each_key() {
    bounded(async {
        let mut house = House::new();
        let (groups, guest) = (house.groups(), house.member("tea").await);
        groups.track(&guest.peer, "tea", "stays", 0).await.expect("a member");
        let mut events = groups.presence("tea");
        assert_eq!(next(&mut events).await, json!({"state": {"stays": [0]}}));
        for number in 0..10_000 {
            groups.track(&guest.peer, "tea", "stays", number).await.expect("a member");
            groups.track(&guest.peer, "tea", "flaps", number).await.expect("a member");
            groups.track(&guest.peer, "tea", &format!("once {number}"), number).await.expect("a member");
            assert!(groups.untrack(&guest.peer, "tea", "flaps").await);
            assert!(groups.untrack(&guest.peer, "tea", &format!("once {number}")).await);
        }
        assert_eq!(next(&mut events).await, json!({"updated": {"key": "stays", "metas": [9999]}}));
        assert!(ready(&mut events).is_empty(), "what has come and gone is not told");
    })
    .await;
}

#[tokio::test]
async fn a_client_watches_over_a_stream() {
    bounded(async {
        let mut house = House::serving(Server::builder(), RoomsServer::new(Hotel));
        let guest = house.guest().await;
        let rooms: RoomsClient = guest.client.stub();
        let mut events = rooms.watch("tea".into()).await.expect("it is served");
        let state = events.next().await;
        assert!(matches!(&state, Some(Ok(PresenceEvent::State(keys))) if keys.is_empty()), "{state:?}");
        rooms.track("tea".into(), json!({"page": 1})).await.expect("it is served");
        let Some(Ok(PresenceEvent::Joined { key, metas })) = events.next().await else { panic!("a join") };
        assert_eq!((key.as_str(), metas.len()), ("ada", 1));
        assert_eq!(metas.first().and_then(Meta::get::<Value>), Some(json!({"page": 1})));
    })
    .await;
}

#[tokio::test]
async fn a_state_that_does_not_fit_in_a_message_ends_the_stream() {
    bounded(async {
        let server = Server::builder().limits(|limits| limits.max_message_out = 1500);
        let mut house = House::serving(server, RoomsServer::new(Hotel));
        let (groups, guest) = (house.groups(), house.member("tea").await);
        for key in ["ada", "ben"] {
            groups.track(&guest.peer, "tea", key, "x".repeat(1000)).await.expect("a member");
        }
        let rooms: RoomsClient = guest.client.stub();
        let mut events = rooms.watch("tea".into()).await.expect("it is served");
        let failed = events.next().await;
        let Some(Err(StreamError::Refused(error))) = &failed else { panic!("{failed:?}") };
        let detail = error.data::<Value>().map(|data| data["detail"].to_string());
        assert!(detail.is_some_and(|detail| detail.contains("max_message_out")), "{error:?}");
        assert!(groups.untrack(&guest.peer, "tea", "ben").await);
        let state = rooms.watch("tea".into()).await.expect("it is served").next().await;
        assert!(matches!(&state, Some(Ok(PresenceEvent::State(keys))) if keys.len() == 1), "{state:?}");
    })
    .await;
}

#[tokio::test]
async fn presence_is_membership_after_churn() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let mut events = groups.presence("tea");
        next(&mut events).await;
        let mut guests = Vec::new();
        for round in 0..200_u64 {
            let guest = house.member("tea").await;
            let key = guest.peer.id().to_string();
            groups.track(&guest.peer, "tea", &key, round).await.expect("a member");
            guests.push(guest);
            let index = usize::try_from(round).unwrap_or(0) * 7 % guests.len();
            match round % 4 {
                0 => guests.swap_remove(index).leave().await,
                1 => assert!(groups.leave(&guests.swap_remove(index).peer, "tea").await),
                _ => {}
            }
        }
        let mut present: Vec<String> = guests.iter().map(|guest| guest.peer.id().to_string()).collect();
        present.sort();
        let told = state(&groups, "tea").await;
        let keys: Vec<&String> = told["state"].as_object().expect("a state").keys().collect();
        assert_eq!(keys, present.iter().collect::<Vec<_>>());
        assert_eq!(groups.count("tea").await, present.len());
        // The other watcher was told the changes, and knows the same.
        let changes = ready(&mut events);
        let joined = changes.into_iter().map(|event| match event {
            PresenceEvent::Joined { key, metas } if metas.len() == 1 => key,
            event => panic!("{event:?} of a key that the watcher does not know"),
        });
        assert_eq!(joined.collect::<Vec<_>>(), present);
    })
    .await;
}
