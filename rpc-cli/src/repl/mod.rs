//! `birpc repl`: calls that are typed one after the other on one connection.

mod catalogue;
mod editor;
mod line;
mod requests;
mod screen;
mod terminal;

use std::future::{Future, pending};
use std::pin::Pin;

use birpc::{ErrorObject, Peer, RawValue, ValueOrStream};
use clap::Args;
use tokio::sync::mpsc;

use crate::call;
use crate::connection::{ConnectArguments, Deadline, Session};
use crate::failure::Failure;
use crate::output;
use crate::params::Params;
use crate::signals::Signals;
use catalogue::Catalogue;
use editor::{Input, Lines, Printer, Shared};
use line::Line;
use requests::{Incoming, Requests};

/// Call methods interactively
///
/// A line is METHOD JSON… or METHOD NAME=JSON…; .help shows what else there is. The Tab key completes methods
/// if the server describes them. A request of the server is shown, and answered with a line of JSON. Ctrl-C
/// cancels a call, and Ctrl-D ends.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    #[command(flatten)]
    connect: ConnectArguments,
}

const HELP: &str = "\
METHOD JSON…            call a method, with params by position:  add 1 2
METHOD NAME=JSON…       … by name:  open path=\"/tmp\"
.notify METHOD JSON…    send a notification
JSON                    answer the request of the server that waits
.error CODE MESSAGE     answer it with an error
.methods                show the methods of the server
.quit                   end; so does Ctrl-D
Ctrl-C cancels a call.";

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (router, incoming) = requests::router();
    let builder = arguments.connect.builder()?.pause_reading(true).serve(router);
    let shared = Shared::default();
    // Before the session, whose handlers of signals replace those of the editor.
    let (lines, printer) = Lines::open(&shared)?;
    let session = Session::open(builder, &arguments.url, Deadline::after(None)).await?;
    let peer = session.peer().clone();
    session
        .run_with(async move |signals| {
            let repl = Repl { peer, lines, printer, shared, requests: Requests::default(), call: None };
            repl.run(incoming, signals).await
        })
        .await
        .map(|_| ())
}

struct Repl {
    peer: Peer,
    lines: Lines,
    printer: Printer,
    shared: Shared,
    /// The requests of the server that wait for an answer.
    requests: Requests,
    /// The call that is in progress. Dropping it cancels it.
    call: Option<Running>,
}

/// A call, which prints its results itself.
type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl Repl {
    async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let mut asking: Option<Pin<Box<dyn Future<Output = Catalogue> + Send>>> =
            self.lines.is_terminal().then(|| Box::pin(Catalogue::ask(self.peer.clone())) as _);
        let peer = self.peer.clone();
        loop {
            // While a call is in progress there is no prompt, except for an answer.
            if self.call.is_none() || self.requests.any_waits() {
                self.lines.read();
            }
            self.shared.screen.set_request_waits(self.requests.any_waits());
            tokio::select! {
                input = self.lines.next(), if self.lines.is_reading() => {
                    if self.obey(input)? {
                        return Ok(());
                    }
                }
                ended = running(&mut self.call) => {
                    self.call = None;
                    ended?;
                }
                Some(incoming) = incoming.recv() => self.show(incoming)?,
                () = self.requests.next_is_cancelled() => self.forget_cancelled(),
                catalogue = running(&mut asking) => {
                    asking = None;
                    // It is set once.
                    let _ = self.shared.catalogue.set(catalogue);
                }
                reason = peer.closed() => {
                    return Err(Failure::of_end(&reason));
                }
                ended = signals.next() => {
                    if !(ended.is_interrupt() && self.cancel()) {
                        return Err(ended);
                    }
                }
            }
        }
    }

    /// Does what the user wants. Returns whether that is the end.
    fn obey(&mut self, input: Input) -> Result<bool, Failure> {
        let text = match input {
            Input::Line(text) => text,
            Input::Interrupted => {
                if !self.cancel() {
                    self.printer.note("Ctrl-D ends");
                }
                return Ok(false);
            }
            Input::End => return Ok(true),
            Input::Failed(why) => return Err(Failure::usage(format_args!("cannot read a line: {why}"))),
        };
        match line::parse(&text, self.requests.any_waits()) {
            Ok(Line::Empty) => {}
            Ok(Line::Quit) => return Ok(true),
            Ok(Line::Help) => self.printer.note(HELP),
            Ok(Line::Methods) => {
                let (peer, printer, shared) = (self.peer.clone(), self.printer.clone(), self.shared.clone());
                self.start(show_methods(peer, printer, shared));
            }
            Ok(Line::Answer(result)) => self.answer(Ok(result)),
            Ok(Line::AnswerError(code, message)) => self.answer(Err(ErrorObject::new(code, message))),
            Ok(Line::Notify(method, params)) => self.start(notify(self.peer.clone(), method, params)),
            Ok(Line::Call(method, params)) => {
                self.start(call(self.peer.clone(), self.printer.clone(), method, params));
            }
            Err(why) => self.printer.note(&why),
        }
        Ok(false)
    }

    /// Starts a call, if none is in progress. What it fails with is shown, and is not the end.
    fn start(&mut self, work: impl Future<Output = Result<(), Failure>> + Send + 'static) {
        if self.call.is_some() {
            self.printer.note("a call is in progress; answer the request, or cancel the call with Ctrl-C");
            return;
        }
        let printer = self.printer.clone();
        self.call = Some(Box::pin(async move {
            match work.await {
                Err(failure) if failure.is_end_of_output() => Err(failure),
                Err(failure) => {
                    printer.note(failure.text().unwrap_or_default());
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        }));
    }

    /// Cancels the call that is in progress, if there is one.
    fn cancel(&mut self) -> bool {
        let cancelled = self.call.take().is_some();
        if cancelled {
            self.printer.note("cancelled");
        }
        cancelled
    }

    fn show(&mut self, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            Incoming::Notification(text) | Incoming::Other(text) => self.printer.result(&text),
            Incoming::Request(request) => {
                // Set before the prompt is drawn again.
                self.shared.screen.set_request_waits(true);
                self.show_request(&request.text);
                self.requests.push(request);
                Ok(())
            }
        }
    }

    fn show_request(&self, text: &str) {
        self.printer.note(&format!("{text}\nanswer with JSON, or with .error CODE MESSAGE"));
    }

    /// Tells that the server has cancelled the request that was shown last, and shows the next one.
    fn forget_cancelled(&mut self) {
        let next = self.requests.next().map(|next| next.text.clone());
        // Set before the prompt is drawn again.
        self.shared.screen.set_request_waits(next.is_some());
        self.printer.note("the server does not wait for this answer any more");
        if let Some(text) = next {
            self.show_request(&text);
        }
    }

    fn answer(&mut self, answer: Result<Box<RawValue>, ErrorObject>) {
        if !self.requests.answer(answer) {
            self.printer.note("the server does not wait for this answer any more");
        }
        if let Some(text) = self.requests.next().map(|next| next.text.clone()) {
            self.show_request(&text);
        }
    }
}

/// Polls a future if there is one.
async fn running<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => pending().await,
    }
}

async fn call(peer: Peer, printer: Printer, method: String, params: Params) -> Result<(), Failure> {
    let progress = printer.clone();
    let step = move |step: Box<RawValue>| progress.note(&call::progress_line(&step));
    match call::call(&peer, &method, params, step).await? {
        ValueOrStream::Value(value) => printer.result(value.get()),
        ValueOrStream::Stream(mut items) => {
            while let Some(item) = items.next().await {
                let item = item.map_err(|error| Failure::of_stream(&method, error))?;
                printer.result(&output::on_one_line(item.get()))?;
                // Items may always be there, and Ctrl-C must be noticed.
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    }
}

/// Shows the methods, for which the server is asked unless it has been.
async fn show_methods(peer: Peer, printer: Printer, shared: Shared) -> Result<(), Failure> {
    let catalogue = match shared.catalogue.get() {
        Some(known) => known,
        None => {
            let asked = Catalogue::ask(peer).await;
            shared.catalogue.get_or_init(|| asked)
        }
    };
    if catalogue.is_empty() {
        printer.note("the server does not describe its methods (rpc.discover)");
    }
    catalogue.lines().try_for_each(|line| printer.result(&line))
}

async fn notify(peer: Peer, method: String, params: Params) -> Result<(), Failure> {
    peer.notify(&method, params).await.map_err(|error| Failure::of_call(&method, error))
}
