//! The addresses on which a server listens, and many clients that connect at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use birpc::{Client, Grant, Refusal, Router, Server, ServerBuilder};
use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::support::bounded;
use crate::support::bytes::Bytes;
use crate::support::http::upgrade;

async fn bind(builder: ServerBuilder, address: impl tokio::net::ToSocketAddrs) -> (Server, Vec<SocketAddr>) {
    let server = builder.bind(address).await.expect("a free port");
    let addresses = server.local_addrs().expect("it is bound");
    assert_eq!(server.local_addr().expect("it is bound"), addresses[0]);
    (server, addresses)
}

#[tokio::test]
async fn a_name_is_listened_on_at_all_of_its_addresses() {
    let (server, addresses) = bind(Server::builder(), "localhost:0").await;
    let port = addresses[0].port();
    let mut names: Vec<_> =
        tokio::net::lookup_host(("localhost", port)).await.expect("it has some").collect();
    names.retain(|address| std::net::TcpListener::bind((address.ip(), 0)).is_ok()); // IPv6 may be off
    assert!(names.iter().all(|address| addresses.contains(address)), "{names:?} {addresses:?}");
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(Router::new()));
    for address in addresses {
        bounded(Client::connect(&format!("ws://{address}/"))).await.expect("it listens there");
    }
    handle.stop();
    bounded(serving).await.expect("no panic").expect("a good router");
}

#[tokio::test]
async fn several_addresses_are_served_alike() {
    let wanted = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].map(|ip| SocketAddr::from((ip, 0)));
    let (server, addresses) = bind(Server::builder(), &wanted[..]).await;
    assert_eq!(addresses.len(), 2);
    tokio::spawn(server.serve(Router::new()));
    let clients = addresses.iter().cycle().take(20).map(|address| {
        let url = format!("ws://{address}/");
        async move { Client::connect(&url).await }
    });
    for client in bounded(join_all(clients)).await {
        client.expect("it listens there");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let (_server, addresses) = bind(Server::builder(), "127.0.0.1:0").await;
    let error = Server::bind(addresses[0]).await.expect_err("it is in use");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&addresses[0].to_string()), "{error}");
}

/// An IPv6 listener sees an IPv4 client's address within an IPv6 address; users expect the IPv4 address.
#[tokio::test]
async fn a_client_of_ipv4_has_an_ipv4_address() {
    let mapped: SocketAddr = "[::ffff:192.0.2.7]:5000".parse().expect("an address");
    let seen = Arc::new(Mutex::new(None));
    let see = seen.clone();
    let acceptor = Server::builder()
        .authorize(move |request| {
            *see.lock().expect("no panic") = request.remote_addr();
            async { Err::<Grant, _>(Refusal::forbidden("it was seen")) }
        })
        .mount(Router::new())
        .expect("a good router");
    let mut request = http_request();
    *request.version_mut() = axum::http::Version::HTTP_11;
    let (response, _) = acceptor.accept(request, Some(mapped)).await;
    assert_eq!(response.status(), 403);
    assert_eq!(*seen.lock().expect("no panic"), Some("192.0.2.7:5000".parse().expect("an address")));

    // IPv6 may be off here.
    let Ok(server) = Server::bind("[::]:0").await else { return };
    let (address, handle) = (server.local_addr().expect("it is bound"), server.handle());
    tokio::spawn(server.serve(Router::new()));
    let Ok(_client) = Client::connect(&format!("ws://127.0.0.1:{}/", address.port())).await else { return };
    while handle.peers().is_empty() {
        tokio::task::yield_now().await;
    }
    let remote = handle.peers().list()[0].remote_addr().expect("it came by TCP");
    assert_eq!(remote.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
}

fn http_request() -> axum::http::Request<()> {
    let mut request = axum::http::Request::builder().uri("/");
    for line in upgrade("localhost", &[]).lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            request = request.header(name, value);
        }
    }
    request.body(()).expect("a request")
}

/// Clients that arrive while all handshakes are in use wait in the backlog: none is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_clients_at_once_than_handshakes_are_all_served() {
    for most in [1, 7] {
        let limited = Server::builder().limits(|limits| limits.max_handshakes = most);
        let limited = limited.authorize(|_| async {
            tokio::task::yield_now().await;
            Ok(Grant::new())
        });
        let (server, addresses) = bind(limited, "127.0.0.1:0").await;
        tokio::spawn(server.serve(Router::new()));
        let url = format!("ws://{}/", addresses[0]);
        let clients = (0..300).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Client::connect(&url).await })
        });
        for client in bounded(join_all(clients)).await {
            client.expect("no panic").expect("it is served");
        }
    }
}

/// With none, the server could serve no client.
#[tokio::test]
async fn at_least_one_handshake_may_be_under_way() {
    let (server, addresses) =
        bind(Server::builder().limits(|limits| limits.max_handshakes = 0), "127.0.0.1:0").await;
    tokio::spawn(server.serve(Router::new()));
    bounded(Client::connect(&format!("ws://{}/", addresses[0]))).await.expect("it serves");
}

/// The system's limit of the backlog, if it can be read.
fn somaxconn() -> usize {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// The number of file descriptors that this process may open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Thousands of clients may wait before the server accepts, or while it is busy: none must retry after a
/// second.
#[tokio::test]
async fn thousands_wait_in_the_backlog() {
    const CLIENTS: usize = 2000;
    if somaxconn() < CLIENTS || descriptors() < 2 * CLIENTS + 500 {
        return; // the system lets nobody show it
    }
    // A busy machine may need long for all handshakes.
    let builder = Server::builder().limits(|limits| limits.handshake_timeout = Duration::from_secs(60));
    let (server, addresses) = bind(builder, "127.0.0.1:0").await;
    let (mut waiting, mut slow) = (Vec::new(), 0);
    for _ in 0..CLIENTS {
        let began = Instant::now();
        waiting.push(bounded(TcpStream::connect(addresses[0])).await.expect("it listens"));
        slow += usize::from(began.elapsed() >= Duration::from_millis(900));
        // A busy machine may delay a few. With a full backlog, each further one takes a second or more.
        assert!(slow < 10, "there is no room for client {}", waiting.len());
    }
    tokio::spawn(server.serve(Router::new()));
    let request = upgrade("localhost", &[]);
    let answered = waiting.into_iter().map(async |stream| {
        let mut far = Bytes::new(stream, true);
        far.send(request.as_bytes()).await;
        assert!(far.head().await.starts_with("HTTP/1.1 101 "));
    });
    bounded(join_all(answered)).await;
}
