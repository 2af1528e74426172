//! One of many connections, from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use birpc::{Client, Config, Connection, ConnectionInfo, Peer};
use futures_util::future::join_all;
use tokio::task::AbortHandle;

use crate::acts::{self, Act};
use crate::garbage;
use crate::random::Random;
use crate::report::Report;
use crate::streams;

/// Runs one connection after the other until the time is up.
pub(crate) async fn lives(url: String, mut random: Random, report: Arc<Report>, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        if let Err(error) = life(&url, random.fork(), &report).await {
            report.wrong(&format!("no connection: {error}"));
        }
    }
}

async fn life(url: &str, mut random: Random, report: &Report) -> Result<(), String> {
    match random.below(20) {
        0 => {
            report.count("connections that send bytes of no WebSocket");
            let address = url.trim_start_matches("ws://").trim_end_matches('/');
            garbage::bytes(address, random).await
        }
        1 | 2 => {
            report.count("connections that send messages of no JSON-RPC");
            garbage::messages(url, random).await
        }
        _ => proper(url, random, report).await,
    }
}

/// Performs several actions at a time, and ends while others are in progress.
async fn proper(url: &str, mut random: Random, report: &Report) -> Result<(), String> {
    let held = if random.one_in(4) { Held::bare(url).await? } else { Held::client(url).await? };
    let peer = held.peer();
    for _ in 0..random.below(10) {
        for act in join_all(several(&peer, &mut random)).await {
            note(act, false, report);
        }
    }
    note(streams::none_is_left(&peer).await, false, report);
    let last = several(&peer, &mut random);
    let pause = random.millis(10);
    let ends = async {
        tokio::time::sleep(pause).await;
        held.end(&mut random, report)
    };
    let (last, let_go) = tokio::join!(join_all(last), ends);
    for act in last {
        note(act, !let_go, report);
    }
    if !let_go {
        peer.closed().await;
        if tokio::time::timeout(HANDLERS_GO, gone(&peer)).await.is_err() {
            let left = (peer.in_flight(), peer.serving());
            report.wrong(&format!("calls made and served that outlive their connection: {left:?}"));
        }
    }
    Ok(())
}

/// How long it may take on a busy machine until handlers that are cancelled by the connection's end have been
/// dropped, with the calls that they made.
const HANDLERS_GO: Duration = Duration::from_secs(5);

async fn gone(peer: &Peer) {
    while (peer.in_flight(), peer.serving()) != (0, 0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn several<'a>(peer: &'a Peer, random: &mut Random) -> Vec<impl Future<Output = Act> + use<'a>> {
    (0..=random.below(8)).map(|_| acts::any(peer, random.fork())).collect()
}

fn note(act: Act, may_be_cut: bool, report: &Report) {
    match act {
        Act::Done(what) => report.count(what),
        Act::Cut if may_be_cut => report.count("calls whose connection ends first"),
        Act::Cut => report.wrong("a connection ended that nobody ended"),
        Act::Wrong(what) => report.wrong(&what),
    }
}

/// A connection, and the value that ends it.
enum Held {
    Client(Client),
    /// With the handle of its task, to be cut.
    Bare(Peer, AbortHandle),
}

impl Held {
    async fn client(url: &str) -> Result<Self, String> {
        let connected = Client::builder().serve(acts::served()).connect(url).await;
        Ok(Self::Client(connected.map_err(|error| error.to_string())?))
    }

    async fn bare(url: &str) -> Result<Self, String> {
        let connected = Client::builder().subprotocols(["birpc.v1"]).connect_transport(url).await;
        let transport = connected.map_err(|error| error.to_string())?;
        let mut info = ConnectionInfo::default();
        info.subprotocol = Some("birpc.v1".into());
        let (peer, connection) = Connection::new(transport, Arc::new(Config::default()), info);
        let task = tokio::spawn(connection.serve(acts::served()));
        Ok(Self::Bare(peer, task.abort_handle()))
    }

    fn peer(&self) -> Peer {
        match self {
            Self::Client(client) => client.peer().clone(),
            Self::Bare(peer, _) => peer.clone(),
        }
    }

    /// `true` if the connection ends only when the last handle is dropped.
    fn end(self, random: &mut Random, report: &Report) -> bool {
        match self {
            Self::Bare(_, task) => {
                report.count("connections that are cut");
                task.abort();
                false
            }
            Self::Client(client) if random.one_in(2) => {
                report.count("connections that close");
                // This cannot fail: the code may be sent and the reason is short.
                let _ = client.close(4000, "enough");
                false
            }
            Self::Client(_) => {
                report.count("connections that are let go");
                true
            }
        }
    }
}
