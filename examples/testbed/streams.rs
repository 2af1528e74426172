//! Methods with streams: results, arguments, and both.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, StreamError, Streaming, SubscriptionForm};
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::Json;
use crate::methods::Failure;

/// The streams of one connection; kept with its peer.
#[derive(Default)]
pub(crate) struct Counts {
    producing: AtomicI64,
    consuming: AtomicI64,
    ended: AtomicI64,
}

/// A stream that lives.
struct Live {
    counts: Arc<Counts>,
    of: fn(&Counts) -> &AtomicI64,
}

impl Live {
    fn new(peer: &Peer, of: fn(&Counts) -> &AtomicI64) -> Self {
        let counts = peer.get::<Counts>().unwrap_or_default();
        of(&counts).fetch_add(1, Ordering::SeqCst);
        Self { counts, of }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        (self.of)(&self.counts).fetch_sub(1, Ordering::SeqCst);
        self.counts.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// An argument, counted until it has ended or is dropped.
struct Counted<T> {
    items: Streaming<T>,
    live: Option<Live>,
}

impl<T> Counted<T> {
    fn new(cx: &Context, items: Streaming<T>) -> Self {
        Self { items, live: Some(Live::new(&cx.peer(), |counts| &counts.consuming)) }
    }
}

impl<T> Stream for Counted<T> {
    type Item = Result<T, ErrorObject>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let next = self.items.poll_next_unpin(cx).map(|item| item.map(|item| item.map_err(of_argument)));
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.live = None;
        }
        next
    }
}

/// What a handler makes of an argument that failed.
fn of_argument(error: StreamError) -> ErrorObject {
    ErrorObject::new(9, error.to_string())
}

/// A result, counted until its producer is gone.
fn result<T: 'static, E: 'static>(
    cx: &Context,
    items: impl Stream<Item = Result<T, E>> + Send + 'static,
) -> Streaming<T, E> {
    let live = Live::new(&cx.peer(), |counts| &counts.producing);
    Streaming::try_from_stream(items.inspect(move |_| {
        let _ = &live;
    }))
}

pub(crate) fn count(cx: &Context, from: i64, to: i64, step_ms: Option<u64>) -> Streaming<i64> {
    let step = Duration::from_millis(step_ms.unwrap_or(0));
    let numbers = futures_util::stream::iter(from..to).then(move |number| async move {
        if !step.is_zero() {
            tokio::time::sleep(step).await;
        }
        Ok(number)
    });
    result(cx, numbers)
}

pub(crate) fn sub_subscribe(
    cx: &Context,
    kind: &str,
    n: u64,
    ms: u64,
) -> Result<Streaming<u64, Failure>, Failure> {
    let (count, end) = match kind {
        "ticks" => (n, None),
        "fail" => (n, Some(Failure::After { n })),
        "endless" => (u64::MAX, None),
        _ => return Err(Failure::Refused),
    };
    let step = Duration::from_millis(ms);
    let numbers = futures_util::stream::iter(0..count).then(move |number| async move {
        if !step.is_zero() {
            tokio::time::sleep(step).await;
        }
        Ok(number)
    });
    Ok(result(cx, numbers.chain(futures_util::stream::iter(end.map(Err)))))
}

pub(crate) fn endless(cx: &Context) -> Streaming<u64> {
    result(cx, futures_util::stream::iter(0..).map(Ok))
}

pub(crate) fn big(cx: &Context, bytes: usize, n: usize) -> Streaming<String> {
    let texts = (0..n).map(move |_| Ok("x".repeat(bytes)));
    result(cx, futures_util::stream::iter(texts))
}

pub(crate) fn fail_after(cx: &Context, n: u64) -> Streaming<u64, Failure> {
    let numbers = (0..n).map(Ok).chain([Err(Failure::After { n })]);
    result(cx, futures_util::stream::iter(numbers))
}

pub(crate) fn panic_after(cx: &Context, n: u64) -> Streaming<u64> {
    let numbers = (0..=n).map(move |number| {
        assert!(number < n, "the testbed was asked to panic");
        Ok(number)
    });
    result(cx, futures_util::stream::iter(numbers))
}

pub(crate) async fn sum(cx: &Context, numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
    let mut numbers = Counted::new(cx, numbers);
    let mut sum = 0_i64;
    while let Some(number) = numbers.next().await {
        sum = sum.checked_add(number?).ok_or_else(|| ErrorObject::new(1, "the sum does not fit an i64"))?;
    }
    Ok(sum)
}

pub(crate) async fn first(
    cx: &Context,
    k: usize,
    numbers: Streaming<i64>,
    then_ms: Option<u64>,
) -> Result<Vec<i64>, ErrorObject> {
    let mut first = Vec::new();
    let mut numbers = Counted::new(cx, numbers).take(k);
    while let Some(number) = numbers.next().await {
        first.push(number?);
    }
    drop(numbers);
    if let Some(ms) = then_ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    Ok(first)
}

pub(crate) async fn never_read(cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject> {
    let _held = Counted::new(cx, numbers);
    std::future::pending().await
}

pub(crate) fn double(cx: &Context, numbers: Streaming<i64>) -> Streaming<i64> {
    let numbers = Counted::new(cx, numbers);
    result(cx, numbers.map(|number| number.map(|number| number.wrapping_mul(2))))
}

pub(crate) async fn measure(cx: &Context, texts: Streaming<String>) -> Result<Vec<usize>, ErrorObject> {
    let mut texts = Counted::new(cx, texts);
    let mut lengths = Vec::new();
    while let Some(text) = texts.next().await {
        lengths.push(text?.len());
    }
    Ok(lengths)
}

pub(crate) async fn pull(
    cx: &Context,
    method: &str,
    params: Option<Json>,
    take: Option<usize>,
) -> Result<Value, ErrorObject> {
    let (items, end) = match cx.peer().invoke::<Result<Streaming<Value>, ErrorObject>>(method, params).await {
        Ok(stream) => collect(stream, take).await,
        Err(error) => (Vec::new(), not_opened(error)?),
    };
    Ok(json!({ "items": items, "end": end }))
}

pub(crate) async fn push(cx: &Context, method: &str, n: u64) -> Result<Json, ErrorObject> {
    let numbers: Streaming<u64> = Streaming::from_iter(0..n);
    let call = cx.peer().invoke_with_streams::<Result<Json, ErrorObject>>(method, (numbers,));
    call.await.map_err(CallError::relay)
}

pub(crate) async fn take_subscription(
    cx: &Context,
    method: &str,
    params: Option<Json>,
    n: usize,
) -> Result<Vec<Json>, ErrorObject> {
    let form = SubscriptionForm::new(format!("{method}_subscription"), format!("{method}_unsubscribe"));
    let call =
        cx.peer().invoke::<Result<Streaming<Json>, ErrorObject>>(&format!("{method}_subscribe"), params);
    let mut stream = call.subscription(&form).await.map_err(CallError::relay)?;
    let mut items = Vec::new();
    while items.len() < n {
        match stream.next().await {
            Some(Ok(item)) => items.push(item),
            Some(Err(StreamError::Method(error))) => return Err(error),
            Some(Err(error)) => return Err(ErrorObject::new(9, error.to_string())),
            None => break,
        }
    }
    Ok(items)
}

pub(crate) fn counts(cx: &Context) -> Value {
    let counts = cx.get::<Counts>().unwrap_or_default();
    let [producing, consuming, ended] =
        [&counts.producing, &counts.consuming, &counts.ended].map(|count| count.load(Ordering::SeqCst));
    json!({ "producing": producing, "consuming": consuming, "ended": ended })
}

/// The items of a stream, and how it ended. An item that nests too deep for a value ends it as undecodable.
async fn collect(mut stream: Streaming<Value>, take: Option<usize>) -> (Vec<Value>, Value) {
    let mut items = Vec::new();
    while take.is_none_or(|take| items.len() < take) {
        match stream.next().await {
            Some(Ok(item)) => items.push(item),
            Some(Err(error)) => return (items, bad_end(error)),
            None => return (items, json!("complete")),
        }
    }
    (items, json!("dropped"))
}

fn bad_end(error: StreamError) -> Value {
    match error {
        StreamError::Method(error) | StreamError::Refused(error) => of_error(&error),
        StreamError::Cancelled => json!("cancelled"),
        StreamError::Lagged { missed } => json!({ "lagged": missed }),
        StreamError::Undecodable(why) => json!({ "undecodable": why.to_string() }),
        StreamError::Disconnected { reason } => json!({ "disconnected": reason.code }),
        error => json!({ "other": error.to_string() }),
    }
}

/// The end of a stream that was refused by the peer; other failures are those of `pull` itself.
fn not_opened(error: CallError) -> Result<Value, ErrorObject> {
    match error {
        CallError::Method(error) | CallError::Rpc(error) => Ok(of_error(&error)),
        error => Err(error.relay()),
    }
}

fn of_error(error: &ErrorObject) -> Value {
    json!({ "error": { "code": error.code(), "message": error.message() } })
}
