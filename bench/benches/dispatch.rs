//! Dispatch: from a method's name to its handler, and from the text of a request to the text of its reply.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use birpc_core::internals::has_method;
use birpc_core::transport::{Frame, MemoryTransport, Transport, memory_pair};
use birpc_core::{Config, Connection, ConnectionInfo, Context, ErrorObject, Router};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lookup(&mut criterion);
    requests(&mut criterion);
    criterion.final_summary();
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for methods in [1, 100, 10_000] {
        let mut router = Router::new();
        for method in 0..methods {
            let handler = |_: Context, ()| async { Ok::<_, ErrorObject>(()) };
            router = router.method(&format!("records.get_{method}"), handler);
        }
        let last = format!("records.get_{}", methods - 1);
        assert!(has_method(&router, &last) && !has_method(&router, "records.none"));
        group.bench_function(BenchmarkId::new("known", methods), |bench| {
            bench.iter(|| has_method(&router, black_box(&last)));
        });
        group.bench_function(BenchmarkId::new("unknown", methods), |bench| {
            bench.iter(|| has_method(&router, black_box("records.none")));
        });
    }
    group.finish();
}

#[birpc::rpc]
trait Bench {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    /// Pending at its first poll, so it needs its own task.
    async fn add_later(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    async fn fail(&self) -> Result<i64, ErrorObject>;
}

struct Service;

impl Bench for Service {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }

    async fn add_later(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        tokio::task::yield_now().await;
        Ok(a + b)
    }

    async fn fail(&self) -> Result<i64, ErrorObject> {
        Err(ErrorObject::new(1, "no"))
    }
}

fn requests(criterion: &mut Criterion) {
    let mut served = Served::new();
    let mut group = criterion.benchmark_group("request to reply");
    for (name, call, reply) in [
        ("ready", "\"add\",\"params\":[1,2]", "\"result\":3"),
        ("by name", "\"add\",\"params\":{\"b\":2,\"a\":1}", "\"result\":3"),
        ("pending", "\"add_later\",\"params\":[1,2]", "\"result\":3"),
        ("error", "\"fail\"", "\"error\":{\"code\":1,\"message\":\"no\"}"),
        ("wrong params", "\"add\",\"params\":[1]", "\"code\":-32602"),
        ("unknown method", "\"none\"", "\"code\":-32601"),
    ] {
        let request = Bytes::from(format!("{{\"jsonrpc\":\"2.0\",\"method\":{call},\"id\":7}}"));
        let text = served.exchange(request.clone());
        assert!(text.windows(reply.len()).any(|part| part == reply.as_bytes()), "{name}: {text:?}");
        group.bench_function(name, |bench| bench.iter(|| served.exchange(request.clone())));
    }
    group.finish();
}

/// A connection in memory that the benchmark polls itself.
struct Served {
    runtime: Runtime,
    connection: Pin<Box<Connection<MemoryTransport>>>,
    far: MemoryTransport,
}

impl Served {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("the system has a timer");
        let _within = runtime.enter();
        let (near, far) = memory_pair();
        let (_, connection) = Connection::new(near, Arc::new(Config::default()), ConnectionInfo::default());
        let connection = Box::pin(connection.serve(Router::new().service(BenchServer::new(Service))));
        drop(_within);
        Self { runtime, connection, far }
    }

    /// Sends a message and waits for the reply.
    fn exchange(&mut self, request: Bytes) -> Bytes {
        let Self { runtime, connection, far } = self;
        far.send(Frame::Text(request)).expect("nobody has closed it");
        runtime.block_on(poll_fn(|cx| {
            assert!(connection.as_mut().poll(cx).is_pending(), "the connection has ended");
            match far.poll_recv(cx) {
                Poll::Ready(Some(Ok(Frame::Text(reply)))) => Poll::Ready(reply),
                Poll::Ready(other) => panic!("no reply came, but {other:?}"),
                Poll::Pending => Poll::Pending,
            }
        }))
    }
}
