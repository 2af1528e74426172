//! `birpc bridge`: the standard input and output of a command, as a WebSocket.

mod framing;
mod session;

use std::env;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;

use birpc::{Router, ServeError, Server};
use clap::Args;
use tokio::process::Command;

use crate::access::ListenArguments;
use crate::failure::Failure;
use crate::serving::serve_until_stopped;
use crate::signals::Signals;
use crate::size::size;
use framing::Framing;
use session::Session;

/// Serve the standard input and output of a command as a WebSocket
///
/// Each connection has a process of its own, which ends with the connection, together with everything that it
/// has started. When the process ends, the connection closes with 1000 if its exit code was 0, and with 1011
/// otherwise. The standard error of the command is that of the bridge. Only programs of this machine may
/// connect, and no web pages.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How the command divides messages
    #[arg(long, value_enum, value_name = "FRAMING", default_value_t = Framing::Lines)]
    framing: Framing,
    /// Agree to this subprotocol; may be repeated, the best first
    #[arg(long, value_name = "NAME", default_values = ["jsonrpc", "mcp"], value_parser = subprotocol)]
    subprotocol: Vec<String>,
    /// The number of connections, and so of processes, at once
    #[arg(long, value_name = "N", default_value = "16")]
    max_connections: NonZeroUsize,
    /// The largest message, in both directions
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    max_message: usize,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    listen: ListenArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let names = arguments.subprotocol.iter().map(String::as_str);
    let builder = Server::builder().subprotocols(names).lenient_subprotocols(true).limits(|limits| {
        limits.max_message_in = arguments.max_message;
        limits.max_connections = arguments.max_connections.get();
    });
    check_program(&arguments.command)?;
    let server = arguments.listen.bind(builder).await?;
    let ended = serve_until_stopped(server, signals, move |transport, _, stopped| {
        let session = Session::new(transport, arguments.framing, arguments.max_message, stopped);
        let mut command = arguments.command();
        async move {
            session.run(&mut command).await;
            Ok(())
        }
    });
    Err(ended.await)
}

/// A name that a server can agree to, as the server checks it.
fn subprotocol(name: &str) -> Result<String, ServeError> {
    Server::builder().subprotocols([name]).mount(Router::new()).map(|_| name.to_owned())
}

impl Arguments {
    fn command(&self) -> Command {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }
}

/// Says at the start that a program does not exist, and not only when somebody connects.
fn check_program(command: &[String]) -> Result<(), Failure> {
    let Some(program) = command.first().map(Path::new) else { return Ok(()) };
    let is_path = program.components().count() > 1;
    let folders = env::var_os("PATH").unwrap_or_default();
    let is_there = is_path && program.is_file()
        || !is_path && env::split_paths(&folders).any(|folder| folder.join(program).is_file())
        // There, a program's name may lack its extension.
        || cfg!(windows);
    if is_there {
        return Ok(());
    }
    let place = if !is_path {
        "is in no folder of PATH"
    } else if program.exists() {
        "is no file"
    } else {
        "does not exist"
    };
    Err(Failure::usage(format_args!("the command `{}` {place}", program.display())))
}
