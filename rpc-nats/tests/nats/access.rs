//! Credentials and permissions.

use std::time::{Duration, Instant};

use birpc_cluster::{Backplane, BackplaneError, BackplaneEvent, Topic};
use birpc_nats::{ConnectError, Nats, NatsBuilder};

use crate::server::NatsServer;
use crate::{Node, group, message};

/// Connects, and is heard by itself.
pub(crate) async fn works(builder: NatsBuilder) {
    let mut one = Node::new(builder.prefix("test").connect().await.expect("the server lets it in"));
    one.has_nothing().await;
}

/// Is refused, soon, and the error says so without the secret.
pub(crate) async fn is_refused(builder: NatsBuilder, because: &str) {
    let shown = format!("{builder:?}");
    let began = Instant::now();
    let error = builder.prefix("test").connect().await.expect_err("the server refuses it");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let text = error.to_string();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert!(text.contains(because), "{text}");
    assert!(!format!("{shown} {error:?} {text}").contains("secret"), "{shown} {error:?} {text}");
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_user_needs_the_right_password() {
    let server = NatsServer::configured("authorization { user: ada, password: \"good secret\" }").await;
    let builder = || Nats::builder(server.url());
    works(builder().user_and_password("ada", "good secret")).await;
    works(Nats::builder(format!("nats://ada:good%20secret@{}", server.address))).await;
    let why = "authorization violation";
    is_refused(builder(), why).await;
    is_refused(builder().user_and_password("ada", "bad secret"), why).await;
    is_refused(builder().user_and_password("", ""), why).await;
    is_refused(builder().token("secret"), why).await;
    is_refused(Nats::builder(format!("nats://ada:secret@{}", server.address)), why).await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_token_must_be_the_right_one() {
    let server = NatsServer::configured("authorization { token: \"good \\\"secret\" }").await;
    let builder = || Nats::builder(server.url());
    works(builder().token("good \"secret")).await;
    works(Nats::builder(format!("good%20%22secret@{}", server.address))).await;
    is_refused(builder().token("bad secret"), "authorization violation").await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn without_permissions_for_the_prefix_the_connection_is_refused() {
    let permissions = |publish: &str, subscribe: &str| {
        format!("{{ publish: [\"{publish}\"], subscribe: [\"{subscribe}\"] }}")
    };
    let users: Vec<String> =
        [("all", "test.>", "test.>"), ("mute", "no.>", "test.>"), ("deaf", "test.>", "no.>")]
            .iter()
            .map(|(user, publish, subscribe)| {
                let permissions = permissions(publish, subscribe);
                format!("{{ user: {user}, password: secret, permissions: {permissions} }}")
            })
            .collect();
    let server = NatsServer::configured(&format!("authorization {{ users: [{}] }}", users.join(", "))).await;
    let builder = |user: &str| Nats::builder(server.url()).user_and_password(user, "secret");
    works(builder("all")).await;
    is_refused(builder("mute"), "Permissions Violation for Publish").await;
    is_refused(builder("deaf"), "Permissions Violation for Subscription").await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_topic_that_is_not_permitted_is_refused_and_others_work() {
    let server = NatsServer::configured(
        "authorization { users: [ { user: ada, password: secret, permissions: {
            publish: [\"test.>\"],
            subscribe: { allow: [\"test.>\"], deny: [\"test.a\", \"test.u.*\"] } } } ] }",
    )
    .await;
    let builder = Nats::builder(server.url()).prefix("test").user_and_password("ada", "secret");
    let mut one = Node::new(builder.connect().await.expect("the server lets it in"));
    let (all, user, room) = (Topic::All, Topic::User("ada".into()), group("room"));
    for _ in 0..50 {
        let (first, second, third) =
            tokio::join!(one.nats.subscribe(&all), one.nats.subscribe(&room), one.nats.subscribe(&user));
        for refused in [first, third] {
            let Err(BackplaneError::Refused(why)) = refused else { panic!("{refused:?}") };
            assert!(why.contains("Permissions Violation for Subscription to \"test."), "{why}");
        }
        second.expect("a subscription");
        one.publish(&all, "not heard").await;
        one.publish(&room, "heard").await;
        assert_eq!(one.next().await, message(&room, "heard"));
        one.nats.unsubscribe(&room).await;
    }
    one.has_nothing().await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_limit_on_subscriptions_refuses_those_past_it() {
    let server = NatsServer::configured("max_subscriptions: 3").await;
    let mut one = Node::of(&server).await;
    let topics = [group("a"), group("b"), group("c")];
    one.subscribe(&topics[0]).await;
    one.subscribe(&topics[1]).await;
    let refused = one.nats.subscribe(&topics[2]).await;
    assert!(
        matches!(&refused, Err(BackplaneError::Refused(why)) if why.contains("subscriptions")),
        "{refused:?}"
    );
    one.publish(&topics[2], "not heard").await;
    one.publish(&topics[1], "heard").await;
    assert_eq!(one.next().await, message(&topics[1], "heard"));
    one.nats.unsubscribe(&topics[0]).await;
    one.subscribe(&topics[2]).await;
    one.publish(&topics[2], "heard").await;
    assert_eq!(one.next().await, message(&topics[2], "heard"));
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn credentials_that_are_withdrawn_are_an_outage_until_they_are_back() {
    let lines = |password: &str| format!("authorization {{ user: ada, password: {password} }}");
    let mut server = NatsServer::configured(&lines("first")).await;
    let builder = Nats::builder(server.url()).prefix("test").user_and_password("ada", "first");
    let mut one = Node::new(builder.connect().await.expect("the server lets it in"));
    server.kill().await;
    assert_eq!(one.next().await, BackplaneEvent::Lost);
    server.reconfigure(&lines("second"));
    server.restart().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(one.nats.subscribe(&Topic::All).await, Err(BackplaneError::Unreachable));
    server.kill().await;
    server.reconfigure(&lines("first"));
    server.restart().await;
    assert_eq!(one.next().await, BackplaneEvent::Restored);
    one.has_nothing().await;
}
