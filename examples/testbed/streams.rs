//! Methods with streams: results, arguments, and both.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, RpcError, StreamError, Streaming, rpc};
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::Json;

#[rpc]
pub trait Streams {
    /// The numbers `from`, …, `to - 1`, one each `step_ms`.
    async fn count(
        &self,
        cx: &Context,
        from: i64,
        to: i64,
        step_ms: Option<u64>,
    ) -> Result<Streaming<i64>, ErrorObject>;
    /// The numbers from 0, as fast as the caller takes them.
    async fn endless(&self, cx: &Context) -> Result<Streaming<u64>, ErrorObject>;
    /// `n` strings of so many bytes.
    async fn big(&self, cx: &Context, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject>;
    /// `n` numbers, then an error.
    async fn fail_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64, Failure>, ErrorObject>;
    /// `n` numbers, then a panic.
    async fn panic_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    /// Never opens.
    async fn refuse(&self) -> Result<Streaming<u64>, Failure>;
    /// The sum of the numbers.
    async fn sum(&self, cx: &Context, numbers: Streaming<i64>) -> Result<i64, ErrorObject>;
    /// The first `k` numbers; goes on for `then_ms` after it has dropped the stream.
    async fn first(
        &self,
        cx: &Context,
        k: usize,
        numbers: Streaming<i64>,
        then_ms: Option<u64>,
    ) -> Result<Vec<i64>, ErrorObject>;
    /// Holds the stream, without reading it, until it is cancelled.
    async fn never_read(&self, cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject>;
    /// Twice each number.
    async fn double(&self, cx: &Context, numbers: Streaming<i64>) -> Result<Streaming<i64>, ErrorObject>;
    /// The lengths of the texts, in bytes.
    async fn measure(&self, cx: &Context, texts: Streaming<String>) -> Result<Vec<usize>, ErrorObject>;
    /// Calls a streaming method of the caller; at most `take` of its items, and how it ended.
    async fn pull(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
        take: Option<usize>,
    ) -> Result<Value, ErrorObject>;
    /// Calls a method of the caller with a stream of the numbers 0, …, `n - 1`.
    async fn push(&self, cx: &Context, method: String, n: u64) -> Result<Json, ErrorObject>;
    /// The streams of this connection that are served here.
    async fn streams(&self, cx: &Context) -> Result<Value, ErrorObject>;
}

/// How a stream fails, or does not open.
#[derive(Debug, RpcError)]
pub enum Failure {
    #[rpc(code = 7)]
    After { n: u64 },
    #[rpc(code = 8)]
    Refused,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After { n } => write!(f, "after {n}"),
            Self::Refused => f.write_str("refused"),
        }
    }
}

impl std::error::Error for Failure {}

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

pub(crate) struct Served;

impl Streams for Served {
    async fn count(
        &self,
        cx: &Context,
        from: i64,
        to: i64,
        step_ms: Option<u64>,
    ) -> Result<Streaming<i64>, ErrorObject> {
        let step = Duration::from_millis(step_ms.unwrap_or(0));
        let numbers = futures_util::stream::iter(from..to).then(move |number| async move {
            if !step.is_zero() {
                tokio::time::sleep(step).await;
            }
            Ok(number)
        });
        Ok(result(cx, numbers))
    }

    async fn endless(&self, cx: &Context) -> Result<Streaming<u64>, ErrorObject> {
        Ok(result(cx, futures_util::stream::iter(0..).map(Ok)))
    }

    async fn big(&self, cx: &Context, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject> {
        let texts = (0..n).map(move |_| Ok("x".repeat(bytes)));
        Ok(result(cx, futures_util::stream::iter(texts)))
    }

    async fn fail_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64, Failure>, ErrorObject> {
        let numbers = (0..n).map(Ok).chain([Err(Failure::After { n })]);
        Ok(result(cx, futures_util::stream::iter(numbers)))
    }

    async fn panic_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        let numbers = (0..=n).map(move |number| {
            assert!(number < n, "the testbed was asked to panic");
            Ok(number)
        });
        Ok(result(cx, futures_util::stream::iter(numbers)))
    }

    async fn refuse(&self) -> Result<Streaming<u64>, Failure> {
        Err(Failure::Refused)
    }

    async fn sum(&self, cx: &Context, numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
        let mut numbers = Counted::new(cx, numbers);
        let mut sum = 0_i64;
        while let Some(number) = numbers.next().await {
            sum =
                sum.checked_add(number?).ok_or_else(|| ErrorObject::new(1, "the sum does not fit an i64"))?;
        }
        Ok(sum)
    }

    async fn first(
        &self,
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

    async fn never_read(&self, cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject> {
        let _held = Counted::new(cx, numbers);
        std::future::pending().await
    }

    async fn double(&self, cx: &Context, numbers: Streaming<i64>) -> Result<Streaming<i64>, ErrorObject> {
        let numbers = Counted::new(cx, numbers);
        Ok(result(cx, numbers.map(|number| number.map(|number| number.wrapping_mul(2)))))
    }

    async fn measure(&self, cx: &Context, texts: Streaming<String>) -> Result<Vec<usize>, ErrorObject> {
        let mut texts = Counted::new(cx, texts);
        let mut lengths = Vec::new();
        while let Some(text) = texts.next().await {
            lengths.push(text?.len());
        }
        Ok(lengths)
    }

    async fn pull(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
        take: Option<usize>,
    ) -> Result<Value, ErrorObject> {
        let (items, end) =
            match cx.peer().invoke::<Result<Streaming<Json>, ErrorObject>>(&method, params).await {
                Ok(stream) => collect(stream, take).await,
                Err(error) => (Vec::new(), not_opened(error)?),
            };
        Ok(json!({ "items": items, "end": end }))
    }

    async fn push(&self, cx: &Context, method: String, n: u64) -> Result<Json, ErrorObject> {
        let numbers: Streaming<u64> = Streaming::from_iter(0..n);
        let call = cx.peer().invoke_with_streams::<Result<Json, ErrorObject>>(&method, (numbers,));
        call.await.map_err(CallError::relay)
    }

    async fn streams(&self, cx: &Context) -> Result<Value, ErrorObject> {
        let counts = cx.get::<Counts>().unwrap_or_default();
        let [producing, consuming, ended] =
            [&counts.producing, &counts.consuming, &counts.ended].map(|count| count.load(Ordering::SeqCst));
        Ok(json!({ "producing": producing, "consuming": consuming, "ended": ended }))
    }
}

/// The items of a stream, and how it ended.
async fn collect(mut stream: Streaming<Json>, take: Option<usize>) -> (Vec<Json>, Value) {
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
