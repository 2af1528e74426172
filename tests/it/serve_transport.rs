//! Connections over the application's own transports, among the connections of an acceptor.

use std::future::poll_fn;
use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Transport, memory_pair};
use birpc::{Acceptor, Connection, ConnectionInfo, Context, ErrorObject, Grant, Peer, Router, Server};

struct User(&'static str);

fn acceptor(max_connections: usize) -> Acceptor {
    let whoami = |cx: Context, (): ()| async move {
        Ok::<_, ErrorObject>(cx.get::<User>().map_or("nobody", |user| user.0))
    };
    let builder = Server::builder().limits(|limits| limits.max_connections = max_connections);
    builder.mount(Router::new().method("whoami", whoami)).expect("no duplicates")
}

fn adopt(acceptor: &Acceptor, grant: Grant) -> MemoryTransport {
    let (near, far) = memory_pair();
    tokio::spawn(acceptor.serve_transport(near, ConnectionInfo::default(), grant));
    far
}

fn start(transport: MemoryTransport) -> Peer {
    let (peer, connection) = Connection::new(transport, Default::default(), ConnectionInfo::default());
    tokio::spawn(connection);
    peer
}

async fn close_code(mut transport: MemoryTransport) -> u16 {
    match poll_fn(|cx| transport.poll_recv(cx)).await {
        Some(Ok(Frame::Close(Some(close)))) => close.code().get(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_served_with_what_it_was_granted_and_listed_until_it_ends() {
    let acceptor = acceptor(10);
    let ada = start(adopt(&acceptor, Grant::new().with(User("ada"))));
    let bob = start(adopt(&acceptor, Grant::new().with(User("bob"))));
    let whoami = async |peer: &Peer| peer.call::<String>("whoami", ()).await.expect("an answer");
    assert_eq!((whoami(&ada).await, whoami(&bob).await), ("ada".into(), "bob".into()));
    assert_eq!(acceptor.handle().peers().len(), 2);
    ada.close(1000, "").expect("it may be sent");
    ada.closed().await;
    while acceptor.handle().peers().len() > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_limit_of_connections_it_is_closed_with_1013() {
    let acceptor = acceptor(1);
    let first = start(adopt(&acceptor, Grant::new()));
    first.call::<String>("whoami", ()).await.expect("an answer");
    assert_eq!(close_code(adopt(&acceptor, Grant::new())).await, 1013);
    first.call::<String>("whoami", ()).await.expect("it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_stop_closes_it_and_those_that_come_later_with_1001() {
    let acceptor = acceptor(10);
    let peer = start(adopt(&acceptor, Grant::new()));
    peer.call::<String>("whoami", ()).await.expect("an answer");
    acceptor.handle().stop();
    assert_eq!(peer.closed().await.code, 1001);
    assert_eq!(close_code(adopt(&acceptor, Grant::new())).await, 1001);
}
