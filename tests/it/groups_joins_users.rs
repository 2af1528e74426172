//! Changes of users that other servers must know of: what holds meanwhile, and if they fail or are dropped.

use birpc::{Client, Grant, Peer, Refusal, Remote, Router, Server};

use crate::groups_joins::{house, remote};
use crate::support::bounded;
use crate::support::house::ListenerClient;
use crate::support::pending::is_pending;
use crate::support::servers::{Engine, Servers};

#[tokio::test]
async fn a_peer_keeps_its_user_if_a_change_fails_or_is_dropped() {
    bounded(async {
        let (mut house, link) = house();
        let (groups, mut guest) = (house.groups(), house.user("ada").await);
        let peer = guest.peer.clone();
        assert_eq!(link.wants(), ["+@ada"]);
        let say = async |user: &str| {
            let sent = groups.user(user).send(|it: &ListenerClient| it.said(user.to_owned()));
            let _ = is_pending(&mut { sent }).await;
        };
        link.set_engine(Engine::Waits);
        let mut changing = Box::pin(groups.set_user(&peer, "eve"));
        assert!(is_pending(&mut changing).await);
        say("ada").await;
        say("eve").await;
        assert_eq!(guest.heard().await, ["ada", "eve"], "both reach it meanwhile");
        drop(changing);
        link.set_engine(Engine::Refuses);
        assert!(groups.set_user(&guest.peer, "eve").await.is_err());
        say("ada").await;
        say("eve").await;
        assert_eq!(guest.heard().await, ["ada"]);
        assert_eq!(link.wants(), ["+@eve", "-@eve", "+@eve", "-@eve"]);

        // The last change that was made counts, in whatever order they are completed.
        link.set_engine(Engine::Waits);
        let mut changes: Vec<_> =
            ["one", "two"].map(|user| Box::pin(groups.set_user(&peer, user))).into_iter().collect();
        for changing in &mut changes {
            assert!(is_pending(changing).await);
        }
        link.set_engine(Engine::Works);
        let last = changes.pop().expect("there are two");
        assert_eq!(remote(last.await), Ok(Remote::Published));
        assert_eq!(remote(changes.remove(0).await), Ok(Remote::Published));
        let wants = link.wants();
        assert_eq!(wants[..2], ["+@one", "+@two"]);
        assert!(wants.len() == 4 && wants.contains(&"-@ada".into()) && wants.contains(&"-@one".into()));
        for user in ["ada", "one", "two"] {
            say(user).await;
        }
        assert_eq!(guest.heard().await, ["two"]);
    })
    .await;
}

#[tokio::test]
async fn a_granted_user_is_known_to_other_servers_before_the_connection_begins() {
    bounded(async {
        let (mut house, link) = house();
        let groups = house.groups();
        link.set_engine(Engine::Waits);
        let mut entering = Box::pin(house.user("ada"));
        while link.wants().is_empty() {
            assert!(is_pending(&mut entering).await);
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            assert!(is_pending(&mut entering).await, "on_connect has not run");
            tokio::task::yield_now().await;
        }
        let sent = groups.user("ada").send(|user: &ListenerClient| user.said("1".into()));
        assert!(is_pending(&mut { sent }).await);
        link.set_engine(Engine::Works);
        let mut guest = entering.await;
        assert_eq!(guest.heard().await, ["1"]);

        link.set_engine(Engine::Refuses);
        let nobody = house.user("eve").await;
        assert_eq!(nobody.peer.call::<()>("fence", ()).await, Ok(()), "it is served without a user");
        assert_eq!(link.wants(), ["+@eve", "-@eve"]);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_ends_while_its_user_is_made_known_leaves_nothing() {
    bounded(async {
        let server = Server::builder().authorize(|_| async { Ok::<_, Refusal>(Grant::new().user("ada")) });
        let acceptor = server.mount(Router::new()).expect("valid settings");
        let link = Servers::default().connect(&acceptor.handle().groups());
        link.set_engine(Engine::Waits);
        let serving = acceptor.connect_in_memory(Client::builder());
        let client: Client = serving.await.expect("it is authorized");
        let mut wants = Vec::new();
        while wants.is_empty() {
            tokio::task::yield_now().await;
            wants = link.wants();
        }
        assert_eq!(wants, ["+@ada"]);
        acceptor.handle().stop();
        drop(client);
        link.set_engine(Engine::Works);
        while link.wants().is_empty() {
            tokio::task::yield_now().await;
        }
        let nobody: Vec<Peer> = acceptor.handle().peers().list();
        assert_eq!(nobody, []);
    })
    .await;
}
