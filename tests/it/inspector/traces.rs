//! What is left of an inspector when nobody watches: nothing.

use birpc::{Client, ErrorObject};
use serde_json::Value;
use tokio::runtime::Handle;

use super::{Inspected, Items, next, router, stream};
use crate::support::bounded;

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until there are as many tasks as before.
async fn settled(before: usize) {
    bounded(async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A server that nobody watches, a client that has made a call, and the number of tasks by then.
async fn unwatched() -> (Inspected, Client, usize) {
    let inspected = Inspected::serve(router()).await;
    let client = inspected.client().await;
    client.peer().call::<i64>("add", (1, 2)).await.expect("a sum");
    (inspected, client, tasks())
}

#[tokio::test]
async fn closing_the_page_leaves_nothing() {
    let (inspected, client, before) = unwatched().await;
    let page = inspected.page().await;
    let mut samples = stream(&page, "inspector.samples", ()).await;
    next(&mut samples).await;
    let id = inspected.server.peers().list()[0].id();
    let mut log = stream(&page, "inspector.messages", [id]).await;
    client.peer().call::<i64>("add", (1, 2)).await.expect("a sum");
    next(&mut log).await;
    assert!(tasks() > before);
    drop((page, samples, log));
    settled(before).await;
    assert_eq!(inspected.server.peers().list()[0].serving(), 0);

    // What was counted is gone too.
    let page = inspected.page().await;
    let mut samples = stream(&page, "inspector.samples", ()).await;
    assert_eq!(next(&mut samples).await["methods"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_hundred_pages_come_and_go() {
    let (inspected, client, before) = unwatched().await;
    for _ in 0..10 {
        let mut pages = Vec::new();
        for _ in 0..10 {
            let page = inspected.page().await;
            let mut samples = stream(&page, "inspector.samples", ()).await;
            next(&mut samples).await;
            let id = inspected.server.peers().list()[0].id();
            // Some of these are refused, since there may not be that many.
            let log = page.peer().invoke::<Result<Items, ErrorObject>>("inspector.messages", [id]).await;
            pages.push((page, samples, log));
        }
        client.peer().call::<i64>("add", (1, 2)).await.expect("a sum");
    }
    settled(before).await;
    assert_eq!(client.peer().call::<i64>("add", (1, 2)).await, Ok(3));
}

#[tokio::test]
async fn dropping_the_inspector_ends_its_pages() {
    let server = birpc::Server::bind("127.0.0.1:0").await.expect("a free port");
    let inspector = birpc::inspector::Inspector::of(&server.handle()).bind("127.0.0.1:0").await;
    let inspector = inspector.expect("a free port");
    let url = inspector.url().replacen("http", "ws", 1);
    let before = tasks();
    let running = tokio::spawn(inspector.serve());
    let page = birpc::Client::connect(&url).await.expect("the token is right");
    let mut samples = stream(&page, "inspector.samples", ()).await;
    next(&mut samples).await;
    running.abort();
    bounded(page.closed()).await;
    assert!(!matches!(bounded(samples.next()).await, Some(Ok(_))), "the stream has ended");
    drop((page, samples));
    settled(before).await;
}
