//! Spans of calls: their fields, when they close, and the events in them.

#[path = "observe_tracing/streams.rs"]
mod streams;
mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use birpc::{CallError, Context, ErrorObject, Peer, Router, rpc};
use futures_util::FutureExt;
use serde_json::{Value, json};
use support::{Join, NoParams, Pair, Record, Side, bounded, code, hanging};
use tokio::task::yield_now;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as Spans, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The contents of a span when it was closed.
#[derive(Clone, Debug, Default)]
struct Closed {
    span: &'static str,
    parent: Option<&'static str>,
    fields: Fields,
}

#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Closed {
    fn get(&self, field: &str) -> &str {
        self.fields.0.get(field).map_or("", String::as_str)
    }

    fn line(&self) -> String {
        format!("{} {}: {}", self.span, self.get("method"), self.get("outcome"))
    }
}

/// Records closed spans and events.
#[derive(Clone, Default)]
struct Listener {
    closed: Record<Closed>,
    /// The message of each event, and its span.
    events: Record<(String, Option<&'static str>)>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: Spans<'_, S>) {
        let span = spans.span(id).expect("it is new");
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, spans: Spans<'_, S>) {
        let span = spans.span(id).expect("it is open");
        values.record(span.extensions_mut().get_mut::<Fields>().expect("it was new once"));
    }

    fn on_event(&self, event: &Event<'_>, spans: Spans<'_, S>) {
        if event.metadata().target() == "birpc::wire" {
            return; // the wire log, of whole connections and not of calls
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        self.events.push((message, spans.event_span(event).map(|span| span.name())));
    }

    fn on_close(&self, id: Id, spans: Spans<'_, S>) {
        let span = spans.span(&id).expect("it is closing");
        let fields = span.extensions().get::<Fields>().expect("it was new once").clone();
        if span.metadata().target() == "birpc" {
            let parent = span.parent().map(|parent| parent.name());
            self.closed.push(Closed { span: span.name(), parent, fields });
        }
    }
}

impl Listener {
    /// Records the events of this thread while the guard exists.
    fn listen() -> (Self, DefaultGuard) {
        let listener = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(listener.clone()));
        (listener, guard)
    }

    /// The closed spans, the callee's first, which is the order in which an answered call ends.
    fn lines(&self) -> Vec<String> {
        self.closed.take().iter().map(Closed::line).collect()
    }
}

/// All methods that tests call.
fn methods() -> Router {
    Router::new()
        .method("double", |_: Context, (n,): (i64,)| async move { Ok::<_, ErrorObject>(n * 2) })
        .method("slow", |_: Context, _: NoParams| async {
            tracing::info!("before");
            tokio::time::sleep(Duration::from_secs(3)).await;
            tracing::info!("after");
            Ok::<_, ErrorObject>(())
        })
        .method("fail", |_: Context, _: NoParams| async { Err::<(), _>(ErrorObject::new(17, "no")) })
        .method("panic", |_: Context, _: NoParams| async {
            yield_now().await;
            if true {
                panic!("on purpose");
            }
            Ok::<_, ErrorObject>(())
        })
        .method("ask", |cx: Context, _: NoParams| async move {
            cx.peer().call::<i64>("double", (4,)).await.map_err(ErrorObject::from)
        })
        .notification("say", |_: Context, _: NoParams| async {})
}

async fn joined(join_by: Join) -> Pair {
    join_by.peers(Side::new(methods()), Side::new(methods())).await
}

#[tokio::test]
async fn a_call_has_a_span_on_either_side() {
    for join_by in [Join::Memory, Join::Socket] {
        let (listener, _guard) = Listener::listen();
        let pair = joined(join_by).await;
        assert_eq!(bounded(pair.client.call::<i64>("double", (4,))).await, Ok(8));
        let closed = listener.closed.take();
        let [served, called] = &closed[..] else { panic!("two spans, not {closed:?}") };
        for (span, name, direction, peer) in
            [(served, "serve", "in", &pair.server), (called, "call", "out", &pair.client)]
        {
            assert_eq!((span.span, span.get("direction")), (name, direction));
            assert_eq!(
                (span.get("method"), span.get("kind"), span.get("outcome")),
                ("double", "request", "ok")
            );
            assert_eq!((span.get("id"), span.get("connection")), ("1", &*peer.id().to_string()));
        }
    }
}

#[tokio::test]
async fn a_span_keeps_the_beginning_of_an_id_alone() {
    let (listener, _guard) = Listener::listen();
    let (mut raw, _) = Join::Memory.raw(None, Side::new(methods())).await;
    let id = "é".repeat(100_000);
    let answer =
        raw.ask(&json!({"jsonrpc": "2.0", "id": id, "method": "double", "params": [4]}).to_string()).await;
    assert_eq!((&answer["id"], &answer["result"]), (&json!(id), &json!(8)));
    let closed = listener.closed.take();
    assert_eq!(closed[0].get("id"), format!("\"{}…", "é".repeat(63)));
}

#[tokio::test(start_paused = true)]
async fn a_span_tells_how_long_a_call_took_and_keeps_its_events() {
    let (listener, _guard) = Listener::listen();
    let pair = joined(Join::Memory).await;
    pair.client.call::<()>("slow", ()).await.expect("an answer");
    let closed = listener.closed.take();
    assert_eq!(closed.iter().map(|span| span.get("duration")).collect::<Vec<_>>(), ["3.0", "3.0"]);
    let events = listener.events.take();
    let of = |message: &str| events.iter().find(|(heard, _)| heard == message).map(|(_, span)| *span);
    assert_eq!((of("before"), of("after")), (Some(Some("serve")), Some(Some("serve"))));
}

#[tokio::test]
async fn a_span_tells_how_a_call_ended() {
    let (listener, _guard) = Listener::listen();
    let pair = joined(Join::Memory).await;
    let call = |method: &'static str| bounded(pair.client.call::<i64>(method, ()));

    assert_eq!(code(&call("fail").await), 17);
    assert_eq!(listener.lines(), ["serve fail: 17", "call fail: 17"]);
    assert_eq!(code(&call("unknown").await), -32601);
    assert_eq!(listener.lines(), ["call unknown: -32601"]);
    assert_eq!(code(&call("double").await), -32602);
    assert_eq!(listener.lines(), ["serve double: -32602", "call double: -32602"]);
    assert!(matches!(bounded(pair.client.call::<()>("double", (1,))).await, Err(CallError::Undecodable(_))));
    assert_eq!(listener.lines(), ["serve double: ok", "call double: undecodable"]);

    listener.events.take();
    assert_eq!(code(&call("panic").await), -32603);
    assert_eq!(listener.lines(), ["serve panic: -32603", "call panic: -32603"]);
    assert_eq!(listener.events.take(), [("the handler panicked".to_owned(), Some("serve"))]);
}

/// Calls `hang`. Returns the call once its handler runs.
async fn hang(
    peer: &Peer,
    began: &mut tokio::sync::mpsc::UnboundedReceiver<()>,
) -> birpc::Call<Result<(), ErrorObject>> {
    let mut call = peer.call::<()>("hang", ());
    assert!((&mut call).now_or_never().is_none());
    began.recv().await.expect("the handler runs");
    call
}

/// The closed spans; which side sees a call's end first is not defined.
fn sorted(listener: &Listener) -> Vec<String> {
    let mut lines = listener.lines();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn a_span_closes_when_its_call_is_given_up() {
    let (listener, _guard) = Listener::listen();
    let (router, mut handler) = hanging();
    let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;

    drop(pair.client.call::<()>("hang", ()));
    assert!(listener.lines().is_empty(), "what was never polled is no call");
    drop(hang(&pair.client, &mut handler.began).await);
    handler.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(sorted(&listener), ["call hang: cancelled", "serve hang: cancelled"]);

    let bounded = pair.client.clone().with_timeout(Duration::from_secs(5));
    let call = hang(&bounded, &mut handler.began).await;
    assert_eq!(call.await, Err(CallError::TimedOut));
    handler.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(sorted(&listener), ["call hang: timed_out", "serve hang: cancelled"]);

    let call = hang(&pair.client, &mut handler.began).await;
    pair.cut();
    assert!(call.await.is_err_and(|error| error.is_disconnected()));
    handler.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(sorted(&listener), ["call hang: disconnected", "serve hang: cancelled"]);
}

#[tokio::test]
async fn a_parked_call_that_is_cancelled_has_a_span_too() {
    let (listener, _guard) = Listener::listen();
    let (router, mut handler) = hanging();
    let (mut raw, _) = Join::Memory.raw(Some("birpc.v1"), Side::new(router).in_flight(1)).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"hang","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"hang","id":"two"}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":"two"}}"#,
    ])
    .await;
    handler.began.recv().await.expect("the first runs");
    assert_eq!(bounded(raw.json()).await["error"]["code"], -32800);
    let closed = listener.closed.take();
    assert_eq!(
        (closed.len(), closed[0].get("id"), &*closed[0].line()),
        (1, "\"two\"", "serve hang: cancelled")
    );
}

#[tokio::test]
async fn a_call_back_is_a_child_of_the_call_that_caused_it() {
    let (listener, _guard) = Listener::listen();
    let pair = joined(Join::Memory).await;
    assert_eq!(bounded(pair.client.call::<i64>("ask", ())).await, Ok(8));
    let closed = listener.closed.take();
    let lines: Vec<_> = closed.iter().map(Closed::line).collect();
    assert_eq!(lines, ["serve double: ok", "call double: ok", "serve ask: ok", "call ask: ok"]);
    assert_eq!(closed[1].parent, Some("serve"));
    assert_eq!(closed[3].parent, None);
}

#[tokio::test]
async fn notifications_that_are_served_have_spans() {
    let (listener, _guard) = Listener::listen();
    let (mut raw, _) = Join::Memory.raw(None, Side::new(methods())).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"say"}"#,
        r#"{"jsonrpc":"2.0","method":"double","params":[4],"id":7}"#,
    ])
    .await;
    let reply: Value = bounded(raw.json()).await;
    assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 7, "result": 8}));
    let closed = listener.closed.take();
    let kinds: Vec<_> = closed.iter().map(|span| (span.line(), span.get("kind"), span.get("id"))).collect();
    assert_eq!(
        kinds,
        [("serve say: ok".to_owned(), "notification", ""), ("serve double: ok".to_owned(), "request", "7")]
    );
}

#[rpc]
trait Work {
    /// The span in which it runs.
    #[rpc(blocking)]
    fn span(&self) -> Result<Option<String>, ErrorObject>;
}

/// Records the same on another thread.
struct Worker(tracing::Dispatch);

impl Work for Worker {
    fn span(&self) -> Result<Option<String>, ErrorObject> {
        let current = || tracing::Span::current().metadata().map(|span| span.name().to_owned());
        Ok(tracing::dispatcher::with_default(&self.0, current))
    }
}

#[tokio::test]
async fn a_method_that_blocks_its_thread_runs_in_its_span() {
    let (_listener, _guard) = Listener::listen();
    let worker = Worker(tracing::dispatcher::get_default(Clone::clone));
    let router = Router::new().service(WorkServer::new(worker));
    let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
    let work: WorkClient = pair.client.stub();
    assert_eq!(bounded(work.span()).await, Ok(Some("serve".to_owned())));
}
