//! `birpc listen`: prints the calls of the server, and answers them.

mod answers;
mod printer;

use std::sync::Arc;

use birpc::{Context, ErrorObject, Event, Events, Id, Peer, RawValue, Reconnect, Router};
use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::connection::{ConnectArguments, Deadline, Session};
use crate::failure::Failure;
use crate::output;
use answers::Answers;
use printer::Printer;

/// Print each call and notification that the server sends, and answer calls
///
/// Each is a line of JSON with `id`, `method` and `params`; a notification has no `id`. A message that is
/// not JSON-RPC is a line with `other`. A call without an answer here gets the error -32601. The command
/// ends when the connection does, with exit code 3.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    /// Answer calls of this method with this result; may be repeated
    #[arg(long, value_name = "METHOD=JSON", value_parser = answers::constant)]
    answer: Vec<(String, Box<RawValue>)>,
    /// Answer all other calls with what this command prints: it gets the params on standard input, and the
    /// method in BIRPC_METHOD
    #[arg(long, value_name = "COMMAND")]
    answer_with: Option<String>,
    /// Connect again when the connection is lost
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    connect: ConnectArguments,
}

/// The number of calls that are answered at once. Each may be a process.
const MOST_AT_ONCE: usize = 32;

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let largest = arguments.connect.max_message();
    let answers = Answers::new(arguments.answer, arguments.answer_with, largest);
    let (failed, mut failures) = mpsc::channel(1);
    // Output that waits makes the server wait, and loses nothing.
    let builder = arguments.connect.builder()?.pause_reading(true);
    let builder = builder.limits(|limits| limits.max_in_flight = MOST_AT_ONCE);
    let mut builder = builder.serve(router(answers, Printer::new(failed)));
    if arguments.reconnect {
        builder = builder.reconnect(Reconnect::default());
    }
    let session = Session::open(builder, &arguments.url, Deadline::after(None)).await?;
    let (peer, events) = (session.peer().clone(), session.peer().events());
    output::note("birpc: connected");
    let work = async {
        tokio::select! {
            Some(failure) = failures.recv() => Err(failure),
            ended = closed(&peer, events) => ended,
        }
    };
    session.run(work).await.map(|_| ())
}

/// Waits for the end of the connection. Of a client that reconnects, tells what happens meanwhile.
async fn closed(peer: &Peer, mut events: Events) -> Result<(), Failure> {
    let mut was_lost = false;
    while let Some(event) = events.next().await {
        match event {
            Event::Lost(reason) => {
                was_lost = true;
                output::note(&format!("birpc: the connection was {reason}; connecting again"));
            }
            Event::Open if was_lost => output::note("birpc: connected again"),
            _ => {}
        }
    }
    let reason = peer.closed().await;
    Err(Failure::of_end(&reason))
}

/// What came from the server, as a line of JSON.
#[derive(Serialize)]
struct Heard<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a RawValue>,
}

/// A message that is not JSON-RPC: its JSON, or its text.
#[derive(Serialize)]
struct Other<T> {
    other: T,
}

fn router(answers: Answers, printer: Printer) -> Router {
    let (answers, printer) = (Arc::new(answers), Arc::new(printer));
    let printer_of_others = printer.clone();
    Router::new()
        .fallback(move |cx: Context, params: Option<Box<RawValue>>| {
            let (answers, printer) = (answers.clone(), printer.clone());
            async move {
                let heard = Heard { id: cx.id(), method: cx.method(), params: params.as_deref() };
                if !printer.print(&heard) {
                    return Err(ErrorObject::new(-32603, "the caller's output is closed"));
                }
                match cx.id() {
                    Some(_) => answers.answer(cx.method(), params.as_deref()).await,
                    None => Ok(RawValue::NULL.to_owned()),
                }
            }
        })
        .on_other_message(move |_, text| {
            match serde_json::from_str::<&RawValue>(text) {
                Ok(json) => printer_of_others.print(&Other { other: json }),
                Err(_) => printer_of_others.print(&Other { other: text }),
            };
        })
}
