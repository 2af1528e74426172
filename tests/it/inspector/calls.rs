//! The calls that a server makes, as its inspector lists them.

use birpc::{Client, ErrorObject, Router, Streaming, rpc};
use serde_json::{Value, json};

use super::{Inspected, next, router, sample, stream};
use crate::support::bounded;

#[rpc(namespace = "far")]
trait Far {
    async fn ask(&self) -> Result<(), ErrorObject>;
    async fn feed(&self) -> Result<Streaming<u64>, ErrorObject>;
}

/// Neither answers nor ends its stream.
struct Slow;

impl Far for Slow {
    async fn ask(&self) -> Result<(), ErrorObject> {
        std::future::pending().await
    }

    async fn feed(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_stream(futures_util::stream::pending()))
    }
}

/// The rows of calls that the server has made.
fn called(sample: &Value) -> Vec<&Value> {
    let oldest = sample["oldest"].as_array().expect("rows");
    oldest.iter().filter(|row| row["served"] == false).collect()
}

#[tokio::test]
async fn calls_of_the_server_are_listed_until_they_end_if_they_began_while_a_page_was_open() {
    let inspected = Inspected::serve(router()).await;
    let far = Client::builder().serve(Router::new().service(FarServer::new(Slow)));
    let far = far.connect(&format!("ws://{}/", inspected.address)).await.expect("it listens");
    let peer = inspected.server.peers().list().remove(0);
    let early = tokio::spawn(peer.call::<()>("far.ask", ()));
    bounded(async {
        while peer.in_flight() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let page = inspected.page().await;
    let mut samples = stream(&page, "inspector.samples", ()).await;
    next(&mut samples).await;

    let late = tokio::spawn(peer.call::<()>("far.ask", ()));
    let feed = bounded(peer.stub::<FarClient>().feed()).await.expect("a stream");
    let seen = sample(&mut samples, |sample| called(sample).len() == 2).await;
    let mut rows: Vec<_> = called(&seen).into_iter().map(|row| (&row["method"], &row["state"])).collect();
    rows.sort_by_key(|(method, _)| method.as_str());
    let (ask, streams) =
        ((json!("far.ask"), json!("awaits its peer")), (json!("far.feed"), json!("streams")));
    assert_eq!(rows, [(&ask.0, &ask.1), (&streams.0, &streams.1)], "{seen}");
    for row in called(&seen) {
        assert_eq!(row["peer"], peer.id().get(), "{row}");
        assert!(row["id"].is_string() && row["age_ms"].is_u64() && row.get("params").is_none(), "{row}");
    }
    assert!(seen["calling"].as_u64() >= Some(2), "the early one is counted: {seen}");

    late.abort();
    drop(feed);
    let seen = sample(&mut samples, |sample| called(sample).is_empty()).await;
    assert_eq!(seen["calling"], 1, "{seen}");
    early.abort();
    drop(far);
}
