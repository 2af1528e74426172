//! The hook before each attempt to connect: credentials that expire, servers that move.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use birpc::{Client, ConnectError, Event, Grant, Reconnect, Refusal, Router, Server, ServerHandle};

use crate::support::front::Front;
use crate::support::{Record, bounded};

/// A server that accepts one bearer token, which can be changed.
async fn serve(token: Arc<Mutex<String>>) -> (SocketAddr, ServerHandle) {
    let server = Server::builder()
        .authorize(move |request| {
            let good = request.bearer() == Some(&token.lock().expect("nothing panics under the lock"));
            async move {
                if good { Ok(Grant::new()) } else { Err(Refusal::unauthorized("this token has expired")) }
            }
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let (address, handle) = (server.local_addr().expect("it is bound"), server.handle());
    tokio::spawn(server.serve(Router::new()));
    (address, handle)
}

fn good() -> Arc<Mutex<String>> {
    Arc::new(Mutex::new("good".into()))
}

fn brisk() -> Reconnect {
    Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20))
}

async fn up_again(events: &mut birpc::Events) {
    while !matches!(events.next().await, Some(Event::Lost(_))) {}
    assert_eq!(events.next().await, Some(Event::Open));
}

#[tokio::test]
async fn a_client_with_a_fresh_token_survives_one_that_runs_out() {
    bounded(async {
        let token = Arc::new(Mutex::new("first".to_owned()));
        let (address, _server) = serve(token.clone()).await;
        let front = Front::before(address).await;
        let issued = token.clone();
        let client = Client::builder()
            .header("authorization", "Bearer of the builder, which is replaced")
            .before_attempt(move |attempt| {
                let token = issued.lock().expect("nothing panics under the lock").clone();
                async move { Ok(attempt.with_header("authorization", &format!("Bearer {token}"))) }
            })
            .reconnect(brisk())
            .connect(&front.url())
            .await
            .expect("the first token is good");
        for next in ["second", "third"] {
            let mut events = client.events();
            assert_eq!(events.next().await, Some(Event::Open));
            *token.lock().expect("nothing panics under the lock") = next.into();
            front.cut();
            up_again(&mut events).await;
        }
        let requests = front.requests.take();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|(_, head)| head.matches("Bearer").count() == 1), "{requests:?}");
    })
    .await;
}

#[tokio::test]
async fn without_it_a_client_is_refused_until_its_token_is_good_again() {
    bounded(async {
        let token = good();
        let (address, _server) = serve(token.clone()).await;
        let front = Front::before(address).await;
        let builder = Client::builder().header("authorization", "Bearer good").reconnect(brisk());
        let client = builder.connect(&front.url()).await.expect("the token is good");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        *token.lock().expect("nothing panics under the lock") = "another".into();
        front.cut();
        while front.requests.take().len() < 3 {
            tokio::time::sleep(Duration::from_millis(30)).await; // it is refused several times
        }
        *token.lock().expect("nothing panics under the lock") = "good".into();
        up_again(&mut events).await;
    })
    .await;
}

#[tokio::test]
async fn it_sees_which_attempt_it_is_and_why_the_last_one_failed() {
    bounded(async {
        let (address, _server) = serve(good()).await;
        let (front, seen) = (Front::before(address).await, Record::default());
        let record = seen.clone();
        let client = Client::builder()
            .header("authorization", "Bearer good")
            .before_attempt(move |attempt| {
                let failed = attempt.last_error().map(ToString::to_string);
                record.push((attempt.number(), attempt.lost().map(|reason| reason.code), failed));
                async move { Ok(attempt) }
            })
            .reconnect(brisk())
            .connect(&front.url())
            .await
            .expect("the server is there");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        front.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        front.cut();
        while front.requests.take().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await; // until it has asked again
        }
        front.pass();
        up_again(&mut events).await;
        let seen = seen.take();
        assert_eq!(seen[..2], [(1, None, None), (1, Some(1006), None)]);
        for (at, (number, lost, failed)) in seen.iter().enumerate().skip(2) {
            assert_eq!((*number as usize, *lost), (at, Some(1006)));
            assert!(failed.as_ref().is_some_and(|error| error.contains("404 Not Found")), "{failed:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn it_may_choose_the_url_and_the_subprotocols() {
    bounded(async {
        let servers = [serve(good()).await, serve(good()).await];
        let urls = [0, 1].map(|at: usize| format!("ws://{}/", servers[at].0));
        let attempts = AtomicUsize::new(0);
        let client = Client::builder()
            .header("authorization", "Bearer good")
            .before_attempt(move |attempt| {
                let at = attempts.fetch_add(1, Ordering::Relaxed) % 2;
                let (url, name) = (urls[at].clone(), ["birpc.v1", "jsonrpc"][at]);
                async move { Ok(attempt.with_url(url).with_subprotocols([name])) }
            })
            .reconnect(brisk())
            .connect("ws://nowhere.invalid/")
            .await
            .expect("the hook knows where");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        for name in ["jsonrpc", "birpc.v1"] {
            servers.iter().for_each(|(_, server)| {
                for peer in server.peers().list() {
                    peer.close(1011, "").expect("it may be sent");
                }
            });
            up_again(&mut events).await;
            assert_eq!(client.subprotocol(), Some(name));
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_fails_or_panics_is_a_failed_attempt() {
    bounded(async {
        let failing = Client::builder().before_attempt(|_| async { Err("no token".into()) });
        let error = failing.connect("ws://127.0.0.1:1/").await.expect_err("the hook failed");
        assert!(
            matches!(error, ConnectError::BeforeAttempt(_)) && error.to_string().contains("no token"),
            "{error}"
        );

        let (address, _server) = serve(good()).await;
        let (front, runs) = (Front::before(address).await, AtomicUsize::new(0));
        let client = Client::builder()
            .header("authorization", "Bearer good")
            .before_attempt(move |attempt| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                assert!(run != 1, "on purpose, before its future");
                async move {
                    assert!(run != 2, "on purpose, in its future");
                    if run == 3 { Err("no token".into()) } else { Ok(attempt) }
                }
            })
            .reconnect(brisk())
            .connect(&front.url())
            .await
            .expect("the server is there");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(Event::Open));
        front.cut();
        up_again(&mut events).await;
        assert_eq!(front.requests.take().len(), 2, "three attempts ended before they reached the server");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_ends_has_the_time_of_a_handshake() {
    let waiting = Client::builder().before_attempt(|_| pending());
    let error = waiting.connect("ws://127.0.0.1:1/").await.expect_err("the hook never ends");
    assert!(
        matches!(&error, ConnectError::TimedOut { during, .. } if during.contains("before_attempt")),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_names_the_url_that_the_hook_chose() {
    let connecting = Client::builder()
        .before_attempt(|attempt| async move { Ok(attempt.with_url("ws://chosen.example:81/")) })
        .dial(|_| pending::<std::io::Result<tokio::io::DuplexStream>>())
        .connect("ws://given.example/");
    let error = connecting.await.expect_err("nothing is ever dialled").to_string();
    assert!(error.contains("chosen.example:81") && !error.contains("given.example"), "{error}");
}
