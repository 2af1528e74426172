//! A server for foreign clients and benchmarks; its wire is fixed.
//!
//! `cargo run --release --example testbed -- --listen 127.0.0.1:0 [--threads N] [--max-in-flight N]
//! [--write-stall MILLISECONDS] [--drain MILLISECONDS] [--hosts NAME,…] [--health PATH] [--role eth|lsp|mcp]
//! [--nats URL [--prefix PREFIX]] [--node NAME]` prints `listening on ws://127.0.0.1:PORT/` first. `--nats`
//! makes it one of the nodes that meet there; it accepts connections when the other nodes know of it.
//! `--inspect ADDR` opens the inspector and prints `inspector on http://ADDR/?token=…` second
//! (`--inspect-calls`: it may call peers). A role adds the methods of a third-party protocol. `--openrpc`,
//! `--asyncapi` and `--typescript` print a document and exit.

mod groups;
mod inspect;
mod methods;
mod node;
mod progress;
mod roles;
#[allow(unreachable_pub)]
#[path = "../signals/mod.rs"]
mod signals;
mod streams;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use birpc::{
    CallError, Context, ErrorObject, Progress, Router, Server, ServerBuilder, ServerHandle, Streaming,
};
use groups::MembersServer;
use methods::{AreaError, Failure, Shape, Step, Testbed, TestbedServer};
use roles::Role;
use serde_json::{Value, json, value::RawValue};
use signals::asked_to_stop;

type Json = Box<RawValue>;

struct Bed {
    server: ServerHandle,
    closed: Closed,
}

/// The number of connections that have ended with each close code.
type Closed = Arc<Mutex<BTreeMap<u16, u64>>>;

/// The lines of a connection, kept with its peer.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Testbed for Bed {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        a.checked_add(b).ok_or_else(|| ErrorObject::new(1, "the sum does not fit an i64"))
    }

    async fn echo(&self, value: Json) -> Result<Json, ErrorObject> {
        Ok(value)
    }

    async fn sleep(&self, ms: u64) -> Result<u64, ErrorObject> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(ms)
    }

    async fn nap(&self, ms: u64) -> Result<u64, ErrorObject> {
        self.sleep(ms).await
    }

    fn block(&self, ms: Option<u64>) -> Result<u64, ErrorObject> {
        let Some(ms) = ms else {
            loop {
                thread::park();
            }
        };
        thread::sleep(Duration::from_millis(ms));
        Ok(ms)
    }

    async fn fail(&self, code: i64, message: String, data: Option<Json>) -> Result<(), ErrorObject> {
        let error = ErrorObject::new(code, message);
        Err(if let Some(data) = data { error.with_data(&data) } else { error })
    }

    async fn panic(&self) -> Result<(), ErrorObject> {
        panic!("the testbed was asked to panic")
    }

    async fn area(&self, shape: Shape) -> Result<f64, AreaError> {
        shape.area()
    }

    async fn log(&self, cx: &Context, line: String) {
        let log = cx.get::<Log>().unwrap_or_default();
        log.0.lock().expect("nothing panics under the lock").push(line);
    }

    async fn slow_log(&self, cx: &Context, line: String) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.log(cx, line).await;
    }

    async fn logged(&self, cx: &Context) -> Result<Vec<String>, ErrorObject> {
        let log = cx.get::<Log>().unwrap_or_default();
        Ok(log.0.lock().expect("nothing panics under the lock").clone())
    }

    async fn relay(&self, cx: &Context, method: String, params: Option<Json>) -> Result<Json, ErrorObject> {
        cx.peer().call(&method, params).await.map_err(CallError::relay)
    }

    async fn shout(&self, cx: &Context, method: String, n: u64) -> Result<u64, ErrorObject> {
        for number in 0..n {
            cx.peer().notify(&method, [number]).await.map_err(CallError::relay)?;
        }
        Ok(n)
    }

    async fn dropped(&self, cx: &Context) -> Result<u64, ErrorObject> {
        Ok(cx.peer().dropped_notifications())
    }

    async fn drain(&self, cx: &Context, ms: u64) -> Result<(), ErrorObject> {
        let peer = cx.peer().detached();
        tokio::spawn(async move { tokio::time::timeout(Duration::from_millis(ms), peer.drain()).await });
        Ok(())
    }

    async fn broadcast(&self, method: String, params: Option<Json>) -> Result<usize, ErrorObject> {
        Ok(self.server.peers().notify(&method, params)?)
    }

    async fn whoami(&self, cx: &Context) -> Result<Value, ErrorObject> {
        let peer = cx.peer();
        Ok(json!({
            "peer": peer.id(),
            "remote": peer.remote_addr().map(|remote| remote.to_string()),
            "protocol": peer.subprotocol(),
            "origin": peer.origin(),
            "in_flight": peer.serving(),
            "connections": self.server.peers().len(),
        }))
    }

    async fn stats(&self) -> Result<Value, ErrorObject> {
        let peers = self.server.peers().list();
        Ok(json!({
            "connections": peers.len(),
            "serving": peers.iter().map(|peer| peer.serving()).sum::<usize>(),
            "in_flight": peers.iter().map(|peer| peer.in_flight()).sum::<usize>(),
            "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            "closed": *self.closed.lock().expect("nothing panics under the lock"),
        }))
    }

    async fn close(&self, cx: &Context, code: u16, reason: String) -> Result<(), ErrorObject> {
        cx.peer().close(code, &reason).map_err(|error| ErrorObject::new(2, error.to_string()))
    }

    async fn count(
        &self,
        cx: &Context,
        from: i64,
        to: i64,
        step_ms: Option<u64>,
    ) -> Result<Streaming<i64>, ErrorObject> {
        Ok(streams::count(cx, from, to, step_ms))
    }

    async fn endless(&self, cx: &Context) -> Result<Streaming<u64>, ErrorObject> {
        Ok(streams::endless(cx))
    }

    async fn big(&self, cx: &Context, bytes: usize, n: usize) -> Result<Streaming<String>, ErrorObject> {
        Ok(streams::big(cx, bytes, n))
    }

    async fn fail_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64, Failure>, ErrorObject> {
        Ok(streams::fail_after(cx, n))
    }

    async fn panic_after(&self, cx: &Context, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(streams::panic_after(cx, n))
    }

    async fn refuse(&self) -> Result<Streaming<u64>, Failure> {
        Err(Failure::Refused)
    }

    async fn sum(&self, cx: &Context, numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
        streams::sum(cx, numbers).await
    }

    async fn first(
        &self,
        cx: &Context,
        k: usize,
        numbers: Streaming<i64>,
        then_ms: Option<u64>,
    ) -> Result<Vec<i64>, ErrorObject> {
        streams::first(cx, k, numbers, then_ms).await
    }

    async fn never_read(&self, cx: &Context, numbers: Streaming<i64>) -> Result<(), ErrorObject> {
        streams::never_read(cx, numbers).await
    }

    async fn double(&self, cx: &Context, numbers: Streaming<i64>) -> Result<Streaming<i64>, ErrorObject> {
        Ok(streams::double(cx, numbers))
    }

    async fn measure(&self, cx: &Context, texts: Streaming<String>) -> Result<Vec<usize>, ErrorObject> {
        streams::measure(cx, texts).await
    }

    async fn pull(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
        take: Option<usize>,
    ) -> Result<Value, ErrorObject> {
        streams::pull(cx, &method, params, take).await
    }

    async fn push(&self, cx: &Context, method: String, n: u64) -> Result<Json, ErrorObject> {
        streams::push(cx, &method, n).await
    }

    async fn take_subscription(
        &self,
        cx: &Context,
        method: String,
        params: Option<Json>,
        n: usize,
    ) -> Result<Vec<Json>, ErrorObject> {
        streams::take_subscription(cx, &method, params, n).await
    }

    async fn sub_subscribe(
        &self,
        cx: &Context,
        kind: String,
        n: Option<u64>,
        ms: Option<u64>,
    ) -> Result<Streaming<u64, Failure>, Failure> {
        streams::sub_subscribe(cx, &kind, n.unwrap_or(0), ms.unwrap_or(0))
    }

    async fn streams(&self, cx: &Context) -> Result<Value, ErrorObject> {
        Ok(streams::counts(cx))
    }

    async fn build(
        &self,
        steps: u64,
        step_ms: Option<u64>,
        progress: Progress<Step>,
    ) -> Result<String, ErrorObject> {
        Ok(progress::build(steps, step_ms, progress).await)
    }

    async fn build_by(&self, cx: &Context, method: String, steps: u64) -> Result<Value, ErrorObject> {
        progress::build_by(cx, &method, steps).await
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(document) = document() {
        print!("{document}");
        return Ok(());
    }
    let threads = option("--threads").map_or(Ok(1), |threads| threads.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let outcome = runtime.block_on(serve());
    // Threads cannot be stopped, and dropping the runtime would wait for `block`.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Serves until a signal arrives, then finishes open calls.
async fn serve() -> Result<(), Box<dyn Error>> {
    let closed = Closed::default();
    let role = option("--role").map(|name| Role::named(&name)).transpose()?;
    let server = builder(closed.clone())?;
    let server = if let Some(role) = role { role.configure(server) } else { server };
    let server = server.bind(option("--listen").unwrap_or_else(|| "127.0.0.1:9944".into())).await?;
    let stop = asked_to_stop()?;
    println!("listening on ws://{}/", server.local_addr()?);

    let handle = server.handle();
    inspect::open(&handle).await?;
    let node = Arc::new(node::start(&handle).await?);
    let router = Router::new()
        .service(TestbedServer::new(Bed { server: handle.clone(), closed }))
        .service(MembersServer::new(groups::Server::new(handle.clone(), node.clone())))
        .topics(|_| async { Ok(()) })
        .discover(&methods::contract());
    let router = if let Some(role) = role { role.add_to(router) } else { router };
    let drain =
        option("--drain").map_or(Ok(if node.is_some() { 5_000 } else { 10_000 }), |drain| drain.parse())?;
    let stopping = async {
        stop.await?;
        node::leave(&node, async {
            let drained = handle.shutdown(Duration::from_millis(drain)).await;
            println!("{} calls finished, {} cut", drained.finished, drained.cut);
        })
        .await;
        Ok::<_, Box<dyn Error>>(())
    };
    let (served, stopped) = tokio::join!(server.serve(router), stopping);
    served?;
    stopped
}

fn builder(closed: Closed) -> Result<ServerBuilder, Box<dyn Error>> {
    let max_in_flight = option("--max-in-flight").map(|limit| limit.parse::<usize>()).transpose()?;
    let write_stall = option("--write-stall").map(|limit| limit.parse()).transpose()?;
    let server = match option("--hosts") {
        Some(hosts) => Server::builder().hosts(hosts.split(',')),
        None => Server::builder(),
    };
    let server = match option("--health") {
        Some(path) => server.health(path),
        None => server,
    };
    Ok(server
        .on_connect(|peer| async move {
            peer.insert(Log::default());
            peer.insert(streams::Counts::default());
        })
        .on_disconnect(move |_, reason| {
            *closed.lock().expect("nothing panics under the lock").entry(reason.code).or_default() += 1;
            async {}
        })
        .limits(|limits| {
            if let Some(limit) = max_in_flight {
                limits.max_in_flight = limit;
                limits.max_open = limits.max_open.max(limit.saturating_mul(4));
            }
            limits.write_stall = write_stall.map_or(limits.write_stall, Duration::from_millis);
        }))
}

/// The document that was asked for, if one was.
fn document() -> Option<String> {
    let contract = methods::contract();
    std::env::args().find_map(|argument| match argument.as_str() {
        "--openrpc" => Some(contract.openrpc()),
        "--asyncapi" => Some(contract.asyncapi()),
        "--typescript" => Some(contract.typescript()),
        _ => None,
    })
}

/// The argument after a flag.
fn option(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}
