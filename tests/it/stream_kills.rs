//! Processes that are killed while streams are under way, from either end of the connection: whoever is left
//! never takes the loss for a complete end.

#![cfg(unix)] // signals

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::{CallError, Client, ErrorObject, Peer, Server, StreamError, Streaming, rpc};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};

use crate::support::process::{Running, argument_of_half, half, tell};
use crate::support::{Listening, Side, bounded, listen};

#[rpc]
trait Feed {
    /// A stream, as [`Feeds`] has it.
    async fn down(&self, kind: String) -> Result<Streaming<u64>, ErrorObject>;
    /// Reads all of a stream. Returns how many there were.
    async fn up(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
    /// Each number as it came.
    async fn pass(&self, numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject>;
}

/// The items of a stream that ends.
const FINITE: u64 = 3000;

/// Producers that live.
#[derive(Clone, Default)]
struct Live(Arc<AtomicUsize>);

impl Live {
    /// 0, 1, …: none, three and no end, all of [`FINITE`], or no end.
    fn numbers(&self, kind: &str) -> Streaming<u64> {
        let (items, ends) = match kind {
            "silent" => (0, false),
            "three" => (3, false),
            "finite" => (FINITE, true),
            _ => (u64::MAX, false),
        };
        let life = self.life();
        Streaming::produce(move |out| async move {
            let _life = life;
            for number in 0..items {
                out.send(number).await?;
            }
            if ends { Ok(()) } else { pending().await }
        })
    }

    fn life(&self) -> impl Send + use<> {
        struct Life(Live);
        impl Drop for Life {
            fn drop(&mut self) {
                self.0.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        Life(self.clone())
    }

    async fn rest(&self) {
        while self.0.load(Ordering::SeqCst) > 0 {
            yield_now().await;
        }
    }
}

/// What a consumer has seen: how many items, and the end.
type Seen = (u64, Option<StreamError>);

/// Reads a stream to its end, and says when `until` items have come.
async fn read(mut numbers: Streaming<u64>, until: u64, come: mpsc::UnboundedSender<()>) -> Seen {
    let mut count = 0;
    loop {
        if count == until {
            let _ = come.send(()); // the test may have killed it already
        }
        match numbers.next().await {
            Some(Ok(number)) => assert_eq!(number, count, "they come in order"),
            Some(Err(error)) => return (count, Some(error)),
            None => return (count, None),
        }
        count += 1;
    }
}

/// What may be seen when the producer's process is killed after `until` items of a stream of that kind.
fn check((count, end): Seen, kind: &str, until: u64) {
    match end {
        None => assert_eq!((kind, count), ("finite", FINITE), "a clean end that was none"),
        Some(StreamError::Disconnected { reason }) => assert_eq!(reason.code, 1006),
        Some(error) => panic!("{kind}, {until}: {error:?}"),
    }
    assert!(count >= until, "{kind}: {count} of {until}");
}

/// Kinds of streams, and after how many items the other process is killed.
const STAGES: [(&str, u64); 8] = [
    ("silent", 0),
    ("three", 0),
    ("three", 3),
    ("endless", 1),
    ("endless", 200),
    ("finite", 0),
    ("finite", FINITE / 2),
    ("finite", FINITE - 1),
];

#[derive(Clone)]
struct Serves {
    live: Live,
    /// After how many items of an argument `come` is told, and what was seen of it at last.
    until: u64,
    come: mpsc::UnboundedSender<()>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Feed for Serves {
    async fn down(&self, kind: String) -> Result<Streaming<u64>, ErrorObject> {
        match &*kind {
            "never" => pending().await,
            _ => Ok(self.live.numbers(&kind)),
        }
    }

    async fn up(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        // In a task of its own, which outlives the handler: that is dropped when the connection ends.
        let Self { until, come, seen, .. } = self.clone();
        let reading = tokio::spawn(async move {
            let (count, end) = read(numbers, until, come).await;
            let _ = seen.send((count, end)); // no test waits for it any more
            count
        });
        reading.await.map_err(|_| ErrorObject::new(1, "they are out of order"))
    }

    async fn pass(&self, mut numbers: Streaming<u64>) -> Result<Streaming<u64>, ErrorObject> {
        let life = self.live.life();
        Ok(Streaming::produce(move |out| async move {
            let _life = life;
            while let Some(number) = numbers.next().await {
                out.send(number.map_err(|error| ErrorObject::new(9, error.to_string()))?).await?;
            }
            Ok(())
        }))
    }
}

fn serves(until: u64) -> (Serves, mpsc::UnboundedReceiver<()>, mpsc::UnboundedReceiver<Seen>) {
    let ((come, comes), (seen, sees)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    (Serves { live: Live::default(), until, come, seen }, comes, sees)
}

/// Run as a process by the tests below: it serves [`Feed`].
#[tokio::test]
#[ignore = "the other half of tests"]
async fn server() {
    let Some(address) = argument_of_half() else { return };
    let server = Server::builder().bind(&address).await.expect("a free port");
    tell(&format!("ws://{}/", server.local_addr().expect("it is bound")));
    server.serve(FeedServer::new(serves(u64::MAX).0)).await.expect("nothing stops it");
}

/// The same as a client, which serves too, and calls as its argument says: `KIND URL`.
#[tokio::test]
#[ignore = "the other half of tests"]
async fn client() {
    let Some(argument) = argument_of_half() else { return };
    let (kind, url) = argument.split_once(' ').expect("KIND URL");
    let router = FeedServer::new(serves(u64::MAX).0);
    let client = Client::builder().serve(router).connect(url).await.expect("the server is there");
    let feed: FeedClient = client.stub();
    let sends = tokio::spawn(feed.up(Live::default().numbers(kind)));
    let mut numbers = feed.down("endless".into()).await.expect("it opens");
    while let Some(Ok(_)) = numbers.next().await {}
    drop(sends);
}

/// What a caller sees when the other process is killed after `until` items of its result.
async fn kill_under(process: &mut Running, peer: &Peer, (kind, until): (&str, u64)) {
    let feed: FeedClient = peer.stub();
    let (come, mut comes) = mpsc::unbounded_channel();
    let live = Live::default();
    let stream = feed.down(kind.into()).await.expect("it opens");
    let never = tokio::spawn(feed.down("never".into()));
    let up: JoinHandle<_> = tokio::spawn(feed.up(live.numbers("endless")));
    let passed = feed.pass(live.numbers("endless")).await.expect("it opens");
    let passed = tokio::spawn(read(passed, u64::MAX, come.clone()));
    let reading = tokio::spawn(read(stream, until, come));
    comes.recv().await.expect("so many come");
    process.child.kill().await.expect("it runs");
    check(reading.await.expect("they are in order"), kind, until);
    check(passed.await.expect("they are in order"), "endless", 0);
    let never = never.await.expect("no panic").map(drop);
    assert!(matches!(never, Err(CallError::Disconnected { .. })), "{never:?}");
    let up = up.await.expect("no panic");
    assert!(matches!(up, Err(CallError::Disconnected { sent: true, .. })), "{up:?}");
    live.rest().await;
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test]
async fn a_server_that_is_killed_ends_no_stream_cleanly() {
    bounded(async {
        for stage in STAGES {
            let mut process = Running::start(half("stream_kills::server", "127.0.0.1:0"));
            let client = Client::connect(&process.told().await).await.expect("it listens");
            kill_under(&mut process, client.peer(), stage).await;
        }
    })
    .await;
}

/// A client process of that kind, and what the server has of it.
async fn start(kind: &str, serves: Serves) -> (Running, Peer, Listening) {
    let mut listening = listen(Side::new(FeedServer::new(serves))).await;
    let process = Running::start(half("stream_kills::client", &format!("{kind} {}", listening.url())));
    let peer = listening.connected.recv().await.expect("the server runs");
    (process, peer, listening)
}

#[tokio::test]
async fn a_client_that_is_killed_ends_no_stream_cleanly() {
    bounded(async {
        for stage in STAGES {
            let (mut process, peer, _listening) = start("silent", serves(0).0).await;
            kill_under(&mut process, &peer, stage).await;
        }
    })
    .await;
}

/// The arguments of its calls, and the results that it reads.
#[tokio::test]
async fn what_a_killed_client_has_sent_and_read_is_no_clean_end() {
    bounded(async {
        for (kind, until) in STAGES {
            let (served, mut comes, mut sees) = serves(until);
            let (mut process, peer, _listening) = start(kind, served.clone()).await;
            comes.recv().await.expect("so many come");
            process.child.kill().await.expect("it runs");
            check(sees.recv().await.expect("it ends"), kind, until);
            peer.closed().await;
            served.live.rest().await;
            assert_eq!(peer.serving(), 0);
        }
    })
    .await;
}
