//! The actions of a connection: a call, notification or cancel, with the outcome that it must have.

use std::fmt::Debug;
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, Router};
use futures_util::FutureExt;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::random::Random;
use crate::streams;

type Json = Box<RawValue>;

/// Longer than any soak.
const HOUR: u64 = 3_600_000;

pub(crate) enum Act {
    /// The outcome was right. The text is what is counted.
    Done(&'static str),
    /// The connection ended first.
    Cut,
    Wrong(String),
}

/// The methods that the server calls on this side, through its `relay` and `broadcast`.
pub(crate) fn served() -> Router {
    Router::new()
        .method("echo", |_, (value,): (Json,)| async move { Ok::<_, ErrorObject>(value) })
        .method("sleep", |_, (ms,): (u64,)| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok::<_, ErrorObject>(ms)
        })
        .method("panic", |_, _: Option<()>| async { panic!("the soak was asked to panic") as Panicked })
        .method("relay", |cx: Context, (method, params): (String, Json)| async move {
            cx.peer().call::<Json>(&method, params).await.map_err(CallError::relay)
        })
        .notification("said", |_, (_line,): (String,)| async {})
        .merge(streams::served())
}

type Panicked = Result<(), ErrorObject>;

/// Performs a random action.
pub(crate) async fn any(peer: &Peer, mut random: Random) -> Act {
    match random.below(22) {
        0..4 => quick(peer, &mut random).await,
        4 => slow(peer, &mut random).await,
        5 => failing(peer, &mut random).await,
        6 => panicking(peer).await,
        7 | 8 => timed_out(peer, &mut random).await,
        9 | 10 => dropped(peer, &mut random).await,
        11 | 12 => nested(peer, &mut random).await,
        13 => nested_deep(peer, &mut random).await,
        14 => panicking_here(peer).await,
        15 => batched(peer, &mut random).await,
        16..21 => streams::any(peer, &mut random).await,
        _ => told(peer, &mut random).await,
    }
}

async fn quick(peer: &Peer, random: &mut Random) -> Act {
    if random.one_in(2) {
        let (a, b) = (random.below(1 << 30), random.below(1 << 30));
        return equal("calls that are ready at once", peer.call("add", (a, b)).await, a + b);
    }
    let text = random.text();
    equal("echoes of up to 100 KB", peer.call::<String>("echo", [&text]).await, text)
}

async fn slow(peer: &Peer, random: &mut Random) -> Act {
    let ms = random.below(20);
    equal("calls that take their time", peer.call("sleep", [ms]).await, ms)
}

async fn failing(peer: &Peer, random: &mut Random) -> Act {
    let code = random.below(1000) as i64;
    let outcome = peer.call::<Value>("fail", json!([code, "as asked"])).await;
    refused("errors, as asked for", outcome, code)
}

async fn panicking(peer: &Peer) -> Act {
    refused("panics of the server's handlers", peer.call::<Value>("panic", ()).await, -32603)
}

async fn panicking_here(peer: &Peer) -> Act {
    refused("panics of our handlers", peer.call::<Value>("relay", ["panic"]).await, -32603)
}

async fn timed_out(peer: &Peer, random: &mut Random) -> Act {
    let peer = peer.clone().with_timeout(random.millis(10));
    let outcome = if random.one_in(2) {
        peer.call::<Value>("sleep", [HOUR]).await
    } else {
        peer.call::<Value>("relay", json!(["sleep", [HOUR]])).await
    };
    match outcome {
        Err(CallError::TimedOut) => Act::Done("calls that time out"),
        other => cut_or_wrong("a call that times out", &other),
    }
}

async fn dropped(peer: &Peer, random: &mut Random) -> Act {
    let nested = random.one_in(2);
    let call = match nested {
        true => peer.call::<Value>("relay", json!(["sleep", [HOUR]])),
        false => peer.call::<Value>("sleep", [HOUR]),
    };
    // Some are cancelled before they can have been sent, the others at any time.
    let ended = match random.one_in(4) {
        true => call.now_or_never(),
        false => tokio::time::timeout(random.millis(10), call).await.ok(),
    };
    match ended {
        None if nested => Act::Done("nested calls that are dropped"),
        None => Act::Done("calls that are dropped"),
        Some(outcome) => cut_or_wrong("a call that is dropped", &outcome),
    }
}

async fn nested(peer: &Peer, random: &mut Random) -> Act {
    let text = random.text();
    let outcome = peer.call::<String>("relay", json!(["echo", [&text]])).await;
    equal("calls that call us back", outcome, text)
}

async fn nested_deep(peer: &Peer, random: &mut Random) -> Act {
    let (ms, params) = (random.below(10), |inner: Value| json!(["relay", inner]));
    let outcome = peer.call("relay", params(params(params(json!(["sleep", [ms]]))))).await;
    equal("calls that go to and fro four times", outcome, ms)
}

/// Three calls in one batch, one of which is dropped: the reply comes when that one has been cancelled.
async fn batched(peer: &Peer, random: &mut Random) -> Act {
    let ms = random.below(10);
    let mut batch = peer.batch();
    let sum = batch.call::<u64>("add", (ms, 1));
    let slept = batch.call::<u64>("sleep", [ms]);
    let dropped = batch.call::<Value>("sleep", [HOUR]);
    if let Err(error) = batch.send().await {
        return cut_or_wrong("a batch", &Err::<(), _>(error));
    }
    drop(dropped);
    match tokio::join!(sum, slept) {
        (Ok(sum), Ok(slept)) if (sum, slept) == (ms + 1, ms) => Act::Done("batches of ours"),
        (Err(error), _) | (_, Err(error)) => cut_or_wrong("a batch", &Err::<(), _>(error)),
        other => Act::Wrong(format!("a batch: {other:?}")),
    }
}

async fn told(peer: &Peer, random: &mut Random) -> Act {
    if random.one_in(10) {
        let outcome = peer.call::<usize>("broadcast", json!(["said", ["hello"]])).await;
        return match outcome {
            Ok(_) => Act::Done("broadcasts to all"),
            other => cut_or_wrong("a broadcast", &other),
        };
    }
    match peer.notify("log", [random.text()]).await {
        Ok(()) => Act::Done("notifications"),
        other => cut_or_wrong("a notification", &other),
    }
}

pub(crate) fn equal<T: PartialEq + Debug>(
    what: &'static str,
    outcome: Result<T, CallError>,
    expected: T,
) -> Act {
    match outcome {
        Ok(got) if got == expected => Act::Done(what),
        other => cut_or_wrong(what, &other),
    }
}

fn refused(what: &'static str, outcome: Result<Value, CallError>, code: i64) -> Act {
    match outcome {
        Err(CallError::Method(error) | CallError::Rpc(error)) if error.code() == code => Act::Done(what),
        other => cut_or_wrong(what, &other),
    }
}

pub(crate) fn cut_or_wrong<T: Debug>(what: &str, outcome: &Result<T, CallError>) -> Act {
    match outcome {
        Err(error) if error.is_disconnected() => Act::Cut,
        other => Act::Wrong(format!("{what}: {other:?}")),
    }
}
