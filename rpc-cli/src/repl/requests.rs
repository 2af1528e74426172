//! What the server sends, and its requests that wait for the user's answer.

use std::collections::VecDeque;
use std::future::pending;

use birpc::{Context, ErrorObject, RawValue, Router};
use tokio::sync::{mpsc, oneshot};

use crate::output::on_one_line;

/// The number of messages that wait to be shown.
const MOST: usize = 64;

/// What has come from the server.
pub(super) enum Incoming {
    Notification(String),
    Request(Request),
    /// A message that is not JSON-RPC.
    Other(String),
}

/// A request that waits for an answer.
pub(super) struct Request {
    pub(super) text: String,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Box<RawValue>, ErrorObject>;

/// The requests that wait, in their order.
#[derive(Default)]
pub(super) struct Requests(VecDeque<Request>);

impl Requests {
    pub(super) fn push(&mut self, request: Request) {
        self.0.push_back(request);
    }

    /// Whether a request waits that the server has not cancelled.
    pub(super) fn any_waits(&self) -> bool {
        self.0.iter().any(Request::waits)
    }

    /// The request that the next answer is for.
    pub(super) fn next(&mut self) -> Option<&Request> {
        while self.0.front().is_some_and(|request| !request.waits()) {
            self.0.pop_front();
        }
        self.0.front()
    }

    /// Waits until the server does not wait any more for the next answer.
    ///
    /// Cancel safe.
    pub(super) async fn next_is_cancelled(&mut self) {
        match self.0.front_mut() {
            Some(request) => request.answer.closed().await,
            None => pending().await,
        }
    }

    /// Answers it. `false` if there is none.
    pub(super) fn answer(&mut self, answer: Answer) -> bool {
        self.next();
        self.0.pop_front().is_some_and(|request| request.answer.send(answer).is_ok())
    }
}

impl Request {
    fn waits(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// A router that passes everything on.
pub(super) fn router() -> (Router, mpsc::Receiver<Incoming>) {
    let (sender, incoming) = mpsc::channel(MOST);
    let others = sender.clone();
    let router = Router::new()
        .fallback(move |cx: Context, params: Option<Box<RawValue>>| {
            let sender = sender.clone();
            async move {
                let params = params.as_ref().map_or("", |params| params.get());
                let text = format!("<-- {} {}", cx.method().escape_debug(), on_one_line(params));
                let text = text.trim_end().to_owned();
                if cx.id().is_none() {
                    // If nobody receives it, the command ends.
                    let _ = sender.send(Incoming::Notification(text)).await;
                    return Ok(RawValue::NULL.to_owned());
                }
                let (answer, answered) = oneshot::channel();
                let _ = sender.send(Incoming::Request(Request { text, answer })).await;
                answered.await.unwrap_or_else(|_| Err(ErrorObject::new(-32603, "the user has left")))
            }
        })
        .on_other_message(move |_, text| {
            // A message that there is no room for is dropped: this function must not wait.
            let _ = others.try_send(Incoming::Other(format!("<-- {}", text.escape_debug())));
        });
    (router, incoming)
}
