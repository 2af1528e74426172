//! The methods that the transcripts call. Each connection has its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use birpc::{CallError, Context, ErrorObject, Progress, Router, Streaming, rpc};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::values::{Broken, Explosive, Grenade, Point};

type Json = Box<RawValue>;
type Answer<T> = Result<T, ErrorObject>;

/// The methods of JSON-RPC 2.0 §7 whose parameters have names.
#[rpc]
trait Section7 {
    async fn subtract(&self, minuend: i64, subtrahend: i64) -> Answer<i64>;
    #[rpc(notification)]
    async fn notify_hello(&self, times: u64);
    async fn get_data(&self) -> Answer<(String, u64)>;
}

#[rpc]
trait Probe {
    async fn add(&self, a: i64, b: i64) -> Answer<i64>;
    async fn echo(&self, value: Json) -> Answer<Json>;
    /// Decodes the value into a tree first, which `echo` does not.
    async fn tree(&self, value: Value) -> Answer<Value>;
    async fn optional(&self, a: i64, b: Option<i64>, c: Option<String>) -> Answer<Value>;
    async fn none(&self) -> Answer<()>;
    #[rpc(params = "single")]
    async fn whole(&self, params: Point) -> Answer<Point>;
    #[rpc(notification)]
    async fn log(&self, line: String);
    /// The notifications that were handled.
    async fn logged(&self) -> Answer<Vec<String>>;

    /// Is answered after everything else that can be answered.
    async fn fence(&self) -> Answer<()>;
    /// Is answered once `release` names the same gate.
    async fn hold(&self, gate: String) -> Answer<String>;
    async fn release(&self, gate: String) -> Answer<()>;
    /// The number of `hold`s.
    async fn held(&self) -> Answer<usize>;

    async fn fail(&self, code: i64, message: String, data: Option<Json>) -> Answer<()>;
    async fn panic(&self, when: String) -> Answer<()>;
    async fn broken_result(&self, when: String) -> Answer<Broken>;
    async fn explosive_result(&self, when: String) -> Answer<Explosive>;
    async fn broken_data(&self) -> Answer<()>;
    async fn long(&self, bytes: usize) -> Answer<String>;

    /// Calls a method of the caller, and returns how that ended.
    async fn call_me(&self, cx: &Context, method: String, params: Option<Json>) -> Answer<Value>;
    /// The same, but the result must be a number.
    async fn ask_number(&self, cx: &Context) -> Answer<Value>;
    /// Calls the caller, and drops the call when the gate is released.
    async fn ask_in_vain(&self, cx: &Context, gate: String) -> Answer<String>;
    async fn tell_me(&self, cx: &Context, line: String) -> Answer<()>;
    /// The number of responses that matched no call.
    async fn unmatched(&self, cx: &Context) -> Answer<u64>;
}

#[rpc]
trait Streams {
    async fn count(&self, from: i64, to: i64) -> Answer<Streaming<i64>>;
    async fn build(&self, steps: u64, progress: Progress<Value>) -> Answer<String>;
    async fn refuse(&self) -> Answer<Streaming<u64>>;
    async fn fail_after(&self, n: u64) -> Answer<Streaming<u64>>;
    async fn panic_after(&self, n: u64) -> Answer<Streaming<u64>>;
    async fn total(&self, numbers: Streaming<i64>) -> Answer<i64>;
    async fn both(&self, a: Streaming<i64>, b: Streaming<i64>) -> Answer<()>;
    /// Drops its argument, and is answered when the gate is released.
    async fn drop(&self, gate: String, numbers: Streaming<i64>) -> Answer<()>;
    /// Never reads its argument.
    async fn keep(&self, numbers: Streaming<i64>) -> Answer<()>;
}

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    /// Two heads, or a log and an error.
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String, filter: Option<Value>) -> Answer<Streaming<Value>>;
}

/// The methods that the foreign peer serves.
#[rpc]
trait Foreign {
    async fn number(&self) -> Answer<i64>;
    #[rpc(notification)]
    async fn told(&self, line: String);
}

/// All methods, with their own state.
pub(crate) fn router() -> Router {
    let lab = Arc::new(Lab::default());
    let (updates, sums) = (lab.clone(), lab.clone());
    Router::new()
        .service(Section7Server::new(Handle(lab.clone())))
        .service(StreamsServer::new(Handle(lab.clone())))
        .service(EthServer::new(Handle(lab.clone())))
        .service(ProbeServer::new(Handle(lab)))
        .method("sum", |_, numbers: Vec<i64>| async move { Answer::Ok(numbers.iter().sum::<i64>()) })
        .method("unit", |_, ()| async { Answer::Ok(()) })
        .method("pair", |_, pair: (i64, String)| async move { Answer::Ok(pair) })
        .notification("update", move |_, numbers: Vec<i64>| {
            updates.clone().note(format!("update {numbers:?}"))
        })
        .notification("notify_sum", move |_, numbers: Vec<i64>| {
            sums.clone().note(format!("notify_sum {numbers:?}"))
        })
}

#[derive(Default)]
struct Lab {
    logged: Mutex<Vec<String>>,
    gates: Mutex<HashMap<String, Arc<Notify>>>,
    held: AtomicUsize,
}

impl Lab {
    async fn note(self: Arc<Self>, line: String) {
        self.logged.lock().expect("nothing panics under the lock").push(line);
    }

    fn gate(&self, name: String) -> Arc<Notify> {
        self.gates.lock().expect("nothing panics under the lock").entry(name).or_default().clone()
    }
}

struct Handle(Arc<Lab>);

/// Counts a handler while it exists.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Section7 for Handle {
    async fn subtract(&self, minuend: i64, subtrahend: i64) -> Answer<i64> {
        Ok(minuend - subtrahend)
    }

    async fn notify_hello(&self, times: u64) {
        self.0.clone().note(format!("notify_hello {times}")).await;
    }

    async fn get_data(&self) -> Answer<(String, u64)> {
        Ok(("hello".into(), 5))
    }
}

impl Probe for Handle {
    async fn add(&self, a: i64, b: i64) -> Answer<i64> {
        Ok(a.checked_add(b).expect("an inner detail"))
    }

    async fn echo(&self, value: Json) -> Answer<Json> {
        Ok(value)
    }

    async fn tree(&self, value: Value) -> Answer<Value> {
        Ok(value)
    }

    async fn optional(&self, a: i64, b: Option<i64>, c: Option<String>) -> Answer<Value> {
        Ok(json!([a, b, c]))
    }

    async fn none(&self) -> Answer<()> {
        Ok(())
    }

    async fn whole(&self, params: Point) -> Answer<Point> {
        Ok(params)
    }

    async fn log(&self, line: String) {
        self.0.clone().note(line).await;
    }

    async fn logged(&self) -> Answer<Vec<String>> {
        Ok(self.0.logged.lock().expect("nothing panics under the lock").clone())
    }

    async fn fence(&self) -> Answer<()> {
        // The tasks of all handlers that were not ready at once are older than this one's.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn hold(&self, gate: String) -> Answer<String> {
        let _held = Held::new(&self.0.held);
        self.0.gate(gate.clone()).notified().await;
        Ok(gate)
    }

    async fn release(&self, gate: String) -> Answer<()> {
        self.0.gate(gate).notify_one();
        Ok(())
    }

    async fn held(&self) -> Answer<usize> {
        Ok(self.0.held.load(Ordering::Relaxed))
    }

    async fn fail(&self, code: i64, message: String, data: Option<Json>) -> Answer<()> {
        let error = ErrorObject::new(code, message);
        Err(if let Some(data) = data { error.with_data(&data) } else { error })
    }

    async fn panic(&self, when: String) -> Answer<()> {
        wait(&when).await;
        if when == "when it is dropped" {
            let _grenade = Grenade;
            std::future::pending::<()>().await;
        }
        panic!("an inner detail")
    }

    async fn broken_result(&self, when: String) -> Answer<Broken> {
        wait(&when).await;
        Ok(Broken)
    }

    async fn explosive_result(&self, when: String) -> Answer<Explosive> {
        wait(&when).await;
        Ok(Explosive)
    }

    async fn broken_data(&self) -> Answer<()> {
        Err(ErrorObject::new(1, "its data does not serialise").with_data(&Broken))
    }

    async fn long(&self, bytes: usize) -> Answer<String> {
        Ok("x".repeat(bytes))
    }

    async fn call_me(&self, cx: &Context, method: String, params: Option<Json>) -> Answer<Value> {
        Ok(ended(cx.peer().call::<Json>(&method, params).await))
    }

    async fn ask_number(&self, cx: &Context) -> Answer<Value> {
        Ok(ended(cx.stub::<ForeignClient>().number().await))
    }

    async fn ask_in_vain(&self, cx: &Context, gate: String) -> Answer<String> {
        let gate = self.0.gate(gate);
        tokio::select! {
            answer = cx.stub::<ForeignClient>().number() => Ok(format!("not in vain: {answer:?}")),
            () = gate.notified() => Ok("dropped".into()),
        }
    }

    async fn tell_me(&self, cx: &Context, line: String) -> Answer<()> {
        Ok(cx.stub::<ForeignClient>().told(line).await?)
    }

    async fn unmatched(&self, cx: &Context) -> Answer<u64> {
        Ok(cx.peer().unmatched_responses())
    }
}

/// Makes a handler ready at its first poll, or makes it need a task.
async fn wait(when: &str) {
    if when != "at once" {
        tokio::task::yield_now().await;
    }
}

/// How an outgoing call ended.
fn ended<T: Serialize>(outcome: Result<T, CallError>) -> Value {
    match outcome {
        Ok(result) => json!({ "result": result }),
        Err(CallError::Method(error)) => json!({ "method's error": error }),
        Err(CallError::Rpc(error)) => json!({ "refused": error }),
        Err(CallError::Undecodable(why)) => json!({ "undecodable": why.to_string() }),
        Err(other) => json!({ "other": other.to_string() }),
    }
}

impl Eth for Handle {
    async fn subscribe(&self, kind: String, filter: Option<Value>) -> Answer<Streaming<Value>> {
        match kind.as_str() {
            "newHeads" => {
                let heads = ["0x1", "0x2"].map(|number| Ok(json!({ "number": number })));
                Ok(Streaming::try_from_stream(stream::iter(heads).chain(stream::pending())))
            }
            "logs" => {
                let failed = ErrorObject::new(4, "the filter is gone").with_data(&filter);
                Ok(Streaming::try_from_stream(stream::iter([Ok(json!({"data": "0x"})), Err(failed)])))
            }
            _ => Err(ErrorObject::new(3, "no such subscription")),
        }
    }
}

impl Streams for Handle {
    async fn build(&self, steps: u64, progress: Progress<Value>) -> Answer<String> {
        (1..=steps).for_each(|done| progress.report(json!({"done": done, "total": steps})));
        Ok("built".into())
    }

    async fn count(&self, from: i64, to: i64) -> Answer<Streaming<i64>> {
        Ok(Streaming::from_iter(from..to))
    }

    async fn refuse(&self) -> Answer<Streaming<u64>> {
        Err(ErrorObject::new(8, "no"))
    }

    async fn fail_after(&self, n: u64) -> Answer<Streaming<u64>> {
        let failed = Err(ErrorObject::new(7, format!("after {n}")));
        Ok(Streaming::try_from_stream(stream::iter((0..n).map(Ok).chain([failed]))))
    }

    async fn panic_after(&self, n: u64) -> Answer<Streaming<u64>> {
        Ok(Streaming::from_iter(
            (0..=n).inspect(move |number| assert!(*number < n, "a producer that panics")),
        ))
    }

    async fn total(&self, mut numbers: Streaming<i64>) -> Answer<i64> {
        let mut total = 0;
        while let Some(number) = numbers.next().await {
            total += number.map_err(|error| ErrorObject::new(9, error.to_string()))?;
        }
        Ok(total)
    }

    async fn both(&self, _a: Streaming<i64>, _b: Streaming<i64>) -> Answer<()> {
        Ok(())
    }

    async fn drop(&self, gate: String, numbers: Streaming<i64>) -> Answer<()> {
        std::mem::drop(numbers);
        self.0.gate(gate).notified().await;
        Ok(())
    }

    async fn keep(&self, _numbers: Streaming<i64>) -> Answer<()> {
        std::future::pending().await
    }
}
