//! The users that peers belong to, all peers of a server, and one of them.

use birpc::{CallError, Client, GlobalId, Peer};
use serde_json::json;

use crate::support::bounded;
use crate::support::house::{House, ListenerClient};

#[tokio::test]
async fn a_user_has_all_of_its_connections_and_can_be_logged_out_everywhere() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (mut phone, mut laptop) = (house.user("ada").await, house.user("ada").await);
        let (mut ben, mut eve) = (house.user("ben").await, house.guest().await);
        let tell = async |user: &str, line: &str| {
            let sent = groups.user(user).send(|user: &ListenerClient| user.said(line.into())).await;
            sent.expect("it is short").local
        };
        assert_eq!((tell("ada", "1").await, tell("ben", "2").await, tell("eve", "3").await), (2, 1, 0));
        groups.set_user(&eve.peer, "ada").await.expect("a valid name");
        groups.set_user(&ben.peer, "eve").await.expect("a valid name");
        assert_eq!((tell("ada", "4").await, tell("ben", "5").await, tell("eve", "6").await), (3, 0, 1));
        groups.clear_user(&eve.peer).await;
        assert_eq!(tell("ada", "7").await, 2);
        for guest in [&mut phone, &mut laptop] {
            assert_eq!(guest.heard().await, ["1", "4", "7"]);
        }
        assert_eq!((ben.heard().await, eve.heard().await), (vec![json!("2"), json!("6")], vec![json!("4")]));

        assert!(groups.user("ada").close(999, "no such code").await.is_err());
        let closed = groups.user("ada").except(laptop.peer.global_id()).close(4001, "logged out").await;
        assert_eq!(closed.map(|sent| sent.local), Ok(1));
        let reason = phone.client.closed().await;
        assert_eq!((reason.code, &*reason.reason), (4001, "logged out"));
        phone.peer.closed().await;
        assert_eq!(tell("ada", "8").await, 1);
        assert_eq!(laptop.heard().await, ["8"]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_with_an_invalid_user_refuses_the_connection() {
    bounded(async {
        let house = House::new();
        let client = Client::builder().header("authorization", &format!("Bearer {}", "x".repeat(300)));
        let refused = house.acceptor().connect_in_memory(client).await.expect_err("it is refused");
        assert!(refused.to_string().contains("500"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn all_are_those_that_are_connected() {
    bounded(async {
        let mut house = House::new();
        let groups = house.groups();
        let (mut ada, mut ben) = (house.member("tea").await, house.guest().await);
        let sent = groups.all().send(|user: &ListenerClient| user.said("1".into())).await;
        assert_eq!(sent.map(|sent| sent.local), Ok(2));
        let but_ada = groups.all().except(ada.peer.global_id());
        let sent = but_ada.send(|user: &ListenerClient| user.said("2".into())).await;
        assert_eq!(sent.map(|sent| sent.local), Ok(1));
        assert_eq!((ada.heard().await, ben.heard().await), (vec![json!("1")], vec![json!("1"), json!("2")]));
    })
    .await;
}

#[tokio::test]
async fn one_member_is_called_by_its_global_id() {
    bounded(async {
        let mut house = House::new();
        let (groups, guest) = (house.groups(), house.guest().await);
        let id = guest.peer.global_id();
        let found: GlobalId = id.to_string().parse().expect("its own text");
        groups.member(found).client::<ListenerClient>().fence().await.expect("it is connected");
        guest.leave().await;
        let other = House::new().guest().await.peer.global_id();
        for gone in [id, other] {
            let call = groups.member(gone).client::<Peer>().call::<()>("fence", ()).await;
            assert!(matches!(call, Err(CallError::Disconnected { sent: false, .. })), "{call:?}");
        }
    })
    .await;
}
