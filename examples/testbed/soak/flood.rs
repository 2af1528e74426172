//! The peer that sends 100 000 calls and never reads. It runs in a process of its own with low priority, so
//! that its use of the machine is not mistaken for the server's.

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

/// A server that accepts nothing for this long has stopped reading.
const STOPPED: Duration = Duration::from_millis(300);

/// The running process. Dropping this kills it.
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

    /// The number of calls that the server accepted before it stopped reading. The connection stays open and
    /// is not read.
    pub(crate) async fn taken(&mut self) -> Result<usize, Box<dyn Error>> {
        let stdout = self.0.stdout.take().ok_or("it has been asked already")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        Ok(line.trim_end().parse()?)
    }
}

/// The work of the process: it sends calls whose replies are as large as the calls, and calls that are never
/// answered, until all are sent or the server stops reading. It prints the number of calls and keeps running.
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
