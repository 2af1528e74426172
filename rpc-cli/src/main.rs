//! The command `birpc`: calls, answers, bridges and records JSON-RPC 2.0 peers over WebSockets.
//!
//! Each command is a module with its arguments and a function `run`. [`connection`] opens the connections,
//! [`output`] writes to standard output, and a [`failure::Failure`] says with which code the process exits.

mod access;
mod bridge;
mod call;
mod connection;
mod discover;
mod duration;
mod failure;
mod generate;
mod invocation;
mod listen;
mod notify;
mod output;
mod params;
mod process;
mod record;
mod repl;
mod replay;
mod serving;
mod signals;
mod size;
mod transcript;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Printed behind the help of the command.
const EXIT_CODES: &str = "\
Exit codes:
  0  there is a result          4    it took too long
  1  the method has failed      64   the arguments are wrong
  2  the peer refused the call  74   a file or the output cannot be used
  3  no connection, or lost     130  interrupted (Ctrl-C)";

/// Talk to JSON-RPC 2.0 peers over WebSockets.
#[derive(Parser)]
#[command(name = "birpc", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Call(call::Arguments),
    Notify(notify::Arguments),
    Discover(discover::Arguments),
    Generate(generate::Arguments),
    Listen(listen::Arguments),
    Repl(repl::Arguments),
    Bridge(bridge::Arguments),
    Record(record::Arguments),
    Replay(replay::Arguments),
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Call(arguments) => call::run(arguments).await,
            Self::Notify(arguments) => notify::run(arguments).await,
            Self::Discover(arguments) => discover::run(arguments).await,
            Self::Generate(arguments) => generate::run(arguments).await,
            Self::Listen(arguments) => listen::run(arguments).await,
            Self::Repl(arguments) => repl::run(arguments).await,
            Self::Bridge(arguments) => bridge::run(arguments).await,
            Self::Record(arguments) => record::run(arguments).await,
            Self::Replay(arguments) => replay::run(arguments).await,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(params::protect_numbers(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are asked for, and go to standard output.
            let code = if error.use_stderr() { failure::USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(cli.command.run());
            // A thread may still be reading standard input.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::io("cannot start", &error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
