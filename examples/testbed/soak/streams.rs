//! Actions with streams, in both directions and from both sides: read to their end, stalled, dropped,
//! cancelled, and those that fail.

use std::fmt::Debug;
use std::time::Duration;

use birpc::{CallError, ErrorObject, Peer, StreamError, Streaming, rpc};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::acts::{Act, cut_or_wrong, equal};
use crate::random::Random;

/// What the server calls on this side, through its `pull` and `push`.
#[rpc]
trait Items {
    async fn feed(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    async fn take(&self, numbers: Streaming<u64>) -> Result<u64, ErrorObject>;
}

struct Own;

/// What this side serves of streams.
pub(crate) fn served() -> impl birpc::IntoRouter {
    ItemsServer::new(Own)
}

impl Items for Own {
    async fn feed(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..n))
    }

    async fn take(&self, mut numbers: Streaming<u64>) -> Result<u64, ErrorObject> {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number.map_err(|error| ErrorObject::new(9, error.to_string()))?;
        }
        Ok(sum)
    }
}

type Opened = Result<Streaming<u64>, ErrorObject>;
type Sum = Result<u64, ErrorObject>;

/// Performs a random action.
pub(crate) async fn any(peer: &Peer, random: &mut Random) -> Act {
    match random.below(10) {
        0 | 1 => down(peer, random).await,
        2 => left(peer, random).await,
        3 => cancelled(peer, random).await,
        4 => failing(peer, random).await,
        5 => up(peer, random).await,
        6 => stopped(peer, random).await,
        7 => unread(peer, random).await,
        8 => both(peer, random).await,
        _ => of_the_server(peer, random).await,
    }
}

fn window(random: &mut Random) -> (usize, usize) {
    (1 + random.below(64) as usize, 1 + random.below(10_000) as usize)
}

/// Reads up to `most` items, stops for a while between some of them. `None`: the stream goes on.
async fn read(
    stream: &mut Streaming<u64>,
    (most, factor): (u64, u64),
    random: &mut Random,
) -> (u64, Option<Result<(), StreamError>>) {
    for number in 0..most {
        if random.one_in(50) {
            sleep(random.millis(5)).await;
        }
        match stream.next().await {
            Some(Ok(item)) if item == number * factor => {}
            Some(Ok(item)) => {
                return (item, Some(Err(StreamError::Method(ErrorObject::new(0, "out of order")))));
            }
            Some(Err(error)) => return (number, Some(Err(error))),
            None => return (number, Some(Ok(()))),
        }
    }
    (most, None)
}

async fn down(peer: &Peer, random: &mut Random) -> Act {
    let (n, (items, bytes)) = (random.below(300), window(random));
    let call = peer.invoke::<Opened>("count", (0, n)).window(items, bytes);
    let mut stream = match call.await {
        Ok(stream) => stream,
        Err(error) => return cut_or_wrong("a stream of the server's", &Err::<(), _>(error)),
    };
    match read(&mut stream, (n + 1, 1), random).await {
        (count, Some(Ok(()))) if count == n => Act::Done("streams of the server's"),
        other => cut("a stream of the server's", &other),
    }
}

/// An endless one that is dropped, mostly after some items.
async fn left(peer: &Peer, random: &mut Random) -> Act {
    let (items, bytes) = window(random);
    let mut stream = match peer.invoke::<Opened>("endless", ()).window(items, bytes).await {
        Ok(stream) => stream,
        Err(error) => return cut_or_wrong("an endless stream", &Err::<(), _>(error)),
    };
    let most = random.below(200);
    match read(&mut stream, (most, 1), random).await {
        (count, None) if count == most => Act::Done("streams of the server's that are dropped"),
        other => cut("an endless stream", &other),
    }
}

async fn cancelled(peer: &Peer, random: &mut Random) -> Act {
    let call = peer.invoke::<Opened>("endless", ());
    let (handle, after) = (call.handle(), random.millis(5));
    let cancels = async {
        sleep(after).await;
        handle.cancel();
    };
    let reads = async {
        let mut stream = match call.await {
            Ok(stream) => stream,
            Err(CallError::Cancelled) => return Act::Done("streams of the server's that are cancelled"),
            Err(error) => return cut_or_wrong("a stream that is cancelled", &Err::<(), _>(error)),
        };
        match read(&mut stream, (u64::MAX, 1), random).await {
            (_, Some(Err(StreamError::Cancelled))) => Act::Done("streams of the server's that are cancelled"),
            other => cut("a stream that is cancelled", &other),
        }
    };
    tokio::join!(reads, cancels).0
}

async fn failing(peer: &Peer, random: &mut Random) -> Act {
    let (n, panics) = (random.below(100), random.one_in(2));
    let method = if panics { "panic_after" } else { "fail_after" };
    let mut stream = match peer.invoke::<Opened>(method, [n]).await {
        Ok(stream) => stream,
        Err(error) => return cut_or_wrong("a stream that fails", &Err::<(), _>(error)),
    };
    match read(&mut stream, (u64::MAX, 1), random).await {
        (count, Some(Err(StreamError::Method(error)))) if count == n && error.code() == 7 => {
            Act::Done("streams of the server's that fail")
        }
        (count, Some(Err(StreamError::Refused(error)))) if count == n && panics && error.code() == -32603 => {
            Act::Done("streams of the server's that panic")
        }
        other => cut("a stream that fails", &other),
    }
}

fn numbers(n: u64) -> Streaming<u64> {
    Streaming::from_iter(0..n)
}

async fn up(peer: &Peer, random: &mut Random) -> Act {
    let n = random.below(300);
    let sum = peer.invoke_with_streams::<Sum>("sum", (numbers(n),)).await;
    equal("streams to the server", sum, (0..n).sum())
}

/// An endless one, of which the server takes some.
async fn stopped(peer: &Peer, random: &mut Random) -> Act {
    let k = random.below(100);
    let params = (k, numbers(u64::MAX), random.below(5));
    let first = peer.invoke_with_streams::<Result<Vec<u64>, ErrorObject>>("first", params).await;
    equal("streams that the server stops", first, (0..k).collect())
}

/// One that the server never reads, and that is dropped with its call.
async fn unread(peer: &Peer, random: &mut Random) -> Act {
    let call = peer.invoke_with_streams::<Result<(), ErrorObject>>("never_read", (numbers(u64::MAX),));
    match timeout(random.millis(10), call).await {
        Err(_) => Act::Done("streams that the server does not read"),
        Ok(outcome) => cut_or_wrong("a stream that the server does not read", &outcome),
    }
}

async fn both(peer: &Peer, random: &mut Random) -> Act {
    let (n, dropped) = (random.below(200), random.one_in(3));
    let mut stream = match peer.invoke_with_streams::<Opened>("double", (numbers(n),)).await {
        Ok(stream) => stream,
        Err(error) => return cut_or_wrong("a stream both ways", &Err::<(), _>(error)),
    };
    let most = if dropped { n / 2 } else { n + 1 };
    match read(&mut stream, (most, 2), random).await {
        (_, None) if dropped => Act::Done("streams both ways that are dropped"),
        (count, Some(Ok(()))) if count == n => Act::Done("streams both ways"),
        other => cut("a stream both ways", &other),
    }
}

async fn of_the_server(peer: &Peer, random: &mut Random) -> Act {
    let n = random.below(200);
    if random.one_in(2) {
        return equal(
            "streams that the server sends us",
            peer.call("push", ("take", n)).await,
            (0..n).sum::<u64>(),
        );
    }
    let taken = n / 2;
    let take = random.one_in(2).then_some(taken);
    let items: Vec<u64> = (0..take.unwrap_or(n)).collect();
    let end = if take.is_some() { "dropped" } else { "complete" };
    let pulled = peer.call::<Value>("pull", ("feed", [n], take)).await;
    equal("streams that the server asks us for", pulled, json!({ "items": items, "end": end }))
}

fn cut<T: Debug>(what: &str, seen: &(T, Option<Result<(), StreamError>>)) -> Act {
    match seen {
        (_, Some(Err(StreamError::Disconnected { .. }))) => Act::Cut,
        other => Act::Wrong(format!("{what}: {other:?}")),
    }
}

/// Whether the server has no stream of this connection any more: it hears of a drop a little later.
pub(crate) async fn none_is_left(peer: &Peer) -> Act {
    const LIMIT: Duration = Duration::from_secs(5);
    let mut last = Value::Null;
    let settles = async {
        loop {
            match peer.call::<Value>("streams", ()).await {
                Ok(streams) if (&streams["producing"], &streams["consuming"]) == (&json!(0), &json!(0)) => {
                    return Act::Done("connections of which the server has no stream left");
                }
                Ok(streams) => last = streams,
                Err(error) => return cut_or_wrong("the count of streams", &Err::<(), _>(error)),
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    let settled = timeout(LIMIT, settles).await;
    settled.unwrap_or_else(|_| Act::Wrong(format!("streams are left: {last}")))
}
