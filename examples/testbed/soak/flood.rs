//! The peer that sends 100 000 calls and never reads. It is a process of its own, and gives way to others:
//! what it takes of the machine is not to be taken for what the server takes from its neighbours.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::process::Stdio;
use std::time::Duration;

use birpc::Client;
use birpc::transport::{Frame, Transport};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const CALLS: usize = 100_000;

/// A server that takes nothing for so long has stopped reading.
const STOPPED: Duration = Duration::from_millis(300);

/// The running process; dropping it kills it.
pub(crate) struct Flood(Child);

impl Flood {
    pub(crate) fn start(url: &str) -> Result<Self, Box<dyn Error>> {
        let child = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe()?)
            .args(["--flood", url])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }

    /// How many calls the server took before it stopped reading. The connection stays open, and unread.
    pub(crate) async fn taken(&mut self) -> Result<usize, Box<dyn Error>> {
        let stdout = self.0.stdout.take().ok_or("it has been asked already")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        Ok(line.trim_end().parse()?)
    }
}

/// What the process does: calls that answer with as much as they bring, and calls that never answer, until
/// all are out or the server takes no more. It prints their number and stays.
pub(crate) async fn run(url: &str) -> Result<Infallible, Box<dyn Error>> {
    let mut transport = Client::builder().connect_transport(url).await?;
    let text = "x".repeat(1000);
    let mut taken = 0;
    while taken < CALLS {
        let (method, param) =
            if taken % 2 == 0 { ("echo", format!("\"{text}\"")) } else { ("sleep", "3600000".into()) };
        let call = format!(r#"{{"jsonrpc":"2.0","id":{taken},"method":"{method}","params":[{param}]}}"#);
        let given = transport.send(Frame::Text(call.into()));
        let flushed = tokio::time::timeout(STOPPED, poll_fn(|cx| transport.poll_flush(cx)));
        if given.is_err() || !matches!(flushed.await, Ok(Ok(()))) {
            break;
        }
        taken += 1;
    }
    println!("{taken}");
    std::future::pending().await
}
