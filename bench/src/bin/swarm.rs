//! Thousands of clients at once, all on this machine.
//!
//! - `swarm --url ws://127.0.0.1:PORT/ [--clients 5000]`: the clients connect at the same time, and each
//!   makes a call. Prints the times of the median, the 99th percentile and the last answer, and the number of
//!   clients without an answer.
//! - `swarm --server PROGRAM [--clients 5000] [--outage 5]`: birpc's clients with `reconnect` lose the server
//!   (the `testbed` example), which listens again after some seconds. Prints when the clients are back,
//!   counted from then.
//!
//! The limit of open files must be well above the number of clients (`ulimit -n`).

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use birpc::{Client, Reconnect};
use birpc_bench::options::option;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// The time limit of everything.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clients = option("--clients", 5000)?;
    let (url, server) = (option("--url", String::new())?, option("--server", String::new())?);
    match (&*url, &*server) {
        ("", "") => Err("usage: swarm --url ws://127.0.0.1:PORT/, or swarm --server PROGRAM".into()),
        (url, "") => at_once(url, clients).await,
        (_, program) => after_an_outage(program, clients, option("--outage", 5)?).await,
    }
}

/// All connect and call at the same time.
async fn at_once(url: &str, clients: usize) -> Result<(), Box<dyn Error>> {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let begun = Instant::now();
    let answered = join_all((0..clients).map(|_| async {
        let socket = timeout(LIMIT, call(url, address)).await.ok()?.ok()?;
        Some((begun.elapsed(), socket))
    }))
    .await;
    // The sockets stay open until here, so no slot becomes free before all clients have been served.
    let times = answered.iter().flatten().map(|(time, _)| *time).collect();
    tell("answered", times, clients);
    Ok(())
}

async fn call(url: &str, address: &str) -> Result<impl Sized + use<>, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    socket.send(Message::text(r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#)).await?;
    socket.next().await.ok_or("the connection ended")??;
    Ok(socket)
}

/// All clients lose their server and wait for it.
async fn after_an_outage(program: &str, clients: usize, outage: u64) -> Result<(), Box<dyn Error>> {
    let (mut server, address) = start(program, "127.0.0.1:0")?;
    let url = format!("ws://{address}/");
    let (connected, mut connections) = mpsc::unbounded_channel();
    let mut up = Vec::new();
    for _ in 0..clients {
        let connected = connected.clone();
        let reconnect = Reconnect::default().on_connected(move |_| {
            let _ = connected.send(Instant::now()); // all may be back
            async {}
        });
        up.push(Client::builder().reconnect(reconnect).connect(&url).await?);
    }
    while connections.try_recv().is_ok() {} // the first connections, if they are told of
    server.kill()?;
    server.wait()?;
    sleep(Duration::from_secs(outage)).await;
    let (mut server, _) = start(program, &address)?;
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < clients {
        let Ok(Some(at)) = timeout(LIMIT, connections.recv()).await else { break };
        times.push(at.saturating_duration_since(begun));
    }
    tell("back", times, clients);
    drop(up);
    server.kill()?;
    server.wait()?;
    Ok(())
}

/// Starts a server. Returns the address that it prints.
fn start(program: &str, listen: &str) -> Result<(Child, String), Box<dyn Error>> {
    let mut command = Command::new(program);
    let mut server = command.args(["--listen", listen]).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().ok_or("standard output was piped")?).read_line(&mut line)?;
    let address = line.trim().trim_start_matches("listening on ws://").trim_end_matches('/').to_owned();
    Ok((server, address))
}

fn tell(what: &str, mut times: Vec<Duration>, clients: usize) {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let [median, late, last] = [50, 99, 100].map(|percent| at(percent).copied().unwrap_or_default());
    println!(
        "{} of {clients} {what}: median {:.3} s, 99 % {:.3} s, last {:.3} s",
        times.len(),
        median.as_secs_f64(),
        late.as_secs_f64(),
        last.as_secs_f64()
    );
}
