//! Open streams that have nothing to send are bounded by `max_streams`, and take nothing from calls and
//! notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::{ErrorObject, Router, Streaming, rpc};
use tokio::sync::broadcast;

use crate::support::{Join, Side, bounded, code, hanging, over_both};

const MANY: usize = 1024;

#[rpc]
trait Market {
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject>;
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    #[rpc(notification)]
    async fn said(&self, text: String);
}

#[derive(Clone)]
struct Server {
    prices: broadcast::Sender<u64>,
    /// What was said so far.
    heard: Arc<AtomicUsize>,
}

impl Server {
    fn new() -> Self {
        Self { prices: broadcast::Sender::new(16), heard: Arc::default() }
    }
}

impl Market for Server {
    async fn prices(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_broadcast(self.prices.subscribe()))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }

    async fn said(&self, _text: String) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }
}

/// A side that allows as many streams as calls.
fn bounded_side(router: Router) -> Side {
    Side::new(router).limits(|limits| {
        (limits.max_open, limits.max_streams) = (MANY, MANY);
    })
}

/// Far more notifications than there is credit at once.
async fn notify(market: &MarketClient, server: &Server) {
    let before = server.heard.load(Ordering::Relaxed);
    for number in 0..3000 {
        bounded(market.said(number.to_string())).await.expect("credit comes back");
    }
    assert_eq!(bounded(market.add(1, 2)).await, Ok(3));
    assert_eq!(server.heard.load(Ordering::Relaxed), before + 3000);
}

async fn a_thousand_idle_subscriptions_beside_notifications_and_calls(join_by: Join) {
    let server = Server::new();
    let router = Router::new().service(MarketServer::new(server.clone()));
    let pair = join_by.peers(Side::default(), bounded_side(router)).await;
    let market: MarketClient = pair.client.stub();
    let mut watched = Vec::new();
    for _ in 0..MANY {
        watched.push(bounded(market.prices()).await.expect("there is room"));
    }
    let past = bounded(market.prices()).await;
    assert_eq!(code(&past.map(drop)), -32005);
    notify(&market, &server).await;
    server.prices.send(7).expect("they are watched");
    for stream in &mut watched {
        assert_eq!(bounded(stream.next()).await, Some(Ok(7)));
    }
    // One that ends makes room for another.
    drop(watched.pop());
    while server.prices.receiver_count() == MANY {
        tokio::task::yield_now().await;
    }
    watched.push(bounded(market.prices()).await.expect("there is room"));
    assert_eq!(pair.server.serving(), MANY);
}

over_both! { a_thousand_idle_subscriptions_beside_notifications_and_calls }

#[tokio::test(start_paused = true)]
async fn idle_subscriptions_are_no_circle_of_handlers_that_wait_for_each_other() {
    let server = Server::new();
    let router = Router::new().service(MarketServer::new(server.clone()));
    let pair = Join::Memory.peers(Side::default(), bounded_side(router)).await;
    let market: MarketClient = pair.client.stub();
    let mut watched = Vec::new();
    for _ in 0..MANY {
        watched.push(bounded(market.prices()).await.expect("there is room"));
    }
    for _ in 0..3 {
        notify(&market, &server).await;
        // For longer than such a circle would be let be.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(pair.server.serving(), MANY);
}

#[tokio::test]
async fn beside_open_streams_as_many_calls_are_open_as_may_be() {
    let (hang, _handlers) = hanging();
    let router = Router::new().service(MarketServer::new(Server::new())).merge(hang);
    let side = Side::new(router).limits(|limits| (limits.max_open, limits.max_streams) = (2, 3));
    let pair = Join::Memory.peers(Side::default(), side).await;
    let market: MarketClient = pair.client.stub();
    let mut watched = Vec::new();
    for _ in 0..3 {
        watched.push(bounded(market.prices()).await.expect("there is room"));
    }
    let mut calls = Vec::new();
    for _ in 0..2 {
        let call = pair.client.call::<()>("hang", ());
        calls.push(tokio::spawn(call));
    }
    while pair.server.serving() < 5 {
        tokio::task::yield_now().await;
    }
    let refused = bounded(market.add(1, 2)).await.expect_err("too many");
    assert!(refused.to_string().contains("2 calls are open (`max_open`)"), "{refused}");
    // Before its handler has returned a stream, a call counts as any other.
    drop(watched.pop());
    while pair.server.serving() > 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(&bounded(market.prices()).await.map(drop)), -32005);
    calls.remove(0).abort();
    while pair.server.serving() > 3 {
        tokio::task::yield_now().await;
    }
    watched.push(bounded(market.prices()).await.expect("there is room"));
}
