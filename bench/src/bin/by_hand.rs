//! The request and reply of NATS by hand: a requester and a responder, each with a client and a runtime of
//! its own, and callers in a closed loop.
//!
//! `by_hand --nats URL --callers N --seconds S` prints `calls N all N seconds S cpu S p50 µS p99 µS`. The
//! warm-up of a fifth of the time counts in `all` alone. `cpu` is that of requester and responder.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::Client;
use birpc_bench::{cpu, options::option};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const SUBJECT: &str = "by.hand";

#[derive(Deserialize, Serialize)]
struct Request<'a> {
    method: &'a str,
    params: (i64, i64),
}

fn main() -> Result<(), Failure> {
    let url = option("--nats", "nats://127.0.0.1:4222".to_owned())?;
    let callers = option("--callers", 1)?;
    let time = Duration::try_from_secs_f64(option("--seconds", 1.0)?)?;
    let (ready, is_ready) = oneshot::channel();
    let responder_url = url.clone();
    thread::spawn(move || {
        if let Err(error) = runtime().and_then(|runtime| runtime.block_on(respond(responder_url, ready))) {
            eprintln!("the responder has ended: {error}");
        }
    });
    runtime()?.block_on(async {
        is_ready.await?;
        let client = async_nats::connect(url).await?;
        let warm = closed_loop(&client, callers, time / 5).await?.len();
        let (start, before) = (Instant::now(), own_cpu()?);
        let mut latencies = closed_loop(&client, callers, time).await?;
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), own_cpu()?.saturating_sub(before));
        latencies.sort_unstable();
        let quantile = |percent: usize| {
            let at: Duration = latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
            at.as_secs_f64() * 1e6
        };
        println!(
            "calls {} all {} seconds {seconds:.3} cpu {:.6} p50 {:.2} p99 {:.2}",
            latencies.len(),
            latencies.len() + warm,
            cpu.as_secs_f64(),
            quantile(50),
            quantile(99)
        );
        Ok(())
    })
}

/// A runtime as that of the servers.
fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

fn own_cpu() -> Result<Duration, Failure> {
    cpu::of_process(std::process::id()).ok_or_else(|| "the kernel does not count nanoseconds".into())
}

/// Adds what requests have. It answers in the task that reads, as one would whose answers need no time.
async fn respond(url: String, ready: oneshot::Sender<()>) -> Result<(), Failure> {
    tokio::spawn(async move {
        let client = async_nats::connect(url).await?;
        let mut requests = client.subscribe(SUBJECT).await?;
        // The server says that nobody responds, and has the subscription by then.
        let _ = client.request("by.hand.nobody", "".into()).await;
        let _ = ready.send(()); // the requester is there
        while let Some(message) = requests.next().await {
            let Some(reply) = message.reply else { continue };
            let Request { params: (a, b), .. } = serde_json::from_slice(&message.payload)?;
            client.publish(reply, a.wrapping_add(b).to_string().into()).await?;
        }
        Ok(())
    })
    .await?
}

/// The latencies of the calls that were answered.
async fn closed_loop(client: &Client, callers: usize, time: Duration) -> Result<Vec<Duration>, Failure> {
    let over = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for _ in 0..callers {
        running.spawn(one_caller(client.clone(), over.clone()));
    }
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    while let Some(done) = running.join_next().await {
        latencies.extend(done??);
    }
    Ok(latencies)
}

async fn one_caller(client: Client, over: Arc<AtomicBool>) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let request = serde_json::to_vec(&Request { method: "add", params: (1, 2) })?;
        let reply = client.request(SUBJECT, request.into()).await?;
        let sum: i64 = serde_json::from_slice(&reply.payload)?;
        assert_eq!(sum, 3, "a wrong reply");
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}
