//! `birpc generate`: code for clients, from the description of a server.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::connection::ConnectArguments;
use crate::discover;
use crate::duration::duration;
use crate::failure::Failure;
use crate::output;

/// Generate code for clients from an OpenRPC document
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to generate
    #[arg(value_enum)]
    language: Language,
    /// A server (ws://… or wss://…), which is asked for its document; or a file; or - for standard input
    source: String,
    /// Write to this file, and not to standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Give up after this time: 300ms, 5s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArguments,
}

/// What can be generated.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// A TypeScript module for @birpc/client
    Ts,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let source = &*arguments.source;
    let name = if source == "-" { "standard input" } else { source };
    let document = if source.contains("://") {
        discover::document(source, &arguments.connect, arguments.timeout).await?.get().to_owned()
    } else {
        read(source).map_err(|error| Failure::io(format_args!("cannot read `{name}`"), &error))?
    };
    let contract = discover::read(&document, name)?;
    let text = match arguments.language {
        Language::Ts => contract.typescript(),
    };
    let Some(path) = arguments.out else { return output::line(text.trim_end()) };
    let written = fs::write(&path, format!("{}\n", text.trim_end()));
    written.map_err(|error| Failure::io(format_args!("cannot write `{}`", path.display()), &error))
}

fn read(source: &str) -> io::Result<String> {
    if source != "-" {
        return fs::read_to_string(source);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
