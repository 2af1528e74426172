//! The methods of the testbed, and those that its clients have.

use birpc::{Context, Contract, ErrorObject, Progress, RpcError, Streaming, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Json;
use crate::groups::MembersContract;

/// The methods that foreign clients and benchmarks call.
#[rpc(schema)]
pub(crate) trait Testbed {
    /// The sum of two numbers.
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    /// Any value, as it came.
    async fn echo(&self, value: Json) -> Result<Json, ErrorObject>;
    /// Answers after a time, with the time.
    async fn sleep(&self, ms: u64) -> Result<u64, ErrorObject>;
    /// The same, for callers that send it again after a lost connection.
    #[rpc(idempotent)]
    async fn nap(&self, ms: u64) -> Result<u64, ErrorObject>;
    /// Blocks its thread, without a time for ever.
    #[rpc(blocking)]
    fn block(&self, ms: Option<u64>) -> Result<u64, ErrorObject>;
    /// Fails with this error.
    async fn fail(&self, code: i64, message: String, data: Option<Json>) -> Result<(), ErrorObject>;
    /// Panics.
    async fn panic(&self) -> Result<(), ErrorObject>;
    /// The area of a shape.
    async fn area(&self, shape: Shape) -> Result<f64, AreaError>;
    /// Keeps a line.
    #[rpc(notification)]
    async fn log(&self, cx: &Context, line: String);
    /// Keeps a line. Takes 20 ms, one at a time.
    #[rpc(notification, ordered)]
    async fn slow_log(&self, cx: &Context, line: String);
    /// The lines of this connection.
    async fn logged(&self, cx: &Context) -> Result<Vec<String>, ErrorObject>;
    /// Calls a method of the caller, and passes its answer on.
    async fn relay(&self, cx: &Context, method: String, params: Option<Json>) -> Result<Json, ErrorObject>;
    /// Notifies the caller n times, with 0, 1, 2, …
    async fn shout(&self, cx: &Context, method: String, n: u64) -> Result<u64, ErrorObject>;
    /// Notifications of this connection that were dropped.
    async fn dropped(&self, cx: &Context) -> Result<u64, ErrorObject>;
    /// Drains this connection for so long.
    async fn drain(&self, cx: &Context, ms: u64) -> Result<(), ErrorObject>;
    /// Notifies all connections. Returns their number.
    async fn broadcast(&self, method: String, params: Option<Json>) -> Result<usize, ErrorObject>;
    /// What the testbed knows of this connection.
    async fn whoami(&self, cx: &Context) -> Result<Value, ErrorObject>;
    /// What the testbed holds, including this call and its connection.
    async fn stats(&self) -> Result<Value, ErrorObject>;
    /// Closes this connection with a code and a reason.
    async fn close(&self, cx: &Context, code: u16, reason: String) -> Result<(), ErrorObject>;

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
    /// Subscribes at the caller, in Ethereum's form if it does not speak `birpc.v1`: calls
    /// `METHOD_subscribe`, takes `n` items and drops the subscription.
    async fn take_subscription(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
        n: usize,
    ) -> Result<Vec<Json>, ErrorObject>;
    /// Numbers from 0, one each `ms`: `ticks` are `n` of them, `fail` fails after `n`, `endless` has no end,
    /// and `refuse` never begins. For peers that do not speak `birpc.v1` it is a subscription.
    #[rpc(
        name = "sub_subscribe",
        subscription(notify_name = "sub_subscription", unsubscribe_name = "sub_unsubscribe")
    )]
    async fn sub_subscribe(
        &self,
        cx: &Context,
        kind: String,
        n: Option<u64>,
        ms: Option<u64>,
    ) -> Result<Streaming<u64, Failure>, Failure>;
    /// The streams of this connection that are served here.
    async fn streams(&self, cx: &Context) -> Result<Value, ErrorObject>;
    /// Takes so many steps, of so many milliseconds each, and reports each that is done.
    async fn build(
        &self,
        steps: u64,
        step_ms: Option<u64>,
        progress: Progress<Step>,
    ) -> Result<String, ErrorObject>;
    /// Calls a method of the caller with `[steps]`, and tells what was reported and what it returned.
    async fn build_by(&self, cx: &Context, method: String, steps: u64) -> Result<Value, ErrorObject>;
}

/// How far a build is.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Step {
    /// The steps that are done.
    pub(crate) done: u64,
    /// All steps.
    pub(crate) total: u64,
}

/// The methods of a client that is a web page, which `relay`, `broadcast` and `pull` call by name.
#[allow(dead_code)]
#[rpc(namespace = "page", client, schema)]
pub(crate) trait Page {
    /// The title of the page.
    async fn title(&self) -> Result<String, ErrorObject>;
    /// Asks the user.
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
    /// Shows a line.
    #[rpc(notification)]
    async fn said(&self, line: String);
    /// The numbers 0, …, `n - 1`.
    async fn feed(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
}

/// A shape, in the plane.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Shape {
    /// A circle with its radius.
    Circle { r: f64 },
    /// A rectangle with its sides.
    Rect { w: f64, h: f64 },
}

/// Why a shape has no area.
#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(schema)]
pub(crate) enum AreaError {
    #[error("`{field}` is negative")]
    #[rpc(code = 10)]
    Negative { field: String },
    #[error("the area is too large")]
    #[rpc(code = 11)]
    TooLarge,
}

/// How a stream fails, or does not open.
#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(schema)]
pub(crate) enum Failure {
    #[error("after {n}")]
    #[rpc(code = 7)]
    After { n: u64 },
    #[error("refused")]
    #[rpc(code = 8)]
    Refused,
}

/// What the testbed serves, and what it calls at its clients.
pub(crate) fn contract() -> Contract {
    Contract::new("testbed", env!("CARGO_PKG_VERSION"))
        .serves::<TestbedContract>()
        .serves::<MembersContract>()
        .calls::<PageContract>()
}

impl Shape {
    pub(crate) fn area(self) -> Result<f64, AreaError> {
        let sides = match self {
            Self::Circle { r } => [("r", r), ("r", r)],
            Self::Rect { w, h } => [("w", w), ("h", h)],
        };
        if let Some((field, _)) = sides.iter().find(|(_, length)| *length < 0.0) {
            return Err(AreaError::Negative { field: (*field).to_owned() });
        }
        let factor = if matches!(self, Self::Circle { .. }) { std::f64::consts::PI } else { 1.0 };
        let area = factor * sides[0].1 * sides[1].1;
        if area.is_finite() { Ok(area) } else { Err(AreaError::TooLarge) }
    }
}
