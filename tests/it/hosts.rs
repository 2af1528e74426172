//! The `Host`s that a server serves by default, and the log of refusals.

use std::net::SocketAddr;

use birpc::{Origins, Router, Server, ServerBuilder};
use tracing::Level;

use crate::support::bounded;
use crate::support::http::{ask, status, upgrade};
use crate::support::logs::Logs;

async fn serve(builder: ServerBuilder, address: &str) -> SocketAddr {
    let server = builder.bind(address).await.expect("a free port");
    let address = server.local_addr().expect("it is bound");
    tokio::spawn(server.serve(Router::new()));
    address
}

/// A page at `host` connects to the address.
async fn visit(address: SocketAddr, host: &str) -> String {
    bounded(ask(address, &upgrade(host, &[&format!("Origin: http://{host}")]))).await
}

#[tokio::test]
async fn a_name_that_a_stranger_has_lead_here_is_refused() {
    let address = serve(Server::builder(), "127.0.0.1:0").await;
    let port = address.port();
    for host in
        [&format!("evil.example:{port}"), "evil.example", "localhost.evil.example", "192.0.2.1", "0.0.0.0"]
    {
        let answer = visit(address, host).await;
        assert_eq!(status(&answer), "403", "{host}: {answer}");
        assert!(answer.contains("hosts") && answer.contains(host), "{answer}");
    }
    for host in
        [&address.to_string(), "localhost", "LOCALHOST:1", "app.localhost:3000", "127.8.8.8", "[::1]:5"]
    {
        let answer = visit(address, host).await;
        assert_eq!(status(&answer), "101", "{host}: {answer}");
    }
}

/// The same if it is not bound to the loopback address only, since that address also leads to it.
#[tokio::test]
async fn a_server_on_all_interfaces_is_as_careful_by_the_loopback_one() {
    let bound = serve(Server::builder(), "0.0.0.0:0").await;
    let local = SocketAddr::from(([127, 0, 0, 1], bound.port()));
    assert_eq!(status(&visit(local, "evil.example").await), "403");
    for host in [&local.to_string(), &bound.to_string(), "localhost"] {
        assert_eq!(status(&visit(local, host).await), "101", "{host}");
    }
}

#[tokio::test]
async fn other_hosts_are_served_where_the_server_says_so() {
    for builder in [Server::builder().hosts_any(), Server::builder().hosts(["evil.example"])] {
        let address = serve(builder, "127.0.0.1:0").await;
        assert_eq!(status(&visit(address, "evil.example:81").await), "101");
    }
    // Allowing pages of every Origin does not allow every Host.
    let address = serve(Server::builder().origins(Origins::Any), "127.0.0.1:0").await;
    assert_eq!(status(&visit(address, "evil.example").await), "403");
}

/// A proxy that is not configured for WebSockets shows up in the log, with the values that it sent. Repeated
/// attempts do not fill the log.
#[tokio::test]
async fn the_first_refusal_of_a_kind_is_a_warning_with_both_values() {
    let logs = Logs::hear();
    let address = serve(Server::builder(), "127.0.0.1:0").await;
    for _ in 0..3 {
        let page = upgrade(&address.to_string(), &["Origin: https://app.example:8443"]);
        assert_eq!(status(&bounded(ask(address, &page)).await), "403");
        visit(address, "evil.example").await;
    }
    let [origin] = &logs.with(Level::WARN, "foreign Origin")[..] else { panic!("one is expected") };
    assert!(origin.contains("https://app.example:8443") && origin.contains(&address.to_string()), "{origin}");
    let [host] = &logs.with(Level::WARN, "foreign Host")[..] else { panic!("one is expected") };
    assert!(host.contains("host=evil.example") && host.contains("http://evil.example"), "{host}");
    assert_eq!(logs.with(Level::WARN, "").len(), 2);
}

/// The text of a request is shown on one line.
#[tokio::test]
async fn a_refusal_shows_no_more_than_a_line_of_the_request() {
    let address = serve(Server::builder(), "127.0.0.1:0").await;
    let long = "x".repeat(5000);
    let bytes = "http://a.example/\u{202e}\u{1b}";
    for origin in [&long, bytes] {
        let logs = Logs::hear();
        let answer = bounded(ask(address, &upgrade("localhost", &[&format!("Origin: {origin}")]))).await;
        assert!(["403", "400"].contains(&status(&answer)), "{answer}");
        let shown = answer + &logs.lines().into_iter().map(|line| line.text).collect::<String>();
        assert!(shown.len() < 3000 && !shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
}
