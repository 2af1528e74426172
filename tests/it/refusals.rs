//! A server, or a proxy in front of it, answers a handshake with HTTP: the text of the error, and the effect
//! on reconnecting.

use std::time::{Duration, Instant};

use birpc::{Client, ConnectError, Event, Reconnect, Router};
use futures_util::future::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::front::Front;
use crate::support::{Side, bounded, listen};

async fn refused_with(answer: &str) -> ConnectError {
    let front = Front::answering(answer).await;
    bounded(Client::connect(&front.url())).await.expect_err("it is refused")
}

#[tokio::test]
async fn a_body_that_never_ends_costs_a_second_and_not_the_status() {
    let began = Instant::now();
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\nX-Reason: key\r\n\r\nno such key";
    let error = refused_with(answer).await;
    let ConnectError::Refused { status, headers, body } = &error else { panic!("{error:?}") };
    assert_eq!((*status, &**body), (403, "no such key"));
    assert_eq!(headers["x-reason"], "key");
    assert!((1.0..4.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert_eq!(error.to_string(), "the server refused the connection with HTTP 403 Forbidden: no such key");
}

#[tokio::test]
async fn a_redirect_names_where_it_leads() {
    let error =
        refused_with("HTTP/1.1 302 Found\r\nLocation: https://sso.example/\r\nContent-Length: 0\r\n\r\n")
            .await;
    let text = error.to_string();
    assert!(text.contains("302 Found") && text.contains("https://sso.example/"), "{text}");
}

#[tokio::test]
async fn a_page_at_a_wrong_path_is_told_in_one_short_line() {
    let page = format!("<html>\n<head>\u{1b}[31m</head>\n{}</html>", "<p>Welcome!</p>\n".repeat(1000));
    let length = page.len();
    let error = refused_with(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{page}")).await;
    let text = error.to_string();
    assert!(text.contains("answered 200, not 101") && text.contains("<html> <head>"), "{text}");
    assert!(text.len() < 400 && !text.contains(char::is_control), "{text}");
}

/// A client that reconnects through a front to a server.
async fn through_a_front() -> (Client, Front, birpc::Events) {
    let front = Front::before(listen(Side::new(Router::new())).await.address).await;
    let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20));
    let client = Client::builder().reconnect(reconnect).connect(&front.url()).await.expect("a server");
    let mut events = client.events();
    assert_eq!(events.next().await, Some(Event::Open));
    front.requests.take();
    (client, front, events)
}

#[tokio::test]
async fn whatever_a_proxy_answers_in_an_outage_a_client_comes_back() {
    bounded(async {
        let (_client, front, mut events) = through_a_front().await;
        for answer in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "SSH-2.0-OpenSSH_9.6\r\n",
        ] {
            front.answer(answer);
            front.cut();
            assert!(matches!(events.next().await, Some(Event::Lost(_))));
            let mut attempts = 0;
            while attempts < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await; // until it has met the answer
                attempts += front.requests.take().len();
            }
            front.pass();
            assert_eq!(events.next().await, Some(Event::Open), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is() {
    bounded(async {
        let (_client, front, mut events) = through_a_front().await;
        front.answer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
        front.cut();
        let mut requests = Vec::new();
        while requests.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            requests = front.requests.take();
        }
        front.pass();
        assert!(matches!(events.next().await, Some(Event::Lost(_))));
        assert_eq!(events.next().await, Some(Event::Open));
        let apart = front.requests.take()[0].0 - requests[0].0;
        assert!(apart >= Duration::from_secs(1), "{apart:?}");
    })
    .await;
}

// A server may send a longer text than is shown, pad it, or never end it.
#[tokio::test]
async fn the_beginning_of_a_long_refusal_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let refuse = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a whole request"));
        }
        // Longer than the part that is shown, and it never ends.
        let body = format!("no such key{}", " ".repeat(6000));
        let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.expect("a client");
        stream
    };
    let (_stream, connected) = bounded(join(refuse, Client::connect(&url))).await;
    let Err(ConnectError::Refused { status, body, .. }) = connected else { panic!("{connected:?}") };
    assert_eq!((status, &*body), (403, "no such key"));
}
