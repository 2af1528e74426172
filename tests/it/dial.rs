//! Streams and transports that the application opens, also after a reconnect.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{
    Client, ConnectError, Connection, ConnectionInfo, ConnectionState, Destination, ErrorObject, Event,
    Reconnect, Router,
};
use tokio::net::TcpStream;

use crate::support::{NoParams, Record, Side, bounded, listen};

fn ping() -> Router {
    Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>("pong") })
}

fn brisk() -> Reconnect {
    Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20))
}

#[tokio::test]
async fn it_gets_host_and_port_and_serves_each_connection() {
    bounded(async {
        let mut server = listen(Side::new(ping())).await;
        let (address, asked) = (server.address, Record::default());
        let record = asked.clone();
        let client = Client::builder()
            .dial(move |to: Destination| {
                record.push((to.host, to.port, to.secure));
                TcpStream::connect(address)
            })
            .reconnect(brisk())
            .connect("ws://elsewhere.localhost:81/rpc")
            .await
            .expect("it is dialled otherwise");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        let peer = server.connected.recv().await.expect("a client");
        peer.close(1011, "").expect("it may be sent");
        assert!(matches!(events.next().await, Some(Event::Lost(_))));
        assert_eq!(events.next().await, Some(Event::Open));
        assert_eq!(client.peer().call::<String>("ping", ()).await.as_deref(), Ok("pong"));
        assert_eq!(asked.take(), vec![("elsewhere.localhost".to_owned(), 81, false); 2]);
    })
    .await;
}

#[tokio::test]
async fn what_it_returns_may_be_any_stream() {
    bounded(async {
        let server = listen(Side::new(ping())).await;
        let address = server.address;
        // A pipe in memory, which another task forwards to the server.
        let client = Client::builder().dial(move |_| async move {
            let (near, mut far) = tokio::io::duplex(1024);
            let mut stream = TcpStream::connect(address).await?;
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut far, &mut stream).await });
            Ok(near)
        });
        let client = client.connect("ws://[::1]:9/").await.expect("it is dialled otherwise");
        assert_eq!(client.peer().call::<String>("ping", ()).await.as_deref(), Ok("pong"));
        assert_eq!(client.peer().remote_addr(), None);
    })
    .await;
}

#[tokio::test]
async fn an_error_of_its_own_is_told() {
    let client =
        Client::builder().dial(|_| async { Err::<TcpStream, _>(io::Error::other("the tunnel is shut")) });
    let error = client.connect("ws://[::1]:9/").await.expect_err("it fails");
    assert_eq!(error.to_string(), "cannot connect to [::1]:9: the tunnel is shut");
    assert!(matches!(&error, ConnectError::Io { .. }) && std::error::Error::source(&error).is_none());
}

#[tokio::test(start_paused = true)]
async fn one_that_never_ends_has_the_time_of_a_handshake() {
    let client = Client::builder().dial(|_| std::future::pending::<io::Result<TcpStream>>());
    let error = client.connect("ws://127.0.0.1:9/").await.expect_err("it never ends");
    assert!(
        matches!(&error, ConnectError::TimedOut { during, .. } if during.contains("the application's dial")),
        "{error}"
    );
}

/// A client over a transport of the application's, whose server ends.
async fn over_memory(builder: birpc::ClientBuilder) -> (Client, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let open = move || {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let (near, far) = memory_pair();
        let (peer, served) = Connection::new(far, Arc::default(), ConnectionInfo::default());
        tokio::spawn(served.serve(ping()));
        if first {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                peer.close(1011, "on purpose").expect("it may be sent");
            });
        }
        async move { Ok::<_, io::Error>((near, ConnectionInfo::default())) }
    };
    (builder.connect_over(open).await.expect("it connects"), opened)
}

#[tokio::test(start_paused = true)]
async fn a_transport_of_ones_own_is_opened_again_if_the_client_reconnects() {
    let (client, opened) = over_memory(Client::builder().reconnect(brisk())).await;
    let mut events = client.events();
    assert_eq!(events.next().await, Some(Event::Open));
    assert!(matches!(events.next().await, Some(Event::Lost(_))));
    assert_eq!(client.peer().call::<String>("ping", ()).await.as_deref(), Ok("pong"));
    assert_eq!(opened.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_transport_of_ones_own_is_opened_once_if_it_does_not() {
    let (client, opened) = over_memory(Client::builder()).await;
    assert_eq!(client.peer().call::<String>("ping", ()).await.as_deref(), Ok("pong"));
    assert_eq!(client.closed().await.code, 1011);
    assert_eq!((client.state(), opened.load(Ordering::Relaxed)), (ConnectionState::Closed, 1));

    let open = || async { Err::<(birpc::transport::MemoryTransport, _), _>("no cable") };
    let error = Client::builder().connect_over(open).await.expect_err("it fails");
    assert_eq!(error.to_string(), "cannot open a transport: no cable");
}

#[tokio::test]
async fn a_failure_names_the_addresses_that_were_tried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let error = Client::connect(&format!("ws://localhost:{port}/")).await.expect_err("nobody listens");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}: ")), "{error}");
}

#[tokio::test]
async fn a_dial_that_panics_fails_its_attempt_and_no_more() {
    bounded(async {
        let mut server = listen(Side::new(ping())).await;
        let (address, dialled) = (server.address, Arc::new(AtomicUsize::new(0)));
        let counter = dialled.clone();
        let client = Client::builder()
            .dial(move |_| {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                assert!(number != 1, "the test's panic");
                async move {
                    assert!(number != 2, "the test's panic, later");
                    TcpStream::connect(address).await
                }
            })
            .reconnect(brisk())
            .connect("ws://localhost/")
            .await
            .expect("the first is good");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        let peer = server.connected.recv().await.expect("a client");
        peer.close(1011, "").expect("it may be sent");
        assert!(matches!(events.next().await, Some(Event::Lost(_))));
        assert_eq!(events.next().await, Some(Event::Open));
        assert_eq!(dialled.load(Ordering::Relaxed), 4);
    })
    .await;
}

#[tokio::test]
async fn what_opens_a_transport_may_panic() {
    type Opened = Result<(birpc::transport::MemoryTransport, ConnectionInfo), ConnectError>;
    let open = || -> std::future::Ready<Opened> { panic!("the test's panic") };
    let error = Client::builder().connect_over(open).await.expect_err("it panicked");
    assert!(error.to_string().contains("panicked"), "{error}");
}
